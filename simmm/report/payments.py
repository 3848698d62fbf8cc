"""Cash that moved otherwise than by fills: funding, and what the backstop of a liquidation took."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmm.records import BACKSTOP, TAKER
from simmm.report.tables import Run

#: Marks of fills that no resting order of ours made.
NOT_MAKER = TAKER | BACKSTOP


class Payments(NamedTuple):
    """When how much was paid, in the order of time; ns and money quanta, shape (n,)."""

    ts: np.ndarray
    paid: np.ndarray

    def until(self, instants: np.ndarray) -> np.ndarray:
        """Return what was paid up to each instant (ns), itself included; money quanta."""
        total = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.paid)))
        return total[np.searchsorted(self.ts, instants, side="right")]


def funding(run: Run) -> Payments:
    """Return the funding payments; received ones are negative."""
    if run.funding is None:
        return Payments(np.zeros(0, np.int64), np.zeros(0, np.int64))
    return Payments(run.funding["ts"], run.funding["payment"])


def forfeited(run: Run) -> Payments:
    """Return the collateral that the backstop took when it closed the account's position."""
    paid = run.info.account.get("forfeited", 0)
    closed = run.fills["ts"][(run.fills["marks"] & BACKSTOP) != 0]
    when = int(closed[-1]) if len(closed) else run.info.account.get("liquidated_ts", 0)
    amounts = [paid] if paid else []
    return Payments(np.array([when] * len(amounts), np.int64), np.array(amounts, np.int64))


def until(run: Run, instants: np.ndarray) -> np.ndarray:
    """Return all that was paid up to each instant (ns); money quanta."""
    return funding(run).until(instants) + forfeited(run).until(instants)
