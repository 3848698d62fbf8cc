"""E14: volatility from the mid on the clock, by an exponentially weighted variance.

`sigma` is what strategies should quote on. It is an average of some 7 minutes (half-life 300 s),
not a reading of this second, and its interval is that average's; `fast_sigma` follows within a
minute.

Model: over a clock interval of d seconds the log return has mean 0 and variance sigma^2 d, and
returns of different intervals are independent. With x = return^2 / d and weights
v = d * 2^(-age / half-life),

    sigma^2 = sum(v x) / sum(v)
    r = Var(sigma^2) / sigma^4 = (sum(v x^2) / sum(v) / sigma^4 - 1) / (n - 1)

where n = sum(v)^2 / sum(v^2) is the effective number of returns. The spread of x is measured, not
assumed normal, so a price that jumps by ticks gets the wider interval it deserves. The deviation of
log sigma is about sqrt(r) / 2 times 1 + r, but no more than counting 1 / r moves by Poisson's law
asks. Measured over normal returns and jumps of +-1 tick, from 60 returns or 7 moves in the window
on, the 95 % interval holds the truth in 93 to 98 % of worlds.

`sigma` and `fast_sigma` differ in their half-lives. With `half_life_ticks` returns are forgotten by
their number too: the share kept is 2^-(seconds / half_life_s + 1 / half_life_ticks). Averages are
ratios of sums that are forgotten alike, so they stay where they are when nothing arrives. A mid
that is known and doesn't move is news: sigma falls, but the window is taken to hold at least half a
move of the usual size (Jeffreys' prior of a count), so it doesn't fall to 0.

An interval without a known mid adds nothing; the next return spans the silence and is divided by
its true duration, but weighs and makes forget as one tick does, and no more than `longest_s`.
While the mid is unknown the values stay and r grows as in `silence.py`, by each window's half-life,
up to that of half a move; seen again, the old sums have the weight beside new returns that this
variance gives them. Mids that come late or twice (no time passed) are ignored. Unknown (value
0, age -1) is the volatility until `minimum_returns` effective returns and `minimum_moves` moves
were seen: of a price that never moved nothing honest can be said.

Where it is wrong: a mid that bounces between two prices has negatively correlated returns, and what
is measured is then the volatility at the clock's interval, above that of longer horizons. When the
truth changes, the interval knows only of the spread inside the window: where volatility moves from
minute to minute, far fewer than 95 % of the intervals hold that of the present minute.

On tapes: better than a quicker EWMA on the one long tape, level with it and with a fitted HAR model
else. The best volatility there is here.

Source: realised variance with exponential weights (J.P. Morgan's RiskMetrics, 1996); the deviation
is the delta method on a weighted mean with its variance measured (White, 1980).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, parameters
from simmm.estimators.observation import CLOCK
from simmm.estimators.silence import excess_after, grown, seconds_since_tick
from simmm.estimators.volatility.forgetting import retention
from simmm.estimators.volatility.spread import JEFFREYS, Z95, log_deviation
from simmm.jit import kernel
from simmm.math import exp, is_finite, log, sqrt

ROW = "E14"
HEARS = (CLOCK,)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    half_life_s=Parameter(
        300.0, "s", "half-life of sigma; 0 forgets nothing", low=0.0, high=1e9, time_power=1.0
    ),
    fast_half_life_s=Parameter(
        30.0, "s", "half-life of fast_sigma; 0 forgets nothing", low=0.0, high=1e9, time_power=1.0
    ),
    half_life_ticks=Parameter(
        0.0, "returns", "half-life of both counted in returns; 0: time only", low=0.0, high=1e9
    ),
    longest_s=Parameter(
        10.0, "s", "a return over more time weighs as one of this", low=1e-3, high=1e9, time_power=1
    ),
    minimum_returns=Parameter(
        10.0, "returns", "effective number below which nothing is said", low=2.0, high=1e6
    ),
    minimum_moves=Parameter(
        5, "moves", "changes of the mid before anything is said", low=1, high=1_000_000
    ),
)

_UNIT = "fraction/√s"
BELIEFS = (
    Belief("sigma", _UNIT, "volatility of the mid", law="lognormal", time_power=-0.5),
    Belief("fast_sigma", _UNIT, "the same of late", law="lognormal", time_power=-0.5),
)

WINDOWS = 2  # sigma, fast_sigma
NS_PER_S = 1e9
LARGEST_RATIO = 1e9  # a mid that changes by more is not a return: start again from it

State = np.dtype(
    [
        ("last_mid", "f8"),  # quanta
        ("last_ts", "i8"),  # ns
        ("moves", "i8"),
        ("move_weight", "f8"),  # of moves, forgotten only in intervals that moved
        ("move_square", "f8"),  # weighted sum of their squared returns
        ("weight", "f8", (WINDOWS,)),  # s
        ("weight_squared", "f8", (WINDOWS,)),
        ("square", "f8", (WINDOWS,)),  # weighted sum of x
        ("fourth", "f8", (WINDOWS,)),  # of x^2
        ("looked_ts", "i8"),  # of the last tick of the clock, ns
        ("excess", "f8", (WINDOWS,)),  # of the variance of sigma^2, by time unknown
        ("value", "f8", (WINDOWS,)),  # 0: unknown
        ("deviation", "f8", (WINDOWS,)),  # of log sigma
        ("factor", "f8", (WINDOWS,)),  # upper bound over value
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.last_mid = 0.0
    s.last_ts = 0
    s.moves = 0
    s.move_weight = 0.0
    s.move_square = 0.0
    s.looked_ts = 0
    for k in range(WINDOWS):
        s.excess[k] = 0.0
        s.weight[k] = 0.0
        s.weight_squared[k] = 0.0
        s.square[k] = 0.0
        s.fourth[k] = 0.0
        s.value[k] = 0.0
        s.deviation[k] = 0.0
        s.factor[k] = 1.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in the mid at a tick of the clock."""
    mid = o.mid
    known = is_finite(mid) and mid > 0.0
    seconds = seconds_since_tick(s, known, o.now)
    if not known:
        _count_silence(s, p, seconds)
        return
    for k in range(WINDOWS):
        if s.excess[k] > 0.0:
            _discount(s, p, k)
    if s.last_mid == 0.0:
        s.last_mid = mid
        s.last_ts = o.now
        return
    elapsed_ns = o.now - s.last_ts
    if elapsed_ns <= 0:
        return
    ratio = mid / s.last_mid
    if 1.0 / LARGEST_RATIO < ratio < LARGEST_RATIO:
        elapsed = float(elapsed_ns) / NS_PER_S
        counted = min(elapsed, p.longest_s)
        if seconds > 0.0:
            counted = min(counted, seconds)
        _take(s, p, elapsed, counted, log(ratio))
    s.last_mid = mid
    s.last_ts = o.now


@kernel
def _discount(s: Any, p: Any, k: int) -> None:
    """Seen again: what is held has the weight beside what comes that its variance now gives it."""
    share = 1.0 / (1.0 + s.excess[k])
    s.excess[k] = 0.0
    if not s.weight_squared[k] > 0.0:
        return
    returns = s.weight[k] * s.weight[k] / s.weight_squared[k]
    left = max(share * returns, min(returns, p.minimum_returns))
    s.weight[k] *= share
    s.square[k] *= share
    s.fourth[k] *= share
    s.weight_squared[k] = s.weight[k] * s.weight[k] / left


@kernel
def _count_silence(s: Any, p: Any, seconds: float) -> None:
    """Let the intervals grow while the mid is unknown."""
    s.excess[0] = excess_after(s.excess[0], False, seconds, p.half_life_s)
    s.excess[1] = excess_after(s.excess[1], False, seconds, p.fast_half_life_s)
    for k in range(WINDOWS):
        if s.value[k] > 0.0:
            _settle(s, p, k)


@kernel
def _take(s: Any, p: Any, seconds: float, counted: float, change: float) -> None:
    """Add a return to both windows and say what they hold."""
    kept = retention(counted, p.half_life_s, 1.0, p.half_life_ticks)
    if change != 0.0:
        s.moves += 1
        s.move_weight = kept * s.move_weight + 1.0
        s.move_square = kept * s.move_square + change * change
    x = change * change / seconds
    for k in range(WINDOWS):
        if k == 1:
            kept = retention(counted, p.fast_half_life_s, 1.0, p.half_life_ticks)
        s.weight[k] = kept * s.weight[k] + counted
        s.weight_squared[k] = kept * kept * s.weight_squared[k] + counted * counted
        s.square[k] = kept * s.square[k] + counted * x
        s.fourth[k] = kept * s.fourth[k] + counted * x * x
        _settle(s, p, k)


@kernel
def _settle(s: Any, p: Any, k: int) -> None:
    """Work out value and interval of one window."""
    weight = s.weight[k]
    returns = weight * weight / s.weight_squared[k]
    if s.moves < p.minimum_moves or returns < p.minimum_returns:
        s.value[k] = 0.0
        return
    variance = s.square[k] / weight
    least = JEFFREYS * s.move_square / s.move_weight / weight
    relative = 1.0 / JEFFREYS
    if variance > least:
        spread = s.fourth[k] / weight / (variance * variance) - 1.0
        relative = min(max(spread, 0.0) / (returns - 1.0), relative)
    relative = grown(relative, s.excess[k], 1.0 / JEFFREYS)
    s.value[k] = sqrt(max(variance, least))
    s.deviation[k] = log_deviation(relative)
    s.factor[k] = exp(Z95 * s.deviation[k])


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.sigma = s.value[0]
    b.sigma_sd = s.value[0] * s.deviation[0]
    b.sigma_low = s.value[0] / s.factor[0]
    b.sigma_high = s.value[0] * s.factor[0]
    b.sigma_age_ns = now - s.last_ts if s.value[0] > 0.0 else -1
    b.fast_sigma = s.value[1]
    b.fast_sigma_sd = s.value[1] * s.deviation[1]
    b.fast_sigma_low = s.value[1] / s.factor[1]
    b.fast_sigma_high = s.value[1] * s.factor[1]
    b.fast_sigma_age_ns = now - s.last_ts if s.value[1] > 0.0 else -1
