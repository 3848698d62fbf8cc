"""A ticking market and a venue behind its feed, for figures worked out by hand.

The market ticks: a buyer's print far below everything each 100 ms, seen 10 ms later. The venue
holds back 100 ms. So what arrives at 700 ms comes after all that was seen before 600 ms: the
watermark is 500 ms, and what says that it is older than that happens at 500 ms and 1 ns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simmm.simulation import LatencySettings
from tests.hand import ASKS, BIDS, BUYER, MS, Message, Run, Want, follow, run, trade

OPENING = Message(0, 10 * MS, BIDS + ASKS)
HOLD = 100 * MS
LATE_TS = 500 * MS + 1  # when what arrives at 700 ms happens, if it is late
TICKS = tuple(range(1, 13))
WANT_BID = [Want(0, [(100, 5)])]  # sent at 10 ms, joins at 11 ms behind 20


def feed(
    folder: Path,
    messages: Sequence[Message],
    script: Sequence[Want] = WANT_BID,
    ticks: Sequence[int] = TICKS,
    **settings: Any,
) -> Run:
    """Run messages and the ticks of these numbers; asked every 50 ms, entry takes 1 ms."""
    ticking = [Message(k * 100 * MS, (k * 100 + 10) * MS, trade(BUYER, 1, 1)) for k in ticks]
    given = {
        "requote_ns": 50 * MS,
        "entry": LatencySettings(low_ns=MS),
        "queue": "pessimistic",
        "knowledge": "feed",
        "hold_back_ns": HOLD,
        **settings,
    }
    return run(folder, [OPENING, *messages, *ticking], follow(script), **given)


def fills(result: Run) -> list[tuple[int, int, int, int]]:
    """Fills as (ns, px, lots, marks)."""
    return [(row["ts"], row["px"], row["quantity"], row["marks"]) for row in result.fills]


def joined(result: Run) -> dict[int, int]:
    """What each order found at its level when it joined, by price; -1 is unknown."""
    return {row["px"]: row["level_at_join"] for row in result.tables["orders"]}
