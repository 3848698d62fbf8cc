"""The law of estimators: the same tests for each, found by looking into their folders.

Each hears a generated hour (`simmm.study.generated_observations`) and is told what those before it
believe.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from simmm.estimators.catalogue import ESTIMATORS, estimator
from simmm.estimators.driver import Driver
from simmm.estimators.observation import CLOCK
from simmm.study.generated_observations import NS, START_NS
from tests.contract.estimator_checks import WARM, check_sane, each, same, uncertain, warm
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

    Intervals of those that stay never narrow.
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
def test_intervals_widen_while_nothing_is_known(name: str) -> None:
    """Or it says why time doesn't count: `TIMELESS`."""
    entry = estimator(name)
    assert set(entry.timeless) <= set(uncertain(entry))
    assert all(len(reason) > 20 for reason in entry.timeless.values())
    known, driver = given_to(name), Driver(name)
    before = driver.run(stream().copy(), known, every=len(stream()))[-1]
    last = {f: v[-1] for f, v in known.items()}
    quiet = silence(stream()[-1], SILENT_S)
    after = driver.run(quiet, last, every=SILENT_S)[-1]
    for belief in set(uncertain(entry)) - set(entry.timeless):
        if before[f"{belief}_age_ns"] >= 0:
            wide = before[f"{belief}_high"] - before[f"{belief}_low"]
            assert after[f"{belief}_high"] - after[f"{belief}_low"] > 1.001 * wide, belief
            assert after[f"{belief}_sd"] > before[f"{belief}_sd"], belief


@each
def test_twice_told_and_out_of_order_do_no_harm(name: str) -> None:
    known = {f: np.repeat(v, 2) for f, v in given_to(name).items()}
    check_sane(estimator(name), Driver(name).run(doubled(stream()), known))
    late = stream().copy()
    rng = np.random.default_rng(6)
    late["exch_ts"] += rng.integers(-60 * NS, 60 * NS, len(late))
    check_sane(estimator(name), Driver(name).run(late, given_to(name)))


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
