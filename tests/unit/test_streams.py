"""Streams emulated from a finer tape: as a slow model has them, whatever the chunks, and valid."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm import tape
from simmm.errors import TapeError
from simmm.latency_settings import LatencySettings
from simmm.market import MarketRules
from simmm.math import stream_key
from simmm.records import BBO, DEPTH, KIND_MASK, SNAPSHOT, TRADE
from simmm.tape.schema import COLUMNS
from simmm.tape.streams import PRESETS, Streams, emulate, streams_of
from tests.hand import (
    ASK,
    BID,
    BUYER,
    MS,
    START,
    Message,
    bbo,
    depth,
    gap,
    image,
    trade,
    write_messages,
)
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


def fine_tape(seed: int, path: Path) -> MarketRules:
    """Write a drawn tape, of every third seed with bids that now and then lie beyond the asks."""
    case = draw(seed, 250)
    rng = random.Random(f"crossing {seed}")
    rules = MarketRules(symbol="SWARM", **case.rules)
    for place, (ts, local, seq, tag, px, lots) in enumerate(case.rows):
        if seed % 3 == 1 and tag & KIND_MASK == DEPTH and lots and rng.random() < 0.02:
            beyond = px + (1 if tag & 8 else -1) * rng.randint(3, 9) * rules.step_quanta(px)
            if beyond % rules.step_quanta(beyond) == 0:
                case.rows[place] = (ts, local, seq, tag, beyond, lots)
    write_tape(case, path)
    return rules


@pytest.mark.parametrize("seed", range(24))
def test_streams_are_those_of_the_slow_model(seed: int, tmp_path: Path) -> None:
    rules, streams = fine_tape(seed, tmp_path / "fine.parquet"), chosen(seed)
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


def made(folder: Path, messages: list[Message], streams: Streams, **more: Any) -> list[Any]:
    """Return (ns after START, kind, side, px, lots) of the rows that streams tell."""
    source = write_messages(folder / "fine.parquet", messages, RULES)
    done = emulate(source, folder / "coarse.parquet", streams=streams, overwrite=True, **more)
    return [
        (ts - START, tag & KIND_MASK, 1 if tag & 8 else -1, px, qty)
        for ts, _, _, tag, px, qty in rows_of(done.target)
    ]


BOOK = image(BID, (100, 20), (99, 10), (98, 5)) + image(ASK, (101, 7), (103, 9))
TOLD_BOOK = [
    (SNAPSHOT, 1, 100, 20),
    (SNAPSHOT, 1, 99, 10),
    (SNAPSHOT, -1, 101, 7),
    (SNAPSHOT, -1, 103, 9),
]


def at(ns: int, *said: tuple[int, int, int, int]) -> list[Any]:
    return [(ns, *one) for one in said]


def test_blocks_put_trades_before_bbo_before_image(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 2 * MS, BOOK),
        Message(3 * MS, 4 * MS, trade(BUYER, 101, 7)),
        Message(3 * MS, 5 * MS, depth(ASK, 101, 0)),
        Message(4 * MS, 6 * MS, trade(BUYER, 103, 2)),
    ]
    streams = Streams(levels=2, every_ms=1000.0, bbo=True, block_ms=10.0)
    assert made(tmp_path, messages, streams) == at(
        10 * MS,
        (TRADE, 1, 101, 7),
        (TRADE, 1, 103, 2),
        (BBO, 1, 100, 20),
        (BBO, -1, 103, 9),
        (SNAPSHOT, 1, 100, 20),
        (SNAPSHOT, 1, 99, 10),
        (SNAPSHOT, -1, 103, 9),
    )


def test_images_come_at_their_moments_also_when_nothing_happens(tmp_path: Path) -> None:
    messages = [
        Message(3 * MS, 3 * MS, BOOK),
        Message(47 * MS, 47 * MS, depth(ASK, 101, 0)),
        Message(95 * MS, 95 * MS, depth(BID, 100, 4)),
    ]
    rows = made(tmp_path, messages, Streams(levels=2, every_ms=20.0))
    images = sorted({ts for ts, kind, *_ in rows if kind == SNAPSHOT})
    assert images == [3 * MS, 20 * MS, 40 * MS, 60 * MS, 80 * MS]
    assert [row[1:] for row in rows if row[0] == 40 * MS] == TOLD_BOOK
    assert [row[3:] for row in rows if row[0] == 60 * MS][2] == (103, 9)


def test_levels_beyond_those_shown_are_not_told_and_unknown_ones_neither(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 1 * MS, BOOK),
        Message(2 * MS, 2 * MS, depth(BID, 95, 8)),  # what lies between 98 and 95 is unknown
        Message(3 * MS, 3 * MS, depth(ASK, 101, 0)),
    ]
    rows = made(tmp_path, messages, Streams(levels=20))
    last = [row[3:] for row in rows if row[0] == 3 * MS]
    assert last == [(100, 20), (99, 10), (98, 5), (103, 9)]


def test_bbo_is_told_when_it_changes_and_only_then(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 1 * MS, BOOK),
        Message(2 * MS, 2 * MS, depth(BID, 99, 11)),
        Message(3 * MS, 3 * MS, depth(BID, 100, 21)),
        Message(4 * MS, 4 * MS, depth(BID, 100, 21)),
        Message(5 * MS, 5 * MS, bbo(ASK, 101, 0)),  # nothing is left on that side
    ]
    rows = made(tmp_path, messages, Streams(levels=1, every_ms=3_600_000.0, bbo=True))
    assert [row for row in rows if row[1] == BBO] == [
        *at(1 * MS, (BBO, 1, 100, 20), (BBO, -1, 101, 7)),
        *at(3 * MS, (BBO, 1, 100, 21), (BBO, -1, 101, 7)),
        *at(5 * MS, (BBO, 1, 100, 21), (BBO, -1, 101, 0)),
    ]


def test_a_gap_ends_its_block_and_an_image_opens_the_book_again(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 1 * MS, BOOK),
        Message(12 * MS, 12 * MS, trade(BUYER, 101, 1)),
        Message(14 * MS, 14 * MS, gap()),
        Message(15 * MS, 15 * MS, depth(BID, 97, 3)),
        Message(31 * MS, 31 * MS, image(BID, (97, 4)) + image(ASK, (99, 1))),
    ]
    streams = Streams(levels=2, every_ms=1000.0, block_ms=10.0)
    rows = made(tmp_path, messages, streams)
    assert [(ts, kind) for ts, kind, *_ in rows] == [
        *[(10 * MS, SNAPSHOT)] * 4,
        (14 * MS - 1, TRADE),
        (14 * MS, 5),
        *[(40 * MS, SNAPSHOT)] * 2,
    ]


def test_of_a_crossed_book_nothing_is_told(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 1 * MS, BOOK),
        Message(2 * MS, 2 * MS, depth(BID, 101, 5)),
        Message(3 * MS, 3 * MS, depth(ASK, 101, 0)),
    ]
    rows = made(tmp_path, messages, Streams(levels=1, bbo=True))
    assert sorted({ts for ts, *_ in rows}) == [1 * MS, 3 * MS]


def test_local_times_are_those_of_the_rows_behind_in_order_by_stream(tmp_path: Path) -> None:
    messages = [
        Message(1 * MS, 4 * MS, BOOK),
        Message(12 * MS, 19 * MS, depth(BID, 100, 1)),
        Message(13 * MS, 93 * MS, trade(BUYER, 101, 1)),
        Message(22 * MS, 23 * MS, trade(BUYER, 101, 1)),
        Message(22 * MS, 24 * MS, depth(ASK, 101, 5)),
    ]
    source = write_messages(tmp_path / "fine.parquet", messages, RULES)
    streams = Streams(every_ms=3_600_000.0, bbo=True, block_ms=10.0)
    done = emulate(source, tmp_path / "coarse.parquet", streams=streams)
    seen = {
        (ts - START, tag & KIND_MASK): (local - START, seq)
        for ts, local, seq, tag, _, _ in rows_of(done.target)
    }
    assert seen == {
        (10 * MS, BBO): (13 * MS, 0),
        (10 * MS, SNAPSHOT): (13 * MS, 1),
        (20 * MS, TRADE): (100 * MS, 4),
        (20 * MS, BBO): (27 * MS, 2),
        (30 * MS, TRADE): (100 * MS, 5),  # 31 ms of its own; trades don't overtake
        (30 * MS, BBO): (32 * MS, 3),
    }


@pytest.mark.parametrize("preset", PRESETS)
def test_chunks_files_and_buffers_cannot_be_seen(
    preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tape(draw(11, 400), tmp_path / "fine.parquet")
    digests = set()
    for number, rows in enumerate((None, 1, 13, 1000)):
        monkeypatch.setattr("simmm.tape.streams.emulation._OUT_ROWS", 128 << number)
        done = emulate(
            tmp_path / "fine.parquet",
            tmp_path / f"{number}.parquet",
            streams=preset,
            rows_per_chunk=rows,
        )
        digests.add(done.info.digest)
        assert done.info.source["streams"]["preset"] == preset
        assert done.counts["trades"] > 100
    assert len(digests) == 1


def test_a_block_of_many_trades_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simmm.tape.streams.emulation._OUT_ROWS", 128)
    messages = [Message(1 * MS, 1 * MS, BOOK)]
    messages += [Message(12 * MS + k, 13 * MS + k, trade(BUYER, 101, 1)) for k in range(1000)]
    rows = made(tmp_path, messages, Streams(levels=2, block_ms=10.0))
    assert [row[:2] for row in rows].count((20 * MS, TRADE)) == 1000


def test_trades_keep_their_ids_and_flags(tmp_path: Path) -> None:
    write_tape(draw(3, 300), tmp_path / "fine.parquet")
    done = emulate(tmp_path / "fine.parquet", tmp_path / "coarse.parquet", streams="hyperliquid")
    frames = [
        tape.scan(path)
        .filter(pl.col("kind") == "trade")
        .select("side", "px", "qty", "trade_id", "aggressor_end", "liquidation")
        .collect()
        for path in (tmp_path / "fine.parquet", done.target)
    ]
    assert frames[0].equals(frames[1])


def test_an_emulated_tape_says_what_it_was_made_of(tmp_path: Path) -> None:
    write_tape(draw(3, 100), tmp_path / "fine.parquet")
    done = emulate(tmp_path / "fine.parquet", tmp_path / "coarse.parquet", streams="hyperliquid")
    fine = tape.info(tmp_path / "fine.parquet")
    assert done.info.source["of"]["digests"] == [fine.digest]
    assert done.info.source["streams"]["every_ms"] == 5000.0
    assert done.info.source["counts"] == done.counts
    assert done.info.market == fine.market


def test_presets_are_hyperliquids() -> None:
    slow, fast = PRESETS["hyperliquid"], PRESETS["hyperliquid_fast"]
    assert (slow.levels, slow.every_ms, fast.levels, fast.every_ms) == (20, 5000.0, 5, 500.0)
    assert slow.bbo
    assert fast.bbo
    assert streams_of("every", every_ms=20, levels=None).levels == 20


def test_what_cannot_be_emulated_is_told(tmp_path: Path) -> None:
    source = write_messages(tmp_path / "fine.parquet", [Message(0, MS, BOOK)], RULES)
    target = tmp_path / "coarse.parquet"
    with pytest.raises(TapeError, match="no preset 'hyperliqid'; did you mean 'hyperliquid'"):
        emulate(source, target, streams="hyperliqid")
    for change, message in (
        ({"levels": 0}, "levels: 0 must lie in 1..1000"),
        ({"every_ms": -1.0}, "every_ms: -1 must be 0 or lie in"),
        ({"block_ms": float("nan")}, "block_ms: nan must be 0 or lie in"),
    ):
        with pytest.raises(TapeError, match=message):
            streams_of("every", **change)
    with pytest.raises(TapeError, match="is the source itself"):
        emulate(source, source, overwrite=True)
    with pytest.raises(TapeError, match=r"rows_per_chunk: 0 must be at least 1"):
        emulate(source, target, rows_per_chunk=0)
    emulate(source, target)
    with pytest.raises(TapeError, match="exists already"):
        emulate(source, target)
    nothing = write_messages(tmp_path / "one.parquet", [Message(0, MS, depth(BID, 9, 1))], RULES)
    with pytest.raises(TapeError, match="the streams would have shown nothing of"):
        emulate(nothing, tmp_path / "none.parquet", streams="block")
    assert not (tmp_path / "none.parquet").exists()


def test_several_files_are_read_as_one(tmp_path: Path) -> None:
    messages = [Message(1 * MS, 2 * MS, BOOK)]
    messages += [Message(k * MS, (k + 1) * MS, depth(BID, 100, 20 + k)) for k in range(2, 40)]
    whole = write_messages(tmp_path / "whole.parquet", messages, RULES)
    columns = pl.read_parquet(whole)
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, part in (("a", columns[:17]), ("b", columns[17:])):
        with tape.TapeWriter(folder / f"{name}.parquet", RULES) as writer:
            writer.append(*(part[column].to_numpy() for column in COLUMNS))
    one = emulate(whole, tmp_path / "one.parquet", streams="hyperliquid_fast")
    two = emulate(folder, tmp_path / "two.parquet", streams="hyperliquid_fast")
    assert one.info.digest == two.info.digest
    assert len(two.info.source["of"]["digests"]) == 2
    assert np.all(pl.read_parquet(two.target)["seq"].to_numpy() >= 0)


def test_the_cases_hold_what_is_hard(tmp_path: Path) -> None:
    found = {"crossed_blocks": 0, "short_sides": 0, "gaps": 0, "empty_sides": 0, "waiting": 0}
    for seed in range(24):
        fine, coarse = tmp_path / f"fine{seed}.parquet", tmp_path / f"coarse{seed}.parquet"
        fine_tape(seed, fine)
        done = emulate(fine, coarse, streams=chosen(seed))
        rows = np.array(rows_of(done.target))
        found["crossed_blocks"] += done.counts["crossed_blocks"]
        found["short_sides"] += done.counts["short_sides"]
        found["gaps"] += np.count_nonzero(rows[:, 3] & KIND_MASK == 5)
        found["empty_sides"] += np.count_nonzero((rows[:, 4] == 0) & (rows[:, 3] & 32 > 0))
        found["waiting"] += np.count_nonzero(np.diff(rows[:, 2]) < 0)  # arrived out of order
    assert min(found.values()) >= 20, found
