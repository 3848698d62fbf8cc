"""Small drawn tapes, and a slow reader that the tests compare the real one with."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from simmm.market import MarketRules
from simmm.tape import Chunk, TapeWriter, open_tapes
from simmm.tape.reader import TapeSpec

START = 1_700_000_000_000_000_000
MS = 1_000_000
RULES = MarketRules(symbol="TEST", price_quantum="0.1", lot_size="0.001")
DEPTH, SNAPSHOT, BBO, TRADE, CONTEXT, GAP = range(6)
RANK = {GAP: 0, TRADE: 1, BBO: 2, DEPTH: 3, SNAPSHOT: 3, CONTEXT: 4}
BUY, END, FIRST, LAST_PRINT = 8, 16, 32, 64

Row = tuple[int, int, int, int, int, int]  # exch_ts, local_ts, seq, tag, px, qty


def drawn_rows(seed: int, messages: int, *, first_seq: int = 0) -> list[Row]:
    """Return rows in causal order: several messages a block, late ones, some of two kinds."""
    rng = np.random.default_rng(seed)
    made: list[list[Any]] = []
    ts = START
    for _ in range(messages):
        ts += int(rng.choice([0, 0, MS, 5 * MS, 60 * MS]))
        delay = int(rng.integers(0, 30) * MS + (rng.random() < 0.05) * 400 * MS)
        kinds = [int(rng.choice([DEPTH, DEPTH, BBO, TRADE, CONTEXT]))]
        if rng.random() < 0.2:
            kinds.append(TRADE if kinds[0] != TRADE else DEPTH)
        rows: list[list[int]] = []
        for kind in kinds:
            later = ts + int(rng.integers(0, 2) * MS)
            for _ in range(int(rng.integers(1, 4))):
                side = int(rng.integers(0, 2)) * BUY if kind != CONTEXT else 0
                px = 1_000 + int(rng.integers(-9, 10)) - (20 if side else 0)
                qty = int(rng.integers(1, 50)) if kind != CONTEXT else 0
                rows.append([later, kind, side, px, qty])
        made.append([max(row[0] for row in rows) + delay, rows])
    made.sort(key=lambda message: message[0])
    out: list[list[int]] = []
    for number, (local, rows) in enumerate(made):
        rows.sort(key=lambda row: (row[0], RANK[row[1]]))
        for place, (exch, kind, side, px, qty) in enumerate(rows):
            end = END if place == len(rows) - 1 else 0
            out.append([exch, local, first_seq + number, kind | side | end, px, qty, place])
    out.sort(key=lambda row: (row[0], RANK[row[3] & 7], row[2], row[6]))
    return [(row[0], row[1], row[2], row[3], row[4], row[5]) for row in out]


def write_rows(path: Path, rows: Iterable[Row], *, step: int = 997, **options: Any) -> Path:
    """Write rows with the low-level writer, a few at a time."""
    columns = np.array(list(rows), np.int64).T
    with TapeWriter(path, options.pop("market", RULES), **options) as tape:
        for at in range(0, columns.shape[1], step):
            exch, local, seq, tag, px, qty = columns[:, at : at + step]
            tape.append(exch, local, seq, tag.astype(np.uint8), px, qty)
    return path


def joined(chunks: Iterable[Chunk]) -> dict[str, list[int]]:
    """Return all chunks' arrays end to end, after checking what holds of each chunk."""
    out: dict[str, list[int]] = {name: [] for name in Chunk._fields[:8]}
    bound, final = None, False
    for chunk in chunks:
        assert not final
        if bound is not None:
            assert (chunk.packet_ts >= bound).all()
            assert (chunk.arrival_ts >= bound).all()
        if len(chunk.packet_row):
            assert chunk.packet_row[0] == len(out["tag"])
        assert (chunk.arrival_ts < chunk.bound_ts).all()
        for name in out:
            column = getattr(chunk, name)
            assert not column.flags.writeable
            out[name].extend(column.tolist())
        bound, final = chunk.bound_ts, chunk.final
        assert not out["arrival_packet"] or max(out["arrival_packet"]) < len(out["packet_ts"])
    assert final
    return out


def stream(*paths: Any, **options: Any) -> dict[str, list[int]]:
    """Read tapes, each a market, with the real reader."""
    with open_tapes([TapeSpec(path) for path in paths], **options) as opened:
        return joined(opened.chunks())


def slow_stream(*tapes: list[Row]) -> dict[str, list[int]]:
    """Return what `stream` must, from raw rows, one packet at a time."""
    packets: list[tuple[Any, ...]] = []
    for market, rows in enumerate(tapes):
        groups: dict[tuple[int, int, int], list[Row]] = {}
        for row in rows:
            groups.setdefault((row[0], RANK[row[3] & 7], row[2]), []).append(row)
        for (exch, rank, seq), inside in groups.items():
            packets.append((exch, rank, market, seq, inside))
    packets.sort(key=lambda packet: packet[:4])
    out: dict[str, list[int]] = {name: [] for name in Chunk._fields[:8]}
    arrivals = []
    for number, (exch, _, market, seq, inside) in enumerate(packets):
        out["packet_ts"].append(exch)
        out["packet_row"].append(len(out["tag"]))
        end = 8 if inside[-1][3] & END else 0
        out["packet_info"].append(inside[0][3] & 7 | end | market << 8)
        arrivals.append((inside[0][1], seq, number))
        for row in inside:
            out["tag"].append(row[3])
            out["px"].append(row[4])
            out["qty"].append(row[5])
    arrivals.sort()
    out["arrival_ts"] = [local for local, _, _ in arrivals]
    out["arrival_packet"] = [number for _, _, number in arrivals]
    return out


def neutral_frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    """Return neutral packets: exch_ts, local_ts, seq, kind, side, px, qty, trade_id."""
    names = ("exch_ts", "local_ts", "seq", "kind", "side", "px", "qty", "trade_id")
    kinds = (pl.Int64, pl.Int64, pl.Int32, pl.String, pl.Int8, pl.Float64, pl.Float64, pl.Int64)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")
