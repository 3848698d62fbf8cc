"""What only a run has whose exchange learns from the feed: late rows, and how long answers take."""

from __future__ import annotations

import numpy as np

from simmm.errors import RunError
from simmm.records import LATE, NEVER
from simmm.report.schema import Late, OtherKnowledge, Report, Session
from simmm.report.tables import Run

UNDER_TAPE = "under_tape"  # folder of the same session with `knowledge: tape`


def session(run: Run, under_tape: Report | None) -> Session | None:
    """Return the session's section, None for a run whose exchange knows all at once.

    Raises
    ------
    RunError
        `run.json` doesn't say what belongs to it.
    """
    facts = run.info.session
    if facts is None:
        return None
    orders = run.orders
    answered = (orders["answered_ts"] > 0) & (orders["answered_ts"] < NEVER)
    waits_s = (orders["answered_ts"] - orders["sent_ts"])[answered] / 1e9
    try:
        return Session(
            kind=facts["kind"],
            feed=facts.get("feed"),
            speed=facts.get("speed"),
            hold_back_ms=facts["hold_back_ms"],
            late=Late(
                packets=facts["late_packets"],
                packets_of=facts["packets"],
                rows=facts["late_rows"],
                rows_of=facts["rows"],
                ignored_rows=facts["ignored_rows"],
                fills=int((run.fills["marks"] & LATE != 0).sum()),
            ),
            answer_s={
                "median": _quantile(waits_s, 0.5),
                "p95": _quantile(waits_s, 0.95),
                "p99": _quantile(waits_s, 0.99),
                "max": _quantile(waits_s, 1.0),
            },
            step_us=facts.get("step_us", {}),
            resumed=facts.get("resumed", 0),
            journal=facts.get("journal"),
            under_tape=None if under_tape is None else _other(under_tape),
            interrupted=bool(facts.get("interrupted", False)),
        )
    except KeyError as error:
        raise RunError(f"{run.folder / 'run.json'}: session.{error.args[0]} is missing") from None


def _quantile(values: np.ndarray, q: float) -> float | None:
    return float(np.quantile(values, q)) if values.size else None


def _other(report: Report) -> OtherKnowledge:
    return OtherKnowledge(
        net=report.profit.net,
        parts=report.profit.parts,
        fills=report.fills.count,
        volume=report.profit.volume,
        chain_venue=report.run.chain_venue,
        chain_maker=report.run.chain_maker,
    )
