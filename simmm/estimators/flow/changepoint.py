"""E21: when reach or volatility last changed: run-length posteriors, and an alarm.

Two series are watched. A *run* is what came since a series last changed; in it,

- **reach**: the sum S of n = `batch` aggressors' excess beyond the touch (plus half a step, what
  the grid took away on average) is gamma of shape n, whose rate is the unknown decay kappa;
- **volatility**: S = return^2 / (2 seconds) of a bucket is gamma of shape n = 1/2, whose rate is
  the unknown 1 / sigma^2. That is a normal return with mean 0 and unknown variance.

Rates are new after a change, from a gamma prior of shape a and rate b (`prior_shape`, and the mean
of the first `warm_up` observations), so that with run length r and a_r = a + n r, b_r = b + sum S

    p(S | run) = Gamma(a_r + n) / (Gamma(a_r) Gamma(n))  b_r^a_r S^(n-1) / (b_r + S)^(a_r + n)
    P(r + 1, S_1..t) = P(r, S_1..t-1) p(S_t | r) (1 - hazard)
    P(0, S_1..t) = hazard * sum over r of P(r, S_1..t-1) p(S_t | r)

in logarithms. Here r counts the observations since the change, and r = 0 says that the next belongs
to a new run: its probability is the hazard whatever happens, so it says nothing. Before any is told
apart the length is 0, up to the first `warm_up` observations. The alarm is

    P(r <= min(`recent`, observations since the last alarm - 1)) > `threshold`

which speaks once for each change and needs no pause. `changepoint_probability`, of either series,
is that the newest change is at most `recent` observations old: near 1 for some 8 minutes of buckets
after an alarm, and no chance of one now. Runs of `longest` and more are one: what they saw is
averaged with their probabilities as weights and counts as `longest` observations.

Returns and reach are fat-tailed, and a far one looks like a change. An aggressor's excess, or a
bucket's S, counts at most `outlier` times its usual size (an exponential average over `longest`
observations, which one observation can at most double). And how much S varies is measured, by
neighbours, so that changes hardly count: with gamma laws of shape m

    q = E (S_t - S_t-1)^2 / E (S_t + S_t-1)^2 = 1 / (2 m + 1)

so m = (1 / q - 1) / 2, averaged over `longest` observations (at first with 20 pairs that behave);
log p(S | run) counts min(1, m / n) times (about 1 where the model holds): a tempered likelihood.

Where it is wrong: on a coarse grid the excess varies less than an exponential does (its squared
coefficient of variation is 4 q / (1 + q)^2 with q = exp(-kappa step)), so alarms come later, never
more often. A price that rests most of the time, and heavy tails, still alarm somewhat more often
than they should; so do slow drifts. One change of both series is two alarms.

At a tick of the clock, if at least `batch` aggressors came since the last observation, they make
one: S = n times their mean. Where more came S varies less than its law says, and alarms come
later. Duplicates count twice; the order of aggressors within an observation is nothing.

On tapes: in the minute after alarms variance was above the usual on most tapes, but alarms are few
and chance explains it.

Source: Adams and MacKay, "Bayesian Online Changepoint Detection" (2007), Algorithm 1; the gamma
model is conjugate (textbook). That P(r = 0) is the hazard: their equations, summed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import log_gamma
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.observation import AGGRESSOR, BUCKET, CLOCK
from simmm.jit import kernel
from simmm.math import exp, is_finite, log, sqrt

ROW = "E21"
HEARS = (CLOCK, AGGRESSOR, BUCKET)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(("run_length", "reach_run_length"), "counted in what was seen alone")

REACH, VOLATILITY = 0, 1
LONGEST = 256  # room for runs
PAIRS = 20  # of neighbours that vary as they should, assumed at the start

PARAMETERS = parameters(
    batch=Parameter(10, "aggressors", "in an observation of reach", low=1, high=10_000),
    hazard=Parameter(0.004, "", "probability of a change at any one observation", 1e-9, 0.5),
    longest=Parameter(128, "observations", "runs told apart", low=8, high=LONGEST),
    recent=Parameter(100, "observations", "a change so long ago is news", low=1, high=LONGEST),
    threshold=Parameter(0.9, "", "probability of a recent change that alarms", low=0.01, high=1.0),
    lasts=Parameter(10, "observations", "`changepoint` stays 1 after an alarm", low=1, high=10_000),
    prior_shape=Parameter(1.0, "", "shape of the law of rates after a change", low=0.1, high=100.0),
    warm_up=Parameter(10, "observations", "whose mean sets the scale", low=2, high=10_000),
    outlier=Parameter(16.0, "", "times the usual size counts at most", low=2.0, high=1e6),
)
RULES = (rising("recent", "longest", strictly=True),)  # else all would be recent

BELIEFS = (
    Belief("changepoint_probability", "", "that either changed in `recent` observations", "code"),
    Belief("run_length", "buckets", "since volatility changed", law="posterior"),
    Belief("reach_run_length", "batches", "since reach changed", law="posterior"),
    Belief("changepoint", "", "1: an alarm not long ago, either series", law="code"),
    Belief("changepoint_alarms", "", "counted so far, both series", law="code"),
)

_RUNS = LONGEST + 2
ROOT_3 = 1.7320508075688772  # of the mean square of what is uniform from 0 on

State = np.dtype(
    [
        # By series, by run length
        ("log_weight", "f8", (2, _RUNS)),  # log posterior
        ("probability", "f8", (2, _RUNS)),  # the same, not as a logarithm
        ("joint", "f8", (2, _RUNS)),  # room to work: log of posterior and predictive
        ("rate", "f8", (2, _RUNS)),  # b_r
        ("log_rate", "f8", (2, _RUNS)),
        ("log_after", "f8", (2, _RUNS)),  # log of the rate with the newest observation
        ("shapes", "f8", (2, _RUNS)),  # a_r: fixed
        ("normaliser", "f8", (2, _RUNS)),  # log Gamma(a_r + n) - log Gamma(a_r): fixed
        # By series
        ("runs", "i8", (2,)),  # run lengths told apart so far; 0 while warming up
        ("count", "i8", (2,)),  # observations taken in
        ("scale", "f8", (2,)),  # usual size: of one aggressor's excess; of S
        ("last", "f8", (2,)),  # the observation before
        ("differences", "f8", (2,)),  # average square of neighbours' difference
        ("sums", "f8", (2,)),  # and of their sum
        ("since_alarm", "i8", (2,)),  # observations
        ("recent", "f8", (2,)),  # probability of a recent change
        ("expected", "f8", (2,)),  # of the run length
        ("deviation", "f8", (2,)),
        ("low", "f8", (2,)),
        ("high", "f8", (2,)),
        ("alarmed", "i8", (2,)),  # alarms so far
        ("last_ts", "i8", (2,)),  # ns
        # Since the last observation of reach
        ("excess", "f8"),
        ("aggressors", "i8"),
        ("newest_ts", "i8"),  # ns
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing; tabulate what depends on run length only. The rest is set before it is read."""
    for d in range(2):
        n = float(p.batch) if d == REACH else 0.5
        for r in range(_RUNS):
            s.shapes[d, r] = p.prior_shape + n * r
            s.normaliser[d, r] = log_gamma(s.shapes[d, r] + n) - log_gamma(s.shapes[d, r])
        s.runs[d] = 0
        s.count[d] = 0
        s.scale[d] = 0.0
        s.since_alarm[d] = 0
        s.recent[d] = 0.0
        s.expected[d] = 0.0
        s.low[d] = 0.0
        _be_unsure(s, p, d)
        s.alarmed[d] = 0
        s.last_ts[d] = 0
    s.excess = 0.0
    s.aggressors = 0
    s.newest_ts = 0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Note an aggressor, take in those since the last observation, or a bucket's return."""
    if o.kind == AGGRESSOR:
        _collect(s, p, o)
    elif o.kind == CLOCK:
        if s.aggressors >= p.batch:
            n = float(p.batch)
            _observe(s, p, REACH, n, s.excess * n / s.aggressors, s.newest_ts)
            s.excess = 0.0
            s.aggressors = 0
    elif is_finite(o.change) and -10.0 < o.change < 10.0 and 1e-9 <= o.seconds <= 1e9:
        _observe(s, p, VOLATILITY, 0.5, 0.5 * o.change * o.change / o.seconds, o.now)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    v, r = VOLATILITY, REACH
    newest = max(s.last_ts[v], s.last_ts[r])
    age = now - newest if s.runs[v] > 0 or s.runs[r] > 0 else -1
    b.changepoint_probability = max(s.recent[v], s.recent[r])
    b.changepoint_probability_age_ns = age
    b.run_length = s.expected[v]
    b.run_length_sd = s.deviation[v]
    b.run_length_low = s.low[v]
    b.run_length_high = s.high[v]
    b.run_length_age_ns = now - s.last_ts[v] if s.runs[v] > 0 else -1
    b.reach_run_length = s.expected[r]
    b.reach_run_length_sd = s.deviation[r]
    b.reach_run_length_low = s.low[r]
    b.reach_run_length_high = s.high[r]
    b.reach_run_length_age_ns = now - s.last_ts[r] if s.runs[r] > 0 else -1
    alarm = (s.alarmed[v] > 0 and s.since_alarm[v] < p.lasts) or (
        s.alarmed[r] > 0 and s.since_alarm[r] < p.lasts
    )
    b.changepoint = 1.0 if alarm else 0.0
    b.changepoint_age_ns = age
    b.changepoint_alarms = float(s.alarmed[v] + s.alarmed[r])
    b.changepoint_alarms_age_ns = age


@kernel
def _collect(s: Any, p: Any, o: Any) -> None:
    """Note one aggressor."""
    if not (0.0 < o.half_spread <= 1.0 and is_finite(o.reach)):
        return
    step = min(max(o.step, 0.0), 1.0) if is_finite(o.step) else 0.0
    excess = min(max(o.reach - o.half_spread, 0.0), 1.0) + 0.5 * step
    s.excess += _usual(s, p, REACH, excess, float(p.batch * p.longest))
    s.aggressors += 1
    s.newest_ts = o.now


@kernel
def _usual(s: Any, p: Any, d: int, x: float, memory: float) -> float:
    """`x`, held at `outlier` times the usual size; that size moves by 1 / `memory` of `x`."""
    scale = s.scale[d]
    if s.runs[d] == 0 or not scale > 0.0:
        return x
    s.scale[d] = scale + (min(x, memory * scale) - scale) / memory
    return min(x, p.outlier * scale)


@kernel
def _observe(s: Any, p: Any, d: int, n: float, total: float, ts: int) -> None:
    """Take in one observation S = `total` of shape `n` of series `d`."""
    s.count[d] += 1
    s.last_ts[d] = ts
    if s.runs[d] == 0:
        _warm_up(s, p, d, n, total)
        return
    if d == VOLATILITY:  # of a batch, each aggressor was held
        total = _usual(s, p, d, total, float(p.longest))
    s.since_alarm[d] += 1
    _predict(s, d, total, _trust(s, p, d, n, total))
    extend(s.log_weight, s.probability, s.joint, d, s.runs[d], p.hazard)
    _learn(s, d, total)
    s.runs[d] += 1
    if s.runs[d] > p.longest + 1:
        _merge(s, p, d)
    _conclude(s, p, d)


@kernel
def _warm_up(s: Any, p: Any, d: int, n: float, total: float) -> None:
    """Average the first observations; then set the prior's rate to put its middle there."""
    s.scale[d] += (total - s.scale[d]) / s.count[d]
    _be_unsure(s, p, d)
    if s.count[d] < p.warm_up or not s.scale[d] > 1e-200:
        return
    mean = s.scale[d] / n  # of an observation of shape 1: 1 / rate
    s.rate[d, 0] = p.prior_shape * mean
    s.log_rate[d, 0] = log(s.rate[d, 0])
    s.log_weight[d, 0] = 0.0
    s.probability[d, 0] = 1.0
    s.runs[d] = 1
    s.since_alarm[d] = 0
    s.last[d] = total
    s.differences[d] = 2.0 * n * mean * mean  # as if the model held
    s.sums[d] = s.differences[d] * (2.0 * n + 1.0)
    if d == REACH:
        s.scale[d] = mean  # of one aggressor


@kernel
def _be_unsure(s: Any, p: Any, d: int) -> None:
    """Until runs are told apart: what `warm_up` takes, or has taken, may be all of one run."""
    s.high[d] = float(max(p.warm_up, s.count[d]))
    s.deviation[d] = s.high[d] / ROOT_3


@kernel
def _trust(s: Any, p: Any, d: int, n: float, total: float) -> float:
    """How much the likelihood counts: less than 1 where observations vary more than they should."""
    difference, both = total - s.last[d], total + s.last[d]
    s.last[d] = total
    memory = float(min(p.longest, PAIRS + s.runs[d]))
    s.differences[d] += (difference * difference - s.differences[d]) / memory
    s.sums[d] += (both * both - s.sums[d]) / memory
    if not s.differences[d] > 0.0:
        return 1.0
    return min(max(0.5 * (s.sums[d] / s.differences[d] - 1.0) / n, 1e-3), 1.0)


@kernel
def _predict(s: Any, d: int, total: float, trust: float) -> None:
    """Put the log predictive of `total` given each run, but for S^(n-1) / Gamma(n), in `joint`."""
    shape_step = s.shapes[d, 1] - s.shapes[d, 0]
    for r in range(s.runs[d]):
        after = log(s.rate[d, r] + total)
        a = s.shapes[d, r]
        s.log_after[d, r] = after
        predictive = s.normaliser[d, r] + a * s.log_rate[d, r] - (a + shape_step) * after
        s.joint[d, r] = trust * predictive


@kernel
def extend(
    log_weight: np.ndarray,
    probability: np.ndarray,
    joint: np.ndarray,
    d: int,
    runs: int,
    hazard: float,
) -> float:
    """Let every run grow by one observation, and a new one begin.

    Parameters
    ----------
    log_weight, probability
        By series and run length: the posterior before, and then after, which has `runs` + 1.
    joint
        Log predictives by run; then their sums with the log posterior.
    d, runs
        Series, and how many run lengths there are before.
    hazard
        Probability that the run ends here.

    Returns
    -------
    float
        Log evidence of the observation, given those before.
    """
    highest = -1e308
    for r in range(runs):
        joint[d, r] += log_weight[d, r]
        highest = max(highest, joint[d, r])
    total = 0.0
    for r in range(runs):
        probability[d, r + 1] = exp(joint[d, r] - highest)
        total += probability[d, r + 1]
    evidence = highest + log(total)
    stay = (1.0 - hazard) / total
    log_stay = log(1.0 - hazard) - evidence
    for r in range(runs):
        probability[d, r + 1] *= stay
        log_weight[d, r + 1] = joint[d, r] + log_stay
    probability[d, 0] = hazard
    log_weight[d, 0] = log(hazard)
    return evidence


@kernel
def _learn(s: Any, d: int, total: float) -> None:
    """Give each grown run its rate."""
    for i in range(s.runs[d]):
        r = s.runs[d] - i
        s.rate[d, r] = s.rate[d, r - 1] + total
        s.log_rate[d, r] = s.log_after[d, r - 1]


@kernel
def _merge(s: Any, p: Any, d: int) -> None:
    """Make the two longest runs one that counts as `longest` observations."""
    r = p.longest
    s.runs[d] = r + 1
    older = s.probability[d, r + 1]
    both = s.probability[d, r] + older
    share = older / both if both > 0.0 else 1.0
    prior = s.rate[d, 0]
    thinned = prior + (s.rate[d, r + 1] - prior) * float(r) / float(r + 1)
    s.rate[d, r] = share * thinned + (1.0 - share) * s.rate[d, r]
    s.log_rate[d, r] = log(s.rate[d, r])
    s.probability[d, r] = both
    top = max(s.log_weight[d, r], s.log_weight[d, r + 1])
    weight = exp(s.log_weight[d, r] - top) + exp(s.log_weight[d, r + 1] - top)
    s.log_weight[d, r] = top + log(weight)


@kernel
def _conclude(s: Any, p: Any, d: int) -> None:
    """Mean, deviation and bounds of the run length; is there an alarm?"""
    seen = s.runs[d] - 1
    news = min(p.recent, seen - 1)  # a run as long as all that was seen is no change
    fresh = min(p.recent, s.since_alarm[d] - 1)
    below = first = second = level = 0.0
    recent = alarm = 0.0
    low = high = -1
    for r in range(s.runs[d]):
        probability = s.probability[d, r]
        below += probability
        first += probability * r
        second += probability * r * r
        level += probability * s.rate[d, r] / s.shapes[d, r]
        if r == news:
            recent = below
        if r == fresh:
            alarm = below
        if low < 0 and below >= 0.025:
            low = r
        if high < 0 and below >= 0.975:
            high = r
    s.recent[d] = recent
    s.expected[d] = first
    s.deviation[d] = sqrt(max(second - first * first, 0.0))
    s.low[d] = min(float(max(low, 0)), first)  # the mean of a skewed law may be outside
    s.high[d] = max(float(high if high >= 0 else s.runs[d] - 1), first)
    if alarm > p.threshold:
        s.alarmed[d] += 1
        s.since_alarm[d] = 0
        s.scale[d] = level if d == REACH else 0.5 * level
