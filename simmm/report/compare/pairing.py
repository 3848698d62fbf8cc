"""Whether two runs can be held beside each other moment by moment."""

from __future__ import annotations

from simmm.report.compare.schema import Pairing
from simmm.report.performance import LEAST_SAMPLES
from simmm.report.tables import Run
from simmm.report.words import duration


def pairing(a: Run, b: Run) -> Pairing:
    """Decide on pairing: one tape, and a common time of quoting that is long enough.

    Equity is known at every instant, so that runs sampled at different steps are paired at the
    longer one.
    """
    start = max(run.info.period.quote_start_ns for run in (a, b))
    end = min(run.info.period.end_ns for run in (a, b))
    steps = [step_ns(run) for run in (a, b)]
    same = all(
        getattr(a.info.period, name) == getattr(b.info.period, name)
        for name in ("quote_start_ns", "end_ns")
    )
    digests = [str(run.info.tape.get("digest", "")) for run in (a, b)]
    reason = ""
    if not all(digests):
        reason = "a run doesn't say which tape it had"
    elif digests[0] != digests[1]:
        reason = "the tapes differ"
    elif end <= start:
        reason = "the runs have no time in common"
    elif not all(steps):
        reason = "a run holds too few samples"
    elif (end - start) // max(steps) < LEAST_SAMPLES:
        reason = f"their common time of {duration((end - start) / 1e9)} is too short"
    if reason:
        return Pairing(False, same, reason)
    told = f"one tape, {duration((end - start) / 1e9)} in common"
    if a.info.seed.get("run") != b.info.seed.get("run"):
        told += "; seeds of the runs differ, so latencies were drawn apart"
    return Pairing(True, same, told, start, end, max(steps) / 1e9)


def step_ns(run: Run) -> int:
    """Time between samples of equity, 0 where there are not two."""
    ts = run.equity["ts"]
    return int(ts[1] - ts[0]) if len(ts) > 1 else 0
