"""A seeded stream of observations of all kinds, as a maker would hear them in a busy market.

The estimators' contract is tested on it and their cost measured; it is no world of known truth.
"""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import (
    AGGRESSOR,
    ASK,
    BID,
    BUCKET,
    CLOCK,
    CONTEXT,
    FILL,
    GAP,
    LEVELS,
    REFERENCES,
    TOUCH,
    Observation,
)

NS = 1_000_000_000
START_NS = 1_700_000_000 * NS
MID = 1_000_000.0  # quanta
STEP = 1e-5  # fraction
SIGMA = 1e-4  # per root second
KAPPA = 4_000.0
RATES = {AGGRESSOR: 2.0, TOUCH: 3.0, FILL: 0.15, CONTEXT: 0.2, GAP: 0.0004}  # per second
BUCKET_LOTS = 60.0
OWN_STEPS = np.array([0, 10, 30, 70, 150, 300])  # own orders' depth
SHOWN = 10


def observed(seed: int, seconds: int) -> np.ndarray:
    """Return the observations of so many seconds."""
    rng = np.random.default_rng(seed)
    times, kinds = _schedule(rng, seconds)
    seen = np.zeros(len(times), Observation)
    seen["kind"], seen["now"] = kinds, times
    seen["exch_ts"] = times - rng.integers(1_000_000, 40_000_000, len(times))
    seen["lot"] = 1e-3
    _prices(rng, seen)
    _book(rng, seen)
    _trades(rng, seen)
    _context(rng, seen)
    return _with_buckets(seen)


def _schedule(rng: np.random.Generator, seconds: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and kinds in order; aggressors come in clusters."""
    times, kinds = [NS * np.arange(1, seconds + 1)], [np.full(seconds, CLOCK)]
    for kind, rate in RATES.items():
        at = rng.random(rng.poisson(rate * seconds)) * seconds
        if kind == AGGRESSOR:
            children = rng.poisson(0.5, len(at))
            at = np.concatenate([at, np.repeat(at, children) + rng.exponential(0.5, sum(children))])
            at = at[at < seconds]
        if kind == GAP:
            at = np.append(at, 0.6 * seconds)
        times.append((at * NS).astype(np.int64))
        kinds.append(np.full(len(at), kind))
    all_times, all_kinds = np.concatenate(times), np.concatenate(kinds)
    order = np.argsort(all_times, kind="stable")
    return START_NS + all_times[order], all_kinds[order]


def _prices(rng: np.random.Generator, seen: np.ndarray) -> None:
    """A mid with calm and wild stretches and a few jumps, on a grid; two references lead it."""
    passed = np.diff(seen["now"], prepend=START_NS) / NS
    wild = np.where((seen["now"] - START_NS) // (300 * NS) % 3 == 1, 3.0, 1.0)
    moves = SIGMA * wild * np.sqrt(passed) * rng.normal(size=len(seen))
    moves += np.where(rng.random(len(seen)) < 0.0005, rng.choice([-1, 1], len(seen)) * 3e-3, 0.0)
    path = np.cumsum(moves)
    seen["mid"] = np.round(MID * np.exp(path))
    for k in range(2):
        early = np.concatenate([path[8 * (k + 1) :], np.full(8 * (k + 1), path[-1])])
        noise = 2e-5 * rng.normal(size=len(seen))
        seen["reference_mid"][:, k] = np.round(2 * MID * np.exp(early + noise))
    assert REFERENCES > 2  # the others are absent
    seen["step"] = STEP
    seen["half_spread"] = STEP * (0.5 + rng.geometric(0.4, len(seen)))


def _book(rng: np.random.Generator, seen: np.ndarray) -> None:
    size = len(seen)
    distance = seen["half_spread"][:, None, None] + STEP * np.cumsum(
        rng.geometric(0.5, (size, 2, LEVELS)), axis=2
    )
    distance[:, :, 0] = seen["half_spread"][:, None]
    shown = np.arange(LEVELS) < SHOWN
    seen["levels"] = SHOWN
    seen["level_distance"] = np.where(shown, distance, 0.0)
    lots = np.ceil(rng.exponential(20.0, (size, 2, LEVELS)))
    seen["level_lots"] = np.where(shown, lots, 0.0)
    seen["touch_lots"] = seen["level_lots"][:, :, 0]
    seen["own"] = len(OWN_STEPS)
    own = seen["half_spread"][:, None, None] + STEP * OWN_STEPS
    seen["own_distance"][:, :, : len(OWN_STEPS)] = own


def _trades(rng: np.random.Generator, seen: np.ndarray) -> None:
    size = len(seen)
    lean = (seen["touch_lots"][:, BID] > seen["touch_lots"][:, ASK]).astype(float)
    seen["side"] = np.where(rng.random(size) < 0.3 + 0.4 * lean, 1.0, -1.0)
    seen["lots"] = np.ceil(rng.exponential(5.0, size))
    seen["prints"] = 1.0 + rng.poisson(0.7, size)
    steps = np.floor(rng.exponential(1.0 / KAPPA, size) / STEP)
    seen["reach"] = seen["half_spread"] + STEP * steps
    seen["depth"] = STEP * rng.choice(OWN_STEPS, size)
    seen["distance"] = seen["half_spread"] + seen["depth"]


def _context(rng: np.random.Generator, seen: np.ndarray) -> None:
    about = seen["kind"] == CONTEXT
    seen["market"] = np.where(about, rng.integers(0, 3, len(seen)), 0)
    seen["mark"] = np.round(seen["mid"] * (1 + 1e-5 * rng.normal(size=len(seen))))
    interest = 1e6 * np.exp(np.cumsum(1e-4 * rng.normal(size=len(seen))))
    falls = (seen["now"] - START_NS) // (1_000 * NS) % 2 == 1
    seen["open_interest"] = np.round(interest * np.where(falls, 0.95, 1.0))


def _with_buckets(seen: np.ndarray) -> np.ndarray:
    """Insert a bucket after each aggressor that fills one."""
    lots = np.cumsum(np.where(seen["kind"] == AGGRESSOR, seen["lots"], 0.0))
    closed = np.floor(lots / BUCKET_LOTS)
    ends = np.flatnonzero(np.diff(closed, prepend=0.0) > 0)
    buckets = seen[ends].copy()
    buckets["kind"] = BUCKET
    buckets["lots"] = np.diff(lots[ends], prepend=0.0)
    buckets["seconds"] = np.diff(buckets["now"], prepend=START_NS) / NS
    buckets["change"] = np.diff(np.log(buckets["mid"]), prepend=np.log(MID))
    return np.insert(seen, ends + 1, buckets)
