"""What the worlds of a case say of an estimator: bias, error, coverage, lag, false alarms.

All errors and intervals are 95 % and take worlds as independent, which they are. Shares have
Wilson's interval, rates that of the Poisson law. A belief that said nothing (age -1) in a world is
counted as silent there and judged in the others.

An interval *covers* if it holds the truth in 92 to 98 % of worlds; 95 % is what it says. Outside of
that it is *too narrow* or *too wide*, with a question mark as long as so few worlds could also come
of one that covers. Fewer than 400 worlds can't tell such a range: there it *agrees* if the count is
one of those that a share of 95 % gives in 19 of 20 studies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from scipy import stats

from simmm.decoding import ready
from simmm.estimators.catalogue import Estimator, estimator
from simmm.estimators.declare import Belief
from simmm.study.recovery.run import Figures, Samples

SCHEMA = 1
LOWEST, HIGHEST = 0.92, 0.98  # coverage that is called right
SAID = 0.95
ENOUGH = 400  # worlds from which on that range is the rule
Z95 = 1.959963984540054
_BINS = 24
_FEWEST = 2  # worlds for a deviation


class Share(msgspec.Struct, frozen=True):
    """`count` of `of` worlds, and Wilson's 95 % interval of the share."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.of if self.of else None


class Accuracy(msgspec.Struct, frozen=True):
    """How far one belief is from the truth at the end of a case's worlds."""

    belief: str
    unit: str
    law: str
    relative: bool  # bias and RMSE are fractions of the truth
    worlds: int  # in which it spoke
    silent: int
    truth: float | None  # mean
    bias: float | None
    bias_error: float | None
    rmse: float | None
    efficiency: float | None  # ideal variance over mean squared error
    efficiency_error: float | None
    apart: float | None  # RMSE against the best possible belief, in its standard deviations
    covered_50: Share | None
    covered_95: Share | None
    width: float | None  # mean of the interval's, over the ideal one's
    shrinks: float | None  # width goes as observations to this power; -0.5 without forgetting
    right: Share | None  # of a code: worlds in which it was the truth
    verdict: str


class Lag(msgspec.Struct, frozen=True):
    """How long after a change a belief, or the alarm, is where it should be."""

    what: str
    missed: Share  # worlds in which it never was
    first_s: float | None  # median until it was there first
    seconds: float | None  # median until it was there for good
    seconds_90: float | None
    aggressors: float | None
    aggressors_90: float | None
    edges_s: list[float]  # of the histogram of the time until it was there for good
    counts: list[int]


class Alarms(msgspec.Struct, frozen=True):
    """False alarms: while nothing had changed."""

    belief: str
    count: int
    hours: float
    per_hour: float | None
    low: float | None
    high: float | None
    worlds: Share  # with at least one


class CaseScore(msgspec.Struct, frozen=True):
    """One case of one estimator."""

    estimator: str
    row: str
    approximate: str
    case: str
    kind: str
    doc: str
    parameters: dict[str, float | int]
    beliefs: list[Accuracy]
    lags: list[Lag]
    alarms: Alarms | None


class Recovery(msgspec.Struct, frozen=True):
    """What `recovery.json` holds."""

    schema_version: int
    seeds: int
    scores: list[CaseScore]


def scored(samples: Sequence[Samples], seeds: int) -> Recovery:
    """Score the first `seeds` worlds of each case."""
    return Recovery(SCHEMA, seeds, [_case(one, seeds) for one in samples])


def wilson(count: int, of: int) -> Share:
    """Return a share with Wilson's 95 % interval.

    >>> share = wilson(380, 400)
    >>> round(share.low, 3), round(share.high, 3)
    (0.924, 0.967)
    """
    if not of:
        return Share(0, 0, 0.0, 1.0)
    p, z2 = count / of, Z95 * Z95
    middle = (p + z2 / (2 * of)) / (1 + z2 / of)
    half = Z95 / (1 + z2 / of) * math.sqrt(p * (1 - p) / of + z2 / (4 * of * of))
    return Share(count, of, max(0.0, middle - half), min(1.0, middle + half))


def inner(law: str, value: np.ndarray, sd: np.ndarray, share: float) -> np.ndarray:
    """Ends of the interval that holds `share` of a belief's law, shape (2, n)."""
    tails = np.array([[(1 - share) / 2], [(1 + share) / 2]])
    z = stats.norm.ppf(tails)
    sd = np.maximum(sd, 0.0)
    with np.errstate(all="ignore"):
        if law == "lognormal":
            ends = value * np.exp(z * sd / value)
        elif law == "gamma":
            ends = stats.gamma.ppf(tails, (value / sd) ** 2, scale=sd * sd / value)
        elif law == "beta":
            size = value * (1 - value) / (sd * sd) - 1
            ends = stats.beta.ppf(tails, value * size, (1 - value) * size)
        else:
            ends = value + z * sd
    found: np.ndarray = np.where(np.isfinite(ends), ends, value)
    return found


def agrees(share: Share) -> bool:
    """Whether the count is one that a share of 95 % gives in 19 of 20 studies of as many worlds.

    >>> [agrees(wilson(count, 20)) for count in (16, 17, 20)]
    [False, True, True]
    """
    low, high = stats.binom.interval(SAID, share.of, SAID)
    return bool(low <= share.count <= high)


def verdict(share: Share, seeds: int = ENOUGH) -> str:
    """Say in words whether an interval covers; with few `seeds`, whether it agrees with 95 %.

    >>> verdict(wilson(380, 400)), verdict(wilson(340, 400)), verdict(wilson(365, 400))
    ('covers', 'too narrow', 'too narrow?')
    >>> verdict(wilson(26, 30), 30), verdict(wilson(25, 30), 30), verdict(wilson(9, 30), 30)
    ('agrees', 'too narrow?', 'too narrow')
    """
    p = share.value
    if p is None:
        return "silent"
    if seeds < ENOUGH:
        if agrees(share):
            return "agrees"
        if p < SAID:
            return "too narrow" if share.high < LOWEST else "too narrow?"
        return "too wide" if share.low > HIGHEST else "too wide?"
    if p < LOWEST:
        return "too narrow" if share.high < LOWEST else "too narrow?"
    if p > HIGHEST:
        return "too wide" if share.low > HIGHEST else "too wide?"
    return "covers"


def _case(one: Samples, seeds: int) -> CaseScore:
    entry, case = estimator(one.estimator), one.case
    figures = {name: values[:seeds] for name, values in one.figures.items()}
    lags = []
    if case.kind == "changing":
        lags = [_lag(name, figures, f"{name}.first", f"{name}.stays") for name in case.beliefs]
        if case.alarm:
            lags.append(_lag(f"{case.alarm} (alarm)", figures, "alarm.lag", "alarm.lag"))
    return CaseScore(
        estimator=one.estimator,
        row=entry.row,
        approximate=entry.approximate,
        case=case.name,
        kind=case.kind,
        doc=case.doc,
        parameters=dict(case.parameters),
        beliefs=[_accuracy(entry, name, figures, seeds) for name in case.beliefs],
        lags=lags,
        alarms=_alarms(case.alarm, figures) if case.alarm else None,
    )


def _accuracy(entry: Estimator, name: str, figures: Figures, seeds: int) -> Accuracy:
    belief = next(one for one in entry.beliefs if one.name == name)

    def column(figure: str) -> np.ndarray:
        found = figures.get(f"{name}.{figure}")
        return np.full(len(figures[f"{name}.value"]), np.nan) if found is None else found

    judged = ~np.isnan(column("truth"))
    spoke = judged & (column("age") >= 0)
    get: Callable[[str], np.ndarray] = lambda figure: column(figure)[spoke]  # noqa: E731
    value, truth = get("value"), get("truth")
    relative = _is_relative(belief, truth)
    error = (value - truth) / np.abs(truth) if relative else value - truth
    code = belief.law == "code"
    efficiency, efficiency_error = _efficiency(value - truth, get("ideal_sd"))
    low, high, sd = get("low"), get("high"), get("sd")
    covered = None if code else wilson(int(np.sum((low <= truth) & (truth <= high))), len(truth))
    inside = None
    if not code:
        first, last = inner(belief.law, value, sd, 0.5)
        inside = wilson(int(np.sum((first <= truth) & (truth <= last))), len(truth))
    right = wilson(int(np.sum(np.abs(value - truth) <= 1e-9)), len(truth)) if code else None
    return Accuracy(
        belief=name,
        unit=belief.unit,
        law=belief.law,
        relative=relative,
        worlds=int(spoke.sum()),
        silent=int(judged.sum() - spoke.sum()),
        truth=_mean(truth),
        bias=_mean(error),
        bias_error=_mean_error(error),
        rmse=_root(_mean(error * error)),
        efficiency=efficiency,
        efficiency_error=efficiency_error,
        apart=_root(_mean(((value - get("ideal")) / get("ideal_sd")) ** 2)),
        covered_50=inside,
        covered_95=covered,
        width=None if code else _mean((high - low) / (2 * Z95 * get("ideal_sd"))),
        shrinks=_shrinking(get("quarter"), high - low),
        right=right,
        verdict="" if covered is None else verdict(covered, seeds),
    )


def _is_relative(belief: Belief, truth: np.ndarray) -> bool:
    """Whether errors are told as fractions of the truth: not where it may be 0, nor of a price."""
    if not len(truth) or belief.price_power or belief.law in ("beta", "code"):
        return False
    return bool(np.all(truth > 0.0)) and (belief.law != "normal" or bool(belief.unit))


def _efficiency(error: np.ndarray, ideal_sd: np.ndarray) -> tuple[float | None, float | None]:
    """Ideal variance over mean squared error, and the error of that ratio."""
    known = ideal_sd > 0.0
    ratio = (error[known] / ideal_sd[known]) ** 2
    mean = _mean(ratio)
    if not mean:
        return None, None
    spread = _mean_error(ratio)
    return 1.0 / mean, None if spread is None else spread / (mean * mean)


def _shrinking(early: np.ndarray, late: np.ndarray) -> float | None:
    """Power of the number of observations that the width goes by, from a quarter of them to all."""
    first, last = _mean(early), _mean(late)
    if not first or not last:
        return None
    return math.log(last / first) / math.log(4.0)


def _lag(what: str, figures: Figures, first: str, stays: str) -> Lag:
    seconds, seen = figures[f"{stays}_s"], figures[f"{stays}_seen"]
    arrived = seconds[~np.isnan(seconds)]
    edges, counts = np.array([]), np.array([], int)
    if len(arrived):
        counts, edges = np.histogram(arrived, _BINS, (0.0, max(float(arrived.max()), 1e-9)))
    return Lag(
        what=what,
        missed=wilson(int(len(seconds) - len(arrived)), len(seconds)),
        first_s=_quantile(figures[f"{first}_s"], 0.5),
        seconds=_quantile(seconds, 0.5),
        seconds_90=_quantile(seconds, 0.9),
        aggressors=_quantile(seen, 0.5),
        aggressors_90=_quantile(seen, 0.9),
        edges_s=[float(edge) for edge in edges],
        counts=[int(count) for count in counts],
    )


def _quantile(values: np.ndarray, share: float) -> float | None:
    """Quantile of all worlds, in which one that never arrived is late; None if it is such a one."""
    ordered = np.sort(np.where(np.isnan(values), np.inf, values))
    if not len(ordered):
        return None
    found = float(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)])
    return found if math.isfinite(found) else None


def _alarms(belief: str, figures: Figures) -> Alarms:
    false, hours = figures["alarm.false"], figures["alarm.hours"]
    count, time = int(np.nansum(false)), float(np.nansum(hours))
    low = float(stats.chi2.ppf(0.025, 2 * count)) / 2 if count else 0.0
    high = float(stats.chi2.ppf(0.975, 2 * count + 2)) / 2
    return Alarms(
        belief=belief,
        count=count,
        hours=time,
        per_hour=count / time if time else None,
        low=low / time if time else None,
        high=high / time if time else None,
        worlds=wilson(int(np.sum(false > 0)), len(false)),
    )


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.mean(known)) if len(known) else None


def _mean_error(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    if len(known) < _FEWEST:
        return None
    return float(np.std(known, ddof=1)) / math.sqrt(len(known))


def _root(value: float | None) -> float | None:
    return None if value is None else math.sqrt(value)


ready(Recovery)
