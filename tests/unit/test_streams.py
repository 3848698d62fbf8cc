"""Streams emulated from a finer tape: as a slow model has them, whatever the chunks, and valid."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from simmm import tape
from simmm.latency_settings import LatencySettings
from simmm.market import MarketRules
from simmm.math import stream_key
from simmm.tape.schema import COLUMNS
from simmm.tape.streams import Streams, emulate
from tests.hand import MS
from tests.oracle.latency import Line
from tests.oracle.streams import emulated
from tests.swarm.adapter import write_tape
from tests.swarm.draw import draw

RULES = MarketRules(symbol="HAND", price_quantum="1", lot_size="1")
BURSTY = LatencySettings(
    "exponential", 3 * MS, 40e6, share=0.5, mean_ns=300e6, slow_share=0.2, slow_mean_ns=5e9
)


def rows_of(path: Path) -> list[tuple[int, ...]]:
    return pl.read_parquet(path, columns=list(COLUMNS[:6])).rows()


def chosen(seed: int) -> Streams:
    rng = random.Random(f"streams {seed}")
    return Streams(
        levels=rng.choice((1, 3, 20)),
        every_ms=rng.choice((0.0, 5.0, 50.0, 333.0)),
        bbo=rng.random() < 0.6,
        block_ms=rng.choice((0.0, 1.0, 7.0, 80.0)),
    )


@pytest.mark.parametrize("seed", range(24))
def test_streams_are_those_of_the_slow_model(seed: int, tmp_path: Path) -> None:
    case, streams = draw(seed, 250), chosen(seed)
    write_tape(case, tmp_path / "fine.parquet")
    rules = tape.info(tmp_path / "fine.parquet").market
    line = None
    if seed % 3 == 0:
        key = stream_key(5, "streams.latency")
        line = Line(**vars(BURSTY), key=key)
    done = emulate(
        tmp_path / "fine.parquet",
        tmp_path / "coarse.parquet",
        streams=streams,
        latency=BURSTY if line else None,
        seed=5,
        rows_per_chunk=(None, 1, 7, 100)[seed % 4],
    )
    expected = emulated(
        rows_of(tmp_path / "fine.parquet"),
        lambda px: px % rules.step_quanta(px) == 0,
        levels=streams.levels,
        every_ns=round(streams.every_ms * 1e6),
        bbo=streams.bbo,
        block_ns=round(streams.block_ms * 1e6),
        line=line,
    )
    assert rows_of(done.target) == expected
    assert [f for f in tape.validate(done.target) if f.severity == "error"] == []
    assert done.info.rows == len(expected)
