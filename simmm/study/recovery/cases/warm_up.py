"""Worlds of E27: enough is heard, or too little before the time is out."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import AGGRESSOR, Observation
from simmm.study.recovery.case import Case, World
from simmm.study.recovery.worlds.own_quotes import NS, clocks

BOTH = ("warm", "warm_reason")


def _world(seed: int, per_second: float, seconds: int, reason: float) -> World:
    rng = np.random.default_rng(seed)
    trades = np.zeros(rng.poisson(per_second * seconds), Observation)
    trades["kind"] = AGGRESSOR
    trades["now"] = NS + np.sort(rng.integers(0, seconds * NS, trades.size))
    rows = np.concatenate([clocks(seconds, 1.0), trades])
    rows = rows[np.argsort(rows["now"], kind="stable")]
    buckets = np.cumsum(rows["kind"] == AGGRESSOR) // 2
    given = {"buckets": buckets.astype("f8"), "kappa_age_ns": np.where(buckets > 5, 0, -1)}
    return World(rows, {"warm": float(reason > 0), "warm_reason": reason}, given)


def _busy(seed: int) -> World:
    return _world(seed, 2.0, 100, 1.0)


def _idle(seed: int) -> World:
    return _world(seed, 0.05, 400, 2.0)


def _early(seed: int) -> World:
    return _world(seed, 0.05, 200, 0.0)


CASES = (
    Case("busy", "assumed", _busy, BOTH, "2 trades a second for 100 s: warm by what was heard"),
    Case("idle", "assumed", _idle, BOTH, "1 trade in 20 s for 400 s: timed out"),
    Case("early", "assumed", _early, BOTH, "1 trade in 20 s for 200 s: still warming"),
)
