"""How much less is known after a time in which nobody saw the market.

An estimator that forgets with a half-life says by it how fast what it measures may change. While
the market is unknown nothing new comes, and of what was known half is lost in each half-life: the
variance of the value, which is held, doubles. When the market is seen again, what is new takes the
place of what was held, whose share in the value falls to a half in each half-life, and its share in
the variance to a quarter. So with `excess` what the variance has more of, as a share,

    unknown for d:   1 + excess  ->  (1 + excess) 2^(d / half-life)
    known for d:     excess  ->  excess 2^(-2 d / half-life)

It is counted at the ticks of the clock and is 0 to the bit as long as the market never was unknown.
Where data doesn't come by itself once the market is seen, as own fills don't, excess falls by what
is really forgotten for something new: `count_unknown` and `replace`.
E14 keeps no excess once the market is seen: its old sums weigh 1 / (1 + excess) from then on.
After eight half-lives it grows no more. Each estimator says what else the variance is bounded by:
what it would believe of a market without data.
The state that is handed in has the fields `SILENT`.
"""

from __future__ import annotations

from typing import Any

from simmm.estimators.volatility.forgetting import LN2
from simmm.jit import kernel
from simmm.math import exp

LARGEST = 255.0  # excess: a deviation of sixteen times, so that it doesn't take hours to go
NEGLIGIBLE = 1e-6  # excess that is none
MOST_HALVINGS = 40.0

SILENT = [
    ("excess", "f8"),
    ("looked_ts", "i8"),  # of the last tick of the clock, ns; 0: the market was never known
]


@kernel
def start_silence(s: Any) -> None:
    """Nothing was missed."""
    s.excess = 0.0
    s.looked_ts = 0


@kernel
def seconds_since_tick(s: Any, known: bool, now: int) -> float:
    """Time since the last tick of the clock, which this one is from now on.

    The first that counts is one that knows the market: of what was never known nothing is lost.
    """
    if s.looked_ts == 0 and not known:
        return 0.0
    seconds = 1e-9 * float(now - s.looked_ts) if s.looked_ts > 0 else 0.0
    s.looked_ts = max(s.looked_ts, now)
    return max(seconds, 0.0)


@kernel
def excess_after(excess: float, known: bool, seconds: float, half_life_s: float) -> float:
    """Excess after more time; a half-life of 0 is that of what never changes."""
    if not half_life_s > 0.0:
        return excess
    halvings = min(seconds / half_life_s, MOST_HALVINGS)
    if not known:
        return min((1.0 + excess) * exp(LN2 * halvings) - 1.0, LARGEST)
    left = excess * exp(-2.0 * LN2 * halvings)
    return left if left > NEGLIGIBLE else 0.0


@kernel
def count_silence(s: Any, known: bool, now: int, half_life_s: float) -> bool:
    """At a tick of the clock: count on; return whether the excess is another one now."""
    seconds = seconds_since_tick(s, known, now)
    if known and s.excess == 0.0:
        return False
    before = s.excess
    s.excess = excess_after(s.excess, known, seconds, half_life_s)
    return bool(s.excess != before)


@kernel
def count_unknown(s: Any, known: bool, now: int, half_life_s: float) -> bool:
    """At a tick of the clock: as `count_silence`, but where the market is known nothing falls."""
    seconds = seconds_since_tick(s, known, now)
    if known:
        return False
    before = s.excess
    s.excess = excess_after(s.excess, known, seconds, half_life_s)
    return bool(s.excess != before)


@kernel
def replace(s: Any, keep: float) -> None:
    """What was held keeps a share of its weight; new data has the rest."""
    s.excess *= keep * keep
    if s.excess < NEGLIGIBLE:
        s.excess = 0.0


@kernel
def grown(variance: float, excess: float, widest: float) -> float:
    """Return `variance` with its excess, no more than `widest` unless it was more already."""
    return max(min(variance * (1.0 + excess), widest), variance)
