"""Cascade world: queue-reactive flow, and liquidations that feed on the falls they cause.

Law
---
At a trigger the reference falls by `trigger_steps` and `fuel_share` of the open interest becomes
liable to be liquidated: the fuel. From then on long positions are liquidated at rate heat times
the share of fuel left. Each liquidation sells at the market whatever the price, its prints carry
the liquidation flag, and fuel and open interest shrink by what it sold. The heat decays at rate
`decay` and grows by `feedback` for each basis point that the reference falls, whoever moved it.
With heat, makers withdraw: orders come more rarely and smaller, cancels and news more often, by
heat / (heat + heat_scale) of the way to the `stress_` parameters. A cascade is over once the heat
is below `quench` or the fuel is gone.

Triggers are drawn (`cascades` of them, one in each equal part of the tape), given (`triggers_s`),
or come from another market's flow (`follows`): there net selling above `volume` quote units within
`window_s`, `lag_s` earlier.

Source: the self-exciting form is Hawkes (1971); the withdrawal of makers with falling prices
follows Brunnermeier and Pedersen, Market liquidity and funding liquidity (2009).
"""

from typing import Any

import msgspec
import numpy as np

from simmm.errors import ScenarioError
from simmm.jit import compiled, kernel
from simmm.math import exp, floor_int, sqrt, stream_key, uniform
from simmm.record_views import record_view
from simmm.tape.synthetic.blocks import RESERVE, match, open_block, order, show, takers
from simmm.tape.synthetic.columns import Progress, Writer, write_world
from simmm.tape.synthetic.draws import draw_exponential, draw_normal
from simmm.tape.synthetic.flow import FORCED, flow
from simmm.tape.synthetic.queue_reactive import QueueReactive, initial, truth

MOST_CASCADES = 64


class Follows(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another market whose selling triggers cascades here."""

    dataset: str
    volume: float  # net sold, quote currency
    window_s: float = 10.0
    lag_s: float = 1.5
    rest_s: float = 600.0  # least time between two triggers


class Cascade(QueueReactive, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of the cascade world, besides those of `QueueReactive`."""

    cascades: int = 2
    triggers_s: tuple[float, ...] = ()
    follows: Follows | None = None
    trigger_heat: float = 8.0  # liquidations per second
    trigger_steps: int = 100
    fuel_share: float = 0.03
    feedback: float = 0.5
    decay: float = 0.08
    quench: float = 0.2
    heat_scale: float = 4.0
    forced_median_lots: float
    forced_sigma: float = 1.2
    forced_follow: float = 0.7  # chance that the reference follows a liquidation's sweep
    stress_news: float = 4.0  # x rate of news
    stress_depth: float = 0.2  # x rate of limit orders and size of fresh levels
    stress_cancel: float = 3.0  # x rate of cancels

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in (
            "trigger_heat",
            "decay",
            "quench",
            "heat_scale",
            "forced_median_lots",
            "stress_news",
            "stress_depth",
            "stress_cancel",
        ):
            if not 0.0 < getattr(self, name) < 1e12:
                raise ScenarioError(f"{name}: {getattr(self, name)} must be above zero and finite")
        for name in ("fuel_share", "forced_follow"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ScenarioError(f"{name}: {getattr(self, name)} must lie in 0..1")
        for name, value, most in (
            ("feedback", self.feedback, 1e3),
            ("forced_sigma", self.forced_sigma, 4.0),
            ("trigger_steps", self.trigger_steps, 190),
            ("cascades", self.cascades, MOST_CASCADES),
        ):
            if not 0 <= value <= most:
                raise ScenarioError(f"{name}: {value} must lie in 0..{most:g}")
        if len(self.triggers_s) > MOST_CASCADES or any(t < 0 for t in self.triggers_s):
            raise ScenarioError(f"triggers_s: up to {MOST_CASCADES} times, none negative")


@kernel
def _trigger(w, triggers, intervals) -> None:  # type: ignore[no-untyped-def]
    """Start a cascade whose time has come."""
    if w.cascades >= len(triggers) or w.now < triggers[w.cascades]:
        return
    intervals[w.cascades, 0] = w.now
    intervals[w.cascades, 1] = w.end_ts
    intervals[w.cascades, 2] = intervals[w.cascades, 3] = w.reference
    w.cascades += 1
    w.open = 1
    w.heat += w.trigger_heat
    w.fuel = floor_int(w.fuel_share * w.open_interest)
    w.fuel_full = max(1.0, float(w.fuel))
    w.pending -= w.trigger_steps
    w.next_context = w.now


@kernel
def _liquidate(w) -> None:  # type: ignore[no-untyped-def]
    """Let this block's liquidations sell."""
    if w.fuel < 1:
        return
    expected = w.heat * (w.fuel / w.fuel_full) * w.gap_s
    while True:
        expected -= draw_exponential(w, FORCED)
        if expected < 0.0:
            return
        drawn = w.forced_median * exp(w.forced_sigma * draw_normal(w, FORCED))
        order(w, 0, drawn, 1, w.forced_follow)
        w.next_context = w.now  # open interest falls in this block


@kernel
def _feel(w, before: int, intervals) -> None:  # type: ignore[no-untyped-def]
    """Heat decays, falls heat it, and the makers feel it."""
    if w.open == 0:
        return
    fall_bps = 1e4 * (before - w.reference) / before
    w.heat = w.heat / (1.0 + w.decay * w.gap_s) + w.feedback * max(fall_bps, 0.0)
    cascade = w.cascades - 1
    intervals[cascade, 3] = min(intervals[cascade, 3], w.reference)
    if w.heat < w.quench or w.fuel < 1:
        w.heat = 0.0
        w.fuel = 0
        w.open = 0
        intervals[cascade, 1] = w.now
    stress = w.heat / (w.heat + w.heat_scale)
    w.limit_scale = 1.0 + stress * (w.stress_depth - 1.0)
    w.fresh_scale = w.limit_scale
    w.cancel_scale = 1.0 + stress * (w.stress_cancel - 1.0)
    w.news_rate_scale = 1.0 + stress * (w.stress_news - 1.0)


def _advance(state, rows, triggers, intervals, path) -> int:  # type: ignore[no-untyped-def]
    """Fill `rows` until they are nearly full (return 0) or the time is over (return 1)."""
    w = state[0]
    w.rows = 0
    while w.rows + RESERVE <= len(rows):
        if not open_block(w):
            return 1
        before = w.reference
        variance = w.variance[0] + w.variance[1]
        _trigger(w, triggers, intervals)
        _liquidate(w)
        takers(w)
        match(w, rows)
        flow(w, w.gap_s)
        show(w, rows)
        _feel(w, before, intervals)
        minute = (w.now - w.start_ts) // 60_000_000_000
        path[minute] += w.variance[0] + w.variance[1] - variance
    return 0


_advance_compiled = compiled(_advance)


def generate(
    parameters: Cascade,
    seed: int,
    writer: Writer,
    progress: Progress | None = None,
    flow_of_other: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]:
    """Write a tape of the cascade world and return its truth, as `generate_of` tells.

    Parameters
    ----------
    flow_of_other
        Where `follows` is set: times of the other market's trades in seconds from its start, and
        their value sold (bought: negative), in its quote currency.
    """
    p = parameters
    state = initial(p, seed)
    w = record_view(state)[0]
    for name in (
        "fuel_share",
        "trigger_heat",
        "trigger_steps",
        "feedback",
        "decay",
        "heat_scale",
        "forced_sigma",
        "forced_follow",
        "stress_news",
        "stress_depth",
        "stress_cancel",
        "quench",
    ):
        setattr(w, name, getattr(p, name))
    w.forced_median = p.forced_median_lots
    triggers_s = _triggers(p, seed, flow_of_other)
    triggers = int(w.start_ts) + np.array([round(t * 1e9) for t in triggers_s], np.int64)
    intervals = np.zeros((MOST_CASCADES, 4), np.int64)
    path = np.zeros(round(p.hours * 60.0) + 2)

    def advance(rows: np.ndarray) -> int:
        return int(_advance_compiled(state, rows, triggers, intervals, path))

    write_world(advance, w, writer, progress)
    return truth(p, w) | _truth(p, w, intervals, path)


def _truth(p: Cascade, w: Any, intervals: np.ndarray, path: np.ndarray) -> dict[str, Any]:
    happened = intervals[: int(w.cascades)]
    inside = float(w.seconds[1])
    minutes = path[: round(p.hours * 60.0)]
    return {
        "cascades": [
            {
                "start_ts": int(start),
                "end_ts": int(end),
                "fall_bps": round(1e4 * (1.0 - float(low) / float(before)), 3),
            }
            for start, end, before, low in happened
        ],
        "sigma_cascade": sqrt(float(w.variance[1]) / inside) if inside > 0.0 else 0.0,
        "sigma_path_s": 60.0,
        "sigma_path": [float(f"{sqrt(float(v) / 60.0):.6g}") for v in minutes],
        "liquidations": int(w.liquidations),
        "open_interest_end": int(w.open_interest),
    }


def _triggers(
    p: Cascade, seed: int, flow_of_other: tuple[np.ndarray, np.ndarray] | None
) -> list[float]:
    """Return when cascades are triggered, in seconds from the start."""
    if p.triggers_s:
        return sorted(p.triggers_s)
    if p.follows is not None:
        if flow_of_other is None:
            raise ScenarioError(
                f"follows: the flow of {p.follows.dataset} is needed to build this tape"
            )
        return _following(p.follows, *flow_of_other)
    part = p.hours * 3600.0 / max(p.cascades, 1)
    key = stream_key(seed, "world triggers")
    return [part * (i + 0.3 + 0.4 * uniform(key, i)) for i in range(p.cascades)]


def _following(follows: Follows, seconds: np.ndarray, sold: np.ndarray) -> list[float]:
    """Return when the other market's net selling within the window passes the volume."""
    total = np.concatenate(([0.0], np.cumsum(sold)))
    start = np.searchsorted(seconds, seconds - follows.window_s)
    net = total[1:] - total[start]
    found: list[float] = []
    for second in seconds[net >= follows.volume]:
        if not found or second - found[-1] >= follows.rest_s:
            found.append(float(second))
    return [second + follows.lag_s for second in found[:MOST_CASCADES]]
