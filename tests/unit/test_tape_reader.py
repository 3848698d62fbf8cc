"""Streaming: packets, arrivals, chunks, several files, several markets."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import NEVER
from simmm.tape import TapeSpec, TapeWriter, open_tapes
from simmm.tape import reader as reader_module
from tests.unit.tape_fixture import (
    DEPTH,
    END,
    MS,
    RANK,
    START,
    TRADE,
    drawn_rows,
    joined,
    slow_stream,
    stream,
    write_rows,
)


@pytest.mark.parametrize("seed", range(6))
def test_packets_and_arrivals_agree_with_slow_reader(tmp_path: Path, seed: int) -> None:
    rows = drawn_rows(seed, 400)
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=128)
    assert stream(path) == slow_stream(rows)


def test_drawn_tapes_are_hard_enough() -> None:
    rows = drawn_rows(0, 400)
    packets = slow_stream(rows)
    assert packets["arrival_packet"] != sorted(packets["arrival_packet"])
    ends = {seq: 0 for _, _, seq, *_ in rows}
    for _, _, seq, tag, *_ in rows:
        ends[seq] += tag & END > 0
    assert set(ends.values()) == {1}
    assert len(packets["packet_ts"]) > len(ends)  # messages of several packets


@pytest.mark.parametrize("rows_per_chunk", [1, 7, 1000, None])
@pytest.mark.parametrize("row_group", [5, 50, 1 << 18])
def test_chunk_and_group_borders_cannot_be_seen(
    tmp_path: Path, rows_per_chunk: int | None, row_group: int
) -> None:
    rows = drawn_rows(9, 700)
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=row_group)
    assert stream(path, rows_per_chunk=rows_per_chunk) == slow_stream(rows)


@pytest.mark.parametrize("rows_per_chunk", [1, 7, None])
def test_five_files_are_one_tape(tmp_path: Path, rows_per_chunk: int | None) -> None:
    rows = drawn_rows(4, 500)
    cuts = [0, 1, 133, 134, 701, len(rows)]
    for number in range(5):
        part = rows[cuts[number] : cuts[number + 1]]
        write_rows(tmp_path / f"part{number}.parquet", part, row_group=64)
    whole = slow_stream(rows)
    assert stream(tmp_path, rows_per_chunk=rows_per_chunk) == whole
    assert stream(str(tmp_path / "part*.parquet"), rows_per_chunk=rows_per_chunk) == whole
    shuffled = [tmp_path / f"part{number}.parquet" for number in (3, 0, 4, 1, 2)]
    assert stream(shuffled, rows_per_chunk=rows_per_chunk) == whole


def test_chunks_end_as_asked(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "tape.parquet", drawn_rows(1, 300))
    with open_tapes([TapeSpec(path)], rows_per_chunk=7) as tapes:
        sizes = [len(chunk.tag) for chunk in tapes.chunks()]
    assert len(sizes) > 20
    assert all(7 <= size < 7 + 6 for size in sizes[:-1])


@pytest.mark.parametrize("rows_per_chunk", [1, 64, None])
@pytest.mark.parametrize("row_group", [40, 1 << 18])
def test_three_markets_merge_in_causal_order(
    tmp_path: Path, rows_per_chunk: int | None, row_group: int
) -> None:
    tapes = [drawn_rows(seed, count) for seed, count in ((1, 300), (2, 90), (3, 500))]
    paths = [
        write_rows(tmp_path / f"{number}.parquet", rows, row_group=row_group)
        for number, rows in enumerate(tapes)
    ]
    assert stream(*paths, rows_per_chunk=rows_per_chunk) == slow_stream(*tapes)


@pytest.mark.parametrize("row_group", [3, 1 << 18])
def test_markets_that_share_timestamps(tmp_path: Path, row_group: int) -> None:
    # Whole row groups lie at one time, so a market's group may end amid what others also have.
    tapes = []
    for market in range(3):
        rng = np.random.default_rng(market)
        rows = []
        for number in range(60):
            exch = START + number // 20
            kind = int(rng.choice([DEPTH, TRADE]))
            rows.append((exch, exch + 1 + number, number, kind | END, 100, 1 + market))
        tapes.append(sorted(rows, key=lambda row: (row[0], RANK[row[3] & 7], row[2])))
    paths = [
        write_rows(tmp_path / f"{number}.parquet", rows, row_group=row_group)
        for number, rows in enumerate(tapes)
    ]
    assert stream(*paths) == slow_stream(*tapes)
    assert stream(*paths, rows_per_chunk=1) == slow_stream(*tapes)


def test_markets_roles_and_ends(tmp_path: Path) -> None:
    rows = drawn_rows(1, 50)
    one = write_rows(tmp_path / "one.parquet", rows, truth={"kappa": 3.0})
    market = MarketRules(symbol="OTHER", price_quantum="0.5", lot_size="1")
    two = write_rows(tmp_path / "two.parquet", drawn_rows(2, 60), market=market)
    with open_tapes([TapeSpec(one), TapeSpec(two, "reference")]) as tapes:
        assert [market.symbol for market in tapes.markets] == ["TEST", "OTHER"]
        assert tapes.roles == ["trade", "reference"]
        assert tapes.truth == [{"kappa": 3.0}, {}]
        assert len(tapes.digests[0][0]) == 64
        assert tapes.rows == len(rows) + len(drawn_rows(2, 60))
        everything = [*rows, *drawn_rows(2, 60)]
        assert tapes.first_ts == min(row[0] for row in everything)
        assert tapes.last_ts == max(row[0] for row in everything)
        assert tapes.first_local_ts == min(row[1] for row in everything)
        assert tapes.last_local_ts == max(row[1] for row in everything)


@pytest.mark.parametrize("row_group", [30, 1 << 18])
def test_start_and_end_select_rows_by_exchange_time(tmp_path: Path, row_group: int) -> None:
    rows = drawn_rows(5, 400)
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=row_group)
    times = sorted({row[0] for row in rows})
    start, end = times[len(times) // 4], times[len(times) // 2]
    chosen = [row for row in rows if start <= row[0] < end]
    with open_tapes([TapeSpec(path)], start=start, end=end) as tapes:
        assert joined(tapes.chunks()) == slow_stream(chosen)
        assert tapes.rows == len(chosen)
        assert (tapes.first_ts, tapes.last_ts) == (chosen[0][0], chosen[-1][0])
        assert tapes.first_local_ts == min(row[1] for row in chosen)
        assert tapes.last_local_ts == max(row[1] for row in chosen)
    assert stream(path, start=start) == slow_stream([row for row in rows if row[0] >= start])
    assert stream(path, end=end) == slow_stream([row for row in rows if row[0] < end])


def test_feed_clock_replaces_recorded_one(tmp_path: Path) -> None:
    rows = drawn_rows(6, 200)
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=64)

    def make() -> reader_module.FeedClock:
        last = 0

        def clock(ts: np.ndarray, seq: np.ndarray) -> np.ndarray:
            nonlocal last
            local = np.maximum.accumulate(np.maximum(ts + 1 + (seq * 7919) % (50 * MS), last))
            last = int(local[-1]) if len(local) else last
            return local

        return clock

    results = [stream(path, feed=make, rows_per_chunk=rows) for rows in (1, 7, None)]
    assert results[0] == results[1] == results[2]
    expected, last = [], 0
    keys = sorted({(row[0], RANK[row[3] & 7], row[2]) for row in rows})
    for number, (exch, _, seq) in enumerate(keys):
        last = max(last, exch + 1 + (seq * 7919) % (50 * MS))
        expected.append((last, seq, number))
    expected.sort()
    assert results[0]["arrival_ts"] == [local for local, _, _ in expected]
    assert results[0]["arrival_packet"] == [number for _, _, number in expected]
    assert results[0]["arrival_ts"] != stream(path)["arrival_ts"]
    with (
        open_tapes([TapeSpec(path)], feed=lambda: lambda ts, seq: ts - 1) as tapes,
        pytest.raises(TapeError, match="before it happened"),
    ):
        list(tapes.chunks())


def test_great_disorder_is_sorted_too(tmp_path: Path) -> None:
    count = 3_000
    exch = START + np.arange(count)
    local = START + 10 * count - 2 * np.arange(count)  # everything arrives in reverse
    rows = [(int(exch[i]), int(local[i]), count - 1 - i, TRADE | END, 100, 1) for i in range(count)]
    path = write_rows(tmp_path / "tape.parquet", rows, row_group=700)
    assert stream(path, rows_per_chunk=100) == slow_stream(rows)


def test_last_chunk_releases_everything(tmp_path: Path) -> None:
    rows = [(START, START + 10**12, 0, TRADE | END, 100, 1)]
    path = write_rows(tmp_path / "tape.parquet", rows)
    with open_tapes([TapeSpec(path)]) as tapes:
        (chunk,) = tapes.chunks()
    assert chunk.final
    assert chunk.bound_ts == NEVER
    assert chunk.arrival_ts.tolist() == [START + 10**12]


def test_closing_early_ends_the_thread(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "tape.parquet", drawn_rows(1, 400))
    with open_tapes([TapeSpec(path)], rows_per_chunk=1) as tapes:
        chunks = tapes.chunks()
        next(chunks)
        assert any(thread.name == "simmm-tape" for thread in threading.enumerate())
        chunks.close()  # type: ignore[attr-defined]
        assert not any(thread.name == "simmm-tape" for thread in threading.enumerate())
        assert len(list(tapes.chunks())) > 100  # and it can be read again


def test_decoder_runs_ahead_no_further_than_its_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "tape.parquet", drawn_rows(1, 400))
    made = 0

    class Counting(reader_module.Chunk):
        def __new__(cls, *values: object) -> "Counting":
            nonlocal made
            made += 1
            return super().__new__(cls, *values)  # type: ignore[call-arg, type-var, return-value]

    monkeypatch.setattr(reader_module, "Chunk", Counting)
    with open_tapes([TapeSpec(path)], rows_per_chunk=1) as tapes:
        chunks = tapes.chunks()
        next(chunks)
        time.sleep(0.2)
        assert made <= 1 + reader_module.QUEUE_DEPTH + 1
        chunks.close()  # type: ignore[attr-defined]


def test_errors_reach_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn_rows(2, 100)
    path = tmp_path / "tape.parquet"
    monkeypatch.setattr(TapeWriter, "_check_order", _set_tail)
    write_rows(path, [*rows[50:], *rows[:50]], step=10_000)
    with (
        open_tapes([TapeSpec(path)]) as tapes,
        pytest.raises(TapeError, match=f"row {len(rows) - 50}, exch_ts.*causal order"),
    ):
        list(tapes.chunks())


def _set_tail(writer: TapeWriter, columns: dict[str, np.ndarray]) -> None:
    writer._tail = {name: columns[name][-1:] for name in ("exch_ts", "local_ts", "seq", "tag")}


def test_overlapping_files_are_refused(tmp_path: Path) -> None:
    rows = drawn_rows(2, 100)
    write_rows(tmp_path / "a.parquet", rows[:200])
    write_rows(tmp_path / "b.parquet", rows[150:])
    with pytest.raises(TapeError, match=r"b\.parquet: begins at"):
        open_tapes([TapeSpec(tmp_path)])


def test_files_of_different_rules_are_refused(tmp_path: Path) -> None:
    rows = drawn_rows(2, 100)
    write_rows(tmp_path / "a.parquet", rows[:50])
    other = MarketRules(symbol="TEST", price_quantum="0.1", lot_size="0.01")
    write_rows(tmp_path / "b.parquet", rows[50:], market=other)
    with pytest.raises(TapeError, match=r"lot_size: 0\.001 and 0\.01"):
        open_tapes([TapeSpec(tmp_path)])


def test_wrong_calls_are_told(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "tape.parquet", drawn_rows(1, 20))
    with pytest.raises(TapeError, match="no tape given"):
        open_tapes([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TapeError, match=r"holds no \.parquet file"):
        open_tapes([TapeSpec(tmp_path / "empty")])
    with pytest.raises(TapeError, match="no file matches"):
        open_tapes([TapeSpec(str(tmp_path / "x*.parquet"))])
    with pytest.raises(TapeError, match="no rows between"):
        open_tapes([TapeSpec(path)], start=START + 10**15)
    with pytest.raises(TapeError, match="must be after start"):
        open_tapes([TapeSpec(path)], start=5, end=5)
    with pytest.raises(TapeError, match="at least 1"):
        open_tapes([TapeSpec(path)], rows_per_chunk=0)
