"""Words for what the study finds, used by the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence

from simmm.report.words import duration, fixed
from simmm.study.estimates.found import Comparison, TapeFound

FAMILIES = {
    "variance": "Volatility against the realised variance of what follows",
    "reach": "Kappa against how far the next aggressors reach beyond the touch",
    "arrivals": "Rates against the aggressors that come",
    "price": "Prices against the mid that follows",
    "stretches": "Alarms and regimes: what follows them over what follows at any time",
    "fills": "Toxicity against what became of own fills",
}
_PLACES = {"of MSE": 1, "Brier skill": 1}
_UNITS = {
    "QLIKE": "QLIKE",
    "log score an aggressor": "nats an aggressor",
    "log score": "nats",
    "of MSE": "% of the baseline's mean squared error saved",
    "Brier skill": "% of the baseline's Brier score saved",
    "ratio": "times what follows at any moment",
}
NOTE = (
    "gain: what it scores above the baseline, with its 95 % interval by a block bootstrap over "
    "time; better or worse only if that interval leaves 0 (a ratio: 1) out. level: believed over "
    "realised (of kappa: mean reach). QLIKE: of a variance, ln f + v / f; log scores in nats; of "
    "MSE, Brier skill: share of the baseline's error saved."
)


def summary(found: TapeFound) -> str:
    """How often which verdict was found, and what was better."""
    counts = dict.fromkeys(("better", "no better", "worse", "too few"), 0)
    for one in found.comparisons:
        counts[one.verdict] += 1
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    better = [
        f"{one.belief} {ahead(one)} ahead over {one.baseline}"
        if one.ahead_s
        else f"{one.belief} over {one.baseline}"
        for one in found.comparisons
        if one.verdict == "better"
    ]
    names = f" Better: {'; '.join(better)}." if better else ""
    return f"{len(found.comparisons)} comparisons with baselines: {told}.{names}"


def units(members: Sequence[tuple[int, Comparison]]) -> str:
    """In which units the gains of a family are."""
    return f"Gain in {', '.join(dict.fromkeys(_UNITS[one.unit] for _, one in members))}."


def about(found: TapeFound) -> str:
    """Which tape, and what was heard of it."""
    return (
        f"{duration(3600 * found.hours)}, {found.aggressors:,} aggressors, {found.fills:,} own "
        f"fills of orders of {found.order_size:g}; beliefs every {found.record_s:g} s"
    )


def ahead(one: Comparison) -> str:
    """How far it foretold."""
    return duration(one.ahead_s) if one.ahead_s else "next"


def gain_words(one: Comparison) -> tuple[str, str]:
    """The gain and its interval."""
    return _in_unit(one, one.gain.value), interval(one, one.gain.low, one.gain.high)


def interval(one: Comparison, low: float | None, high: float | None) -> str:
    """Ends of an interval in the unit of the gain."""
    if low is None or high is None:
        return ""
    return f"{_in_unit(one, low).removesuffix(' %')} to {_in_unit(one, high)}"


def _in_unit(one: Comparison, value: float | None) -> str:
    if value is None:
        return "–"
    if one.unit in _PLACES:
        return f"{fixed(100 * value, _PLACES[one.unit], True)} %"
    if one.unit == "ratio":
        return fixed(value, 2)
    return fixed(value, 3 if abs(value) < 10 else 1, True)


def level_words(one: Comparison) -> str:
    """Believed over realised."""
    if one.level is None:
        return ""
    return f"{one.level:.2g}" if one.level < 0.01 else fixed(one.level, 2)


def families(found: TapeFound) -> Sequence[tuple[str, list[tuple[int, Comparison]]]]:
    """Comparisons by family with their places, in the order of `FAMILIES`."""
    return [
        (name, [(k, one) for k, one in enumerate(found.comparisons) if one.family == name])
        for name in FAMILIES
        if any(one.family == name for one in found.comparisons)
    ]
