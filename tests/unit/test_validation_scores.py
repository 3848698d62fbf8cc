"""Scores against their definitions, worked out the slow way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simmm.records import NEVER
from simmm.validation.live import Cut, Outcome, Probe
from simmm.validation.probes import HORIZONS_NS, PATIENCE_NS, SECOND, Population
from simmm.validation.reliability import reliability
from simmm.validation.scores import (
    LEAST_BLOCKS,
    Mids,
    Sums,
    blocks,
    crps,
    estimates,
    mean_of_paths,
    mids,
    ratios,
    sums,
)
from tests.hand import START, depth, image, trade
from tests.unit.test_validation_replay import rows_of

FEW = arrays(
    np.float64, st.tuples(st.integers(1, 7), st.integers(1, 4)), elements=st.integers(0, 9)
)
NO_MIDS = Mids(np.array([START]), np.array([201]), 1, START)


def crps_by_integral(runs: np.ndarray, real: float) -> float:
    """The area between the two distribution functions, squared, on a grid of unit steps."""
    edges = np.arange(-1.0, 12.0)
    return float(sum(((runs <= x).mean() - (real <= x)) ** 2 for x in edges))


@settings(max_examples=100, deadline=None)
@given(runs=FEW, real=st.integers(0, 9))
def test_crps_is_the_area_between_the_distributions(runs: np.ndarray, real: int) -> None:
    found = crps(runs, np.full(runs.shape[1], float(real)))
    wanted = [crps_by_integral(column, real) for column in runs.T]
    assert found == pytest.approx(wanted)


def test_crps_of_one_run_is_its_distance() -> None:
    assert crps(np.array([[3.0, 5.0]]), np.array([5.0, 5.0])).tolist() == [2.0, 0.0]


def population(
    name: str, real_s: list[float | None], ends: list[float] | None = None
) -> Population:
    probes = np.zeros(len(real_s), Probe)
    probes["join_ts"] = START + np.arange(len(real_s)) * 60 * SECOND
    life = [PATIENCE_NS / SECOND] * len(real_s) if ends is None else ends
    probes["end_ts"] = probes["join_ts"] + (np.array(life) * SECOND).astype(np.int64)
    probes["side"], probes["px"] = 1, 100
    real = [
        -1 if s is None else int(ts + s * SECOND)
        for s, ts in zip(real_s, probes["join_ts"], strict=True)
    ]
    nothing = np.full(len(real_s), np.nan)
    places = np.full((len(real_s), len(HORIZONS_NS)), np.nan)
    return Population(name, "", "", probes, np.zeros(0, Cut), np.array(real), nothing, places)


def outcomes(one: Population, fills_s: list[list[float | None]]) -> np.ndarray:
    found = np.zeros((len(fills_s), len(one.probes)), Outcome)
    for k, run in enumerate(fills_s):
        for n, s in enumerate(run):
            join = one.probes["join_ts"][n]
            found["fill_ts"][k, n] = NEVER if s is None else int(join + s * SECOND)
    return found


def figures(one: Population, fills_s: list[list[float | None]]) -> dict[str, float]:
    by = blocks(one.probes["join_ts"], START, 30 * SECOND, 10, 1)
    found = sums(one, outcomes(one, fills_s), NO_MIDS, by)
    return {name: estimate.value for name, estimate in estimates(found, by).items()}


def test_one_path_against_the_truth() -> None:
    #                    early  exact  late  missed false  rightly none
    one = population("RP", [4.0, 6.0, 0.5, 8.0, None, None])
    found = figures(one, [[2.0, 6.0, 2.5, None, 12.0, None]])
    assert found["real"] == pytest.approx(4 / 6)
    assert found["filled"] == found["probability"] == pytest.approx(4 / 6)
    assert found["probability_error"] == 0.0
    assert found["recall"] == pytest.approx(3 / 4)
    assert found["false"] == pytest.approx(1 / 2)
    assert [found[n] for n in ("early", "exact", "late")] == pytest.approx([1 / 3] * 3)
    assert found["time"] == pytest.approx((2 + 0 + 2 + 22 + 18 + 0) / 6)
    assert found["brier_1s"] == pytest.approx(1 / 6)
    assert found["brier_5s"] == pytest.approx(0.0 / 6)
    assert found["brier_30s"] == found["brier"] == pytest.approx(2 / 6)
    assert "position" not in found  # nobody knows the real places


def test_draws_say_a_probability_and_when_it_reaches_a_half() -> None:
    one = population("RP", [4.0, None])
    found = figures(one, [[2.0, None], [4.0, None], [9.0, None], [None, 3.0]])
    assert found["probability"] == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert found["exact"] == 1.0  # two of four by 4 s
    assert found["brier_5s"] == pytest.approx(((2 / 4 - 1) ** 2 + (1 / 4) ** 2) / 2)
    assert found["false"] == 0.0
    first = np.array([2.0, 4.0, 9.0, 30.0])
    spread = np.abs(first[:, None] - first[None, :]).mean() / 2
    second = np.array([30.0, 30.0, 30.0, 3.0])
    other = np.abs(second[:, None] - second[None, :]).mean() / 2
    wanted = np.abs(first - 4).mean() - spread + np.abs(second - 30).mean() - other
    assert found["time"] == pytest.approx(wanted / 2)


def test_position_counts_at_the_own_end_of_real_orders_that_never_filled() -> None:
    one = population("R", [None, None, 3.0], [10.0, 10.0, 3.0])
    one = one._replace(real_ahead_end=np.array([5.0, 2.0, np.nan]))
    runs = outcomes(one, [[None, None, None]])
    runs["ahead_at_end"] = [[4.0, 6.0, 9.0]]
    by = blocks(one.probes["join_ts"], START, 30 * SECOND, 10, 1)
    found = estimates(sums(one, runs, NO_MIDS, by), by)
    assert found["position"].value == pytest.approx((1 + 4) / 2)
    assert found["position_bias"].value == pytest.approx((-1 + 4) / 2)
    assert "time" not in found


def test_position_counts_at_the_horizons_of_others() -> None:
    one = population("V0", [None])
    one = one._replace(real_ahead=np.array([[5.0, 2.0, np.nan]]))
    runs = outcomes(one, [[None]])
    runs["ahead"] = [[[4.0, 4.0, 99.0]]]
    by = blocks(one.probes["join_ts"], START, 30 * SECOND, 10, 1)
    found = estimates(sums(one, runs, NO_MIDS, by), by)
    assert found["position"].value == pytest.approx(1.5)
    assert found["position_bias"].value == pytest.approx(0.5)


def test_markouts_are_moves_for_us_in_ticks() -> None:
    rows = rows_of([image(1, (100, 5), (98, 5)) + image(-1, (102, 5), (104, 5))])
    ts = rows.ts[0]
    more = rows_of([[], depth(1, 100, 0) + depth(-1, 102, 0), trade(1, 104, 1)])
    rows = rows._replace(
        tag=np.concatenate((rows.tag, more.tag)),
        px=np.concatenate((rows.px, more.px)),
        lots=np.concatenate((rows.lots, more.lots)),
        ts=np.concatenate((rows.ts, more.ts + 10 * SECOND)),
    )
    mid = mids(rows)
    assert mid.mid2.tolist() == [202, 202, 202]
    moved = mid.move(
        np.array([ts, ts + 9 * SECOND]), np.array([1, -1]), np.array([100, 103]), SECOND
    )
    assert moved.tolist() == [1.0, 2.0]
    assert np.isnan(mid.move(np.array([ts + 20 * SECOND]), np.array([1]), np.array([100]), SECOND))


def test_intervals_hold_the_mean_and_ratios_are_paired() -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    count = 400
    join = START + np.arange(count) * 5 * SECOND
    by = blocks(join, START, 30 * SECOND, 2000, 1)
    noise = rng.exponential(1.0, count)
    one = by.sum(np.ones(count))
    model = Sums({"time": by.sum(noise)}, {"time": one})
    half = Sums({"time": by.sum(0.5 * noise)}, {"time": one})
    found = estimates(model, by)["time"]
    assert found.value == pytest.approx(noise.mean())
    error = noise.std() / np.sqrt(count)
    assert found.high is not None
    assert found.low is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.25)
    ratio = ratios(half, model, by)["time"]
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.5, 0.5, 0.5))


def test_few_blocks_give_no_interval() -> None:
    join = START + np.arange(LEAST_BLOCKS - 1) * 30 * SECOND
    by = blocks(join, START, 30 * SECOND, 100, 1)
    ones = by.sum(np.ones(len(join)))
    found = estimates(Sums({"time": ones}, {"time": ones}), by)["time"]
    assert (found.value, found.low, found.high) == (1.0, None, None)


def test_one_path_is_the_mean_over_draws() -> None:
    one = population("RP", [4.0])
    by = blocks(one.probes["join_ts"], START, 30 * SECOND, 10, 1)
    mean = mean_of_paths(one, outcomes(one, [[2.0], [10.0]]), NO_MIDS, by)
    assert estimates(mean, by)["time"].value == pytest.approx((2 + 6) / 2)


def test_reliability_takes_moments_that_are_unsure() -> None:
    """The level changes each second; the draws fill at 2 s and 4 s, the real order at 3 s."""
    rows = rows_of([depth(1, 100, 5 + k % 2) for k in range(8000)])
    rows = rows._replace(ts=START + np.arange(8000) * SECOND)
    one = population("RP", [3.0])
    by = blocks(one.probes["join_ts"], START, 30 * SECOND, 10, 1)
    (found,) = reliability(one, outcomes(one, [[2.0], [4.0]]), rows, by)
    assert (found.predicted, found.real, found.events) == (0.5, 0.5, 2)  # at 2 s not yet, at 3 s
