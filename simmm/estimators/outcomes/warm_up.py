"""E27: whether enough has been heard to quote on estimates instead of priors.

Warm when `volume_ticks` buckets of the volume clock closed, `trades` aggressors were heard and
kappa rests on data; or, on priors, `max_warm_up_s` after the first observation. Warm for good: what
later falls silent shows in the ages and intervals of its own beliefs, not here. `warm_reason` tells
which it was, and goes from 2 to 1 if the conditions are met later. All estimators hear everything,
warm or not.

It binds nobody. The maker asks `quote` once `run.warm_up_s` has passed, whatever `warm` says; a
strategy that shall wait tests `market.warm`. `run.warm_up_s` is a time set for the run (nothing is
quoted before), `max_warm_up_s` here is only when `warm` becomes 1 on priors.

On tapes: not scored; it is a rule.

Repeated aggressors count twice; order doesn't matter. Silence after the first observation lets the
time run out.

Source: rule of the project, no statistics.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import AGGRESSOR, CLOCK
from simmm.jit import kernel

ROW = "E27"
HEARS = (CLOCK, AGGRESSOR)
READS = ("buckets", "kappa")
SILENCE = "hold"
APPROXIMATE = ""

WARMING, ALL_HEARD, TIMED_OUT = 0, 1, 2

PARAMETERS = parameters(
    volume_ticks=Parameter(30, "buckets", "of the volume clock, closed", low=0, high=1_000_000),
    trades=Parameter(50, "aggressors", "heard", low=0, high=1_000_000_000),
    max_warm_up_s=Parameter(
        300.0, "s", "after the first observation: then on priors", 0.0, 1e8, time_power=1.0
    ),
)

BELIEFS = (
    Belief("warm", "", "1: enough was heard, or time ran out; binds nobody", law="code"),
    Belief("warm_reason", "", "0 warming, 1 enough heard, 2 timed out, on priors", law="code"),
)

State = np.dtype(
    [
        ("trades", "i8"),
        ("reason", "i8"),
        ("begun", "i8"),  # 1: something was heard
        ("first_ts", "i8"),  # ns
        ("last_ts", "i8"),  # ns
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Have heard nothing."""
    s.trades = 0
    s.reason = WARMING
    s.begun = 0
    s.first_ts = 0
    s.last_ts = 0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count an aggressor; look whether it is enough."""
    if s.begun == 0:
        s.begun = 1
        s.first_ts = o.now
    s.last_ts = o.now
    if o.kind == AGGRESSOR:
        s.trades += 1
    if s.reason == ALL_HEARD:
        return
    if s.trades >= p.trades and b.buckets >= p.volume_ticks and b.kappa_age_ns >= 0:
        s.reason = ALL_HEARD
    elif s.reason == WARMING and 1e-9 * (o.now - s.first_ts) >= p.max_warm_up_s:
        s.reason = TIMED_OUT


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    age = now - s.last_ts if s.begun == 1 else -1
    b.warm = 0.0 if s.reason == WARMING else 1.0
    b.warm_age_ns = age
    b.warm_reason = float(s.reason)
    b.warm_reason_age_ns = age
