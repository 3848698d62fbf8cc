"""E20: which of three regimes of flow there is: calm, busy or hectic.

Model: in each interval of `interval_s` the flow is in one of three states, which follow each other
by a Markov chain with transition matrix P. In state k, with rate m_k, the number N of aggressors in
an interval of d seconds is negative binomial of mean m_k d and variance m_k d (1 + D m_k d): with
their dispersion D, clustered arrivals vary more than Poisson's. The forward filter

    f_t(j) ~ p(N_t | m_j) sum over i of f_t-1(i) P_ij

gives the probabilities of the states. P and the rates are learned by expectation and maximisation
over the last `window` intervals: in a pass over them, the expected numbers of transitions,
aggressors and seconds of each state so far are carried along for each state that there may be now,
through the filter's backward kernel r(i | j) = P(state before i | state now j, all so far),

    S_t(j) = sum over i of (S_t-1(i) + what the step from i to j adds) r(i | j)

which at the end, weighted with the filter, are those of the forward-backward algorithm. Then the
rates become aggressors over seconds, the rows of P means of Dirichlet laws, and D what the second
moments ask for, E N (N - 1) = (1 + D) (m_k d)^2, on average over the states; and the next pass
begins. A pass goes on by `slice` intervals at each tick of the clock.

Priors: `stay_prior` pseudo-transitions from a state to itself and one to others; `prior_intervals`
at the rates of the start, which are the mean of the first `warm_up` intervals, and that divided and
multiplied by `spread`; for D `dispersion`, worth ten intervals. States are in order of rate, 0 the
calmest, and neighbours' rates at least `apart`; the state in which most time was spent doesn't
yield. Maximisation ends at the nearest maximum, so while the ring fills, whenever the number of
intervals has doubled, it begins anew, from the mean rates of thirds of the counts' log range.

The bounds of a rate are those of a gamma law, those of staying of a beta law, from the expected
counts. Of these, only the part is taken as seen that is certain by the filter,

    sum of f_t(k)^2 w_t / sum of f_t(k) w_t

with w the squared standardised error of the count for the rate, and 1 for staying. They are those
of the state that is named: if that isn't the true one, they are another's.

An interval with an unknown mid, or a gap in it, is left out, and the chain goes on from where it
was. Duplicates count twice; the order within an interval is nothing. In silence nothing changes.

Where it is wrong: if there is but one regime, the states share it and their names mean nothing. If
arrivals cluster over more than an interval, clusters are taken for regimes. The expected dwell is
interval_s / (1 - stay) only if dwells are geometric.

On tapes: in hectic states the next minute's variance and aggressors were beyond chance on the one
long tape, aggressors on one other.

Source: forward filter, Rabiner (1989); the forward-only expectations are in Cappe, "Online EM
algorithm for hidden Markov models" (2011), section 2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.distributions import beta_quantile, gamma_quantile
from simmm.estimators.declare import Belief, Parameter, parameters, rising
from simmm.estimators.flow.hidden_markov import (
    CHAIN,
    STATES,
    expected,
    forward,
    order,
    remember,
)
from simmm.estimators.observation import AGGRESSOR, CLOCK, GAP
from simmm.jit import kernel
from simmm.math import clip, exp, floor_int, is_finite, log, log1p, sqrt

ROW = "E20"
HEARS = (CLOCK, AGGRESSOR, GAP)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(("flow_regime_stay", "flow_regime_rate"), "constants of its states")

RING = 1024  # intervals kept
NS_PER_S = 1_000_000_000.0
MOST = 1_000_000  # aggressors counted in an interval

PARAMETERS = parameters(
    interval_s=Parameter(5.0, "s", "in which aggressors are counted", 1e-3, 1e6, time_power=1.0),
    dispersion=Parameter(0.1, "", "variance beyond Poisson's, of the mean squared", 1e-3, 10.0),
    window=Parameter(720, "intervals", "learned from", low=24, high=RING),
    slice=Parameter(5, "intervals", "looked at per tick of the clock", low=1, high=RING),
    stay_prior=Parameter(20.0, "transitions", "assumed to stay, for one that leaves", 1.0, 1e6),
    prior_intervals=Parameter(0.2, "intervals", "assumed in each state", low=0.01, high=1e6),
    warm_up=Parameter(24, "intervals", "averaged to begin with", low=2, high=RING),
    apart=Parameter(2.0, "", "least ratio of the rates of neighbours", low=1.01, high=100.0),
    spread=Parameter(3.0, "", "between the rates of neighbours, to begin with", 1.01, 100.0),
)
RULES = (rising("warm_up", "window"),)

BELIEFS = (
    Belief("flow_regime", "", "most likely state: 0 calm, 1 busy, 2 hectic", law="code"),
    Belief("flow_regime_probability", "", "of that state", law="code"),
    Belief("flow_regime_stay", "", "probability that it lasts another interval", law="beta"),
    Belief("flow_regime_rate", "1/s", "rate of aggressors in that state", "gamma", -1.0),
)

State = np.dtype(
    [
        # The interval
        ("begin", "i8"),  # ns; 0: none
        ("count", "i8"),
        # Those that are over, by number modulo RING
        ("counts", "f8", (RING,)),
        ("durations", "f8", (RING,)),  # s
        ("intervals", "i8"),
        ("last_ts", "i8"),  # ns
        ("check", "i8"),  # intervals at which to begin anew
        *CHAIN,
        ("first_rate", "f8", (STATES,)),  # the prior's
        ("dispersion", "f8"),
        ("told", "f8", (2, STATES)),  # information so far in the pass, of rates and of moves
        ("sure", "f8", (2, STATES)),  # the part of it in states that are certain
        ("trust", "f8", (2, STATES)),  # their ratio in the last pass
        ("cursor", "i8"),  # next interval of the pass; -1: no pass
        ("end", "i8"),
        # What is believed
        ("state", "i8"),  # -1: nothing
        ("learned", "i8"),  # how often rates and transitions were set
        ("concluded", "i8"),  # from which of these what is below comes
        ("stay", "f8", (4,)),  # value, deviation, low, high
        ("pace", "f8", (4,)),
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing. What isn't set here is set before it is read."""
    s.begin = 0
    s.count = 0
    s.intervals = 0
    s.last_ts = 0
    s.cursor = -1
    s.state = -1
    s.learned = 0
    s.concluded = 0
    for i in range(STATES):
        s.rate[i] = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Count an aggressor, take in an interval that is over, or go on with the pass."""
    if o.kind == AGGRESSOR:
        s.count = min(s.count + 1, MOST)
        return
    if o.kind == GAP or not (is_finite(o.mid) and o.mid > 0.0) or s.begin == 0:
        s.begin = o.now if o.kind == CLOCK and o.mid > 0.0 else 0
        s.count = 0
        return
    seconds = float(o.now - s.begin) / NS_PER_S
    if seconds >= p.interval_s:
        if seconds < 10.0 * p.interval_s:
            _observe(s, p, float(s.count), seconds)
            s.last_ts = o.now
        s.begin = o.now
        s.count = 0
    if s.rate[0] > 0.0:
        _go_on(s, p)


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    known = s.state >= 0
    age = now - s.last_ts if known else -1
    b.flow_regime = float(s.state) if known else 0.0
    b.flow_regime_age_ns = age
    b.flow_regime_probability = s.probability[s.state] if known else 0.0
    b.flow_regime_probability_age_ns = age
    b.flow_regime_stay = s.stay[0] if known else 0.0
    b.flow_regime_stay_sd = s.stay[1] if known else 0.0
    b.flow_regime_stay_low = s.stay[2] if known else 0.0
    b.flow_regime_stay_high = s.stay[3] if known else 0.0
    b.flow_regime_stay_age_ns = age
    b.flow_regime_rate = s.pace[0] if known else 0.0
    b.flow_regime_rate_sd = s.pace[1] if known else 0.0
    b.flow_regime_rate_low = s.pace[2] if known else 0.0
    b.flow_regime_rate_high = s.pace[3] if known else 0.0
    b.flow_regime_rate_age_ns = age


@kernel
def _observe(s: Any, p: Any, count: float, seconds: float) -> None:
    """Take in the aggressors of one interval."""
    s.counts[s.intervals % RING] = count
    s.durations[s.intervals % RING] = seconds
    s.intervals += 1
    if s.rate[0] > 0.0:
        _weigh(s, p, count, seconds)
        forward(s.probability, s.transition, s.likelihood, s.joint, STATES)
        if s.intervals == s.check and s.intervals <= RING:
            s.check = 2 * s.intervals
            _restart(s, p)
        _conclude(s, p)
    elif s.intervals >= p.warm_up:
        _begin(s, p)


@kernel
def _weigh(s: Any, p: Any, count: float, seconds: float) -> None:
    """Likelihood of an interval in each state, the largest 1."""
    highest = -1e308
    for k in range(STATES):
        mean = s.rate[k] * seconds
        spread = log1p(s.dispersion * mean)
        s.likelihood[k] = count * (log(mean) - spread) - spread / s.dispersion
        highest = max(highest, s.likelihood[k])
    for k in range(STATES):
        s.likelihood[k] = exp(s.likelihood[k] - highest)


@kernel
def _begin(s: Any, p: Any) -> None:
    """Set rates and transitions to their priors."""
    events = seconds = 0.0
    for i in range(max(s.intervals - p.window, 0), s.intervals):
        events += s.counts[i % RING]
        seconds += s.durations[i % RING]
    rate = events / seconds
    s.first_rate[0] = rate / p.spread
    s.first_rate[1] = rate
    s.first_rate[2] = rate * p.spread
    for i in range(STATES):
        s.rate[i] = s.first_rate[i]
        s.spent[i] = 0.0
        s.trust[0, i] = 1.0
        s.trust[1, i] = 1.0
        for j in range(STATES):
            s.moved[i, j] = 0.0
    s.check = 2 * s.intervals
    s.dispersion = p.dispersion
    _forget_moves(s, p)


@kernel
def _forget_moves(s: Any, p: Any) -> None:
    """Know neither the state nor how states follow each other."""
    s.learned += 1
    s.cursor = -1
    for i in range(STATES):
        s.probability[i] = 1.0 / STATES
        for j in range(STATES):
            s.transition[i, j] = _assumed(p, i, j) / (p.stay_prior + 1.0)


@kernel
def _restart(s: Any, p: Any) -> None:
    """Set rates to the means of thirds of the range of counts, on a scale of logarithms."""
    first = max(s.intervals - p.window, 0)
    least, most = s.counts[first % RING], s.counts[first % RING]
    for i in range(first, s.intervals):
        least = min(least, s.counts[i % RING])
        most = max(most, s.counts[i % RING])
    if not most > least + 2.0:
        return
    low, width = log1p(least), (log1p(most) - log1p(least)) / STATES
    for a in range(STATES):
        s.rate[a] = 0.0
        s.spent[a] = 0.0
    for i in range(first, s.intervals):
        a = min(floor_int((log1p(s.counts[i % RING]) - low) / width), STATES - 1)
        s.rate[a] += s.counts[i % RING]
        s.spent[a] += s.durations[i % RING]
    for a in range(STATES):
        if s.spent[a] > 0.0 and s.rate[a] > 0.0:
            s.rate[a] /= s.spent[a]
        else:
            s.rate[a] = (exp(low + (a + 0.5) * width) - 1.0) / p.interval_s
    order(s)
    s.dispersion = p.dispersion
    _forget_moves(s, p)


@kernel
def _assumed(p: Any, i: int, j: int) -> float:
    """Transitions of the prior."""
    return float(p.stay_prior) if i == j else 1.0 / (STATES - 1.0)


@kernel
def _go_on(s: Any, p: Any) -> None:
    """Look at the next intervals of the pass, or of a new one; at its end, learn."""
    if s.cursor < s.intervals - RING:  # none, or they were overwritten
        s.cursor = -1
    if s.cursor < 0:
        s.cursor = max(s.intervals - p.window, 0)
        s.end = s.intervals
        for i in range(STATES):
            s.past[i] = 1.0 / STATES
            for k in range(2):
                s.told[k, i] = 0.0
                s.sure[k, i] = 0.0
            for j in range(STATES):
                s.events[i, j] = 0.0
                s.squares[i, j] = 0.0
                s.seconds[i, j] = 0.0
                for k in range(STATES):
                    s.moves[i, j, k] = 0.0
    for _ in range(min(p.slice, s.end - s.cursor)):
        count, seconds = s.counts[s.cursor % RING], s.durations[s.cursor % RING]
        _weigh(s, p, count, seconds)
        forward(s.past, s.transition, s.likelihood, s.joint, STATES)
        remember(s, count, seconds)
        _doubt(s, count, seconds)
        s.cursor += 1
    if s.cursor == s.end:
        s.cursor = -1
        _learn(s, p)
        order(s)
        _part(s, p)
        s.learned += 1


@kernel
def _doubt(s: Any, count: float, seconds: float) -> None:
    """Sum what an interval tells of each state's rate and moves, and what of that is doubtful."""
    for k in range(STATES):
        share = s.past[k]
        mean = s.rate[k] * seconds
        error = count - mean
        told = share * error * error / (mean * (1.0 + s.dispersion * mean))
        s.told[0, k] += told
        s.told[1, k] += share
        s.sure[0, k] += told * share
        s.sure[1, k] += share * share


@kernel
def _learn(s: Any, p: Any) -> None:
    """Set rates, transitions and dispersion to what was expected, and the priors."""
    assumed = p.prior_intervals * p.interval_s
    weight, excess = 10.0, 10.0 * p.dispersion
    for a in range(STATES):
        for k in range(2):
            s.trust[k, a] = s.sure[k, a] / s.told[k, a] if s.told[k, a] > 0.0 else 1.0
        s.spent[a] = expected(s, s.seconds[a])
        events = expected(s, s.events[a]) + assumed * s.first_rate[a]
        s.rate[a] = events / (s.spent[a] + assumed)
        total = 0.0
        for c in range(STATES):
            s.moved[a, c] = expected(s, s.moves[a, c])
            s.transition[a, c] = s.moved[a, c] + _assumed(p, a, c)
            total += s.transition[a, c]
        for c in range(STATES):
            s.transition[a, c] /= total
        mean = s.rate[a] * p.interval_s
        worth = s.spent[a] / p.interval_s * mean * mean / (1.0 + mean * mean)
        pairs = expected(s, s.squares[a]) / max(s.spent[a] * s.rate[a] * mean, 1e-12)
        weight += worth
        excess += worth * (pairs - 1.0)
    s.dispersion = clip(excess / weight, 1e-3, 10.0)


@kernel
def _part(s: Any, p: Any) -> None:
    """Push the others away from the state in which most time was spent, until all are `apart`."""
    main = 0
    for a in range(1, STATES):
        if s.spent[a] > s.spent[main]:
            main = a
    for a in range(main + 1, STATES):
        s.rate[a] = max(s.rate[a], p.apart * s.rate[a - 1])
    for i in range(main):
        a = main - 1 - i
        s.rate[a] = min(s.rate[a], s.rate[a + 1] / p.apart)


@kernel
def _conclude(s: Any, p: Any) -> None:
    """The most likely state, with the bounds of its rate and of staying."""
    k = 0
    for j in range(1, STATES):
        if s.probability[j] > s.probability[k]:
            k = j
    if k == s.state and s.concluded == s.learned:
        return
    s.state = k
    s.concluded = s.learned
    moves = 0.0
    for j in range(STATES):
        moves += s.moved[k, j]
    total = s.trust[1, k] * moves + p.stay_prior + 1.0
    stay = s.transition[k, k]
    s.stay[0] = stay
    s.stay[1] = sqrt(stay * (1.0 - stay) / (total + 1.0))
    s.stay[2] = min(beta_quantile(stay * total, (1.0 - stay) * total, 0.025), stay)
    s.stay[3] = max(beta_quantile(stay * total, (1.0 - stay) * total, 0.975), stay)
    rate = s.rate[k]
    seconds = s.trust[0, k] * s.spent[k] + p.prior_intervals * p.interval_s
    shape = max(rate * seconds / (1.0 + s.dispersion * rate * p.interval_s), 0.5)  # Jeffreys'
    s.pace[0] = rate
    s.pace[1] = rate / sqrt(shape)
    s.pace[2] = rate * gamma_quantile(shape, 0.025) / shape
    s.pace[3] = rate * gamma_quantile(shape, 0.975) / shape
