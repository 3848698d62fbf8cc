"""The law of estimators: the same tests for each, found by looking into their folders.

Each hears a generated hour (`simmm.study.stream`) and is told what those before it believe.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.estimators.catalogue import ESTIMATORS, Estimator, estimator
from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK, LEVELS, OWN, REFERENCES, Observation
from simmm.study.stream import NS, START_NS
from tests.contract.estimator_stack import (
    NAMES,
    SHORT,
    given_to,
    head,
    others,
    save,
    started,
    stream,
    told,
)
from tests.contract.observed import doubled, silence

ROOT = Path(__file__).parents[2]
LARGEST_STATE = 1_000_000  # bytes
SILENT_S = 3_600
SETTLED_S = 120
STEPS = 100
WARM = 20_000  # observations after which all that can be warm is
each = pytest.mark.parametrize("name", NAMES)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether all fields have the same bits; padding does not count."""
    assert a.dtype == b.dtype
    return all(a[f].tobytes() == b[f].tobytes() for f in a.dtype.names or ())


def uncertain(entry: Estimator) -> Iterator[str]:
    """Names of the beliefs that have an interval."""
    yield from (belief.name for belief in entry.beliefs if belief.law != "code")


def written(entry: Estimator) -> list[str]:
    return [field for belief in entry.beliefs for field in belief.fields]


def check_sane(entry: Estimator, found: np.ndarray, ordered: bool = True) -> None:
    """All fields are finite, intervals hold their value, ages are times that have passed."""
    for field in written(entry):
        assert np.isfinite(found[field]).all(), f"{field} is not finite"
    for belief in entry.beliefs:
        name = belief.name
        assert found[f"{name}_age_ns"].min() >= -1, f"{name}: an age below -1"
        if belief.law == "code":
            continue
        value, low, high = found[name], found[f"{name}_low"], found[f"{name}_high"]
        assert found[f"{name}_sd"].min() >= 0.0, f"{name}: a deviation below 0"
        slack = 1e-9 * np.maximum(np.abs(value), np.maximum(np.abs(low), np.abs(high)))
        wrong = low > high
        if ordered:
            wrong = wrong | (low > value + slack) | (value > high + slack)
        at = int(np.argmax(wrong))
        assert not wrong.any(), (
            f"{name}: {value[at]} is not from {low[at]} to {high[at]} after observation {at}; "
            f"{np.count_nonzero(wrong)} in all"
        )
        if belief.law in ("gamma", "lognormal", "beta"):
            assert low.min() >= 0.0, f"{name}: below 0"
        if belief.law == "beta":
            assert high.max() <= 1.0 + 1e-12, f"{name}: above 1"


_warm: dict[str, np.ndarray] = {}


def warm(name: str) -> np.ndarray:
    """Return the memory after most of the hour."""
    if name not in _warm:
        driver = Driver(name)
        part = slice(0, WARM)
        driver.run(stream()[part].copy(), given_to(name, part), every=WARM)
        _warm[name] = driver.state
    return _warm[name]


# ---------------------------------------------------------------------------------- same results


@each
def test_one_by_one_is_the_whole(name: str) -> None:
    known, driver = given_to(name), Driver(name)
    for start, end in ((0, STEPS), (WARM, WARM + STEPS)):
        if start:
            driver.state[:] = warm(name)
        for i in range(start, end):
            one = slice(i, i + 1)
            found = driver.run(stream()[one].copy(), {f: v[one] for f, v in known.items()})
            assert same(found, told(name)[one]), i


@each
def test_any_chunks_and_checkpoints_give_the_whole(name: str) -> None:
    """Between chunks nothing but the bytes of the memory is kept."""
    rng = np.random.default_rng(3)
    ends = [0, *np.sort(rng.choice(np.arange(1, len(stream())), 30, replace=False)), len(stream())]
    known, driver = given_to(name), Driver(name)
    for start, end in pairwise(ends):
        kept = driver.state.tobytes()
        driver = Driver(name)
        driver.state[:] = np.frombuffer(kept, driver.state.dtype)
        part = slice(start, end)
        found = driver.run(stream()[part].copy(), {f: v[part] for f, v in known.items()})
        assert same(found, told(name)[part]), (start, end)


@each
def test_reading_changes_nothing(name: str) -> None:
    often, once = Driver(name), Driver(name)
    known = given_to(name)
    often.run(stream().copy(), known)
    last = once.run(stream().copy(), known, every=len(stream()))
    assert same(last, told(name)[-1:])
    assert often.state.tobytes() == once.state.tobytes()


@pytest.fixture(scope="module")
def interpreted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of the estimators that are tested, compiled and interpreted."""
    wanted = [getattr(item, "callspec", None) for item in request.session.items]
    names = [n for n in NAMES if any(call and call.params.get("name") == n for call in wanted)]
    path = tmp_path_factory.mktemp("given") / "given.npz"
    here = save(str(path), names)
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.estimator_stack", str(path), *names],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return here, dict(line.split(" ", 1) for line in done.stdout.splitlines())


@each
@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled here"
)
def test_compiled_and_interpreted_give_the_same_bits(
    name: str, interpreted: tuple[dict[str, str], dict[str, str]]
) -> None:
    here, there = interpreted
    assert there[name] == here[name]


@each
def test_the_future_is_not_known(name: str) -> None:
    cut = SHORT // 2
    observations, known = head(), given_to(name, slice(SHORT))
    rng = np.random.default_rng(4)
    for field in ("mid", "half_spread", "lots", "reach", "change"):
        observations[field][cut:] *= np.exp(rng.normal(size=SHORT - cut))
    observations["kind"][cut:] = rng.permutation(observations["kind"][cut:])
    for values in known.values():
        values[cut:] = values[cut:] * 3
    assert same(Driver(name).run(observations, known)[:cut], told(name)[:cut])


# ---------------------------------------------------------------------------------------- memory


@each
def test_the_start_forgets_whatever_the_memory_held(name: str) -> None:
    driver = Driver(name)
    driver.state.view(np.uint8)[:] = 63
    driver = started(driver)
    found = driver.run(head(), given_to(name, slice(SHORT)))
    assert same(found, told(name)[:SHORT])


@each
def test_observations_are_not_written_to(name: str) -> None:
    observations = head()
    Driver(name).run(observations, given_to(name, slice(SHORT)))
    assert observations.tobytes() == stream()[:SHORT].tobytes()


@each
def test_memory_is_small_and_of_fields_of_eight_bytes(name: str) -> None:
    state = estimator(name).state
    assert state.itemsize < LARGEST_STATE

    def flat(dtype: np.dtype) -> Iterator[np.dtype]:
        if dtype.subdtype is not None:
            yield from flat(dtype.subdtype[0])
        elif dtype.fields is not None:
            for field in dtype.fields.values():
                yield from flat(field[0])
        else:
            yield dtype

    assert {one.str for one in flat(state)} <= {"<i8", "<f8", "<u8"}


# --------------------------------------------------------------------------------- what it says


@each
def test_before_any_data_nothing_speaks(name: str) -> None:
    entry, record = estimator(name), Driver(name).record
    check_sane(entry, record)
    assert all(record[f"{belief.name}_age_ns"][0] == -1 for belief in entry.beliefs)


@each
def test_beliefs_are_sane_and_all_speak_within_the_hour(name: str) -> None:
    entry, found = estimator(name), told(name)
    check_sane(entry, found)
    for belief in entry.beliefs:
        age = found[f"{belief.name}_age_ns"]
        assert np.any(age >= 0), f"{belief.name} never spoke"
        if not entry.reads:
            assert np.all(age <= stream()["now"] - START_NS), belief.name


@each
def test_silence_does_not_drift(name: str) -> None:
    """Clock ticks without a mid: beliefs stay, or go to what was believed before any data.

    An interval of what goes on moving may widen meanwhile, but never narrows.
    """
    entry = estimator(name)
    assert entry.silence in ("hold", "prior")
    known, driver = given_to(name), Driver(name)
    prior = driver.record.copy()
    driver.run(stream().copy(), known, every=len(stream()))
    quiet = silence(stream()[-1], SETTLED_S + SILENT_S)
    last = {f: v[-1] for f, v in known.items()}
    before = driver.run(quiet[:SETTLED_S], last, every=SETTLED_S)  # work that was begun ends
    found = driver.run(quiet[SETTLED_S:], last)
    check_sane(entry, found)
    for belief in uncertain(entry):
        if entry.silence == "hold":
            assert np.all(found[belief] == before[belief]), belief
            for end, wider in (("_low", -1.0), ("_high", 1.0)):  # of what moves, ever wider
                ends = wider * np.concatenate([before[belief + end], found[belief + end]])
                assert np.all(np.diff(ends) >= 0.0), belief + end
        else:
            away = np.abs(found[belief] - prior[belief])
            assert np.all(np.diff(away) <= 1e-9 * np.abs(prior[belief])), belief
            assert np.all(found[belief] != 0.0) or prior[belief] == 0.0, belief
        if not entry.reads and before[f"{belief}_age_ns"][0] >= 0:
            ages = found[f"{belief}_age_ns"]
            assert np.all((ages == -1) | (np.diff(ages, prepend=0) >= 0)), belief


@each
def test_twice_told_and_out_of_order_do_no_harm(name: str) -> None:
    known = {f: np.repeat(v, 2) for f, v in given_to(name).items()}
    check_sane(estimator(name), Driver(name).run(doubled(stream()), known))
    late = stream().copy()
    rng = np.random.default_rng(6)
    late["exch_ts"] += rng.integers(-60 * NS, 60 * NS, len(late))
    check_sane(estimator(name), Driver(name).run(late, given_to(name)))


@each
def test_parameters_at_the_ends_of_their_ranges(name: str) -> None:
    entry, known = estimator(name), given_to(name)
    for parameter, spec in entry.parameters.fields.items():
        for value in (spec.low, spec.high):
            whole = int(value) if isinstance(spec.default, int) else value
            found = Driver(name, {parameter: whole}).run(stream().copy(), known, every=50)
            # The mean of a very skewed law may lie outside of its 95 % interval.
            check_sane(entry, found, ordered=False)


# --------------------------------------------------------------------------------- any input

NASTY = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 1e-9, 1e300, -1e300, 5e-324, 1e-160, 1e154, 2.0**53,
         -1e-300, float("inf"), float("-inf"), float("nan"))  # fmt: skip
FINITE = tuple(value for value in NASTY if np.isfinite(value))
WAITS = (0, 1, NS, 3_600 * NS, 86_400 * NS, 10 * 365 * 86_400 * NS)
FLOATS = [field for field in Observation.names or () if Observation[field].base == np.float64]
STRETCH = 150  # observations
Change = tuple[int, str, float]


def changed(observations: np.ndarray, changes: list[Change]) -> np.ndarray:
    """Return observations with fields put to other values; `now` is put off from there on."""
    found = observations.copy()
    for at, field, value in changes:
        if field == "now":
            found["now"][at:] += int(value)
        else:
            found[field][at] = value
    return found


CHANGE = st.one_of(
    st.tuples(st.integers(0, STRETCH - 1), st.sampled_from(FLOATS), st.sampled_from(NASTY)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("now"), st.sampled_from(WAITS)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("kind"), st.integers(0, 6)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("levels"), st.integers(0, LEVELS)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("own"), st.integers(0, OWN)),
    st.tuples(st.integers(0, STRETCH - 1), st.just("market"), st.integers(0, REFERENCES)),
    st.tuples(
        st.integers(0, STRETCH - 1), st.just("exch_ts"), st.sampled_from([-(2**62), 0, 2**62])
    ),
)


@each
@given(changes=st.lists(CHANGE, min_size=1, max_size=25), cold=st.booleans())
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_finite_for_any_field(name: str, changes: list[Change], cold: bool) -> None:
    driver = Driver(name)
    if not cold:
        driver.state[:] = warm(name)
    part = slice(0, STRETCH) if cold else slice(WARM, WARM + STRETCH)
    known = {f: v[part] for f, v in given_to(name).items()}
    found = driver.run(changed(stream()[part], changes), known)
    check_sane(estimator(name), found)


@each
@pytest.mark.parametrize("share", [0.02, 1.0])
def test_finite_where_much_is_nonsense(name: str, share: float) -> None:
    """Fields of observations, and what others believe, of any size at once."""
    rng = np.random.default_rng(7)
    observations = head(4 * SHORT)
    size = len(observations)
    for field in FLOATS:
        shape = observations[field].shape
        picked = rng.random(shape) < share
        observations[field] = np.where(picked, rng.choice(NASTY, shape), observations[field])
    observations["now"] += np.cumsum(
        np.where(rng.random(size) < 0.01, rng.choice(WAITS[:4], size), 0)
    )
    known: dict[str, Any] = {}
    for field, values in given_to(name, slice(size)).items():
        odd = rng.choice(FINITE, size)
        if field.endswith("_age_ns"):
            odd = rng.integers(-1, 10 * NS, size)
        known[field] = np.where(rng.random(size) < share, odd, values)
    driver = Driver(name)
    check_sane(estimator(name), driver.run(observations, known))
    after = stream()[size : 2 * size].copy()
    after["now"] += observations["now"][-1] - after["now"][0]
    check_sane(estimator(name), driver.run(after, given_to(name, slice(size, 2 * size))))


# -------------------------------------------------------------------------------------- scales

SCALE = 16  # it and its roots are powers of two, so that little is rounded
PRICES = ("mid", "mark", "reference_mid")


def powers(kind: str) -> dict[str, float]:
    """By field: the power of the scale that it goes by."""
    found = {}
    for entry in ESTIMATORS:
        for belief in entry.beliefs:
            for field in belief.fields:
                found[field] = getattr(belief, f"{kind}_power")
                if field.endswith("_age_ns"):
                    found[field] = 1.0 if kind == "time" else 0.0
    return found


def times(values: np.ndarray, power: float) -> np.ndarray:
    """Return values of another scale; -1 of an age stays."""
    if values.dtype.kind == "i":
        return np.where(values == -1, -1, values * int(SCALE**power))
    return values * SCALE**power


def check_scaled(name: str, base: np.ndarray, found: np.ndarray, power: dict[str, float]) -> None:
    entry = estimator(name)
    for belief in entry.beliefs:
        for field in belief.fields:
            want = times(base[field], power[field])
            room = 1e-6 * np.abs(want)
            if belief.law != "code":
                room = room + 1e-6 * SCALE ** power[belief.name] * base[f"{belief.name}_sd"]
            room = room + 1e-9 * np.abs(want).max()
            wrong = np.flatnonzero(~(np.abs(found[field] - want) <= room))
            assert not len(wrong), (
                f"{field} of observation {wrong[0]}, {len(wrong)} in all: "
                f"{found[field][wrong[0]]} is not {want[wrong[0]]}"
            )


@each
def test_prices_of_another_size_change_prices_alone(name: str) -> None:
    power = powers("price")
    observations = stream().copy()
    for field in PRICES:
        observations[field] *= SCALE
    known = {f: times(v, power[f]) for f, v in given_to(name).items()}
    check_scaled(name, told(name), Driver(name).run(observations, known), power)


@each
def test_times_of_another_length_scale_as_declared(name: str) -> None:
    power = powers("time")
    observations, known = stream().copy(), given_to(name)
    observations["now"] -= START_NS
    observations["exch_ts"] -= START_NS
    base = Driver(name).run(observations, known)
    for field in ("now", "exch_ts"):
        observations[field] *= SCALE
    observations["seconds"] *= SCALE
    driver = Driver(name)
    parameters = driver.parameters
    for parameter, spec in driver.estimator.parameters.fields.items():
        if spec.time_power:
            parameters[parameter] *= SCALE**spec.time_power
    known = {f: times(v, power[f]) for f, v in known.items()}
    check_scaled(name, base, started(driver).run(observations, known), power)


# --------------------------------------------------------------------------------- the test itself


def test_all_estimators_are_here_and_hear_what_they_want() -> None:
    assert NAMES
    kinds = set(stream()["kind"].tolist())
    for entry in ESTIMATORS:
        assert set(entry.hears) <= kinds, entry.name
        assert CLOCK in kinds
        assert set(others(entry)) == set(given_to(entry.name)), entry.name
