"""Draw latencies: constant or drawn, by a table, in bursts, and of requests kind by kind."""

from __future__ import annotations

import random
from typing import Any

from simmm.math import stream_key
from tests.oracle import codes

MS = 1_000_000


def entry_latency(rng: random.Random, seed: int, grid_ns: int) -> dict[str, Any]:
    """Return the latency of requests; of every fourth case another for some kinds of them."""
    key = stream_key(seed, "latency.entry")
    more = random.Random(f"entry {seed}")  # of its own: what else is drawn stays as it was
    line = rich(more, latency(rng, key, grid_ns))
    if more.random() < 0.25:
        line["kinds"] = {
            kind: _without_key(rich(more, latency(more, key, grid_ns)))
            for kind in (codes.CANCEL, codes.MODIFY)
            if more.random() < 0.7
        }
    return line


def _without_key(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "key"}


def rich(rng: random.Random, line: dict[str, Any]) -> dict[str, Any]:
    """Return a latency, now and then by a table, or in bursts."""
    if rng.random() < 0.15:
        low = rng.choice((1, 1000, 2 * MS, 10 * MS))
        scale = rng.choice((1.0, 3.0 * MS, 20.0 * MS, 90.0 * MS))
        table = sorted(low + scale * rng.expovariate(1) for _ in range(129))
        line = {"form": "empirical", "low_ns": int(table[0]), "key": line["key"]}
        line["table_ns"] = tuple(table)
    if line["form"] != "constant" and rng.random() < 0.4:
        line["share"] = rng.choice((0.0, 0.3, 0.7, 1.0))
        line["mean_ns"] = float(rng.choice((7, 5 * MS, 400 * MS)))
        if line["share"] < 0.5:
            line["slow_share"] = rng.choice((0.0, 0.3))
            line["slow_mean_ns"] = 3000.0 * MS
    return line


def answer_latency(rng: random.Random, seed: int, grid_ns: int) -> dict[str, Any]:
    """Return the latency of answers: often so short that only being told counts, or far longer."""
    key = stream_key(seed, "latency.response")
    form = rng.random()
    if form < 0.4:
        return {"form": "constant", "low_ns": 1, "key": key}
    if form < 0.6:
        return {"form": "uniform", "low_ns": 1, "scale_ns": 900.0 * MS, "key": key}
    return latency(rng, key, grid_ns)


def latency(rng: random.Random, key: int, grid_ns: int) -> dict[str, Any]:
    if grid_ns > 1 and rng.random() < 0.7:
        return {"form": "constant", "low_ns": rng.choice((1, 2, 10)) * grid_ns, "key": key}
    form = rng.choice(("constant", "uniform", "exponential", "lognormal"))
    low = rng.choice((1, 1, 1000, 2 * MS, 10 * MS))
    scale = float(rng.choice((1, 3 * MS, 20 * MS, 90 * MS)))
    line = {"form": form, "low_ns": low, "scale_ns": scale, "shape": 0.0, "key": key}
    if form == "lognormal":
        line["shape"] = rng.choice((0.3, 1.0, 1.6))
    if form != "constant" and rng.random() < 0.3:
        line["cap_ns"] = low + int(scale * 1.5)
    return line
