"""Poisson world: constant A, κ and σ, and a fill rate known in closed form.

Law
---
- The mid sits on a tick and jumps one tick up or down with equal chance, at rate (σ·mid/tick)².
  So the variance of its returns is σ² per second at every price, without rounding noise.
- Best bid and ask stand `half_spread_ticks` from the mid. Behind them a side shows further levels
  at every price that is a multiple of `level_step` ticks, `levels` in all, each of `level_lots`.
  The ticks in between are shown empty: an order there has nobody ahead.
- Aggressors of each side come at rate A with a reach x ~ Exp(κ) beyond the mid, a fraction of the
  mid. Their last price is the deepest tick within reach; one that does not reach the touch leaves
  no trace. What is shown better than the last price is taken whole, and one print of `reach_lots`
  follows at the last price itself, against an order that the book never showed if no level is
  shown there.
- Takers and makers act in one instant: every level is refilled before anyone can see it empty.
  The depth rows that follow a trade at the same `exch_ts` say so.

Then an order of at most `reach_lots` that rests d ticks from the mid with nobody ahead, d at least
the half spread, is reached at rate exactly A·exp(-κ·d·tick/mid) for each such order.

Source: Avellaneda and Stoikov (2008), with the mid's jumps on the grid.
"""

from functools import partial
from typing import Any

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import compiled, kernel, records
from simmm.market import MarketRules
from simmm.math import floor_int, round_int, stream_key
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


class Poisson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the Poisson world."""

    hours: float = 1.0
    price: str = "100"
    arrival: float = 1.0  # A: aggressors per second and side that reach the mid
    kappa: float = 2000.0  # 1 / fraction of price
    sigma: float = 1e-4  # fraction of price per sqrt(second)
    half_spread_ticks: int = 1
    levels: int = 8  # shown per side, the touch included
    level_step: int = 3  # ticks between shown levels behind the touch
    level_lots: int = 1_000
    reach_lots: int = 100  # size of an aggressor's last print
    image_s: float = 10.0  # a full image at least this often
    feed_ns: int = 1_000_000  # from exchange to recorder
    market: MarketRules = MarketRules(
        symbol="POISSON", venue="synthetic", price_quantum="0.01", lot_size="0.001"
    )

    def __post_init__(self) -> None:
        above = {
            "hours": self.hours,
            "arrival": self.arrival,
            "kappa": self.kappa,
            "image_s": self.image_s,
        }
        for name, value in above.items():
            if not 0.0 < value < 1e9:
                raise ScenarioError(f"poisson.{name}: {value} must be above zero and finite")
        if not 0.0 <= self.sigma < 0.1:
            raise ScenarioError(f"poisson.sigma: {self.sigma} must lie in 0..0.1 per sqrt(second)")
        least = {"half_spread_ticks": 1, "level_step": 1, "reach_lots": 1, "feed_ns": 0}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise ScenarioError(
                    f"poisson.{name}: {getattr(self, name)} must be at least {bound}"
                )
        if not 1 <= self.levels <= 1_000:
            raise ScenarioError(f"poisson.levels: {self.levels} must lie in 1..1000")
        if self.level_lots < self.reach_lots:
            raise ScenarioError(
                f"poisson.level_lots: {self.level_lots} must be at least reach_lots, "
                f"{self.reach_lots}"
            )
        deepest = self.half_spread_ticks + self.levels * self.level_step
        if self.market.quanta(self.price) <= 2 * deepest * self.market.tick_quanta:
            raise ScenarioError(f"poisson.price: {self.price} is too low for this many levels")


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
        ("level_step", "i8"),
        ("level_lots", "i8"),
        ("reach_lots", "i8"),
        ("feed_ns", "i8"),
        ("image_ns", "i8"),
        ("arrival", "f8"),
        ("kappa", "f8"),
        ("sigma", "f8"),
        ("next_move", "i8"),
        ("next_image", "i8"),
        ("next_aggressor", "i8", (2,)),  # of seller, buyer
        ("key", "i8", (3,)),  # streams: sellers, buyers, moves
        ("draws", "i8", (3,)),
        ("trades", "i8"),
        ("aggressors", "i8", (2,)),
        ("moves", "i8"),
    ],
    align=True,
)
_MOVES = 2


@kernel
def _wait(state, stream: int, rate: float) -> int:  # type: ignore[no-untyped-def]
    """Return the time of the next event of a stream with this rate per second."""
    if rate <= 0.0:
        return NEVER
    return state.now + 1 + round_int(draw_exponential(state, stream) / rate * 1e9)


@kernel
def _move_rate(state) -> float:  # type: ignore[no-untyped-def]
    scaled = state.sigma * state.mid
    return scaled * scaled


@kernel
def _behind(state, depth: int, direction: int) -> int:  # type: ignore[no-untyped-def]
    """Return the next shown price behind `depth`, in ticks; `direction` is +1 for asks."""
    step = state.level_step
    if direction > 0:
        return (depth // step + 1) * step
    return -((-depth) // step + 1) * step


@kernel
def _image(state, rows) -> None:  # type: ignore[no-untyped-def]
    for side in range(2):
        direction = -1 if side == 0 else 1
        tag = (SNAPSHOT | BUY) if side == 0 else SNAPSHOT
        px = state.mid + direction * state.half_spread
        for level in range(state.levels):
            put(
                state,
                rows,
                state.now,
                state.now + state.feed_ns,
                tag | FIRST if level == 0 else tag,
                px * state.tick,
                state.level_lots,
                -1,
            )
            px = _behind(state, px, direction)
    end_message(state, rows)
    state.next_image = state.now + state.image_ns


@kernel
def _aggressor(state, rows, side: int) -> None:  # type: ignore[no-untyped-def]
    """Let one aggressor act; `side` is 1 for a buyer."""
    direction = 1 if side == 1 else -1
    reach = floor_int(draw_exponential(state, side) / state.kappa * state.mid)
    state.next_aggressor[side] = _wait(state, side, state.arrival)
    if reach < state.half_spread:
        return
    if reach > state.mid - 1 and side == 0:
        reach = state.mid - 1
    last = state.mid + direction * reach
    local_ts = state.now + state.feed_ns
    tag = (TRADE | BUY) if side == 1 else TRADE
    state.aggressors[side] += 1
    px = state.mid + direction * state.half_spread
    taken = 0  # shown levels that the aggressor touches
    while taken < state.levels and (last - px) * direction > 0:
        put(state, rows, state.now, local_ts, tag, px * state.tick, state.level_lots, state.trades)
        state.trades += 1
        taken += 1
        px = _behind(state, px, direction)
    put(
        state,
        rows,
        state.now,
        local_ts,
        tag | AGGRESSOR_END,
        last * state.tick,
        state.reach_lots,
        state.trades,
    )
    state.trades += 1
    end_message(state, rows)
    if taken < state.levels and px == last:
        taken += 1
    px = state.mid + direction * state.half_spread
    tag = DEPTH if side == 1 else DEPTH | BUY
    for _ in range(taken):
        put(state, rows, state.now, local_ts, tag, px * state.tick, state.level_lots, -1)
        px = _behind(state, px, direction)
    end_message(state, rows)


def _advance(state, rows) -> int:  # type: ignore[no-untyped-def]
    """Fill `rows` until they are nearly full (return 0) or the time is over (return 1)."""
    s = state[0]
    s.rows = 0
    while s.rows + 2 * s.levels + 2 <= len(rows):
        due = min(min(s.next_move, s.next_image), min(s.next_aggressor[0], s.next_aggressor[1]))
        if due >= s.end_ts:
            return 1
        s.now = max(due, s.now + 1)  # one instant, one event
        if due == s.next_image:
            _image(s, rows)
        elif due == s.next_move:
            up = draw_uniform(s, _MOVES) < 0.5 or s.mid <= s.floor
            s.mid += 1 if up else -1
            s.moves += 1
            s.next_move = _wait(s, _MOVES, _move_rate(s))
            _image(s, rows)
        elif due == s.next_aggressor[1]:
            _aggressor(s, rows, 1)
        else:
            _aggressor(s, rows, 0)
    return 0


_advance_compiled = compiled(_advance)


def _initial(parameters: Poisson, seed: int) -> np.ndarray:
    state = records(np.zeros(1, _State))
    s = record_view(state)[0]
    s.now = s.next_image = START_TS
    s.end_ts = START_TS + round(parameters.hours * 3.6e12)
    s.tick = parameters.market.tick_quanta
    s.mid = parameters.market.quanta(parameters.price) // s.tick
    s.floor = parameters.half_spread_ticks + parameters.levels * parameters.level_step + 1
    s.half_spread = parameters.half_spread_ticks
    for name in ("levels", "level_step", "level_lots", "reach_lots", "feed_ns"):
        setattr(s, name, getattr(parameters, name))
    s.image_ns = round(parameters.image_s * 1e9)
    s.arrival, s.kappa, s.sigma = parameters.arrival, parameters.kappa, parameters.sigma
    for stream, name in enumerate(("sellers", "buyers", "moves")):
        s.key[stream] = stream_key(seed, f"poisson {name}")
    s.next_move = _wait(s, _MOVES, _move_rate(s))
    for side in range(2):
        s.next_aggressor[side] = _wait(s, side, s.arrival)
    return state


def generate(
    parameters: Poisson, seed: int, writer: Writer, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a tape of the Poisson world and return its truth, as `generate_of` tells."""
    state = _initial(parameters, seed)
    s = record_view(state)[0]
    write_world(partial(_advance_compiled, state), s, writer, progress, feed_ns=int(s.feed_ns))
    return {
        "sigma": parameters.sigma,
        "kappa": parameters.kappa,
        "arrival": parameters.arrival,
        "touch_rate_per_side": "arrival * exp(-kappa * half_spread)",
        "half_spread_ticks": parameters.half_spread_ticks,
        "jumps": int(s.moves),
        "sellers": int(s.aggressors[0]),
        "buyers": int(s.aggressors[1]),
    }
