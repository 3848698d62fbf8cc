"""E7: whether reach is heavier-tailed than exponential.

Model: the reach x of aggressors beyond the touch is exponential, so its coefficient of variation
(standard deviation over mean) is 1. Two averages with weight `weight` for the newest,

    m = average of x,  q = average of x^2,  cv = sqrt(q / m^2 - 1),

tell the coefficient of late; above `threshold` the tail is called heavy. Of n effective
aggressors (n = 2 / weight - 1 once all is warm) an exponential tail gives Var(cv) = 1 / n.

It is a detector beside the kappa estimators and never corrects them. Reach on a coarse grid has a
larger coefficient: of whole steps s, sqrt(1 + s / m), so `reach_variation` is cv / sqrt(1 + s / m),
with the grid taken out: 1 for an exponential tail on any grid.

Where it is wrong: a mixture of two kappas, or kappa that moves within the memory, reads as a heavy
tail; and at the threshold of 1.2 and the default memory exponential reach passes it about four
times an hour where two aggressors come a second. The interval is that of an exponential tail: it
tells whether 1 is excluded, not how heavy a heavy tail is (of a Student law of 3 degrees of
freedom, in less than half of all worlds).

On tapes: not scored; it foretells nothing.

Duplicates count twice; order doesn't matter but for the weights. Silence changes nothing.

Source: moments of the exponential and the geometric law; delta method.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import AGGRESSOR
from simmm.jit import kernel
from simmm.math import is_finite, sqrt

ROW = "E7"
HEARS = (AGGRESSOR,)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("reach_variation",),
    "of the last aggressors, and forgotten by their number",
)

PARAMETERS = parameters(
    weight=Parameter(0.01, "", "weight of the newest aggressor", low=1e-6, high=0.5),
    threshold=Parameter(1.2, "", "coefficient of variation called heavy", low=1.0, high=10.0),
    warm_up=Parameter(50, "aggressors", "counted before anything is said", low=2, high=1_000_000),
)

BELIEFS = (
    Belief("reach_variation", "", "coefficient of variation of reach; 1 if exponential"),
    Belief("heavy_tail", "", "1: above the threshold", law="code"),
)

State = np.dtype(
    [
        ("count", "i8"),
        ("weight_sum", "f8"),  # of all weights; goes to 1
        ("weight_squares", "f8"),
        ("first", "f8"),  # weighted sum of x
        ("second", "f8"),  # of x^2
        ("step", "f8"),  # of the step
        ("last_ts", "i8"),  # ns
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.count = 0
    s.weight_sum = 0.0
    s.weight_squares = 0.0
    s.first = 0.0
    s.second = 0.0
    s.step = 0.0
    s.last_ts = 0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in one aggressor."""
    if not (0.0 < o.half_spread <= 1.0 and 0.0 <= o.step <= 1.0 and is_finite(o.reach)):
        return
    excess = min(max(o.reach - o.half_spread, 0.0), 1.0)
    keep = 1.0 - p.weight
    s.count += 1
    s.weight_sum = keep * s.weight_sum + p.weight
    s.weight_squares = keep * keep * s.weight_squares + p.weight * p.weight
    s.first = keep * s.first + p.weight * excess
    s.second = keep * s.second + p.weight * excess * excess
    s.step = keep * s.step + p.weight * o.step
    s.last_ts = o.now


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.reach_variation = 0.0
    b.reach_variation_sd = 0.0
    b.reach_variation_low = 0.0
    b.reach_variation_high = 0.0
    b.reach_variation_age_ns = -1
    b.heavy_tail = 0.0
    b.heavy_tail_age_ns = -1
    if s.count < p.warm_up or not s.first > 0.0:
        return
    average = s.first / s.weight_sum
    relative = s.second / s.weight_sum / (average * average) - 1.0
    grid = 1.0 + s.step / s.weight_sum / average
    variation = sqrt(max(relative, 0.0) / grid)
    deviation = sqrt(s.weight_squares) / s.weight_sum * max(variation, 1.0)
    b.reach_variation = variation
    b.reach_variation_sd = deviation
    b.reach_variation_low = max(variation - 1.96 * deviation, 0.0)
    b.reach_variation_high = variation + 1.96 * deviation
    b.reach_variation_age_ns = now - s.last_ts
    b.heavy_tail = 1.0 if variation > p.threshold else 0.0
    b.heavy_tail_age_ns = now - s.last_ts
