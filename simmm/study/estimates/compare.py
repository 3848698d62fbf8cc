"""Which belief is scored against which baseline, on one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from simmm.estimators.catalogue import ESTIMATORS
from simmm.report.schema import Estimate
from simmm.study.estimates.data import NS, Recorded
from simmm.study.estimates.found import Comparison
from simmm.study.estimates.scores import (
    block_bootstrap,
    decayed,
    expanding,
    geometric_score,
    poisson_score,
    quasi_likelihood,
    ratio,
    ratio_of_means,
    verdict,
)

SETTLE_S = 120.0  # nothing is scored before, baselines have to fill too
LONG_S = 6 * 3600.0  # a tape for longer horizons and for fitted baselines
SHORT_S = 900.0
AHEAD_S = (60.0, 300.0)
HALF_LIFE_S = 60.0
COUNT_S = 10.0
RATES_S = (60.0, 300.0)
REACH_WINDOW_S = 600.0
PRICE_S = (1.0, 5.0, 10.0)
HAR_S = (60.0, 300.0, 900.0)
_BLOCKS = 100
_BETWEEN_S = 60.0
_LEAST_BETWEEN = 15
_SPELLS = 5  # alarms, or visits of a regime, below which no ratio has an interval
_UNSURE = 5.0  # deviation over value: who says so says nothing
_FLOOR = 0.1  # of the mean, for what a regression foretells
SIGMAS = ("sigma", "filtered_sigma", "bipower_sigma", "sigma_effective")
KAPPAS = ("kappa", "market_kappa", "robust_kappa", "book_kappa")
ROWS = {belief.name: entry.row for entry in ESTIMATORS for belief in entry.beliefs}


def comparisons(data: Recorded) -> list[Comparison]:
    """Everything that can be compared on one tape but fills and waiting times (`events`)."""
    return [*variances(data), *reaches(data), *arrivals(data), *prices(data), *stretches(data)]


def block(data: Recorded, ahead_s: float) -> int:
    """Rows of a block: a forecast's own reach and a minute more; more of a long tape.

    Of a short tape less than a minute more, else there would be too few blocks.
    """
    between = min(_BETWEEN_S, data.seconds / _LEAST_BETWEEN)
    return max(1, round(max(ahead_s + between, data.seconds / _BLOCKS) / data.every))


def settled(data: Recorded) -> np.ndarray:
    """Rows after the first minutes at which the maker knew the mid."""
    known = np.isfinite(data.mid[data.at])
    return np.asarray(known & (data.now >= data.ts[0] + SETTLE_S * NS))


def compared(
    data: Recorded, belief: str, ahead_s: float, own: np.ndarray, base: np.ndarray,
    weight: np.ndarray | None = None, *, family: str = "", baseline: str = "", unit: str = "",
) -> Comparison:  # fmt: skip
    """Mean of own less base; NaN: no case. With `weight` cells count as so many cases."""
    gain = own - base
    known = np.isfinite(gain)
    counts = known.astype(float) if weight is None else np.where(known, weight, 0.0)
    columns = np.stack([np.where(known, gain, 0.0), counts], axis=1)
    found = block_bootstrap(columns[settled(data)], ratio, block(data, ahead_s))
    return Comparison(
        family=family, row=ROWS[belief], belief=belief, ahead_s=ahead_s, baseline=baseline,
        unit=unit, gain=found, verdict=verdict(found), cases=int(counts.sum()),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------- variance


def variances(data: Recorded) -> Iterator[Comparison]:
    """Volatilities against the next minutes' realised variance."""
    for ahead in AHEAD_S:
        realised = np.where(settled(data), data.realised(ahead), np.nan)
        plain = rolling_variance(data, HALF_LIFE_S)
        for name in SIGMAS:
            own = data.belief(name) ** 2
            yield variance(data, name, ahead, own, plain, realised, f"EWMA {HALF_LIFE_S:g} s")
            if name != SIGMAS[0]:
                other = data.belief(SIGMAS[0]) ** 2
                yield variance(data, name, ahead, own, other, realised, SIGMAS[0])
        if data.seconds >= LONG_S:
            fitted, late = har(data, realised)
            for name in SIGMAS:
                own = np.where(late, data.belief(name) ** 2, np.nan)
                yield variance(data, name, ahead, own, fitted, realised, "HAR 1, 5, 15 min")


def variance(
    data: Recorded, name: str, ahead: float, own: np.ndarray, base: np.ndarray,
    realised: np.ndarray, baseline: str,
) -> Comparison:  # fmt: skip
    """One volatility's loss below that of a baseline, and the same with both levels put right."""
    known = (own > 0) & (base > 0) & np.isfinite(realised)
    own, base = np.where(known, own, np.nan), np.where(known, base, np.nan)
    level = shape = None
    if known.any():
        v = realised[known]
        level = float(np.sqrt(own[known].mean() / v.mean())) if v.mean() > 0 else None
        a, b = float(np.mean(v / own[known])), float(np.mean(v / base[known]))
        if a > 0 and b > 0:
            shape = compared(
                data, name, ahead, -quasi_likelihood(a * own, realised),
                -quasi_likelihood(b * base, realised),
            ).gain  # fmt: skip
    found = compared(
        data, name, ahead, -quasi_likelihood(own, realised), -quasi_likelihood(base, realised),
        family="variance", baseline=baseline, unit="QLIKE",
    )  # fmt: skip
    return _with(found, level=level, shape=shape)


def _with(found: Comparison, **changes: object) -> Comparison:
    return msgspec.structs.replace(found, **changes)


def rolling_variance(data: Recorded, half_life_s: float) -> np.ndarray:
    """Exponentially weighted squares, joined by one return of the usual size so far."""
    known = np.isfinite(data.squares)
    total, weight = decayed(data.squares, known, half_life_s / data.step)
    usual = expanding(data.squares, known)
    return np.asarray(((total + usual) / (weight + 1.0))[data.at])


def har(data: Recorded, realised: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corsi's regression on the variance of the last 1, 5 and 15 minutes; the rows after its fit.

    Source: Corsi (2009), Journal of Financial Econometrics 7(2), with minutes for days.
    """
    past = []
    for window in HAR_S:
        steps = data.steps(window)
        known = np.isfinite(data.squares)
        total = np.concatenate([[0.0], np.cumsum(np.where(known, data.squares, 0.0))])
        count = np.concatenate([[0], np.cumsum(known)])
        start = np.maximum(data.at + 1 - steps, 0)
        past.append((total[data.at + 1] - total[start]) / (count[data.at + 1] - count[start] + 0.5))
    x = np.stack([np.ones(len(data.at)), *past], axis=1)
    half = data.ts[0] + (data.ts[-1] - data.ts[0]) // 2
    # What the fit is judged by must not reach into what it is then scored on.
    early = (data.now < half - AHEAD_S[-1] * NS) & np.isfinite(realised)
    weights, *_ = np.linalg.lstsq(x[early], realised[early], rcond=None)
    return np.maximum(x @ weights, _FLOOR * realised[early].mean()), data.now >= half


# ------------------------------------------------------------------------------------------- reach


def reach_ahead_s(data: Recorded) -> float:
    """Five minutes; an hour of a long tape, a minute of a very short one."""
    if data.seconds >= LONG_S:
        return 3600.0
    return 300.0 if data.seconds >= SHORT_S else 60.0


def reaches(data: Recorded) -> Iterator[Comparison]:
    """Kappas against how far the next aggressors reached."""
    ahead = reach_ahead_s(data)
    known = np.isfinite(data.reach_steps)
    steps = np.concatenate([[0.0], np.cumsum(np.where(known, data.reach_steps, 0.0))])
    count = np.concatenate([[0.0], np.cumsum(known)])
    here = data.heard_by(data.now)
    end = data.heard_by(data.now + round(ahead * NS))
    start = data.heard_by(data.now - round(REACH_WINDOW_S * NS))
    n, k = count[end] - count[here], steps[end] - steps[here]
    whole = (data.now + ahead * NS <= data.ts[-1]) & (n > 0) & settled(data)
    n, k = np.where(whole, n, np.nan), np.where(whole, k, np.nan)
    usual = (steps[here] + 0.5) / (count[here] + 1.0)
    recent = (steps[here] - steps[start] + usual) / (count[here] - count[start] + 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = data.raw("step") / data.mid[data.at]
    bases = (
        (f"mean reach {REACH_WINDOW_S:g} s", recent / (1.0 + recent)),
        ("mean reach so far", usual / (1.0 + usual)),
    )
    for name in KAPPAS:
        q = np.exp(-sure(data, name) * size)
        q = np.clip(q, 1e-12, 1 - 1e-12)
        own = geometric_score(q, n, k)
        level = _level_of_reach(q, n, k)
        for baseline, other in bases:
            found = compared(
                data, name, ahead, own, geometric_score(other, n, k), n,
                family="reach", baseline=baseline, unit="log score an aggressor",
            )  # fmt: skip
            known = np.isfinite(own) & np.isfinite(n)
            yield _with(found, level=level, cases=int(known.sum()))


def sure(data: Recorded, name: str) -> np.ndarray:
    """A kappa; NaN where its own deviation says that nothing is known."""
    kappa = data.belief(name)
    known = (kappa > 0) & (data.raw(f"{name}_sd") < _UNSURE * kappa)
    return np.where(known, kappa, np.nan)


def _level_of_reach(q: np.ndarray, n: np.ndarray, k: np.ndarray) -> float | None:
    """Mean reach that was believed over that which came."""
    known = np.isfinite(q) & np.isfinite(n)
    if not known.any() or not k[known].sum() > 0:
        return None
    return float((n * q / (1.0 - q))[known].sum() / k[known].sum())


# ---------------------------------------------------------------------------------------- arrivals


def arrivals(data: Recorded) -> Iterator[Comparison]:
    """Rates against how many aggressors the next seconds bring."""
    here = data.heard_by(data.now)
    later = data.heard_by(data.now + round(COUNT_S * NS))
    whole = data.now + COUNT_S * NS <= data.ts[-1]
    count = np.where(whole & settled(data), (later - here).astype(float), np.nan)
    half = data.raw("ask_px") - data.raw("bid_px")
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(half > 0, half, np.nan) / 2 / data.mid[data.at]
    rates = {
        "aggressor_rate": data.belief("aggressor_rate"),
        "arrival": 2.0 * data.belief("arrival") * np.exp(-data.belief("market_kappa") * distance),
        "hawkes_intensity": hawkes_mean(data),
    }
    for name, rate in rates.items():
        rate = np.where(rate > 0, rate, np.nan)
        known = np.isfinite(rate) & np.isfinite(count)
        level = None
        if known.any() and count[known].sum() > 0:
            level = float(COUNT_S * rate[known].sum() / count[known].sum())
        for window in RATES_S:
            found = compared(
                data, name, COUNT_S, poisson_score(COUNT_S * rate, count),
                poisson_score(COUNT_S * rolling_rate(data, data.now, window), count),
                family="arrivals", baseline=f"mean rate {window:g} s", unit="log score",
            )  # fmt: skip
            yield _with(found, level=level)


def rolling_rate(data: Recorded, instants: np.ndarray, window_s: float) -> np.ndarray:
    """Aggressors heard in the last seconds, joined by one at the rate so far; per second."""
    start = data.ts[0]
    here = data.heard_by(instants)
    passed = np.maximum((instants - start) / NS, 1e-9)
    usual = (here + 0.5) / (passed + 0.5)
    window = np.minimum(window_s, passed)
    recent = here - data.heard_by(instants - round(window_s * NS))
    return np.asarray((recent + 1.0) / (window + 1.0 / usual))


def hawkes_mean(data: Recorded) -> np.ndarray:
    """Mean rate that a Hawkes process expects over the next seconds, from its intensity now.

    It decays to base / (1 - branching) at the rate decay (1 - branching): the process's own mean.
    """
    base, branching = data.belief("hawkes_base"), data.belief("hawkes_branching")
    speed = data.belief("hawkes_decay") * (1.0 - branching) * COUNT_S
    rest = base / (1.0 - branching)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = -np.expm1(-speed) / speed
    return np.asarray(rest + (data.belief("hawkes_intensity") - rest) * share)


# ------------------------------------------------------------------------------------------- price


def prices(data: Recorded) -> Iterator[Comparison]:
    """Where the mid will be, against where it is and against the touch's weighted mid."""
    mid = np.where(settled(data), data.mid[data.at], np.nan)
    weighted = weighted_mid(data)
    for ahead in PRICE_S:
        if ahead < data.step:
            continue
        later = data.later(ahead)
        for name in ("microprice", "fair_price"):
            own = data.belief(name)
            yield _squared(data, name, ahead, own, mid, later, "mid")
            yield _squared(data, name, ahead, own, weighted, later, "weighted mid")


def weighted_mid(data: Recorded) -> np.ndarray:
    """The touch's prices, each weighted by the size at the other."""
    bid, ask = data.raw("bid_qty"), data.raw("ask_qty")
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (data.raw("bid_px") * ask + data.raw("ask_px") * bid) / (bid + ask)
    return np.where(settled(data) & (bid + ask > 0), found, np.nan)


def _squared(
    data: Recorded, name: str, ahead: float, own: np.ndarray, base: np.ndarray,
    later: np.ndarray, baseline: str,
) -> Comparison:  # fmt: skip
    """Share of the baseline's mean squared error that is saved."""
    own_loss, base_loss = (own - later) ** 2, (base - later) ** 2
    known = np.isfinite(own_loss) & np.isfinite(base_loss)
    found = compared(
        data, name, ahead, -own_loss, -base_loss, np.where(known, base_loss, np.nan),
        family="price", baseline=baseline, unit="of MSE",
    )  # fmt: skip
    return _with(found, cases=int((known & settled(data)).sum()))


# --------------------------------------------------------------------------------------- stretches


def stretches(data: Recorded) -> Iterator[Comparison]:
    """Are alarms and regimes followed by a wilder minute, or a busier one, than any time is?"""
    ahead = AHEAD_S[0]
    variance_ = data.realised(ahead)
    whole = data.now + ahead * NS <= data.ts[-1]
    count = data.heard_by(data.now + round(ahead * NS)) - data.heard_by(data.now)
    busy = np.where(whole, count.astype(float), np.nan)
    alarm = np.diff(data.raw("changepoint_alarms"), prepend=0.0) > 0
    regime, flow = data.belief("volatility_regime"), data.belief("flow_regime")
    marked: list[tuple[str, np.ndarray, np.ndarray, str]] = [
        ("changepoint_alarms", alarm, variance_, "usual variance"),
        ("volatility_regime", regime >= 2, variance_, "usual variance"),
        ("flow_regime", flow >= 2, variance_, "usual variance"),
        ("flow_regime", flow >= 2, busy, "usual aggressors"),
    ]
    for name, where, values, baseline in marked:
        yield _ratio(data, name, ahead, where, values, baseline)


def _ratio(
    data: Recorded, name: str, ahead: float, where: np.ndarray, values: np.ndarray, baseline: str
) -> Comparison:
    known = np.isfinite(values) & settled(data)
    marked = known & where
    filled = np.where(known, values, 0.0)
    columns = np.stack([filled * marked, marked, filled, known], axis=1).astype(float)
    statistic: Callable[[np.ndarray], np.ndarray] = ratio_of_means
    found = block_bootstrap(columns[settled(data)], statistic, block(data, ahead))
    spells = np.count_nonzero(np.diff(marked.astype(int), prepend=0) > 0)
    if spells < _SPELLS:
        found = Estimate(found.value, clusters=found.clusters)
    elif found.low is not None:
        found = msgspec.structs.replace(found, low=max(found.low, 0.0))
    return Comparison(
        family="stretches", row=ROWS[name], belief=name, ahead_s=ahead, baseline=baseline,
        unit="ratio", gain=found, verdict=verdict(found, 1.0), cases=int(marked.sum()),
        nothing=1.0,
    )  # fmt: skip
