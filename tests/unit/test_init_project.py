"""A project made by `simmm init`: its tests pass at once, and tell when its results change."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simmm.datasets import load_manifest, tape_path
from simmm.tape.schema import read_info

ROOT = Path(__file__).parents[2]
NAME = "my maker"


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of Python as the owner of the project would, simmm not being a checkout's."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("init")
    done = run(folder, "simmm.cli.main", "init", NAME)
    assert done.returncode == 0, done.stderr
    assert "running calm" in done.stderr
    return folder / NAME


@pytest.mark.slow
def test_its_tests_pass_at_once(project):
    done = run(project, "pytest", "-q", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout
    assert not (project / "runs").exists()


@pytest.mark.slow
def test_its_golden_reports_say_where_they_come_from(project):
    reports = sorted((project / "reports").glob("*.json"))
    assert [path.stem for path in reports] == ["calm", "fall"]
    for path in reports:
        golden = json.loads(path.read_text())
        assert [change["reason"] for change in golden["history"]] == [
            "what the project gave when it was made"
        ]
        assert golden["figures"]["fills.count"] > 100


@pytest.mark.slow
def test_its_tapes_have_the_digests_that_its_manifest_says(project):
    for dataset in load_manifest(project / "datasets").values():
        assert dataset.digest == read_info(tape_path(dataset)).digest


@pytest.mark.slow
def test_a_change_fails_readably_and_passes_once_it_has_a_reason(project):
    scenario = project / "scenarios" / "fall.yaml"
    text = scenario.read_text()
    assert "lean_steps: 2\n" in text
    scenario.write_text(text.replace("lean_steps: 2\n", "lean_steps: 4\n"))
    golden = ("pytest", "-q", "-k", "golden")
    done = run(project, *golden)
    assert done.returncode == 1
    for words in ("= calm: same", "≠ fall: differs", "strategy.lean_steps", "fills.count"):
        assert words in done.stdout
    assert "Traceback" not in done.stdout

    done = run(project, "simmm.cli.main", "golden", "update", "--reason", "leans harder")
    assert done.returncode == 0, done.stderr
    history = json.loads((project / "reports" / "fall.json").read_text())["history"]
    assert [change["reason"] for change in history][1:] == ["leans harder"]
    assert run(project, *golden).returncode == 0
