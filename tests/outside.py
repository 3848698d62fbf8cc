"""What tests use and the project doesn't hold: reference vectors and recordings, where they are."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

SHARED = Path(os.environ.get("SIMMM_SHARED") or Path(__file__).resolve().parents[2] / "shared")
DATA = SHARED / "data"


def oracle(name: str) -> Any:
    """Return reference vectors; without them the test is skipped."""
    path = SHARED / "oracles" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no reference vectors here (oracles/{name}.json under SIMMM_SHARED)")
    return json.loads(path.read_text("utf-8"))


def recorded_file(name: str) -> Path:
    """Return a file of recorded data; without it the test is skipped."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no recordings here (data/{name} under SIMMM_SHARED)")
    return path
