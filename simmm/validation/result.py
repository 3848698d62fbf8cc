"""What a validation of fills found, as plain structures that can be written as JSON.

Times are ns, prices quanta, sizes lots. A figure that can't be had is left out of its dictionary,
never written as zero; a figure whose interval can't be had has `low` and `high` None.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from simmm.errors import VenueError
from simmm.report.files import write_whole

FORMAT = 1


class Score(NamedTuple):
    """What one figure means, for those who show it."""

    label: str
    unit: str
    digits: int
    best: str  # "low", "zero", "high" or "none": which end of the scale is good
    meaning: str


#: Every figure a row may hold, in the order in which tables show them.
SCORES: dict[str, Score] = {
    "real": Score("real", "", 4, "none", "share of orders that really filled"),
    "filled": Score("filled", "", 4, "none", "share that filled in the simulation, at P >= .5"),
    "probability": Score("mean P", "", 4, "none", "mean probability of a fill"),
    "probability_error": Score("P - real", "", 4, "zero", "mean probability minus real share"),
    "position": Score("position", "lots", 2, "low", "CRPS of the lots ahead at the own end"),
    "position_bias": Score("bias", "lots", 2, "zero", "mean lots ahead minus the true ones"),
    "time": Score("time", "s", 3, "low", "CRPS of the time of the fill, censored"),
    "brier_1s": Score("Brier 1 s", "", 4, "low", "mean squared error of P(filled in 1 s)"),
    "brier_5s": Score("Brier 5 s", "", 4, "low", "mean squared error of P(filled in 5 s)"),
    "brier_30s": Score("Brier 30 s", "", 4, "low", "mean squared error of P(filled in 30 s)"),
    "brier": Score("Brier life", "", 4, "low", "mean squared error of P(filled before the end)"),
    "recall": Score("recall", "", 4, "high", "of those that really filled, share with P >= .5"),
    "false": Score("false", "", 4, "low", "of those that really didn't, share with P >= .5"),
    "exact": Score("exact", "", 4, "high", "of true fills found, share at the exact event"),
    "early": Score("early", "", 4, "low", "of true fills found, share before the real event"),
    "late": Score("late", "", 4, "low", "of true fills found, share after the real event"),
    "markout_1s": Score("markout 1 s", "ticks", 3, "none", "move for us 1 s after the fill"),
    "markout_5s": Score("markout 5 s", "ticks", 3, "none", "move for us 5 s after the fill"),
    "real_markout_1s": Score("real 1 s", "ticks", 3, "none", "the same of the real fills"),
    "real_markout_5s": Score("real 5 s", "ticks", 3, "none", "the same of the real fills"),
}

#: Scores of which the ratio to another model is told.
RATIOS = ("position", "time", "brier_1s", "brier_5s", "brier_30s", "brier")


class Estimate(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval, by a bootstrap over blocks of time."""

    value: float
    low: float | None = None
    high: float | None = None


class Bin(msgspec.Struct, frozen=True):
    """One bin of a reliability diagram: events to which a probability was given."""

    predicted: float  # mean probability
    real: float  # share that happened
    events: int
    low: float | None = None  # of `real`
    high: float | None = None


class Row(msgspec.Struct, frozen=True):
    """What one model scored on one population."""

    population: str  # "R", "RP" or "V0"
    model: str  # name of the queue model, with its exponent where it has one: "power 3"
    draws: int  # runs from which the probability comes; 1: one path
    drawn: bool  # the model draws; else all its runs are the same
    orders: int
    scores: dict[str, Estimate]
    to_power: dict[str, Estimate]  # score / that of power 3, paired
    to_pessimistic: dict[str, Estimate]
    reliability: list[Bin]
    seeds: int = 1  # of a drawn model with one draw: paths over which the figures are means


class Population(msgspec.Struct, frozen=True):
    """One kind of order that was scored."""

    name: str
    meaning: str
    orders: int
    fills: int
    blocks: int
    truth: str  # where its real fate comes from, and how good that is


class ModelUsed(msgspec.Struct, frozen=True):
    """A model's constants, and where they come from."""

    name: str
    constants: dict[str, float]
    origin: str


class Check(msgspec.Struct, frozen=True):
    """Something that must hold, and whether it does."""

    name: str
    holds: bool
    found: str


class Validation(msgspec.Struct, frozen=True):
    """Everything `simmm validate fills` says."""

    tape: str
    tape_digest: str
    truth: str
    truth_kind: str  # "orders", "market-by-order" or "fills"
    symbol: str
    tick_quanta: int
    price_quantum: str
    lot_size: str
    start_ts: int  # of the tape, ns
    end_ts: int
    from_ts: int  # orders that join in [from_ts, to_ts) are scored, ns
    to_ts: int
    patience_ns: int
    block_ns: int
    resamples: int
    seed: int
    feed: str  # "every change" or "images each 0.5 s"
    populations: list[Population]
    models: list[ModelUsed]
    rows: list[Row]
    checks: list[Check]
    conventions: list[str]
    remarks: list[str]  # what stood out in this data
    may_conclude: list[str]  # for a venue without truth
    may_not_conclude: list[str]
    version: str = ""
    format: int = FORMAT


def to_json(result: Validation) -> bytes:
    """Return a validation as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def write(result: Validation, path: Path) -> None:
    """Write a validation as JSON, whole or not at all."""
    write_whole(path, to_json(result))


def read(path: Path) -> Validation:
    """Read what `write` wrote.

    Raises
    ------
    VenueError
        If the file isn't there or isn't a validation.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VenueError(f"{path}: can't be read ({error.strerror})") from error
    try:
        return msgspec.json.decode(content, type=Validation)
    except msgspec.DecodeError as error:
        raise VenueError(f"{path}: not a validation of fills ({error})") from error
