"""What each estimator costs: nanoseconds per observation by kind, per tape row and per trade.

Each kind that an estimator hears is timed by itself: its memory is that after a generated half
hour, and it hears observations of that kind over and over, the clock going on. The loop's own cost
is measured the same way and taken off. Shown is the quickest of several turns: whatever else the
computer did makes a turn slower, never quicker. Reading the beliefs is timed beside it, since the
maker reads after every update.

The cost of a row is the sum over kinds of (update + read) times how many observations of that kind
a tape row makes: the *mix*. It depends on the tape; give another by `mix`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from simmm.decoding import ready
from simmm.errors import ScenarioError
from simmm.estimators.catalogue import ESTIMATORS, Estimator, belief_columns
from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, KINDS
from simmm.jit import compiled, records
from simmm.nearest import suggestion
from simmm.study.generated_observations import NS, observed
from simmm.study.names import named

SCHEMA = 1
LIMIT_NS = 15.0  # a row, of one estimator
SECONDS = 1_800
HEARD = 64  # observations that are heard over and over; they fit into the fast caches
TURNS = 7
TURN_S = 0.008
NOTHING, UPDATES, READS = 0, 1, 2
#: Observations by kind per row of the plain tape of docs/performance.md: 555 rows a second, one in
#: ten a trade, clock once a second.
MIX: Mapping[str, float] = {
    "CLOCK": 0.0018,
    "AGGRESSOR": 0.1,
    "TOUCH": 0.2,
    "BUCKET": 0.0004,
    "FILL": 0.0001,
    "CONTEXT": 0.0,
    "GAP": 0.0,
}
Told = Callable[[str], None]


class Cost(msgspec.Struct, frozen=True):
    """Of one estimator, ns."""

    estimator: str
    row: str
    update: dict[str, float]  # by kind of observation
    read: float
    per_row: float
    per_trade: float | None  # what all of its work comes to for each aggressor


class Costs(msgspec.Struct, frozen=True):
    """Of all that were measured; `per_row` and `per_trade` are sums."""

    schema_version: int
    mix: dict[str, float]
    limit: float
    costs: list[Cost]
    per_row: float
    per_trade: float | None


def study_cost(
    estimators: Sequence[str] = (),
    mix: Mapping[str, float] | None = None,
    told: Told | None = None,
) -> Costs:
    """Measure estimators.

    Parameters
    ----------
    estimators
        Names, or rows such as E7; all without any.
    mix
        Observations per tape row by kind; kinds left out are as in `MIX`.
    told
        Hears the name of each before it is measured.

    Raises
    ------
    ScenarioError
        There is no such estimator or kind, or a number makes no sense.
    """
    rates = _checked(mix or {})
    stream = observed(seed=1, seconds=SECONDS)
    beliefs: dict[str, Any] = {}
    costs = []
    wanted = set(named(estimators, [entry.name for entry in ESTIMATORS]))
    for entry in _needed(wanted):
        if told is not None:
            told(entry.name)
        driver = _warm(entry, stream, beliefs)
        if entry.name in wanted:
            costs.append(_measured(entry, driver, stream, rates))
    trades = rates["AGGRESSOR"]
    per_row = sum(cost.per_row for cost in costs)
    return Costs(SCHEMA, rates, LIMIT_NS, costs, per_row, per_row / trades if trades else None)


def _checked(mix: Mapping[str, float]) -> dict[str, float]:
    for kind, count in mix.items():
        if kind not in KINDS:
            raise ScenarioError(f"--mix: no kind '{kind}'{suggestion(kind, KINDS)}")
        if not 0.0 <= count <= 1_000.0:
            raise ScenarioError(f"--mix: {kind}: {count!r} must be between 0 and 1000 per row")
    return {**MIX, **mix}


def _needed(names: set[str]) -> list[Estimator]:
    """Return these estimators and those that they read, directly or not, in order."""
    needed, read = [], set[str]()
    for entry in reversed(ESTIMATORS):
        if entry.name in names or any(belief.name in read for belief in entry.beliefs):
            needed.append(entry)
            read |= set(entry.reads)
    return needed[::-1]


def _warm(entry: Estimator, stream: np.ndarray, beliefs: dict[str, Any]) -> Driver:
    """Let it hear the stream and add its beliefs to those that later ones are given."""
    driver = Driver(entry.name)
    given = {f: beliefs[f] for f, _ in belief_columns(entry.reads) if f in beliefs}
    found = driver.run(stream, given)
    for belief in entry.beliefs:
        beliefs |= {field: found[field] for field in belief.fields}
    return driver


def _measured(
    entry: Estimator, driver: Driver, stream: np.ndarray, rates: Mapping[str, float]
) -> Cost:
    turn = _turn_of(entry)
    memory, record = driver.state.copy(), driver.record.copy()
    update: dict[str, float] = {}
    read = per_row = weight = 0.0
    for kind in entry.hears:
        heard, span = _again(stream, kind)
        times = []
        for what in (NOTHING, UPDATES, READS):
            driver.state[:], driver.record[:] = memory, record
            times.append(_quickest(turn, driver, heard.copy(), span, what))
        name, rate = KINDS[kind], rates[KINDS[kind]]
        update[name] = max(0.0, times[UPDATES] - times[NOTHING])
        reading = max(0.0, times[READS] - times[UPDATES])
        per_row += rate * (update[name] + reading)
        read += rate * reading
        weight += rate
    trades = rates[KINDS[AGGRESSOR]]
    return Cost(
        estimator=entry.name,
        row=entry.row,
        update=update,
        read=read / weight if weight else 0.0,
        per_row=per_row,
        per_trade=per_row / trades if trades else None,
    )


def _again(stream: np.ndarray, kind: int) -> tuple[np.ndarray, int]:
    """Return observations of one kind that follow the stream, and how long they take."""
    found = stream[stream["kind"] == kind]
    rate = len(found) / SECONDS
    heard = np.resize(found[-HEARD:], HEARD)
    wait = int(NS / rate)
    heard["now"] = stream["now"][-1] + wait * np.arange(1, HEARD + 1)
    return heard, wait * HEARD


def _quickest(turn: Any, driver: Driver, heard: np.ndarray, span: int, what: int) -> float:
    """Return ns per observation of the quickest turn."""
    arguments = (*driver._arguments(), records(heard), span, what)
    rounds, took = 1, 0.0
    while took < TURN_S:
        rounds = rounds if not took else max(2 * rounds, int(rounds * TURN_S / took))
        took = _timed(turn, arguments, rounds)
    return min(_timed(turn, arguments, rounds) for _ in range(TURNS)) / rounds / HEARD * 1e9


def _timed(turn: Any, arguments: tuple[Any, ...], rounds: int) -> float:
    start = time.perf_counter()
    turn(*arguments, rounds)
    return time.perf_counter() - start


def _turn_of(entry: Estimator) -> Callable[..., None]:
    update, read = entry.update, entry.read

    def turn(
        states: Any, parameters: Any, record: Any, heard: Any, span: int, what: int, rounds: int
    ) -> None:
        s, p, b = states[0], parameters[0], record[0]
        for _ in range(rounds):
            for i in range(heard.size):
                o = heard[i]
                o.now += span
                if what > 0:
                    update(s, p, o, b)
                if what > 1:
                    read(s, p, o.now, b)

    return compiled(turn)


ready(Costs)
