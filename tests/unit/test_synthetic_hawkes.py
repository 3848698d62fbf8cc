"""The Hawkes world against its own law, counted from the rows of its tapes alone."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from simmm.errors import ScenarioError
from simmm.records import AGGRESSOR_END, BUY, DEPTH, FIRST, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape.synthetic.columns import START_TS
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.synthetic.hawkes import Hawkes, generate
from simmm.tape.validation import validate
from tests.unit.synthetic_fixture import columns, made

HOURS = 3.0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    path, truth = made(tmp_path_factory.mktemp("hawkes") / "tape", "hawkes", hours=HOURS)
    return path, truth, columns(path)


def aggressors(tape):
    """Return times in seconds, sides (+1 bought) and last prices."""
    last = (tape["tag"] & KIND_MASK == TRADE) & (tape["tag"] & AGGRESSOR_END > 0)
    side = np.where(tape["tag"][last] & BUY > 0, 1, -1)
    return (tape["exch_ts"][last] - START_TS) / 1e9, side, tape["px"][last]


def compensators(times, base, branching, decay, started):
    """Return the integral of the intensity up to each time, from the formula alone."""
    excited = base * branching / (1.0 - branching) if started else 0.0
    found, integral, before = [], 0.0, 0.0
    for t in times:
        gone = 1.0 - math.exp(-decay * (t - before))
        integral += base * (t - before) + excited * gone / decay
        found.append(integral)
        excited = excited * (1.0 - gone) + branching * decay
        before = t
    return np.array(found)


def replayed(tape):
    """Return after each message its time, best bid and best ask, by keeping the book."""
    book = {True: {}, False: {}}
    found = []
    kinds = tape["tag"] & KIND_MASK
    for i in range(len(kinds)):
        side = bool(tape["tag"][i] & BUY)
        if kinds[i] == SNAPSHOT and tape["tag"][i] & FIRST:
            shown = book[side]
            book[side] = {}
            if shown:
                found.append((i, side, shown))
        if kinds[i] in (SNAPSHOT, DEPTH):
            px, lots = int(tape["px"][i]), int(tape["qty"][i])
            if lots:
                book[side][px] = lots
            else:
                del book[side][px]
    return book, found


def test_tape_is_valid(world):
    path, _, _ = world
    assert [str(finding) for finding in validate(path)] == []


def test_times_are_the_process_with_its_truth(world):
    """After the change of time by the true intensity, waits are exponential and independent."""
    _, truth, tape = world
    times, _, _ = aggressors(tape)
    names = ("hawkes_base", "hawkes_branching", "hawkes_decay")
    waits = np.diff(compensators(times, *(truth[name] for name in names), True), prepend=0.0)
    assert stats.kstest(waits, "expon").pvalue > 0.01
    assert abs(np.corrcoef(waits[1:], waits[:-1])[0, 1]) < 3.0 / math.sqrt(len(waits))
    for wrong in (0.45, 0.75):
        base = truth["aggressor_rate"] * (1.0 - wrong)
        off = np.diff(compensators(times, base, wrong, truth["hawkes_decay"], True), prepend=0.0)
        assert stats.kstest(off, "expon").pvalue < 1e-4


def test_rate_is_base_over_one_less_branching(world):
    _, truth, tape = world
    times, _, _ = aggressors(tape)
    expected = truth["aggressor_rate"] * HOURS * 3600.0
    deviation = math.sqrt(expected) / (1.0 - truth["hawkes_branching"])
    assert abs(len(times) - expected) <= 3.0 * deviation
    assert truth["sellers"] + truth["buyers"] == len(times)
    assert truth["aggressor_rate"] == pytest.approx(1.0)


def test_greatest_likelihood_finds_the_truth(world):
    _, truth, tape = world
    times = aggressors(tape)[0]
    waits = np.diff(times)

    def loss(x):
        base, branching, decay = np.exp(x[0]), 1.0 / (1.0 + np.exp(-x[1])), np.exp(x[2])
        shrink = np.exp(-decay * waits)
        past = np.zeros(len(times))
        for i in range(1, len(times)):
            past[i] = shrink[i - 1] * (1.0 + past[i - 1])
        value = np.log(base + branching * decay * past).sum() - base * times[-1]
        return branching * (1.0 - np.exp(-decay * (times[-1] - times))).sum() - value

    x = optimize.minimize(loss, [-0.5, 0.0, 0.5], method="Nelder-Mead", tol=1e-4).x
    assert np.exp(x[0]) == pytest.approx(truth["hawkes_base"], rel=0.1)
    assert 1.0 / (1.0 + np.exp(-x[1])) == pytest.approx(truth["hawkes_branching"], abs=0.03)
    assert np.exp(x[2]) == pytest.approx(truth["hawkes_decay"], rel=0.1)


def test_without_branching_it_is_poisson(tmp_path):
    path, truth = made(tmp_path / "tape", "hawkes", hours=HOURS, branching=0.0, base=1.0)
    times, _, _ = aggressors(columns(path))
    assert stats.kstest(np.diff(times), "expon").pvalue > 0.01
    assert truth["arrival"] == pytest.approx(0.5 * math.exp(0.2))


def test_sides_follow_each_other(world, tmp_path):
    _, _, tape = world
    _, side, _ = aggressors(tape)
    same = np.mean(side[1:] == side[:-1])
    assert abs(same - 0.65) < 3.0 * math.sqrt(0.65 * 0.35 / len(side))
    path, _ = made(tmp_path / "tape", "hawkes", hours=HOURS, follow=0.0)
    _, side, _ = aggressors(columns(path))
    assert abs(np.mean(side[1:] == side[:-1]) - 0.5) < 3.0 * 0.5 / math.sqrt(len(side))


def mids(tape):
    """Return times and mids from the images, and from the changes in between."""
    kinds, buy = tape["tag"] & KIND_MASK, tape["tag"] & BUY > 0
    first = (kinds == SNAPSHOT) & (tape["tag"] & FIRST > 0) & buy
    mid = int(tape["px"][first][0]) + 1
    removed = (kinds == DEPTH) & (tape["qty"] == 0)
    times, found = [START_TS], [mid]
    for i in np.flatnonzero(removed):
        if tape["px"][i] == mid + (-1 if buy[i] else 1):
            mid += -1 if buy[i] else 1
            times.append(tape["exch_ts"][i])
            found.append(mid)
    return np.array(times), np.array(found)


def test_variance_is_sigma_squared(world):
    _, truth, tape = world
    ts, mid = mids(tape)
    expected = float((np.square(1e-4 * mid) * np.diff(ts, append=ts[-1])).sum() / 1e9)
    assert abs(len(mid) - 1 - expected) <= 3.0 * math.sqrt(expected)
    assert truth["jumps"] == len(mid) - 1
    images = (tape["tag"] & KIND_MASK == SNAPSHOT) & (tape["tag"] & FIRST > 0)
    images &= tape["tag"] & BUY > 0
    at = np.searchsorted(ts, tape["exch_ts"][images], side="right") - 1
    assert np.array_equal(tape["px"][images] + 1, mid[at])


def test_changes_and_images_tell_one_book(world):
    """Before each image, what was kept from changes is what the image shows."""
    _, _, tape = world
    part = {name: values[:60_000] for name, values in tape.items()}
    _, found = replayed(part)
    assert len(found) > 20
    for i, side, shown in found:
        prices = tape["px"][i : i + 20]
        assert sorted(shown, reverse=side) == prices.tolist()
        assert set(shown.values()) == {1000}


def test_reach_beyond_the_touch_is_geometric(world):
    _, truth, tape = world
    times, side, px = aggressors(tape)
    ts, mid = mids(tape)
    before = mid[np.searchsorted((ts - START_TS) / 1e9, times, side="left") - 1]
    beyond = (px - before) * side - truth["half_spread_ticks"]
    assert beyond.min() == 0
    for ticks in (1, 2, 5, 10, 25):
        chance = np.exp(-truth["kappa"] * ticks / before)
        expected, deviation = chance.sum(), math.sqrt((chance * (1.0 - chance)).sum())
        assert abs(np.count_nonzero(beyond >= ticks) - expected) <= 3.5 * deviation


def test_prints_take_level_after_level(world):
    _, _, tape = world
    trade = tape["tag"] & KIND_MASK == TRADE
    px, ts, buy = tape["px"][trade], tape["exch_ts"][trade], tape["tag"][trade] & BUY > 0
    end = tape["tag"][trade] & AGGRESSOR_END > 0
    assert set(tape["qty"][trade][end]) == {100}
    assert set(tape["qty"][trade][~end]) == {1000}
    inside = np.diff(ts) == 0
    assert np.all(np.where(buy[1:], np.diff(px), -np.diff(px))[inside] > 0)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"hours": 0.0}, "hours"),
        ({"base": 0.0}, "base"),
        ({"branching": 1.0}, "branching"),
        ({"follow": 1.5}, "follow"),
        ({"sigma": -1.0}, "sigma"),
        ({"kappa": math.inf}, "kappa"),
        ({"half_spread_ticks": 0}, "half_spread_ticks"),
        ({"levels": 0}, "levels"),
        ({"level_lots": 10, "last_lots": 11}, "level_lots"),
        ({"price": "0.1"}, "price"),
    ],
)
def test_impossible_parameters_are_named(overrides, named):
    with pytest.raises(ScenarioError, match=f"hawkes.{named}"):
        Hawkes(**overrides)


def test_it_is_found_by_name():
    parameters = parameters_of("hawkes", "", {"hours": 0.1})
    assert isinstance(parameters, Hawkes)
    assert generate_of("hawkes") is generate
