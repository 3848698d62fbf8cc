"""Draw a short random scenario from a seed: a tape, market rules, settings, a strategy."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from simmm.math import stream_key
from tests.oracle import codes
from tests.oracle.places import QueueTerms
from tests.swarm.latencies import answer_latency, entry_latency, latency, rich
from tests.swarm.world import Row, Said, World

STRATEGIES = Path(__file__).parent / "strategies"
QUEUES = (
    "pessimistic",
    "proportional",
    "optimistic",
    "power",
    "log",
    "power2",
    "power3",
    "log2",
)
MS = 1_000_000
T0 = 1_700_000_000_000_000_000


@dataclass
class Case:
    """One drawn scenario. Latencies are the arguments of `tests.oracle.latency.Line`."""

    seed: int
    rows: list[Row]
    rules: dict[str, Any]
    queue: str
    queue_n: float
    entry: dict[str, Any]
    response: dict[str, Any]
    maker: dict[str, Any]
    strategy: Path
    params: dict[str, Any]
    to: int | None = None  # end of the run, ns of the maker's clock
    rows_per_chunk: int | None = None
    references: list[list[Row]] = field(default_factory=list)  # rows of other markets
    knowledge: str = "tape"
    hold_back_ns: int = 1
    alpha: float | None = None  # of the rank law
    log_kappa: float | None = None
    images: bool = False
    draws: int = 0
    block_ns: int = 0

    def queue_terms(self) -> QueueTerms:
        """Return how places in queues behave."""
        key = stream_key(self.seed, "queue")
        return QueueTerms(
            self.queue, self.queue_n, self.alpha, self.log_kappa, self.images, self.draws, key
        )


def draw(seed: int, messages: int = 700, knowledge: str = "tape") -> Case:
    """Return the scenario of a seed, with a venue that knows the tape or learns from the feed."""
    if knowledge == "feed":
        return _draw_feed(seed, messages)
    rng = random.Random(f"swarm {seed}")
    rules, price = _market(rng)
    grid_ns = rng.choice((1, 1, MS))  # on a coarse grid of times everything happens at once
    rows = _Tape(rng, price, messages, grid_ns).rows
    queue = QUEUES[seed % len(QUEUES)]
    maker = _maker(rng, seed)
    strategy, params = _strategy(rng, seed)
    last = max(row[1] for row in rows)
    return Case(
        seed=seed,
        rows=rows,
        rules=rules,
        queue=queue,
        queue_n=rng.choice((3.0, 3.0, 2.0, 1.0, 0.5, 2.5)),
        entry=entry_latency(rng, seed, grid_ns),
        response=rich(
            random.Random(f"response {seed}"),
            latency(rng, stream_key(seed, "latency.response"), grid_ns),
        ),
        maker=maker,
        strategy=STRATEGIES / strategy,
        params=params,
        to=last - rng.randint(0, 2000) * MS if rng.random() < 0.3 else None,
        rows_per_chunk=rng.choice((None, 1, 7, 100, 1000)),
    )


def draw_ranked(seed: int, messages: int = 700, knowledge: str = "tape") -> Case:
    """Return the scenario of a seed under the rank law, or with images or blocks."""
    case = draw(seed, messages, knowledge)
    rng = random.Random(f"rank {seed}")
    return replace(
        case,
        queue=rng.choice(("rank", "rank", "rank_scalar", "rank_tracked", case.queue)),
        alpha=rng.choice((None, 0.5, 1.0, 2.5)),
        log_kappa=rng.choice((None, 0.0, -1.0, -6.0)),
        images=rng.random() < 0.4,
        draws=rng.choice((0, 1, 4)),
        block_ns=rng.choice((0, 30 * MS, 400 * MS)),
    )


def _draw_feed(seed: int, messages: int) -> Case:
    """Return the scenario of a seed for a venue behind a feed whose messages overtake each other.

    Times on a coarse grid make ties; a hold-back on the grid, ties with the watermark too.
    """
    rng = random.Random(f"feed {seed}")
    rules, price = _market(rng)
    grid_ns = rng.choice((1, 1, MS, 10 * MS))
    hold = rng.choice((1, 7, rng.randint(1, 8 * MS), 10 * MS, 250 * MS, 250 * MS, 2000 * MS))
    tape = _Tape(rng, price, messages, grid_ns, delayed=0.1, silent=rng.choice((0.0, 0.01)))
    last = max(row[1] for row in tape.rows)
    references = []
    if rng.random() < 0.4:
        other = _Tape(rng, price, messages // 4, grid_ns, delayed=0.1)
        references.append(other.rows)
        if rng.random() < 0.5:  # it goes on when our market is silent
            last = max(last, *(row[1] for row in other.rows))
    strategy, params = _strategy(rng, seed)
    maker = _maker(rng, seed)
    if rng.random() < 0.5:  # orders that rest long meet more late rows
        maker["quote_on_packet"] = False
        maker["requote_ns"] = rng.choice((150 * MS, 700 * MS))
        params["patience" if "patience" in params else "patience_ns"] *= 3
    return Case(
        seed=seed,
        rows=tape.rows,
        rules=rules,
        queue=QUEUES[seed % len(QUEUES)],
        queue_n=rng.choice((3.0, 2.0, 1.0)),
        entry=entry_latency(rng, seed, grid_ns),
        response=answer_latency(rng, seed, grid_ns),
        maker=maker,
        strategy=STRATEGIES / strategy,
        params=params,
        to=last - rng.randint(0, 4000) * MS if rng.random() < 0.5 else None,
        rows_per_chunk=rng.choice((None, 1, 7, 100, 1000)),
        references=references,
        knowledge="feed",
        hold_back_ns=hold,
    )


def _market(rng: random.Random) -> tuple[dict[str, Any], Callable[[int], int]]:
    form = rng.choice(("plain", "tick", "figures", "decade"))
    rules: dict[str, Any] = {
        "price_quantum": "0.1",
        "lot_size": "0.01",
        "tick_quanta": 1,
        "significant_figures": 0,
        "min_notional": "0",
        "maker_fee": rng.choice(("0", "0.00015", "-0.00003", "0.0002")),
        "taker_fee": rng.choice(("0.00045", "0.0005", "0.0003333")),
        "modify": rng.choice(("replace", "in_place")),
        "max_open_orders": rng.choice((3, 4, 6, 20, 60)),
    }
    base = rng.randint(3000, 9000)
    if form == "plain":
        rules["price_quantum"] = rng.choice(("0.1", "0.01", "0.0001", "1"))
        prices = lambda k: base + k  # noqa: E731
    elif form == "tick":
        rules["tick_quanta"] = 5
        prices = lambda k: 5 * (base + k)  # noqa: E731
    elif form == "figures":
        rules["significant_figures"] = 5
        rules["price_quantum"] = "0.01"
        prices = lambda k: 10 * (12_000 + base + k)  # noqa: E731
    else:
        rules["significant_figures"] = 5
        rules["price_quantum"] = "0.01"
        prices = lambda k: 100_000 + (10 * k if k > 0 else k)  # noqa: E731
    if rng.random() < 0.6:
        lots = rng.choice((1, 2, 3))
        per_lot = float(rules["price_quantum"]) * prices(0) * float(rules["lot_size"])
        rules["min_notional"] = f"{lots * per_lot:.6f}"
    return rules, prices


def _maker(rng: random.Random, seed: int) -> dict[str, Any]:
    on_timer = rng.random() < 0.75
    return {
        "warmup_ns": rng.choice((0, 50 * MS, 1000 * MS)),
        "requote_ns": rng.choice((7 * MS, 20 * MS, 50 * MS)) if on_timer else 700 * MS,
        "quote_on_fill": rng.random() < 0.5,
        "quote_on_packet": not on_timer or rng.random() < 0.4,
        "reconcile": "replace" if seed % 4 == 3 else "keep",
        "moves": "cancel_new" if seed % 3 == 1 else "modify",
        "tif": codes.GTC if seed % 7 in (2, 5) else codes.ALO,
        "max_position": rng.choice((12, 40, 150, 1000)),
    }


def _strategy(rng: random.Random, seed: int) -> tuple[str, dict[str, Any]]:
    if seed % 10 == 9:
        return "follower.py", {
            "lots": rng.randint(2, 9),
            "lean": rng.randint(1, 6),
            "limit": rng.choice((6, 15, 40)),
            "patience_ns": rng.choice((1, 30, 200)) * MS,
        }
    often = rng.random() < 0.5
    return "restless.py", {
        "seed": rng.randint(1, 10_000),
        "levels": rng.choice((1, 2, 3, 4)),
        "lots": rng.choice((5, 8, 14)),
        "deepest": rng.choice((0, 1, 2, 6)),
        "inside": rng.choice((0, 0, 1, 2)),
        "patience": rng.choice((2, 6, 20)),
        "cross_percent": rng.choice((0, 3, 10)),
        "take_percent": rng.choice((0, 2, 8)) if often else 0,
        "cancel_percent": rng.choice((0, 1, 5)),
        "flatten_percent": rng.choice((0, 1, 4)) if often else 0,
        "odd_percent": rng.choice((0, 5, 30)),
    }


class _Tape:
    """Messages of an imaginary market, with two clocks."""

    def __init__(
        self,
        rng: random.Random,
        price: Callable[[int], int],
        messages: int,
        grid_ns: int,
        *,
        delayed: float = 0.0,
        silent: float = 0.0,
    ) -> None:
        self.rng = rng
        self.world = World(rng, price, rng.choice((3, 8, 20)), rng.choice((8, 14)))
        self.window = rng.choice((2, 4, 6))
        self.now, self.seq = T0, 1
        self.feed_ns = rng.choice((1, 3 * MS, 60 * MS))
        self.jitter_ns = rng.choice((0, 2 * MS, 40 * MS))
        self.pace_ns = rng.choice((3 * MS, 12 * MS, 30 * MS))
        self.images = rng.choice((0.05, 0.3, 0.8))  # share of tellings that are images
        self.bbos = rng.choice((0.0, 0.3, 0.6))
        self.grid_ns = grid_ns
        self.delayed, self.silent = delayed, silent  # shares of messages and of pauses
        self.delay_ns = rng.choice((15 * MS, 120 * MS, 600 * MS)) if delayed else 0
        kinds = (None, codes.TRADE, codes.TRADE, codes.BBO, codes.DEPTH)
        self.slow_kind = rng.choice(kinds) if delayed else None
        self.rows: list[Row] = []
        self._say([self.world.image_rows(self.window, (1, -1))])
        for _ in range(messages):
            self._step()

    def _say(self, parts: list[list[Said]]) -> None:
        """Write one message; each part holds rows of one kind."""
        said = [row for part in parts for row in part]
        if not said:
            return
        now = -(-self.now // self.grid_ns) * self.grid_ns
        lag = self.feed_ns + int(self.rng.expovariate(1) * self.jitter_ns)
        slow = 4 if any(codes.kind_of(tag) == self.slow_kind for tag, _, _ in said) else 1
        if self.delayed and self.rng.random() < self.delayed * slow:
            lag += int(self.rng.expovariate(1) * self.delay_ns)
        lag = -(-lag // self.grid_ns) * self.grid_ns
        for place, (tag, px, lots) in enumerate(said):
            if place == len(said) - 1:
                tag |= codes.END_BIT
            self.rows.append((now, now + lag, self.seq, tag, px, lots))
        self.seq += 1

    def _tell(self) -> list[Said]:
        kind = self.rng.random()
        if kind < self.images:
            count = max(2, self.window + self.rng.randint(-2, 2))
            sides = (1, -1) if self.rng.random() < 0.9 else (self.rng.choice((1, -1)),)
            return self.world.image_rows(count, sides)
        return self.world.depth_rows(self.window)

    def _step(self) -> None:
        rng, world = self.rng, self.world
        if rng.random() < 0.9:
            pause = rng.random()
            at_once = self.delayed > 0 and rng.random() < 0.2  # where late packets happen
            self.now += 1 if at_once else 1 + int(rng.expovariate(1) * self.pace_ns)
            if pause < 0.01:
                self.now += rng.randint(200, 1500) * MS
            if self.silent and rng.random() < self.silent:
                self.now += rng.randint(1000, 6000) * MS
        event = rng.random()
        if event < 0.02:
            self._gap()
        elif event < 0.03:
            self._one_sided()
        elif event < 0.05:
            self._say([[(codes.CONTEXT, world.price(0), rng.choice((0, 1)))]])
        elif event < 0.50:
            self._trade()
        else:
            for _ in range(rng.randint(1, 6)):
                world.change()
            world.refill()
            if rng.random() < self.bbos:
                sides = (1, -1) if rng.random() < 0.9 else (rng.choice((1, -1)),)
                if rng.random() < 0.5:
                    self._say([world.bbo_rows(sides), world.depth_rows(self.window)])
                else:
                    self._say([world.bbo_rows(sides)])
                    self._say([self._tell()])
            else:
                self._say([self._tell()])
        if rng.random() < 0.05:  # the same once more: nothing may happen
            self._say([world.image_rows(self.window, (1, -1))])

    def _trade(self) -> None:
        rng, world = self.rng, self.world
        size = world.lots * rng.choice((1, 1, 1, 3, 8))
        prints = world.trade(1 + int(rng.expovariate(1) * size / 2))
        order = rng.random()
        if order < 0.3:  # one message holds it all
            self._say([prints, world.bbo_rows((1, -1)), world.depth_rows(self.window)])
        elif order < 0.6:  # two messages of one block
            self._say([prints])
            self._say([world.depth_rows(self.window)])
        elif order < 0.8:  # the levels are told a little earlier than the prints
            self._say([self._tell()])
            self.now += rng.randint(1, 3 * MS)
            self._say([prints])
        elif order < 0.9:  # levels are told much later
            self._say([prints])
        else:  # hidden interest: the levels stay as they were
            self._say([prints])
            world.refill()
            self._say([self._tell()])
        if rng.random() < 0.7:
            world.refill()

    def _gap(self) -> None:
        rng, world = self.rng, self.world
        self._say([[(codes.GAP, 0, 0)]])
        self.now += rng.randint(1, 400) * MS
        for _ in range(rng.randint(0, 40)):
            world.change()
        world.trade(rng.randint(1, 4 * world.lots))
        world.refill()
        first = rng.random()
        if first < 0.6:
            self._say([world.image_rows(self.window, (1, -1))])
        elif first < 0.8:
            self._say([world.bbo_rows((1, -1))])
        elif first < 0.9:
            self._say([world.depth_rows(self.window)])
        # else: prints and changes before anything is shown again

    def _one_sided(self) -> None:
        rng, world = self.rng, self.world
        side = rng.choice((1, -1))
        world.vanish(side)
        told = rng.random()
        if told < 0.6:
            self._say([world.depth_rows(10_000)])
        elif told < 0.8:
            self._say([world.bbo_rows((1, -1))])
        else:
            self._say([world.image_rows(self.window, (1, -1))])
        for _ in range(rng.randint(0, 3)):
            self.now += rng.randint(1, 30) * MS
            world.change()
            self._say([world.depth_rows(self.window)])
        self.now += rng.randint(1, 30) * MS
        world.refill()
        self._say([self._tell()])
