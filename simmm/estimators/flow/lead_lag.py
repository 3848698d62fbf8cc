"""E25: whether the price of a second market leads, by how much, and how sure that is.

Model: the own return of a tick of the clock answers the other market's return `lag` ticks before,

    own(t) = beta other(t - lag) + rest(t),   lag = 1 .. `lags`,

where both may be autocorrelated. Lag 0 is no lead and is left out.

Prewhitening (Box and Jenkins): an autoregression of order 4 is fitted to the other's last `window`
returns (Yule and Walker), and both series pass through its filter. The other's are then white,
the equation still holds with the same beta and lag, and the correlations c(k) of lag k estimate
beta without what autocorrelation would smear. For the test both are held inside 4 deviations.

Test: the mutual information -ln(1 - c^2) / 2 of Gaussian variables grows with |c|, so the largest
over the lags is compared in |c|. What chance makes of a largest is seen in the same series with
one of them shifted around in a circle, which keeps the autocorrelation of each and destroys only
what is between them (shuffles would destroy both and call half of all pairs related). The shifts
are the multiples of `lags`: each gives the largest of as many fresh correlations as the true one.
Those that bring lags of 0 or below, where the own market may lead, are left out. With B blocks of
lags in all, the true one among them,

    p = (1 + shifted blocks with a largest |c| as large) / B,

which is exact where any block may be the largest with equal right. By default 820 returns and 20
lags give B = 40 and p in steps of 1 / 40: at `significance` .05 the true block must be the largest
or the second. One in twenty tests of unrelated markets says 3, therefore, and stays on until the
next test; measured with autoregressions of .5 to .97, 4.3 to 5.9 % of 2,000 tests each. As much
signal as noise gives the exact lag in 98 % of pairs and more.

A test is made of a frozen copy, 8 lags a tick, about 105 ticks at the defaults. The next begins
when `renew` returns are new. Only while significant, `lead_on` is 1 and the rest is told:

    beta = sum x(t - lag) y(t) / sum x^2,   Var = sum (y - beta x)^2 / (n - 1) / sum x^2

of the filtered x and y, not held inside. The prediction is beta times the other's return over the
last `lag` ticks, what should come in the next `lag` ticks.

`lead_state`: 0 the other market is absent (never shown, or not for `absent_s`), 1 collecting,
2 tested and not significant, 3 significant.

Where it is wrong: where both markets move in the same tick and their returns are autocorrelated in
different ways, the filter lets some of lag 0 into lag 1 (12 % false in a strong case). Only linear
leads are seen; a nearest-neighbour estimate of the information would see others, but is invalid for
returns that repeat (most are 0 on a tick grid). Where the own market leads and its returns are
autocorrelated, a lead of the other may be seen that is an echo. Beta is told only if significant,
so that weak leads (|c| below .2) are told too strong.

Duplicates and late rows (no time passed) are ignored. A tick with an unknown mid adds nothing; the
series goes on after it. While the own mid is unknown everything is held.

On tapes: not scored; the recordings at hand have no reference market.

Source: Box and Jenkins (1976), Time Series Analysis, ch. 11; maximum statistic over lags with
circular shifts: a randomisation test by the group of rotations (Lehmann and Romano, 2005, ch. 15).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.estimators.declare import Belief, Parameter, Rule, parameters
from simmm.estimators.flow import prewhitening
from simmm.estimators.flow.prewhitening import ORDER, RING
from simmm.estimators.observation import CLOCK
from simmm.jit import kernel
from simmm.math import log, log1p, sqrt

ROW = "E25"
HEARS = (CLOCK,)
READS = ()
SILENCE = "hold"
APPROXIMATE = ""
TIMELESS = dict.fromkeys(
    ("lead_beta", "lead_prediction"),
    "a coefficient of the model and its last use, learned from returns that were seen",
)

SLICE = 8  # lags a tick
LARGEST_MID = 1e18
LARGEST_RATIO = 1e9
NS_PER_S = 1_000_000_000.0
TICKS = 100.0  # that the average tick remembers

COLLECTING, FITTING, FILTERING, HOLDING, TESTING = 0, 1, 2, 3, 4  # steps of a test
ABSENT, SHORT, UNRELATED, LEADS = 0.0, 1.0, 2.0, 3.0  # `lead_state`

PARAMETERS = parameters(
    window=Parameter(820, "ticks", "returns in a test", low=64, high=1000),
    lags=Parameter(
        20,
        "ticks",
        "longest lead; at most a 21st of `window` at a significance of .05",
        low=1,
        high=60,
    ),
    renew=Parameter(410, "ticks", "new returns until the next test", low=1, high=1_000_000),
    significance=Parameter(0.05, "", "p-value up to which a lead is believed", 0.001, 0.5),
    absent_s=Parameter(
        10.0, "s", "without the other's price until it is absent", 0.001, 86_400.0, time_power=1
    ),
)


def _never_significant(lags: int, window: int, significance: float) -> str:
    blocks = max(window // lags - 1, 1)
    if 1.0 / blocks <= significance:
        return ""
    return (
        f"{lags} lags in a window of {window} leave p-values no lower than 1/{blocks}, above "
        f"significance ({significance:g}): no lead would ever be believed"
    )


RULES = (
    Rule(
        ("lags", "window", "significance"),
        _never_significant,
        "1 / (`window` / `lags` - 1) ≤ `significance`",
    ),
)

BELIEFS = (
    Belief("lead_lag_s", "s", "time by which the other leads", law="code", time_power=1.0),
    Belief("lead_beta", "", "share of the other's return that follows"),
    Belief("lead_significance", "", "p-value of the last test", law="code"),
    Belief("lead_information", "nats", "mutual information at the found lag", law="code"),
    Belief("lead_on", "", "1: a lead is believed", law="code"),
    Belief("lead_state", "", "0 absent, 1 collecting, 2 not significant, 3 leads", law="code"),
    Belief("lead_prediction", "fraction", "own return over the next lead_lag_s; 0 if off"),
)

State = np.dtype(
    [
        ("last_mid", "f8"),
        ("last_other", "f8"),
        ("last_ts", "i8"),  # of the newest pair, ns
        ("seen_ts", "i8"),  # when the other was last known
        ("tick_s", "f8"),  # average
        ("count", "i8"),  # pairs of returns ever, since the other came
        ("own", "f8", (RING,)),
        ("other", "f8", (RING,)),
        ("state", "f8"),
        ("step", "i8"),
        ("frozen_count", "i8"),  # pairs ever when the test began
        ("frozen_ts", "i8"),  # of the newest of them
        ("x", "f8", (RING,)),  # other's, frozen, then filtered
        ("y", "f8", (RING,)),  # own
        ("held_x", "f8", (RING,)),  # in deviations
        ("held_y", "f8", (RING,)),
        ("filter", "f8", (ORDER,)),
        ("lag", "i8"),  # next of the test
        ("largest", "f8"),  # |c| of the block in course
        ("found", "f8"),  # c with the largest size among the true lags
        ("found_lag", "i8"),
        ("as_large", "i8"),  # shifted blocks
        ("tested_ts", "i8"),  # newest pair of the last test; -1 none
        ("significance", "f8"),
        ("information", "f8"),
        ("on", "i8"),
        ("lead", "i8"),  # ticks
        ("beta", "f8"),
        ("beta_sd", "f8"),
        ("followed", "f8"),  # other's return over the last `lead` ticks
    ],
    align=True,
)


@kernel
def start(s: Any, p: Any, key: int) -> None:
    """Know nothing."""
    s.seen_ts = 0
    s.tick_s = 0.0
    _forget(s)


@kernel
def _forget(s: Any) -> None:
    """Be as without the other market."""
    s.last_mid = 0.0
    s.last_other = 0.0
    s.last_ts = 0
    s.count = 0
    s.state = ABSENT
    s.step = COLLECTING
    s.tested_ts = -1
    s.significance = 1.0
    s.information = 0.0
    s.on = 0
    s.lead = 0
    s.beta = 0.0
    s.beta_sd = 0.0
    s.followed = 0.0


@kernel
def update(s: Any, p: Any, o: Any, b: Any) -> None:
    """Take in the two mids; go on with the test."""
    if not 0.0 < o.mid < LARGEST_MID:
        return
    other = o.reference_mid[0]
    if not 0.0 < other < LARGEST_MID:
        s.last_mid = 0.0
        if s.state != ABSENT and float(o.now - s.seen_ts) > p.absent_s * NS_PER_S:
            _forget(s)
        return
    s.seen_ts = o.now
    if s.state == ABSENT:
        s.state = SHORT
    if s.last_mid > 0.0:
        if o.now <= s.last_ts:
            return
        _pair(s, o.now, o.mid / s.last_mid, other / s.last_other)
    s.last_mid = o.mid
    s.last_other = other
    s.last_ts = o.now
    _go_on(s, p)


@kernel
def _pair(s: Any, now: int, own: float, other: float) -> None:
    """Take in one return of each; a mid that changes beyond reason counts as no pair."""
    low = 1.0 / LARGEST_RATIO
    if not (low < own < LARGEST_RATIO and low < other < LARGEST_RATIO):
        return
    slot = s.count & (RING - 1)
    s.own[slot] = log(own)
    s.other[slot] = log(other)
    s.count += 1
    weight = max(1.0 / TICKS, 1.0 / float(s.count))
    s.tick_s += weight * (float(now - s.last_ts) / NS_PER_S - s.tick_s)
    if s.on == 1:
        s.followed = 0.0
        for j in range(1, s.lead + 1):
            s.followed += s.other[(s.count - j) & (RING - 1)]


@kernel
def _go_on(s: Any, p: Any) -> None:
    """Do one step of the test."""
    n = p.window
    if s.step == COLLECTING:
        if s.count >= n + ORDER and (s.tested_ts < 0 or s.count - s.frozen_count >= p.renew):
            prewhitening.freeze(s, n + ORDER)
            s.frozen_count = s.count
            s.frozen_ts = s.last_ts
            s.step = FITTING
    elif s.step == FITTING:
        prewhitening.fit(s, n + ORDER)
        s.step = FILTERING
    elif s.step == FILTERING:
        prewhitening.whiten(s, n)
        s.step = HOLDING
    elif s.step == HOLDING:
        prewhitening.hold(s, n)
        s.lag = 1
        s.largest = 0.0
        s.found = 0.0
        s.found_lag = 1
        s.as_large = 0
        s.step = TESTING
    else:
        _correlate(s, p)


@kernel
def _correlate(s: Any, p: Any) -> None:
    """Take some lags further; compare each block that is complete with the true one."""
    n = p.window
    blocks = max((n - p.lags) // p.lags, 1)  # without lags of 0 and below, which are n, n - 1 ..
    stop = min(s.lag + SLICE, blocks * p.lags + 1)
    while s.lag < stop:
        c = (
            prewhitening.product(s, s.lag, n, -s.lag) + prewhitening.product(s, 0, s.lag, n - s.lag)
        ) / n
        if abs(c) > s.largest:
            s.largest = abs(c)
            if s.lag <= p.lags:
                s.found = c
                s.found_lag = s.lag
        if s.lag % p.lags == 0:
            if s.lag > p.lags and s.largest >= abs(s.found):
                s.as_large += 1
            s.largest = 0.0
        s.lag += 1
    if s.lag > blocks * p.lags:
        _decide(s, p, blocks)
        s.step = COLLECTING


@kernel
def _decide(s: Any, p: Any, blocks: int) -> None:
    """End a test: switch on or off, and fit beta."""
    s.significance = float(1 + s.as_large) / float(blocks)
    s.information = -0.5 * log1p(-min(s.found * s.found, 0.999999))
    s.tested_ts = s.frozen_ts
    s.on = 0
    s.state = UNRELATED
    s.lead = 0
    s.beta = 0.0
    s.beta_sd = 0.0
    s.followed = 0.0
    if s.significance > p.significance or s.found == 0.0:
        return
    n = p.window
    lag = s.found_lag
    xx = 0.0
    xy = 0.0
    yy = 0.0
    for i in range(lag, n):
        xx += s.x[i - lag] * s.x[i - lag]
        xy += s.x[i - lag] * s.y[i]
        yy += s.y[i] * s.y[i]
    if not xx > 1e-60:
        return
    s.on = 1
    s.state = LEADS
    s.lead = lag
    s.beta = xy / xx
    s.beta_sd = sqrt(max(yy - s.beta * xy, 0.0) / (n - lag - 1) / xx)
    for j in range(1, lag + 1):
        s.followed += s.other[(s.count - j) & (RING - 1)]


@kernel
def read(s: Any, p: Any, now: int, b: Any) -> None:
    """Write what is believed."""
    tested = now - s.tested_ts if s.tested_ts >= 0 else -1
    told = tested if s.on == 1 else -1
    b.lead_lag_s = s.lead * s.tick_s
    b.lead_lag_s_age_ns = told
    b.lead_beta = s.beta
    b.lead_beta_sd = s.beta_sd
    b.lead_beta_low = s.beta - 1.96 * s.beta_sd
    b.lead_beta_high = s.beta + 1.96 * s.beta_sd
    b.lead_beta_age_ns = told
    b.lead_significance = s.significance
    b.lead_significance_age_ns = tested
    b.lead_information = s.information
    b.lead_information_age_ns = tested
    b.lead_on = float(s.on)
    b.lead_on_age_ns = tested
    b.lead_state = s.state
    b.lead_state_age_ns = now - s.seen_ts if s.state != ABSENT else -1
    deviation = s.beta_sd * abs(s.followed)
    expected = s.beta * s.followed
    b.lead_prediction = expected
    b.lead_prediction_sd = deviation
    b.lead_prediction_low = expected - 1.96 * deviation
    b.lead_prediction_high = expected + 1.96 * deviation
    b.lead_prediction_age_ns = now - s.last_ts if s.on == 1 else -1
