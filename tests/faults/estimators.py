"""Silence one estimator after the other and show that its own tests notice.

``python -m tests.faults.estimators [NAME ...]`` takes each estimator (by default all), lets its
`update` return at once in a copy of the project, and runs ``tests/estimators/test_<name>.py``
there: without the fault it must pass, with it it must fail. Exits with 1 if a fault survives, with
2 if one can't be planted or an estimator's tests fail without it. Takes about ten minutes; it is
not part of the test suite.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from simmm.estimators.catalogue import ESTIMATORS, Estimator
from tests.faults.__main__ import _copy, _imports_the_copy

_FAILED = re.compile(r"^(?:FAILED|ERROR) \S+::(\S+)", re.MULTILINE)
_TIMEOUT_S = 900


def silenced(source: str) -> str:
    """Return an estimator's source with an `update` that returns before it does anything.

    >>> print(silenced('def update(s):\\n    "Count."\\n    s.n += 1\\n'), end="")
    def update(s):
        "Count."
        return
        s.n += 1
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == "update":
            first = node.body[1] if ast.get_docstring(node) is not None else node.body[0]
            lines = source.splitlines(keepends=True)
            lines.insert(first.lineno - 1, " " * first.col_offset + "return\n")
            return "".join(lines)
    raise LookupError("no function `update`")


def _file(entry: Estimator) -> Path:
    return Path("simmm", "estimators", entry.family, f"{entry.name}.py")


def _failing(folder: Path, entry: Estimator) -> list[str]:
    """Run an estimator's own tests in the copy; return those that fail."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"tests/estimators/test_{entry.name}.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SIMMM_CACHE": str(folder / "cache"),
        },
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return []
    failing = _FAILED.findall(done.stdout)
    if done.returncode != 1 or not failing:
        raise LookupError(f"pytest ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return failing


def _try(folder: Path, entry: Estimator) -> list[str]:
    """Plant the fault and take it out again; return the tests that noticed."""
    before = _failing(folder, entry)
    if before:
        raise LookupError(f"{entry.name}: its tests fail without a fault: {', '.join(before)}")
    path = folder / _file(entry)
    source = path.read_text("utf-8")
    path.write_text(silenced(source), "utf-8")
    try:
        return _failing(folder, entry)
    finally:
        path.write_text(source, "utf-8")


def main(names: list[str]) -> int:
    """Try these estimators; return the exit code."""
    chosen = [entry for entry in ESTIMATORS if not names or entry.name in names]
    unknown = set(names) - {entry.name for entry in ESTIMATORS}
    if unknown:
        print(f"no estimator is called {' or '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    caught = wrong = 0
    with tempfile.TemporaryDirectory(prefix="simmm-faults-") as temporary:
        folder = Path(temporary).resolve()
        _copy(folder)
        if not _imports_the_copy(folder):
            print("the tests would not import the copy", file=sys.stderr)
            return 2
        for entry in chosen:
            started = time.monotonic()
            try:
                failing = _try(folder, entry)
            except LookupError as error:
                wrong += 1
                print(f"{entry.row:<4} {entry.name:<18} can't be judged: {error}", flush=True)
                continue
            caught += bool(failing)
            more = f" and {len(failing) - 1} more" if len(failing) > 1 else ""
            told = f"{failing[0]}{more}" if failing else "SURVIVED"
            took = time.monotonic() - started
            print(f"{entry.row:<4} {entry.name:<18} {told}  ({took:.0f} s)", flush=True)
    print(f"{caught} of {len(chosen)} silenced estimators were noticed by their own tests")
    if wrong:
        return 2
    return 0 if caught == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
