"""What is scored at events: waiting times between aggressors, and own fills; and facts in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.report.words import fixed, percent
from simmm.study.estimates.compare import ROWS, SETTLE_S, block, rolling_rate, sure
from simmm.study.estimates.data import NS, Recorded
from simmm.study.estimates.found import Comparison
from simmm.study.estimates.scores import (
    block_bootstrap,
    hawkes_residuals,
    ratio,
    spread_out,
    verdict,
)

BASE_RATE_S = 300.0
_LEAST = 50  # events below which a law of waiting times can't be judged
_LEVEL = 0.05
_LEARNED = 20  # outcomes of fills before the first that is scored
_LATER_S = 60.0


def at_events(data: Recorded) -> tuple[list[Comparison], dict[str, str]]:
    """Comparisons at events, and what else there is to say."""
    waits, words = waiting(data)
    tox, told = toxicity(data)
    return [*waits, *tox], {**words, **told, **facts(data)}


def _setting(data: Recorded, estimator: str, name: str) -> float:
    from simmm.estimators.catalogue import estimator as found

    default = found(estimator).parameters.fields[name].default
    sections: dict[str, Any] = data.run.info.scenario.get("estimators") or {}
    return float((sections.get(estimator) or {}).get(name, default))


def _by_row(data: Recorded, instants: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """Sums of events in the cells that begin with each row; events before the first are left out.

    Only the time after settling.
    """
    columns = np.zeros((len(data.now), len(values)))
    row = np.searchsorted(data.now, instants, side="right") - 1
    for k, one in enumerate(values):
        np.add.at(columns[:, k], row[row >= 0], one[row >= 0])
    return np.asarray(columns[data.now >= data.ts[0] + SETTLE_S * NS])


# ------------------------------------------------------------------------------------------- waits


def waiting(data: Recorded) -> tuple[list[Comparison], dict[str, str]]:
    """Waiting times between aggressors, rescaled by what was believed before each."""
    from scipy.stats import kstest

    heard, stamp = data.aggressors.heard, data.aggressors.stamp
    order = np.argsort(stamp, kind="stable")
    heard, stamp = heard[order], stamp[order]
    if len(stamp) < _LEAST:
        return [], {"hawkes": f"{len(stamp)} aggressors say nothing of waiting times."}
    seconds = spread_out(stamp, round(_setting(data, "hawkes", "resolution_s") * NS))
    seconds = (np.maximum.accumulate(seconds) - seconds[0]) / NS
    gaps = data.aggressors.gaps
    first = np.searchsorted(gaps, stamp[:-1], side="left")
    apart = np.concatenate([[True], np.searchsorted(gaps, stamp[1:], side="right") > first])
    before = np.minimum(heard[1:], heard[:-1])  # nothing of the event itself was known then
    row = np.concatenate([[-1], np.searchsorted(data.now, before, side="left") - 1])
    believed = [
        np.where(row >= 0, data.belief(name)[row], np.nan)
        for name in ("hawkes_base", "hawkes_branching", "hawkes_decay")
    ]
    residual, log_rate = hawkes_residuals(seconds, apart, *believed)
    plain = np.concatenate([[np.nan], rolling_rate(data, before, BASE_RATE_S)])
    passed = np.diff(seconds, prepend=np.nan)
    known = np.isfinite(residual) & np.isfinite(plain)
    gain = np.where(known, log_rate - residual - (np.log(plain) - plain * passed), 0.0)
    columns = _by_row(data, heard, gain, known.astype(float))
    score = block_bootstrap(columns, ratio, block(data, 0.0))
    found = Comparison(
        family="arrivals", row=ROWS["hawkes_intensity"], belief="hawkes_intensity", ahead_s=0.0,
        baseline=f"mean rate {BASE_RATE_S:g} s", unit="log score an aggressor", gain=score,
        verdict=verdict(score), cases=int(columns[:, 1].sum()),
    )  # fmt: skip
    if known.sum() < _LEAST:
        return [found], {"hawkes": "Too few aggressors came once it believed anything."}
    own, other = (kstest(x[known], "expon") for x in (residual, plain * passed))
    fits = own.pvalue >= _LEVEL
    ends = "they look like that" if fits else "they don't: its law is rejected"
    words = (
        f"Rescaled by the parameters believed before each, {int(known.sum()):,} waiting times "
        f"should be exponential; {ends} (KS distance {fixed(own.statistic, 3)}, "
        f"p {_p(own.pvalue)}; by a mean rate of {BASE_RATE_S:g} s {fixed(other.statistic, 3)})."
    )
    return [found], {"hawkes": words}


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else fixed(value, 3)


# ------------------------------------------------------------------------------------------- fills


def toxicity(data: Recorded) -> tuple[list[Comparison], dict[str, str]]:
    """Chance that a fill is adverse, as believed just before it, against the share so far."""
    run = data.run
    horizon = _setting(data, "toxicity", "horizon_s")
    ts, side, mid2 = run.fills["ts"], run.fills["side"], run.fills["mid2"].astype(float)
    later = ts + round(horizon * NS)
    row = np.searchsorted(data.now, ts, side="left") - 1
    held = np.maximum(row, 0)
    chance = np.where(
        side > 0, data.belief("toxicity_bid")[held], data.belief("toxicity_ask")[held]
    )
    sigma = data.belief("sigma")[held]
    floor = _setting(data, "toxicity", "adverse_bps") / 1e4 + _setting(
        data, "toxicity", "noise_floor"
    ) * sigma * np.sqrt(horizon)
    with np.errstate(divide="ignore", invalid="ignore"):
        against = -side * (run.mid2_at(later) - mid2) / mid2
    whole = (row >= 0) & (later <= run.info.period.end_ns) & (mid2 > 0) & np.isfinite(sigma)
    ts, later, chance = ts[whole], later[whole], chance[whole]
    adverse = (against > floor)[whole].astype(float)
    sums = np.concatenate([[0.0], np.cumsum(adverse)])
    past = np.searchsorted(np.sort(later), ts, side="right")  # outcomes known when it filled
    share = (sums[past] + 0.5) / (past + 1.0)
    known = np.isfinite(chance) & (past >= _LEARNED)
    own, base = (chance - adverse) ** 2, (share - adverse) ** 2
    columns = _by_row(data, ts, np.where(known, base - own, 0.0), np.where(known, base, 0.0))
    score = block_bootstrap(columns, ratio, block(data, horizon))
    found = Comparison(
        family="fills", row=ROWS["toxicity_bid"], belief="toxicity", ahead_s=horizon,
        baseline="share so far", unit="Brier skill", gain=score, verdict=verdict(score),
        cases=int(known.sum()),
        level=float(chance[known].mean() / adverse[known].mean())
        if known.any() and adverse[known].any() else None,
    )  # fmt: skip
    if not known.any():
        return [found], {"toxicity": f"{len(ts)} fills are too few to judge it by."}
    words = (
        f"Of {int(known.sum()):,} own fills {percent(float(adverse[known].mean()), 0)} were "
        f"adverse within {horizon:g} s; believed were {percent(float(chance[known].mean()), 0)}."
    )
    return [found], {"toxicity": words}


# ------------------------------------------------------------------------------------------- facts


def facts(data: Recorded) -> dict[str, str]:
    """What is told of the others in words."""
    found = {"lead_lag": "Off: a single tape has no reference market."}
    regime = data.belief("volatility_regime")
    ahead = max(1, round(_LATER_S / data.every))
    known = np.isfinite(regime)
    if known[:-ahead].any():
        both = known[:-ahead] & known[ahead:]
        same = float(np.mean(regime[ahead:][both] == regime[:-ahead][both])) if both.any() else 0.0
        changes = int(np.count_nonzero(np.diff(regime[known])))
        shares = [float(np.mean(regime[known] == k)) for k in range(4)]
        found["volatility_regime"] = (
            f"Low {percent(shares[0], 0)}, Normal {percent(shares[1], 0)}, High "
            f"{percent(shares[2], 0)}, Extreme {percent(shares[3], 0)} of the time; "
            f"changes: {changes}; a minute later the same in {percent(same, 0)}."
        )
    unsure = np.isfinite(data.belief("book_kappa")) & ~np.isfinite(sure(data, "book_kappa"))
    if unsure.any():
        found["book_kappa"] = (
            f"In {percent(float(unsure.mean()), 0)} of the time depth did not fall with distance; "
            "it then said that it knew nothing, and isn't scored."
        )
    alarms, cascades = data.raw("changepoint_alarms"), data.raw("cascades")
    if len(alarms):
        found["changepoint"] = f"Alarms: {int(alarms[-1])}; cascades (E4): {int(cascades[-1])}."
    slope = data.belief("momentum_slope")
    if len(slope) and np.isfinite(slope[-1]):
        low, high = (data.raw(f"momentum_slope_{end}")[-1] for end in ("low", "high"))
        words = "which holds 0: it foretold nothing that can be told from noise"
        if low > 0 or high < 0:
            words = "returns went on" if low > 0 else "returns turned back"
        found["momentum"] = (
            f"Slope of the next window on this one {fixed(slope[-1], 3, True)}, 95 % interval "
            f"{fixed(low, 3, True)} to {fixed(high, 3, True)}: {words}."
        )
    else:
        found["momentum"] = "No slope yet: the tape is too short for it."
    return found
