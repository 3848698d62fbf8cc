"""E27: warm when enough was heard, or when the time is out, and for good."""

from __future__ import annotations

import numpy as np
import pytest

from simmm.estimators.driver import Driver
from simmm.estimators.observation import AGGRESSOR, CLOCK, Observation

NS = 1_000_000_000
ENOUGH = {"buckets": 30.0, "kappa_age_ns": 0}


def _rows(kind, seconds):
    rows = np.zeros(len(seconds), Observation)
    rows["kind"] = kind
    rows["now"] = 5 * NS + (np.asarray(seconds) * NS).astype("i8")
    return rows


def _reasons(rows, given, parameters=None):
    found = Driver("warm_up", parameters).run(rows, given)
    assert (found["warm"] == (found["warm_reason"] > 0)).all()
    return found["warm_reason"]


def test_all_conditions_are_needed():
    rows = _rows(AGGRESSOR, np.arange(60) * 0.1)
    assert np.argmax(_reasons(rows, ENOUGH)) == 49  # the fiftieth
    assert not _reasons(rows, {**ENOUGH, "buckets": 29.0}).any()
    assert not _reasons(rows, {**ENOUGH, "kappa_age_ns": -1}).any()
    assert not _reasons(_rows(CLOCK, np.arange(60) * 0.1), ENOUGH).any()


def test_time_runs_out_from_the_first_observation():
    rows = _rows(CLOCK, np.arange(400))
    reasons = _reasons(rows, {"kappa_age_ns": -1})
    assert reasons.tolist() == [0.0] * 300 + [2.0] * 100
    assert _reasons(rows, {"kappa_age_ns": -1}, {"max_warm_up_s": 60.0})[60] == 2.0


def test_never_cold_again():
    rows = _rows(AGGRESSOR, np.arange(500) * 0.1)
    buckets = np.where(np.arange(500) == 100, 30.0, 0.0)
    reasons = _reasons(rows, {"buckets": buckets, "kappa_age_ns": np.where(buckets > 0, 0, -1)})
    assert not reasons[:100].any()
    assert (reasons[100:] == 1.0).all()


def test_after_the_time_out_conditions_can_still_be_met():
    rows = np.concatenate([_rows(CLOCK, [0.0, 301.0]), _rows(AGGRESSOR, 302.0 + np.arange(50))])
    reasons = _reasons(rows, ENOUGH)
    assert reasons[1] == 2.0
    assert reasons[-2:].tolist() == [2.0, 1.0]


@pytest.mark.parametrize("kind", [AGGRESSOR, CLOCK])
def test_age_is_of_the_newest_observation(kind):
    rows = np.concatenate([_rows(kind, [0.0, 1.0]), _rows(6, [3.0])])
    found = Driver("warm_up").run(rows, {"kappa_age_ns": -1})
    assert found["warm_age_ns"].tolist() == [0, 0, 2 * NS]
