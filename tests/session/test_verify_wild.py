"""Journals that were made to crash what reads them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.records import KIND_MASK
from simmm.session.journal import HEADER, STEP
from tests.session.journals import (
    ODD,
    Alteration,
    packet_with,
    records,
    rewrite,
)
from tests.session.processes import Server

# --------------------------------------------------------------------- what must not crash it


WILD: dict[str, Alteration] = {
    "market that isn't there": packet_with(info=lambda info: info | 7 << 8),
    "market far away": packet_with(info=lambda info: info | 1 << 40),
    "negative market": packet_with(info=lambda info: info - (1 << 20)),
    "kind that isn't there": packet_with(info=lambda info: info | KIND_MASK),
    "tags that aren't there": packet_with(tag=lambda tag: np.full_like(tag, 255)),
    "time that can't be": packet_with(local_ts=-ODD),
    "time after all": packet_with(local_ts=(1 << 63) - 1),
    "rows that aren't there": lambda c: [
        *c[:300], (STEP, c[300][1][:40] + (1 << 61).to_bytes(8, "little") + c[300][1][48:]),
        *c[301:],
    ],
    "fewer rows than none": lambda c: [
        *c[:300], (STEP, c[300][1][:40] + b"\xf0" + b"\xff" * 7 + c[300][1][48:]), *c[301:]
    ],
}  # fmt: skip
HEADS: dict[str, dict[str, Any]] = {
    "no book": {"book_window": 0},
    "no power of two": {"book_window": 1000},
    "book of all memory": {"book_window": 1 << 45},
    "negative book": {"book_window": -8},
    "no market": {"markets": []},
    "no time between quotes": {"settings.requote_ns": 0},
    "no time between samples": {"settings.sample_ns": 0},
    "no clock": {"settings.clock_ns": 0},
    "unknown latency": {"settings.entry.form": "sometimes"},
    "end that can't be": {"settings.end_ns": 1 << 64},
    "unknown queue": {"settings.queue": "mine"},
    "unknown parameter": {"params": {"gama": 1.0}},
    "parameter out of range": {"params": {"gamma": -1.0}},
    "text for a number": {"params": {"gamma": "x"}},
    "another format": {"format": 2},
}


def _ask_server(server: Server, folder: Path) -> str:
    """Verify in a process of its own, which may crash or hang."""
    ended = server.run(verify=folder)
    assert ended.signal == 0, f"killed by signal {ended.signal}"
    assert not re.match(r"\w+Error: |Timeout", ended.error), ended.error
    return str(ended.error or " ".join(ended.lines))


@pytest.mark.parametrize("name", WILD)
def test_wild_packets(name: str, run: Path, server: Server) -> None:
    rewrite(run, WILD[name](records(run)))
    reason = _ask_server(server, run)
    assert re.search(r"record \d+", reason), reason


@pytest.mark.parametrize("name", HEADS)
def test_wild_headers(name: str, run: Path, server: Server) -> None:
    content = records(run)
    header = json.loads(content[0][1])
    for path, value in HEADS[name].items():
        part = header
        *sections, last = path.split(".")
        for section in sections:
            part = part[section]
        part[last] = value
    content[0] = (HEADER, json.dumps(header).encode())
    rewrite(run, content)
    reason = _ask_server(server, run)
    assert reason
    assert "the same" not in reason
