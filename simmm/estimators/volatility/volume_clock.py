"""E1: the volume clock: a bucket closes each `bucket_volume` traded, with its true duration.

Time that is measured by what was traded flows fast when much happens, so returns of buckets are
closer to normal and to one variance than returns of seconds (Ane and Geman, 2000). Each bucket
holds what aggressors traded since the last one closed; the aggressor that fills it closes it and is
in it whole, so one observation closes one bucket at most, however large it is. It reports

- `lots` traded in it,
- `seconds` it was open, at least `shortest_s`: over less, a mid on a grid moves by steps, and a
  return over the root of nearly no time is any number. Until then more is let in,
- `change`, the log return of the mid from one close to the next. The mid at a close is the one
  before the closing aggressor, whose own push belongs to the next bucket,
- `mid` at its close, quanta.

A bucket that is open for `longest_s` closes at the clock, traded or not: silence has a variance
too.

What it is for: other estimators (bipower, jump, volatility_filter, changepoint, warm_up) hear of
each bucket as it closes; a strategy seldom needs more of it than `volume_rate`.

With `bucket_volume` of 0 the market sets it. After the first `learn_aggressors` the volume in force
is what trades in `bucket_s` seconds, and then each close moves it by the factor

    1 + gain (1 - seconds / bucket_s)

so that buckets take `bucket_s` on average whatever the law of volumes and whether aggressors bring
more than was missing. It stays between a hundredth of and all of what trades in `bucket_s`. Until
it is learned only time closes buckets.

`volume_rate`, base units per second, is V = sum(w v) over T = integral of w, for volumes v of
aggressors and weights w of half-life `rate_half_life_s`. If aggressors come as a Poisson process
and volumes are independent, Var(V) = lambda E[v^2] times the integral of w^2, with
lambda E[v^2] estimated by sum(w v^2) / T. Seconds count while the mid is known. When trading
stops the rate falls and its relative deviation grows, but the window is taken to hold at least half
an aggressor (Jeffreys' prior of a count). Where it is wrong: aggressors that excite each other
(E19) vary more, and the interval is too narrow; with few aggressors of very unequal volumes too.
While the mid is unknown the rate stays and its variance grows as in `silence.py`, up to that of
half an aggressor.

An interruption of the feed drops the open bucket, since its volume is unknown. A duplicate row
counts twice. Of rows out of order by the exchange's clock nothing is noticed: buckets go by the
maker's clock, which never falls.

On tapes: not scored; nothing is foretold by it.

Source: subordinated price processes, Clark (1973); the variance is Campbell's theorem for a
compound Poisson process.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import gamma_quantile
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import AGGRESSOR, CLOCK, GAP
from simmm.estimators.silence import SILENT, count_silence, start_silence
from simmm.estimators.volatility.forgetting import retention
from simmm.estimators.volatility.spread import JEFFREYS
from simmm.jit import kernel
from simmm.math import is_finite, log, sqrt

ROW = "E1"
HEARS = (CLOCK, AGGRESSOR, GAP)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""

PARAMETERS = parameters(
    bucket_volume=Parameter(
        0.0, "base units", "volume of a bucket; 0: learned from the market", low=0.0, high=1e15
    ),
    bucket_s=Parameter(
        5.0, "s", "what a learned bucket takes on average", low=1e-3, high=1e6, time_power=1.0
    ),
    shortest_s=Parameter(
        1.0, "s", "below which no bucket closes", low=1e-6, high=1e6, time_power=1.0
    ),
    longest_s=Parameter(
        60.0, "s", "after which the clock closes a bucket", low=1e-3, high=1e9, time_power=1.0
    ),
    learn_aggressors=Parameter(
        50, "aggressors", "seen before a volume is learned", low=2, high=1_000_000
    ),
    gain=Parameter(
        0.05, "", "how fast a learned volume follows the durations of buckets", low=0.0, high=0.5
    ),
    rate_half_life_s=Parameter(
        600.0, "s", "half-life of the rate; 0 forgets nothing", low=0.0, high=1e9, time_power=1.0
    ),
)
RULES = (rising("shortest_s", "longest_s"),)

BELIEFS = (
    Belief("bucket_volume", "base units", "volume that closes a bucket; 0: learning", law="code"),
    Belief("buckets", "", "closed so far", law="code"),
    Belief("volume_rate", "base units/s", "traded per second", law="gamma", time_power=-1.0),
)

NS_PER_S = 1e9
LEAST, LARGEST = 1e-30, 1e30  # base units of an aggressor; less is ignored, more is held there
LOWEST_SHARE = 0.01  # of what trades in bucket_s: a learned volume is no less
STRONGEST_CUT = 0.5  # factor: one long bucket lowers a learned volume no further
LARGEST_RATIO = 1e9  # a mid that changes by more is not a return: the bucket is dropped

State = np.dtype(
    [
        ("closed", "i8"),  # 1: this update closed the bucket that the next four describe
        ("lots", "f8"),
        ("seconds", "f8"),
        ("change", "f8"),
        ("mid", "f8"),  # quanta
        ("open_mid", "f8"),  # of the open bucket, quanta; 0: there is none
        ("open_ts", "i8"),  # ns
        ("open_lots", "f8"),
        ("open_volume", "f8"),  # base units
        ("threshold", "f8"),  # base units that close it; 0: learning
        ("buckets", "i8"),
        ("closed_ts", "i8"),  # ns
        ("aggressors", "i8"),
        ("seen_mid", "f8"),  # newest known, quanta
        ("seen_ts", "i8"),  # ns, up to which time is counted
        ("watched", "i8"),  # 1: the mid has been known since
        ("exposure_s", "f8"),  # weighted
        ("exposure_squares", "f8"),  # by squared weights
        ("volume", "f8"),  # weighted
        ("squares", "f8"),  # weighted, of volumes
        *SILENT,
        ("rate", "f8"),
        ("rate_sd", "f8"),
        ("rate_low", "f8"),
        ("rate_high", "f8"),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Open no bucket and know no rate."""
    s.closed = 0
    s.lots = 0.0
    s.seconds = 0.0
    s.change = 0.0
    s.mid = 0.0
    s.open_mid = 0.0
    s.open_ts = 0
    s.open_lots = 0.0
    s.open_volume = 0.0
    s.threshold = p.bucket_volume
    s.buckets = 0
    s.closed_ts = 0
    s.aggressors = 0
    s.seen_mid = 0.0
    s.seen_ts = 0
    s.watched = 0
    s.exposure_s = 0.0
    s.exposure_squares = 0.0
    s.volume = 0.0
    s.squares = 0.0
    start_silence(s)
    s.rate = 0.0
    s.rate_sd = 0.0
    s.rate_low = 0.0
    s.rate_high = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in an aggressor or a tick of the clock; `closed` says whether a bucket closed."""
    s.closed = 0
    if o.kind == GAP:
        s.open_mid = 0.0
        s.watched = 0
        return
    known = is_finite(o.mid) and o.mid > 0.0
    if known:
        s.seen_mid = o.mid
    if o.kind == AGGRESSOR:
        _trade(s, p, o)
        return
    changed = count_silence(s, known, o.now, p.rate_half_life_s)
    if known:
        _tick(s, p, o.now)
    else:
        s.watched = 0
        if changed:
            _settle_rate(s)


@kernel
def _trade(s: Any, p: Any, o: Any) -> None:
    volume = o.lots * o.lot
    if not (o.lots > 0.0 and o.lot > 0.0 and is_finite(volume) and volume > LEAST):
        return
    volume = min(volume, LARGEST)
    if s.watched == 1:
        _watch(s, p, o.now)
        s.aggressors += 1
        s.volume += volume
        s.squares += volume * volume
    if s.open_mid == 0.0:
        return
    s.open_lots += min(o.lots, LARGEST)
    s.open_volume += volume
    if s.threshold == 0.0 and s.aggressors >= p.learn_aggressors:
        s.threshold = _usual(s, p)
    if _is_full(s, p, o.now):
        _close(s, p, o.now)


@kernel
def _tick(s: Any, p: Any, now: int) -> None:
    _watch(s, p, now)
    s.watched = 1
    if s.open_mid == 0.0:
        _open(s, now)
    elif _is_full(s, p, now) or float(now - s.open_ts) >= p.longest_s * NS_PER_S:
        _close(s, p, now)
    _settle_rate(s)


@kernel
def _is_full(s: Any, p: Any, now: int) -> bool:
    """Whether the volume is there, and the least time has passed."""
    filled = 0.0 < s.threshold <= s.open_volume
    return filled and float(now - s.open_ts) >= p.shortest_s * NS_PER_S


@kernel
def _watch(s: Any, p: Any, now: int) -> None:
    """Count the time up to `now`, if it was watched, and forget."""
    elapsed_ns = now - s.seen_ts
    if s.watched == 1 and elapsed_ns > 0:
        seconds = float(elapsed_ns) / NS_PER_S
        kept = retention(seconds, p.rate_half_life_s, 0.0, 0.0)
        s.exposure_s = kept * s.exposure_s + seconds
        s.exposure_squares = kept * kept * s.exposure_squares + seconds
        s.volume *= kept
        s.squares *= kept
    s.seen_ts = now


@kernel
def _usual(s: Any, p: Any) -> float:
    """What trades in `bucket_s`; 0 if unknown."""
    return s.volume / s.exposure_s * p.bucket_s if s.exposure_s > 0.0 else 0.0


@kernel
def _open(s: Any, now: int) -> None:
    s.open_mid = s.seen_mid
    s.open_ts = now
    s.open_lots = 0.0
    s.open_volume = 0.0


@kernel
def _close(s: Any, p: Any, now: int) -> None:
    """Report the open bucket, let the volume follow, and open the next."""
    ratio = s.seen_mid / s.open_mid
    seconds = float(now - s.open_ts) / NS_PER_S
    if 1.0 / LARGEST_RATIO < ratio < LARGEST_RATIO:
        s.closed = 1
        s.lots = s.open_lots
        s.seconds = seconds
        s.change = log(ratio)
        s.mid = s.seen_mid
        s.buckets += 1
        s.closed_ts = now
    if p.bucket_volume == 0.0 and s.threshold > 0.0:
        usual = _usual(s, p)
        if usual > 0.0:
            factor = max(1.0 + p.gain * (1.0 - seconds / p.bucket_s), STRONGEST_CUT)
            s.threshold = min(max(s.threshold * factor, LOWEST_SHARE * usual), usual)
    _open(s, now)


@kernel
def _settle_rate(s: Any) -> None:
    """Work out the rate and its interval."""
    if not (s.exposure_s > 0.0 and s.volume > 0.0 and s.squares > 0.0):
        return
    typical = s.squares / s.volume
    share = s.exposure_squares / s.exposure_s
    volume = max(s.volume, JEFFREYS * typical * share)
    shape = volume / (typical * share)  # effective number of aggressors
    s.rate = volume / s.exposure_s
    if s.excess > 0.0:
        shape = max(shape / (1.0 + s.excess), min(shape, JEFFREYS))
    s.rate_sd = s.rate / sqrt(shape)
    s.rate_low = gamma_quantile(shape, 0.025) * s.rate / shape
    s.rate_high = gamma_quantile(shape, 0.975) * s.rate / shape


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    b.bucket_volume = s.threshold
    b.bucket_volume_age_ns = now - s.closed_ts if s.buckets > 0 and s.threshold > 0.0 else -1
    b.buckets = float(s.buckets)
    b.buckets_age_ns = now - s.closed_ts if s.buckets > 0 else -1
    b.volume_rate = s.rate
    b.volume_rate_sd = s.rate_sd
    b.volume_rate_low = s.rate_low
    b.volume_rate_high = s.rate_high
    b.volume_rate_age_ns = now - s.seen_ts if s.rate > 0.0 else -1
