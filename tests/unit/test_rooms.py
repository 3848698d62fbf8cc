"""docs/architecture.md says which room may import from which; this compares it with the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import simmm

PACKAGE = Path(simmm.__file__).parent
TABLE = PACKAGE.parent / "docs" / "architecture.md"
#: Imports inside functions that save time where they aren't needed: the file and the room.
LATE = {("simmm/strategy/faults.py", "simmm/report"), ("simmm/backtest.py", "simmm/report")}


def rooms() -> dict[str, int]:
    """Return each room, a file or a folder, with the number of its row."""
    lines = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("| `simmm/")]
    found = {}
    for number, line in enumerate(lines):
        for word in re.findall(r"`([^`]+)`", line.split("|")[1]):
            found[word if word.startswith("simmm/") else f"simmm/{word}"] = number
    return {name.rstrip("/"): number for name, number in found.items()}


def room_of(path: str, known: dict[str, int]) -> str | None:
    """Return the innermost room that a file is in."""
    while "/" in path:
        if path in known:
            return path
        path = path.rsplit("/", 1)[0]
    return None


def imported(path: Path) -> Iterator[str]:
    """Yield the files of simmm that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simmm"):
            base = (node.module or "").replace(".", "/")
            if (PACKAGE.parent / f"{base}.py").exists():
                yield f"{base}.py"
                continue
            for name in node.names:
                single = f"{base}/{name.name}.py"
                whole = (PACKAGE.parent / single).exists()
                yield single if whole else f"{base}/__init__.py"


def test_every_file_has_a_room_and_imports_from_above() -> None:
    known = rooms()
    assert len(known) > 40
    wrong = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE.parent).as_posix()
        if name == "simmm/__init__.py" or "/templates/" in name or "/bundled/" in name:
            continue
        here = room_of(name, known)
        assert here is not None, f"{name}: no room in docs/architecture.md"
        for other in imported(path):
            there = room_of(other, known)
            if other == "simmm/__init__.py" or (name, there) in LATE:
                continue
            assert there is not None, f"{other}: no room in docs/architecture.md"
            if known[there] > known[here]:
                wrong.append(f"{name} imports {other}")
    assert wrong == []
