"""What scores say, in words: the same in the terminal and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from simmm.report.words import MINUS, duration, fixed, percent
from simmm.study.recovery.scores import (
    ENOUGH,
    SAID,
    Accuracy,
    Alarms,
    CaseScore,
    Lag,
    Recovery,
    Share,
)

WIDEST = 1.25  # mean width of an interval over the ideal one that is still called good
RIGHT = ("covers", "agrees")
_NAMED = 20  # uncertain cases that are still named one by one
KINDS = {
    "assumed": "the world it assumes",
    "changing": "a world that changes",
    "quiet": "a world without change",
    "violated": "a world it is wrong in",
}


def figures(value: float | None, sign: bool = False) -> str:
    """A number with three figures, as powers of ten where it is very large or small.

    >>> figures(0.01234), figures(-12345.6), figures(2.5e-7, True), figures(None)
    ('0.0123', '−12,346', '+2.50e-7', '–')
    """
    if value is None:
        return "–"
    size = abs(value)
    mark = MINUS if value < 0 else "+" if sign and value > 0 else ""
    if value and (size < 1e-3 or size >= 1e6):
        mantissa, _, exponent = f"{size:.2e}".partition("e")
        return f"{mark}{mantissa}e{int(exponent)}"
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 4
    return f"{mark}{fixed(size, decimals)}"


def share_range(share: Share) -> str:
    """Wilson's interval of a share, percent."""
    return f"{fixed(100 * share.low, 0)}–{fixed(100 * share.high, 0)}"


def told(one: Accuracy) -> str:
    """Verdict on one belief, with its width where that is too wide."""
    if one.right is not None:
        return f"right {percent(one.right.value, 0)}"
    wide = one.width is not None and one.width > WIDEST and one.verdict in RIGHT
    return f"{one.verdict}, wide" if wide else one.verdict


def lag_sentence(lag: Lag) -> str:
    """How long a belief, or the alarm, takes after a change."""
    if lag.seconds is None:
        first = "" if lag.first_s is None else f", first near after {duration(lag.first_s)}"
        return f"{lag.what}: not there for good in half of the worlds{first}"
    late = "never" if lag.seconds_90 is None else duration(lag.seconds_90)
    seen = "" if lag.aggressors is None else f" ({fixed(lag.aggressors, 0)} aggressors)"
    late_seen = "" if lag.aggressors_90 is None else f" ({fixed(lag.aggressors_90, 0)})"
    first = "" if lag.first_s in (None, lag.seconds) else f"first near after {_s(lag.first_s)}, "
    return (
        f"{lag.what}: {first}there for good after {duration(lag.seconds)}{seen}; 90 % after "
        f"{late}{late_seen}; missed in {percent(lag.missed.value)} of worlds"
    )


def alarm_sentence(alarms: Alarms) -> str:
    """How often the alarm is false."""
    if alarms.per_hour is None:
        return f"{alarms.belief}: no time without change"
    return (
        f"{alarms.belief}: {figures(alarms.per_hour)} false alarms an hour "
        f"({figures(alarms.low)} to {figures(alarms.high)}; {alarms.count:,} in "
        f"{fixed(alarms.hours, 0)} hours), in {percent(alarms.worlds.value, 0)} of worlds"
    )


def summary(found: Recovery) -> list[str]:
    """The answer in sentences: in which of the worlds they assume intervals cover."""
    judged = list(_assumed(found.scores))
    right = [one for _, one in judged if one.verdict in RIGHT]
    unclear = [pair for pair in judged if pair[1].verdict.endswith("?")]
    few = found.seeds < ENOUGH
    sentences = [_first(len(right), len(judged), found.seeds)]
    for kind in ("too narrow", "too wide", "silent"):
        names = _named(pair for pair in judged if pair[1].verdict == kind)
        if names:
            sentences.append(f"{kind.capitalize()}: {names}.")
    if unclear:
        names = f" {_named(unclear)}." if len(unclear) <= _NAMED else ""
        sentences.append(
            f"In {len(unclear)} it does not, but so few draws don't tell by how much.{names}"
            if few
            else f"In {len(unclear)} the share lies outside of that, but so near that chance alone "
            f"could do it with {found.seeds} draws.{names}"
        )
    wide = [
        f"{case.row} {one.belief} in {case.case} ({fixed(one.width, 2)})"
        for case, one in judged
        if one.width is not None and one.width > WIDEST
    ]
    if wide:
        sentences.append(f"Intervals over {WIDEST} times the ideal width: {'; '.join(wide)}.")
    return sentences


def _first(right: int, judged: int, seeds: int) -> str:
    begin = f"In {right} of {judged} {'world' if judged == 1 else 'worlds'} that estimators assume"
    if seeds >= ENOUGH:
        return f"{begin}, the 95 % interval holds the truth in 92 to 98 % of draws."
    reach = 1.96 * math.sqrt(SAID * (1 - SAID) / seeds)
    return (
        f"{begin}, how often the 95 % interval holds the truth agrees with 95 %, which {seeds} "
        f"draws tell to ± {percent(reach, 0)}; {ENOUGH} would tell whether it is 92 to 98 %."
    )


def _named(pairs: Iterable[tuple[CaseScore, Accuracy]]) -> str:
    return "; ".join(
        f"{case.row} {one.belief} in {case.case}"
        + (f" ({percent(one.covered_95.value)})" if one.covered_95 and one.worlds else "")
        + (", declared approximate" if case.approximate else "")
        for case, one in pairs
    )


def _assumed(scores: list[CaseScore]) -> Iterator[tuple[CaseScore, Accuracy]]:
    for case in scores:
        if case.kind == "assumed":
            yield from ((case, one) for one in case.beliefs if one.covered_95 is not None)


def _s(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)
