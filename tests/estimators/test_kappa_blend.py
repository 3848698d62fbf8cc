"""E11: the blend, its interval, warm-up that never comes back, starving and stagnation."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import GAP, KINDS, Observation
from simmm.jit import INTERPRETED
from simmm.study.recovery.cases import kappa_blend as cases
from simmm.study.recovery.worlds.own_quotes import NS, clocks, fills_at

WORLDS = 4 if INTERPRETED else 500
SOURCES = ("own_kappa", "book_kappa", "robust_kappa", "market_kappa")
WEIGHTS = ("own_weight", "book_weight", "robust_weight", "market_weight")
UNKNOWN = {f"{name}_age_ns": -1 for name in (*SOURCES, "cascade_kappa_factor")}


def _told(fills=0.0, **values):
    """What others believe: (kappa, relative sd) each."""
    given = {**UNKNOWN, "exposure_fills": fills}
    for name, (value, relative) in values.items():
        given |= {f"{name}_kappa": value, f"{name}_kappa_sd": relative * value}
        given[f"{name}_kappa_age_ns"] = 0
    return given


def _filled(count, after_s=1.0):
    rows = fills_at(np.zeros(count), np.zeros(count), np.full(count, 5e-4), 1.0)
    rows["exch_ts"] = np.arange(count)
    rows["now"] = NS + int(after_s * NS)
    return rows


def _ticks(count, first_s=0.0, every_s=1.0):
    rows = clocks(count, every_s)
    rows["now"] += int(first_s * NS)
    return rows


def _last(rows, given, parameters=None):
    return Driver("kappa_blend", parameters).run(rows, given)[-1]


ALL = {"own": (3000.0, 0.3), "book": (1000.0, 0.2), "robust": (2000.0, 0.1), "market": (900.0, 0.1)}


def test_weights_value_and_interval():
    rows = np.concatenate([_filled(30, 0.0), _ticks(1, 1.0)])
    last = _last(rows, _told(30.0, **ALL))
    own, book, robust = 0.75, 0.25 * 0.2, 0.25 * 0.8  # 30 / 40; precisions 25 and 100
    assert [last[name] for name in WEIGHTS] == pytest.approx([own, book, robust, 0.0])
    expected = np.exp(own * np.log(3000.0) + book * np.log(1000.0) + robust * np.log(2000.0))
    assert last["kappa"] == pytest.approx(expected)
    relative = own * 0.3 + book * 0.2 + robust * 0.1  # as if all errors were one
    assert last["kappa_sd"] == pytest.approx(relative * expected)
    assert last["kappa_low"] == pytest.approx(expected * np.exp(-1.959964 * relative))
    assert last["kappa_high"] == pytest.approx(expected * np.exp(1.959964 * relative))
    assert last["kappa_age_ns"] == 0


def test_falls_back_to_the_market_then_to_the_prior():
    one = _ticks(1)
    last = _last(one, _told(market=(900.0, 0.1)))
    assert [last["kappa"], last["kappa_sd"], last["market_weight"]] == pytest.approx([900, 90, 1])
    last = _last(one, _told(book=(1000.0, 0.2), market=(900.0, 0.1)))
    assert [last["kappa"], last["book_weight"]] == pytest.approx([1000.0, 1.0])
    last = _last(one, _told(book=(1.0, 5.0), market=(900.0, 0.1)))  # too vague to be heard
    assert [last["kappa"], last["book_weight"]] == pytest.approx([900.0, 0.0])
    last = _last(one, _told())
    assert [last["kappa"], last["kappa_sd"]] == pytest.approx([2000.0, 1000.0])
    assert last["kappa_age_ns"] == -1


def test_moves_a_tenth_of_the_way_each_tick():
    rows = _ticks(6)
    given = _told(market=(1000.0, 0.1))
    given["market_kappa"] = np.array([1000.0, 4000.0, 4000.0, 4000.0, 4000.0, 4000.0])
    given["market_kappa_sd"] = 0.1 * given["market_kappa"]
    kappa = Driver("kappa_blend").run(rows, given)["kappa"]
    assert kappa == pytest.approx(1000.0 * 4.0 ** (1.0 - 0.9 ** np.arange(6)))


def test_warm_up_ends_at_five_fills_and_never_comes_back():
    driver = Driver("kappa_blend")
    rows = np.concatenate([_filled(4, 0.0), _ticks(1, 1.0)])
    assert driver.run(rows, _told(4.0, **ALL))[-1]["own_weight"] == 0.0
    fifth = _filled(5, 1.5)[-1:]
    last = driver.run(np.concatenate([fifth, _ticks(1, 2.0)]), _told(5.0, **ALL))[-1]
    assert last["own_weight"] == pytest.approx(5.0 / 15.0)
    last = driver.run(_ticks(1, 4.0), _told(1.0, **ALL))[-1]  # fills forgotten: less, not none
    assert last["own_weight"] == pytest.approx(1.0 / 11.0)
    gap = np.zeros(1, Observation)
    gap["kind"], gap["now"] = GAP, 6 * NS
    last = driver.run(np.concatenate([gap, _ticks(1, 6.0)]), _told(1.0, **ALL))[-1]
    assert last["own_weight"] == pytest.approx(1.0 / 11.0)


def test_parts_of_one_fill_are_one():
    rows = np.concatenate([np.repeat(_filled(1, 0.0), 9), _ticks(1, 1.0)])
    assert _last(rows, _told(9.0, **ALL))["own_weight"] == 0.0


def test_cascade_and_floor_act_at_reading():
    given = _told(market=(2000.0, 0.1))
    given |= {"cascade_kappa_factor": np.array([0.0, 0.3]), "cascade_kappa_factor_age_ns": 0}
    rows = np.concatenate([_ticks(1), np.zeros(1, Observation)])
    rows["kind"][1], rows["now"][1] = 2, rows["now"][0]  # not a tick: nothing but reading
    found = Driver("kappa_blend").run(rows, given)
    assert found["kappa"] == pytest.approx([2000.0, 600.0])
    assert found["kappa_high"][1] == pytest.approx(0.3 * found["kappa_high"][0])
    given = _told(market=(2000.0, 0.1)) | {
        "cascade_kappa_factor": 1e-9,
        "cascade_kappa_factor_age_ns": 0,
    }
    assert _last(_ticks(1), given)["kappa"] == 1.0
    assert _last(_ticks(1), given, {"floor": 50.0})["kappa"] == 50.0


def test_starved_quotes_widen_smoothly_and_recover():
    driver = Driver("kappa_blend")
    found = driver.run(_ticks(1441, 0.0, 5.0), _told(**ALL))  # 2 h without a fill
    starved = found["fill_starved"]
    assert not starved[:360].any()
    assert starved[361:].all()  # after half an hour
    factor = found["starved_spread_factor"]
    assert (np.diff(factor) >= 0.0).all()
    assert np.diff(factor).max() < 0.005
    hungry_s = 5.0 * starved.sum()
    assert factor[-1] == pytest.approx(1.0 + 0.5 * (1.0 - np.exp(-hungry_s / 600.0)))
    assert found["kappa_stagnant"][719] == 0.0
    assert found["kappa_stagnant"][721] == 1.0
    rows = np.concatenate([_filled(30, 7200.0), _ticks(1441, 7200.0, 5.0)])
    rows["exch_ts"][:30] += 10**12
    fed = driver.run(rows, _told(30.0, **ALL))
    assert fed["fill_starved"][35] == 0.0
    assert (np.diff(fed["starved_spread_factor"][31:400]) <= 0.0).all()
    assert fed["starved_spread_factor"][400] < 1.05
    assert fed["kappa_stagnant"][-1] == 0.0


def test_without_quotes_nobody_starves():
    rows = _ticks(1441, 0.0, 5.0)
    rows["own"] = 0
    last = _last(rows, _told(**ALL))
    assert [last["fill_starved"], last["kappa_stagnant"]] == [0.0, 0.0]
    assert last["starved_spread_factor"] == 1.0
    assert last["fill_starved_age_ns"] == -1


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [(cases._one_error, 0.92, 0.98), (cases._before_fills, 0.92, 0.98)],
)
def test_covers_when_all_errors_are_one(draw, low, high):
    assert WORLDS < 100 or low < _covered(draw) < high


def test_never_too_narrow_when_they_are_independent():
    assert WORLDS < 100 or _covered(cases._independent) > 0.97


def _covered(draw):
    inside = []
    for seed in range(WORLDS):
        world = draw(seed)
        rows = world.observations
        last = Driver("kappa_blend").run(rows, world.given, every=len(rows))
        inside.append(last[-1]["kappa_low"] < cases.KAPPA < last[-1]["kappa_high"])
    return np.mean(inside)


def test_silence_holds():
    driver = Driver("kappa_blend")
    before = driver.run(_ticks(10), _told(**ALL))[-1]
    silent = _ticks(10, 10.0)
    silent["mid"] = 0.0
    after = driver.run(silent, _told(**ALL))[-1]
    assert after["kappa"] == before["kappa"]
    assert after["kappa_age_ns"] > before["kappa_age_ns"]


def test_anything_finite_stays_finite():
    rng = np.random.default_rng(8)
    wild = np.array([0.0, -1.0, 1e-300, 1e300, -1e300, 1e-4, 1.0, 2000.0, 1e9])
    rows = np.zeros(2000, Observation)
    rows["kind"] = rng.integers(0, len(KINDS), rows.size)
    rows["now"] = np.sort(rng.integers(0, 10**13, rows.size))
    rows["mid"] = rng.choice(wild, rows.size)
    rows["own"] = rng.integers(-5, 40, (rows.size, 2))
    fields = [f"{name}{part}" for name in SOURCES for part in ("", "_sd")]
    fields += ["exposure_fills", "cascade_kappa_factor"]
    found = Driver("kappa_blend").run(rows, {name: rng.choice(wild, rows.size) for name in fields})
    for name in found.dtype.names:
        if name not in fields:
            assert np.isfinite(found[name]).all(), name
    assert (found["kappa"] >= 1.0).all()
    assert (found["kappa_low"] <= found["kappa"]).all()
