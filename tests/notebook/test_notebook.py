"""docs/notebook.ipynb, cell by cell in a real kernel, in a new and empty folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import simmm

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"
CELLS = 10
KERNEL = "python3"


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return content


def test_it_is_committed_without_outputs(written: dict[str, Any]) -> None:
    code = [cell for cell in written["cells"] if cell["cell_type"] == "code"]
    assert len(code) == CELLS
    for number, cell in enumerate(code, 1):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert "".join(cell["source"]).startswith(f"# {number}. ")
        assert max(len(line.rstrip("\n")) for line in cell["source"]) <= 100


@pytest.mark.slow
def test_it_works_from_an_empty_folder(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    own = tmp_path_factory.mktemp("jupyter")
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(own / name.lower()))
    source = str(Path(simmm.__file__).parents[1])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name=KERNEL, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()

    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [_shown(cell) for cell in cells]
    assert all(cell.outputs for cell in cells)
    for number in (1, 5, 8):
        assert "<svg" in shown[number - 1]
    assert "What the simulation doesn't know" in shown[1]
    assert "venue.latency.entry" in shown[5]
    assert "wide.py" in shown[7]
    assert "half_spread_bps" in shown[8]
    assert shown[9].endswith("cascade: same")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs", "wide.py"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["wide"]


def _shown(cell: Any) -> str:
    """All that a cell put out, texts and pages."""
    parts = []
    for output in cell.outputs:
        parts += [output.text] if "text" in output else list(output.data.values())
    return "\n".join(parts)
