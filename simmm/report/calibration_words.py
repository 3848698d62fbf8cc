"""Beliefs against the truth in words: one truth of the moment, another over sigma's window."""

from __future__ import annotations

from simmm.report.schema import Calibration, Report
from simmm.report.words import duration, fixed, percent

NAMES = ("sigma", "kappa", "A")
#: Share by which the clock's volatility differs from the truth's before a word is lost on it.
APART = 0.1


def signed_percent(share: float) -> str:
    """A share with its sign, such as ``+17 %``."""
    return f"{fixed(100 * share, 0, sign=True)} %"


def covered(entry: Calibration) -> str:
    """How often the interval held the truth, as part of a sentence."""
    share = percent(entry.coverage, 0)
    if entry.averaged_coverage is None:
        return f"its 95 % interval held the truth in {share} of the samples"
    return (
        f"its 95 % interval held the truth over its own window in "
        f"{percent(entry.averaged_coverage, 0)} of the samples, that of the moment in {share}"
    )


def window(entry: Calibration) -> str:
    """Why the two shares differ, as a sentence after others; empty where there is one share."""
    if entry.averaged_coverage is None or entry.half_life_s is None:
        return ""
    if entry.half_life_s <= 0:
        reach = "of the whole run"
    else:
        reach = f"that forgets half in {duration(entry.half_life_s)}"
    told = (
        f" The truth moves; {entry.name} is an average {reach}, and its interval is of that "
        "average, not of the moment."
    )
    over = entry.realised_over_truth
    if over is not None and abs(over - 1) >= APART:
        more, why = (
            ("more", "followed each other") if over > 1 else ("less", "took each other back")
        )
        told += (
            f" From one tick of its clock to the next the mid moved {percent(abs(over - 1), 0)} "
            f"{more} than the truth, which adds up single steps: they {why}, and "
            f"{entry.name} is of the clock's returns."
        )
    return told


def doubtful(entry: Calibration) -> str:
    """A reason for doubt, where the interval misses what it is of; else empty."""
    own = entry.averaged_coverage
    share = entry.coverage if own is None else own
    if share is None or share >= 0.75:
        return ""
    over = "" if own is None else " over its own window"
    return (
        f"its interval of {entry.name} held the truth{over} {percent(share, 0)} of the time, "
        "not 95 %"
    )


def no_truth(report: Report) -> str:
    """Which beliefs the truth of a generated tape doesn't tell; empty where it tells all."""
    if not report.run.tape.get("truth"):
        return ""
    told = {entry.name for entry in report.calibration if entry.against == "truth"}
    missing = [name for name in NAMES if name not in told]
    if not missing:
        return ""
    return f"Without a truth in this tape's model: {', '.join(missing)}."
