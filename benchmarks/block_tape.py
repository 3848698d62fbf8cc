"""Makes a tape in blocks, as Hyperliquid shows its market, on which simmm and its peer are timed.

The market is that of ``peer_tape.py``, drawn with longer pauses. All that happens within 100 ms is
one block with one exchange timestamp. Of a block the tape has up to three messages: its trades;
best bid and ask, where price or size of one has changed; and the book. The book is shown in one of
two ways:

``images``
    The 20 best levels of each side with every fifth block: two images a second, what Hyperliquid
    sent until the middle of 2026 and still sends, with 5 levels, as its fast stream.
``changes``
    With every block all changes of levels in it, one after the other, as a node's own stream has
    them.

Each message is seen some tenths of a second after its block. The delay wanders from block to block,
and each of the three channels has its own besides, so that a message may overtake one of another
channel but never one of its own.

Run ``python benchmarks/block_tape.py FOLDER`` with any interpreter that has NumPy and numba.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit
from peer_columns import (
    BBO,
    CLEAR,
    COLUMNS,
    DEPTH,
    FORMAT,
    HEAD_ROWS,
    LOTS_PER_UNIT,
    SNAPSHOT,
    SNAPSHOT_LEVELS,
    TICK_SIZE,
    TRADE,
    Array,
)
from peer_tape import FIRST_TS_NS, WINDOW_LOW, Flow, next_level

BLOCK_NS = 100_000_000
IMAGE_BLOCKS = 5
IMAGE_LEVELS = 20
BOOKS = ("images", "changes")
#: Pause between two things that happen, ns. A message has some 8 rows with images, 18 with changes.
_MEAN_GAP_NS = {"images": 30_000_000, "changes": 2_000_000}
FAR_LOTS = 60_000  # of a level that nothing has happened at yet
_GROUPS = 200_000  # drawn at once

# Delays: the median, how far it wanders, how much of that stays from block to block; and the
# median that each channel adds, trades, best levels, book, which wanders too. A recording of 2025
# has 0.24, 0.37 and 1.1 s at 1, 50 and 99 of a hundred messages; this has no outliers like its
# longest.
_MEDIAN_DELAY_NS = 340_000_000
_WANDERING = 0.2
_STAYS = 0.9
_CHANNEL_DELAYS_NS = (20_000_000, 12_000_000, 42_000_000)
_CHANNEL_WANDERING = 0.5


class Rows(NamedTuple):
    """Rows of a tape in blocks; each has shape (rows,)."""

    block: Array
    kind: Array
    side: Array
    at: Array  # price, as ticks above the window's low end
    lots: Array


@njit()
def _bundle(
    size: Array,
    told: Array,
    flow_block: Array,
    flow: tuple[Array, Array, Array, Array],
    with_images: bool,
    out: tuple[Array, Array, Array, Array, Array],
) -> int:
    """Turn a flow of single rows into messages of blocks; return the number of rows written.

    `size` (2, window) is the book, `told` (2, 2) the best levels last told: place and lots, bids
    first. The flow ends with a block.
    """
    kind, side, at, lots = flow
    block_out, kind_out, side_out, at_out, lots_out = out
    n = 0
    start = 0
    while start < kind.size:
        block = flow_block[start]
        stop = start
        while stop < kind.size and flow_block[stop] == block:
            stop += 1
        first = n
        for i in range(start, stop):
            if kind[i] == TRADE:
                kind_out[n], side_out[n], at_out[n], lots_out[n] = TRADE, side[i], at[i], lots[i]
                n += 1
            else:
                end = 0 if side[i] > 0 else 1
                size[end, at[i]] = lots[i]
        best = np.array([_best(size[0], told[0, 0], -1), _best(size[1], told[1, 0], 1)])
        moved = False
        for end in range(2):
            if told[end, 0] != best[end] or told[end, 1] != size[end, best[end]]:
                moved = True
            told[end, 0], told[end, 1] = best[end], size[end, best[end]]
        if moved:
            for end in range(2):
                kind_out[n], side_out[n] = BBO, 1 - 2 * end
                at_out[n], lots_out[n] = best[end], size[end, best[end]]
                n += 1
        if not with_images:
            for i in range(start, stop):
                if kind[i] != TRADE:
                    kind_out[n], side_out[n] = DEPTH, side[i]
                    at_out[n], lots_out[n] = at[i], lots[i]
                    n += 1
        elif block % IMAGE_BLOCKS == 0:
            for end in range(2):
                level = best[end]
                for k in range(IMAGE_LEVELS):
                    kind_out[n], side_out[n] = SNAPSHOT, 1 - 2 * end
                    at_out[n], lots_out[n] = level, size[end, level]
                    n += 1
                    if k + 1 < IMAGE_LEVELS:
                        level = next_level(size[end], level, -1 if end == 0 else 1)
        block_out[first:n] = block
        start = stop
    return n


@njit()
def _best(size: Array, near: int, step: int) -> int:
    """Best level with size of a side on which `step` leads away from the market."""
    at = near - 64 * step
    while size[at] == 0:
        at += step
    return at


@njit()
def _wander(draws: Array, stays: float) -> None:
    """Turn independent normal draws into a series that remembers, of the same spread."""
    fresh = np.sqrt(1.0 - stays * stays)
    for k in range(1, draws.size):
        draws[k] = stays * draws[k - 1] + fresh * draws[k]


def channel_of(kind: Array) -> Array:
    """Number the channel each row came by: trades, best levels, book."""
    channels = np.full(max(DEPTH, TRADE, CLEAR, SNAPSHOT, BBO) + 1, 2)
    channels[TRADE], channels[BBO] = 0, 1
    found: Array = channels[kind]
    return found


def _arrivals(rng: np.random.Generator, block: Array, kind: Array) -> Array:
    """Draw when each row is seen, ns after the first block; nothing overtakes in its channel."""
    blocks = int(block[-1]) + 1
    common = rng.standard_normal(blocks)
    _wander(common, _STAYS)
    delay = _MEDIAN_DELAY_NS * np.exp(_WANDERING * common)
    local = np.zeros(len(block), np.int64)
    channel = channel_of(kind)
    for k, median_ns in enumerate(_CHANNEL_DELAYS_NS):
        own = rng.standard_normal(blocks)
        _wander(own, _STAYS)
        extra = median_ns * np.exp(_CHANNEL_WANDERING * own)
        seen = np.arange(blocks) * BLOCK_NS + (delay + extra).astype(np.int64)
        seen = np.maximum.accumulate(seen)
        of_channel = channel == k
        local[of_channel] = seen[block[of_channel]]
    return local


def draw_rows(rows: int, seed: int, book: str) -> tuple[Rows, Array]:
    """Draw at least `rows` rows, and when each is seen (ns after the first block).

    Parameters
    ----------
    rows
        Rows wanted; the tape ends with the block that reaches them.
    seed
        Seed of the draw.
    book
        ``images`` or ``changes``.
    """
    rng = np.random.default_rng(seed)
    flow = Flow(rng)
    head_kind, head_side, head_ticks, head_lots = flow.head
    # Behind the levels of the head the book goes on, so that an image always has all its levels.
    flow.size[0, : flow.touch[0] - SNAPSHOT_LEVELS + 1] = FAR_LOTS
    flow.size[1, flow.touch[1] + SNAPSHOT_LEVELS :] = FAR_LOTS
    size, told = flow.size.copy(), np.zeros((2, 2), np.int64)
    told[:, 0] = flow.touch
    at = np.where(head_kind == CLEAR, 0, head_ticks - WINDOW_LOW)
    parts = [Rows(np.zeros(HEAD_ROWS, np.int64), head_kind, head_side, at, head_lots)]
    count, clock = HEAD_ROWS, BLOCK_NS
    left: tuple[Array, ...] | None = None
    while count < rows:
        kind, side, at, lots, gaps = flow.draw(_GROUPS, _MEAN_GAP_NS[book])
        clocks = clock + np.cumsum(gaps)
        clock = int(clocks[-1])
        drawn = (clocks // BLOCK_NS, kind, side, at, lots)
        if left is not None:
            drawn = tuple(np.concatenate(pair) for pair in zip(left, drawn, strict=True))
        stop = int(np.searchsorted(drawn[0], drawn[0][-1]))  # the last block may go on
        left = tuple(column[stop:] for column in drawn)
        whole = tuple(column[:stop] for column in drawn)
        most = stop + (2 * IMAGE_LEVELS + 2) * len(np.unique(whole[0]))
        types = (np.int64, np.int8, np.int8, np.int64, np.int64)
        out = tuple(np.empty(most, kind) for kind in types)
        n = _bundle(size, told, whole[0], whole[1:], book == "images", out)
        parts.append(Rows(*(column[:n] for column in out)))
        count += n
    whole_rows = Rows(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    block = whole_rows.block
    stop = int(np.searchsorted(block, block[min(rows, len(block)) - 1], side="right"))
    whole_rows = Rows(*(column[:stop] for column in whole_rows))
    return whole_rows, _arrivals(rng, whole_rows.block, whole_rows.kind)


def write_blocks(folder: Path, rows: int, seed: int, book: str) -> None:
    """Draw a tape and write its columns and ``tape.json`` to `folder`, whole or not at all.

    Raises
    ------
    FileExistsError
        If `folder` exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: exists; remove it or name another folder")
    drawn, seen = draw_rows(rows, seed, book)
    ticks = np.where(drawn.kind == CLEAR, 0, drawn.at + WINDOW_LOW)
    columns = {
        "exch_ts": FIRST_TS_NS + drawn.block * BLOCK_NS,
        "local_ts": FIRST_TS_NS + seen,
        "kind": drawn.kind,
        "side": drawn.side,
        "px": ticks * TICK_SIZE,
        "qty": drawn.lots / LOTS_PER_UNIT,
        "px_ticks": ticks,
        "qty_lots": drawn.lots,
    }
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        for name, dtype in COLUMNS.items():
            np.save(partial / f"{name}.npy", columns[name].astype(dtype))
        meta = {
            "format": FORMAT,
            "rows": rows,
            "seed": seed,
            "tick_size": TICK_SIZE,
            "lots_per_unit": LOTS_PER_UNIT,
            "book": book,
        }
        (partial / "tape.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def facts(folder: Path) -> dict[str, float]:
    """Say what a tape in blocks is like."""
    columns = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in COLUMNS}
    kind, exch_ts, local_ts = (np.asarray(columns[n]) for n in ("kind", "exch_ts", "local_ts"))
    channel = channel_of(kind)
    begins = (np.diff(exch_ts, prepend=-1) != 0) | (np.diff(channel, prepend=-1) != 0)
    starts = np.flatnonzero(begins)
    waited = (local_ts - exch_ts)[starts] / 1e9
    place = np.argsort(np.argsort(local_ts[starts], kind="stable"), kind="stable")
    found = {
        "rows": len(kind),
        "rows_a_message": len(kind) / len(starts),
        "rows_a_second": len(kind) / ((exch_ts[-1] - exch_ts[0]) / 1e9),
        "messages_out_of_place": float(np.mean(place != np.arange(len(starts)))),
    }
    for name, code in (("trade", TRADE), ("bbo", BBO), ("image", SNAPSHOT), ("change", DEPTH)):
        found[f"{name}_rows"] = float(np.mean(kind == code))
    for share in (1, 50, 99):
        found[f"delay_{share}_s"] = float(np.percentile(waited, share))
    return {name: round(value, 3) for name, value in found.items()}


def main() -> int:
    """Make a tape and print what it is like."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--book", choices=BOOKS, default=BOOKS[0])
    arguments = parser.parse_args()
    if arguments.rows < 1_000:
        parser.error(f"--rows {arguments.rows}: at least 1000")
    if not arguments.folder.exists():
        write_blocks(arguments.folder, arguments.rows, arguments.seed, arguments.book)
    print(json.dumps(facts(arguments.folder), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
