"""Own fills on a random mid: what the mid does after each is known.

The mid is a geometric Brownian motion, told by a TOUCH shortly before each horizon of each fill, at
each jump and at the clock. An adverse fill is followed by a jump against its side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simmm.estimators.observation import ASK, BID, CLOCK, FILL, TOUCH, Observation

START_TS = 1_735_689_600_000_000_000
FIRST_MID = 100_000.0  # quanta
HALF_SPREAD = 1e-4
STEP = 1e-5


@dataclass(frozen=True)
class Fills:
    """Fills to come, in order of time; arrays of one length."""

    seconds: np.ndarray
    side: np.ndarray  # +1 bought, -1 sold
    loss: np.ndarray  # jump of the mid against the fill, fraction
    depth: np.ndarray | float = 0.0  # of the fill behind the touch, fraction


def told(
    rng: np.random.Generator,
    fills: Fills,
    sigma: float,
    *,
    horizons: tuple[float, ...] = (5.0,),
    delay_s: float = 0.1,
    clock_s: float = 5.0,
    drift: float = 0.0,
    shocks: np.ndarray | None = None,
) -> np.ndarray:
    """Return the observations of a world.

    Parameters
    ----------
    rng
        Of the mid.
    fills
        Its fills.
    sigma
        Of the mid, fraction per root second.
    horizons
        At which the mid has to be right, s.
    delay_s
        From a fill to its jump.
    clock_s
        Between ticks of the estimator clock.
    drift
        Of the log mid, 1 / s.
    shocks
        To draw the mid's standardised moves from, in place of the normal law.
    """
    count = len(fills.seconds)
    touches = [fills.seconds + delay_s, *(fills.seconds + h - 0.01 for h in horizons)]
    end = float(fills.seconds[-1]) + max(horizons) + 3.0 * clock_s
    clocks = np.arange(1, int(end / clock_s) + 1) * clock_s
    seconds = np.concatenate([fills.seconds, *touches, clocks])
    kinds = np.concatenate(
        [
            np.full(count, FILL),
            np.full(count * len(touches), TOUCH),
            np.full(len(clocks), CLOCK),
        ]
    )
    jumps = np.zeros(len(seconds))
    jumps[count : 2 * count] = -fills.side * fills.loss
    number = np.full(len(seconds), -1)
    number[:count] = np.arange(count)
    order = np.argsort(seconds, kind="stable")
    seconds, kinds, jumps, number = (a[order] for a in (seconds, kinds, jumps, number))
    passed = np.diff(seconds, prepend=0.0)
    normal = (
        rng.standard_normal(len(seconds)) if shocks is None else rng.choice(shocks, len(seconds))
    )
    moves = sigma * np.sqrt(passed) * normal + drift * passed
    moves[kinds == FILL] = 0.0  # the mid before a fill is the one told last
    found = np.zeros(len(seconds), Observation)
    found["kind"] = kinds
    found["now"] = START_TS + np.round(seconds * 1e9).astype(np.int64)
    found["exch_ts"] = found["now"]
    found["lot"] = 1.0
    found["mid"] = FIRST_MID * np.exp(np.cumsum(moves + jumps))
    found["half_spread"] = HALF_SPREAD
    found["step"] = STEP
    found["touch_lots"][:, ASK] = found["touch_lots"][:, BID] = 10.0
    own = kinds == FILL
    found["side"][own] = fills.side[number[own]]
    found["lots"][own] = 1.0
    found["depth"][own] = np.broadcast_to(fills.depth, (count,))[number[own]]
    found["distance"][own] = found["depth"][own] + HALF_SPREAD
    return found


def bursts(
    rng: np.random.Generator,
    count: int,
    every_s: float,
    size: float,
    spacing_s: float,
    least_s: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return times of fills and the number of the burst of each.

    Bursts come at random, one in `every_s`; each has a geometric number of fills of mean `size`,
    `spacing_s` apart on average and `least_s` at least.
    """
    sizes = rng.geometric(1.0 / size, count)
    start = np.cumsum(rng.exponential(every_s, count))
    burst = np.repeat(np.arange(count), sizes)
    gaps = least_s + rng.exponential(spacing_s - least_s, len(burst))
    first = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    inside = np.cumsum(gaps)
    seconds = start[burst] + inside - inside[first][burst]
    order = np.argsort(seconds, kind="stable")
    return seconds[order], burst[order]
