"""What the digest of a function's code takes in."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from simmm import jit
from simmm.fingerprint import fingerprint

ROOT = Path(jit.__file__).parents[1]

SUBJECT = """
import enum
from typing import NamedTuple
import numpy as np

class Side(enum.IntEnum):
    BUY = 1
    SELL = 2

class Pair(NamedTuple):
    left: float
    right: float

PAIR = Pair(1.0, 2.0)
KIND = np.dtype([("a", "f8")])
CHOICES = frozenset({"x", "y", "z"})
ZERO = 0.0
UNUSED = 1

def later(x):
    return x + 4

def subject(x, y=3):
    inner = [Side.BUY + i for i in range(2)]
    if x in (1, 2) or x in {"p", "q", "r"} or x in CHOICES:
        return later(x) * PAIR.left + ZERO
    return np.zeros(1, KIND)[0].a + y
"""


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("BUY = 1", "BUY = 3", True),
        ("Pair(1.0, 2.0)", "Pair(1.0, 2.5)", True),
        ('"a", "f8"', '"a", "i8"', True),
        ('"y", "z"', '"y", "w"', True),
        ("ZERO = 0.0", "ZERO = -0.0", True),
        ("x + 4", "x + 5", True),
        ("y=3", "y=4", True),
        ("range(2)", "range(3)", True),
        ("UNUSED = 1", "UNUSED = 2", False),
        ("return later(x)", "# a remark\n        return later(x)", False),
    ],
)
def test_what_changes_the_code_digest(tmp_path: Path, old: str, new: str, changes: bool) -> None:
    digests = []
    for i, text in enumerate((SUBJECT, SUBJECT.replace(old, new))):
        file = tmp_path / str(i) / "subject.py"
        file.parent.mkdir()
        file.write_text(text)
        digests.append(jit.code_digest(jit.load_module(file).subject))
    assert SUBJECT.count(old) == 1
    assert (digests[0] != digests[1]) == changes


def test_code_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    file = tmp_path / "subject.py"
    file.write_text(SUBJECT)
    here = jit.code_digest(jit.load_module(file).subject)
    line = (
        "import pathlib, simmm.jit as j; "
        f"print(j.code_digest(j.load_module(pathlib.Path({str(file)!r})).subject))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "PYTHONPATH": str(ROOT)}
    there = subprocess.run(
        [sys.executable, "-c", line], env=environment, capture_output=True, text=True, check=True
    )
    assert there.stdout.strip() == here


@pytest.mark.parametrize("setting", ["OPT", "BOUNDSCHECK"])
def test_compiler_settings_are_part_of_the_name(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(fingerprint, located=True), fingerprint(fingerprint, located=False)
    monkeypatch.setattr(numba.config, setting, 1)
    after = fingerprint(fingerprint, located=True), fingerprint(fingerprint, located=False)
    assert after[0] != before[0]
    assert after[1] == before[1]
