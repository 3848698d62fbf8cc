"""Plant faults one by one in a copy of the project and show which test catches each.

``python -m tests.faults [--list] [WORD ...]`` tries those whose name holds a word, by default all.
Exits with 1 if a fault survives, with 2 if a fault can't be planted or the copy fails without one.
Takes a few minutes; it is not part of the test suite.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.faults import plants, plants_rules
from tests.faults.plants import Change, Fault

ROOT = Path(__file__).resolve().parents[2]
FAULTS = (*plants.FAULTS, *plants_rules.RULES)
COPIED = ("simmm", "strategies", "scenarios", "datasets", "tests", "pyproject.toml")
#: They run kernels in plain Python: nothing compiles, so a fault is judged within seconds.
_UNIT = (
    "book",
    "account",
    "orders",
    "limits",
    "requests",
    "queue_rules",
    "queue_volume",
    "defects",
    "defect_probes",
    "event_order",
    "knowledge_rules",
    "knowledge_told",
    "queue_joins",
    "budget",
    "fees",
    "margin",
    "queue_rank",
    "blocks",
)
QUICK = (
    *(f"tests/unit/test_{name}.py" for name in _UNIT),
    "tests/exchange/test_borders.py",
    "tests/exchange/test_stateful.py::test_seeded_worlds_agree_and_everything_rare_happens",
)
#: Would compile, for nothing.
COMPILED = ("--deselect", "tests/unit/test_margin.py::test_compiled_and_interpreted_agree")
_CAUGHT = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class Verdict(NamedTuple):
    """What became of one fault."""

    fault: Fault
    caught_by: str  # empty if it survived
    seconds: float


def _copy(folder: Path) -> None:
    hidden = shutil.ignore_patterns("__pycache__", ".*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=hidden)
        elif source.exists():
            shutil.copy2(source, folder / name)


def _planted(text: str, change: Change) -> str:
    """Return `text` with the change made; the text to replace must be there as often as said."""
    found = text.count(change.old)
    if found != change.times or change.old == change.new:
        raise LookupError(
            f"{change.file}: occurs {found} times, not {change.times}:\n{change.old.rstrip()}"
        )
    return text.replace(change.old, change.new)


def _plant(folder: Path, fault: Fault) -> dict[Path, str]:
    """Make the changes of a fault; return the files' former text."""
    former: dict[Path, str] = {}
    for change in fault.changes:
        file = folder / change.file
        text = file.read_text(encoding="utf-8")
        former.setdefault(file, text)
        file.write_text(_planted(text, change), encoding="utf-8")
    return former


def _run_tests(folder: Path) -> str:
    """Run the quick tests in the copy; return the first that fails, or nothing."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SIMMM_CACHE": str(folder / "cache"),
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        *QUICK,
        *COMPILED,
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == 0:
        return ""
    caught = _CAUGHT.search(done.stdout)
    if caught is None:
        raise LookupError(f"pytest ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return caught.group(1)


def _imports_the_copy(folder: Path) -> bool:
    told = subprocess.run(
        [sys.executable, "-c", "import simmm; print(simmm.__file__)"],
        cwd=folder,
        text=True,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        check=True,
    )
    return Path(told.stdout.strip()).is_relative_to(folder)


def _try(folder: Path, fault: Fault) -> Verdict:
    started = time.monotonic()
    former = _plant(folder, fault)
    try:
        caught_by = _run_tests(folder)
    finally:
        for file, text in former.items():
            file.write_text(text, encoding="utf-8")
    return Verdict(fault, caught_by, time.monotonic() - started)


def _check_all_can_be_planted(folder: Path, faults: list[Fault]) -> None:
    for fault in faults:
        for file, text in _plant(folder, fault).items():
            file.write_text(text, encoding="utf-8")


def main(words: list[str]) -> int:
    """Try the faults whose name holds one of `words`; return the exit code."""
    if "--list" in words:
        print("\n".join(fault.name for fault in FAULTS))
        return 0
    faults = [f for f in FAULTS if not words or any(word in f.name for word in words)]
    if not faults:
        print(f"no fault's name holds {' or '.join(words)}; --list tells them", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="simmm-faults-") as temporary:
        folder = Path(temporary).resolve()
        _copy(folder)
        try:
            if not _imports_the_copy(folder):
                raise LookupError("the tests would not import the copy")
            _check_all_can_be_planted(folder, faults)
            failing = _run_tests(folder)
            if failing:
                raise LookupError(f"the tests fail without a fault: {failing}")
            survivors = 0
            for number, fault in enumerate(faults, 1):
                verdict = _try(folder, fault)
                survivors += not verdict.caught_by
                result = verdict.caught_by.removeprefix("tests/").removeprefix("unit/")
                result = result or "SURVIVED"
                print(
                    f"{number:3d}  {fault.name:<62} {result}  ({verdict.seconds:.0f} s)", flush=True
                )
        except LookupError as error:
            print(error, file=sys.stderr)
            return 2
    print(f"{len(faults) - survivors} of {len(faults)} faults caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
