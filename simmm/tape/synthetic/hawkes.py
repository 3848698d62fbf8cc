"""Hawkes world: aggressors that bring aggressors, on a mid that walks by itself.

Law
---
- The mid sits on a tick and jumps one tick up or down with equal chance, at rate (σ·mid/tick)², so
  that the variance of its returns is σ² per second. A side shows `levels` prices, a tick apart and
  of `level_lots` each, from `half_spread_ticks` away on. A jump is told as four changes of them.
- Aggressors of both sides together come with intensity

      λ(t) = μ + n β Σ exp(−β (t − t_i))

  with μ (`base`), n (`branching`) and β (`decay`): each brings n others on average, 1/β seconds
  later in the mean, and the mean rate is μ / (1 − n). It starts at that. The next one's time is
  drawn exactly: the sooner of one of rate μ and one of the rate that decays.
- Each takes the side of the one before with chance `follow`, else either side with equal chance.
- Each reaches the touch and x ~ Exp(κ) beyond it, a fraction of the mid: its last price is the
  deepest tick within reach. It takes all levels before that one whole and `last_lots` there, even
  if no level is shown so far out. The book is refilled in the same instant.

So no aggressor goes unseen, and the times on the tape are the process itself. Its law doesn't hang
on sides, reach or mid.

Source: Hawkes (1971); exact times of a decaying intensity, Dassios and Zhao (2013).
"""

from functools import partial
from typing import Any

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import compiled, kernel, records
from simmm.market import MarketRules
from simmm.math import exp, floor_int, log, round_int, stream_key
from simmm.record_views import record_view
from simmm.records import AGGRESSOR_END, BUY, DEPTH, FIRST, NEVER, SNAPSHOT, TRADE
from simmm.tape.synthetic.columns import (
    START_TS,
    Progress,
    Writer,
    end_message,
    put,
    write_world,
)
from simmm.tape.synthetic.draws import draw_exponential, draw_uniform


class Hawkes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the Hawkes world."""

    hours: float = 1.0
    price: str = "100"
    base: float = 0.4  # μ: aggressors per second, both sides, that none brought
    branching: float = 0.6  # n: that each brings
    decay: float = 1.0  # β, 1/s
    follow: float = 0.3  # chance to take the side of the one before
    kappa: float = 2000.0  # 1 / fraction of price, beyond the touch
    sigma: float = 1e-4  # fraction of price per sqrt(second)
    half_spread_ticks: int = 1
    levels: int = 20  # shown per side, a tick apart
    level_lots: int = 1_000
    last_lots: int = 100  # an aggressor's last print
    image_s: float = 10.0  # a full image this often
    feed_ns: int = 1_000_000  # from exchange to recorder
    market: MarketRules = MarketRules(
        symbol="HAWKES", venue="synthetic", price_quantum="0.01", lot_size="0.001"
    )

    def __post_init__(self) -> None:
        for name in ("hours", "base", "decay", "kappa", "image_s"):
            value = getattr(self, name)
            if not 0.0 < value < 1e9:
                raise ScenarioError(f"hawkes.{name}: {value} must be above zero and finite")
        if not 0.0 <= self.branching <= 0.99:
            raise ScenarioError(f"hawkes.branching: {self.branching} must lie in 0..0.99")
        if not 0.0 <= self.follow <= 1.0:
            raise ScenarioError(f"hawkes.follow: {self.follow} must lie in 0..1")
        if not 0.0 <= self.sigma < 0.1:
            raise ScenarioError(f"hawkes.sigma: {self.sigma} must lie in 0..0.1 per sqrt(second)")
        least = {"half_spread_ticks": 1, "last_lots": 1, "feed_ns": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ScenarioError(
                    f"hawkes.{name}: {getattr(self, name)} must be at least {bound}"
                )
        if not 1 <= self.levels <= 1_000:
            raise ScenarioError(f"hawkes.levels: {self.levels} must lie in 1..1000")
        if self.level_lots < self.last_lots:
            raise ScenarioError(
                f"hawkes.level_lots: {self.level_lots} must be at least last_lots, {self.last_lots}"
            )
        deepest = self.half_spread_ticks + self.levels
        if self.market.quanta(self.price) <= 2 * deepest * self.market.tick_quanta:
            raise ScenarioError(f"hawkes.price: {self.price} is too low for this many levels")


_State = np.dtype(
    [
        ("rows", "i8"),
        ("messages", "i8"),
        ("end_ts", "i8"),
        ("now", "i8"),
        ("tick", "i8"),  # quanta
        ("mid", "i8"),  # ticks
        ("floor", "i8"),  # ticks; the mid turns round here
        ("half_spread", "i8"),
        ("levels", "i8"),
        ("level_lots", "i8"),
        ("last_lots", "i8"),
        ("feed_ns", "i8"),
        ("image_ns", "i8"),
        ("base_rate", "f8"),
        ("branching", "f8"),
        ("decay", "f8"),
        ("follow", "f8"),
        ("kappa", "f8"),
        ("sigma", "f8"),
        ("excited", "f8"),  # intensity above the base, after the newest aggressor
        ("wait_s", "f8"),  # from it to the next
        ("side", "i8"),  # of the newest, 1 a buyer
        ("next_move", "i8"),
        ("next_image", "i8"),
        ("next_aggressor", "i8"),
        ("key", "i8", (4,)),  # streams
        ("draws", "i8", (4,)),
        ("trades", "i8"),
        ("aggressors", "i8", (2,)),  # sellers, buyers
        ("moves", "i8"),
    ],
    align=True,
)
_TIMES, _SIDES, _REACH, _MOVES = range(4)
_STREAMS = ("times", "sides", "reach", "moves")


@kernel
def _schedule_aggressor(s) -> None:  # type: ignore[no-untyped-def]
    """Draw when the next aggressor comes.

    The decaying part alone has a chance to bring none at all: its integral is finite.
    """
    wait = draw_exponential(s, _TIMES) / s.base_rate
    part = draw_exponential(s, _TIMES) * s.decay
    if part < s.excited:
        wait = min(wait, -log(1.0 - part / s.excited) / s.decay)
    s.wait_s = wait
    s.next_aggressor = s.now + 1 + round_int(wait * 1e9)


@kernel
def _schedule_move(s) -> None:  # type: ignore[no-untyped-def]
    scaled = s.sigma * s.mid
    rate = scaled * scaled
    s.next_move = NEVER
    if rate > 0.0:
        s.next_move = s.now + 1 + round_int(draw_exponential(s, _MOVES) / rate * 1e9)


@kernel
def _row(s, rows, tag: int, px: int, lots: int, aux: int) -> None:  # type: ignore[no-untyped-def]
    put(s, rows, s.now, s.now + s.feed_ns, tag, px * s.tick, lots, aux)


@kernel
def _image(s, rows) -> None:  # type: ignore[no-untyped-def]
    for side in range(2):
        direction = 1 if side == 1 else -1
        tag = SNAPSHOT if side == 1 else SNAPSHOT | BUY
        for level in range(s.levels):
            px = s.mid + direction * (s.half_spread + level)
            _row(s, rows, tag | FIRST if level == 0 else tag, px, s.level_lots, -1)
    end_message(s, rows)
    s.next_image = s.now + s.image_ns


@kernel
def _move(s, rows) -> None:  # type: ignore[no-untyped-def]
    """Move the mid by one tick and show the levels that go and come."""
    direction = 1 if draw_uniform(s, _MOVES) < 0.5 or s.mid <= s.floor else -1
    ahead = DEPTH if direction > 0 else DEPTH | BUY  # the side that withdraws
    behind = DEPTH | BUY if direction > 0 else DEPTH
    far = s.half_spread + s.levels
    _row(s, rows, ahead, s.mid + direction * s.half_spread, 0, -1)
    _row(s, rows, ahead, s.mid + direction * far, s.level_lots, -1)
    _row(s, rows, behind, s.mid - direction * (s.half_spread - 1), s.level_lots, -1)
    _row(s, rows, behind, s.mid - direction * (far - 1), 0, -1)
    end_message(s, rows)
    s.mid += direction
    s.moves += 1
    _schedule_move(s)


@kernel
def _aggressor(s, rows) -> None:  # type: ignore[no-untyped-def]
    s.excited = s.excited * exp(-s.decay * s.wait_s) + s.branching * s.decay
    if draw_uniform(s, _SIDES) >= s.follow:
        s.side = 1 if draw_uniform(s, _SIDES) < 0.5 else 0
    beyond = floor_int(draw_exponential(s, _REACH) / s.kappa * s.mid)
    if s.side == 0:
        beyond = min(beyond, s.mid - 1 - s.half_spread)
    direction = 1 if s.side == 1 else -1
    tag = TRADE | BUY if s.side == 1 else TRADE
    touch = s.mid + direction * s.half_spread
    taken = min(beyond, s.levels)
    for level in range(taken):
        _row(s, rows, tag, touch + direction * level, s.level_lots, s.trades)
        s.trades += 1
    _row(s, rows, tag | AGGRESSOR_END, touch + direction * beyond, s.last_lots, s.trades)
    s.trades += 1
    end_message(s, rows)
    tag = DEPTH if s.side == 1 else DEPTH | BUY
    for level in range(min(beyond + 1, s.levels)):
        _row(s, rows, tag, touch + direction * level, s.level_lots, -1)
    end_message(s, rows)
    s.aggressors[s.side] += 1
    _schedule_aggressor(s)


def _advance(state, rows) -> int:  # type: ignore[no-untyped-def]
    """Fill `rows` until they are nearly full (return 0) or the time is over (return 1)."""
    s = state[0]
    s.rows = 0
    while s.rows + 2 * s.levels + 4 <= len(rows):
        due = min(min(s.next_move, s.next_image), s.next_aggressor)
        if due >= s.end_ts:
            return 1
        s.now = max(due, s.now + 1)  # one instant, one event
        if due == s.next_image:
            _image(s, rows)
        elif due == s.next_move:
            _move(s, rows)
        else:
            _aggressor(s, rows)
    return 0


_advance_compiled = compiled(_advance)


def _initial(parameters: Hawkes, seed: int) -> np.ndarray:
    state = records(np.zeros(1, _State))
    s = record_view(state)[0]
    s.now = s.next_image = START_TS
    s.end_ts = START_TS + round(parameters.hours * 3.6e12)
    s.tick = parameters.market.tick_quanta
    s.mid = parameters.market.quanta(parameters.price) // s.tick
    s.floor = parameters.half_spread_ticks + parameters.levels + 1
    s.half_spread = parameters.half_spread_ticks
    for name in ("levels", "level_lots", "last_lots", "feed_ns"):
        setattr(s, name, getattr(parameters, name))
    for name in ("branching", "decay", "follow", "kappa", "sigma"):
        setattr(s, name, getattr(parameters, name))
    s.base_rate = parameters.base
    s.image_ns = round(parameters.image_s * 1e9)
    s.excited = s.base_rate * s.branching / (1.0 - s.branching)
    for stream, name in enumerate(_STREAMS):
        s.key[stream] = stream_key(seed, f"hawkes {name}")
    s.side = 1 if draw_uniform(s, _SIDES) < 0.5 else 0
    _schedule_move(s)
    _schedule_aggressor(s)
    return state


def generate(
    parameters: Hawkes, seed: int, writer: Writer, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a tape of the Hawkes world and return its truth, as `generate_of` tells."""
    state = _initial(parameters, seed)
    s = record_view(state)[0]
    write_world(partial(_advance_compiled, state), s, writer, progress, feed_ns=int(s.feed_ns))
    return _truth(parameters, s)


def _truth(parameters: Hawkes, s: Any) -> dict[str, Any]:
    p = parameters
    rate = p.base / (1.0 - p.branching)
    first = p.market.quanta(p.price) // p.market.tick_quanta
    return {
        "sigma": p.sigma,
        "kappa": p.kappa,
        "hawkes_base": p.base,
        "hawkes_branching": p.branching,
        "hawkes_decay": p.decay,
        "aggressor_rate": rate,
        # of the law A exp(-kappa d) per side that has this rate at the touch, at the first mid
        "arrival": 0.5 * rate * exp(p.kappa * p.half_spread_ticks / first),
        "half_spread_ticks": p.half_spread_ticks,
        "jumps": int(s.moves),
        "sellers": int(s.aggressors[0]),
        "buyers": int(s.aggressors[1]),
    }
