"""Makes the tape on which simmm and its peer are timed and compared.

One linear perpetual with a tick of 1.0 near 59,800 and a lot of 1e-5. Row 0 clears the book, rows
1 to 100 are its first snapshot. Of all rows one in ten is a trade at the touch, and the row after
each trade is the change of the book that it causes, with the same clocks. All other rows set one
level within ten ticks of the touch. Blocks are drawn and written one by one, so that memory does
not grow with the number of rows.

Run ``python benchmarks/peer_tape.py FOLDER`` with any interpreter that has NumPy and numba.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from numba import njit
from peer_check import replay_facts
from peer_columns import (
    CLEAR,
    COLUMNS,
    DEPTH,
    FEED_LATENCY_NS,
    FORMAT,
    HEAD_ROWS,
    LOTS_PER_UNIT,
    SNAPSHOT,
    SNAPSHOT_LEVELS,
    TICK_SIZE,
    TRADE,
    Array,
    load_columns,
    load_meta,
)

_MEAN_GAP_NS = 2_000_000
FIRST_TS_NS = 1_700_000_000_000_000_000
_FIRST_BID_TICKS = 59_800
WINDOW = 1 << 16
WINDOW_LOW = _FIRST_BID_TICKS - WINDOW // 2
_BLOCK_ROWS = 1_000_000

# The shape of the flow. Sizes are in lots, shares are out of 2**16. The numbers were set once so
# that the spread averages 1.07 ticks and 4.6 rows in a hundred move the best bid or ask.
_TARGET_LOTS = 82_000
_LEAST_LEVEL_LOTS = 500
_LEAST_TRADE_LOTS = 100
_REFILL_SHARE = 29_000
_DEPTH_WEIGHTS = (30, 17, 12, 10, 8, 7, 6, 4, 3, 3)


@njit()
def next_level(size: Array, at: int, step: int) -> int:
    """First tick with size beyond `at` in the direction `step`."""
    at += step
    while 0 <= at < size.size and size[at] == 0:
        at += step
    if not 0 <= at < size.size:
        raise ValueError("the drawn book ran empty; take another seed")
    return at


@njit()
def _may_empty(size: Array, at: int, step: int) -> bool:
    """Whether another level stands within ten ticks behind `at`, so that `at` may be emptied."""
    for distance in range(1, 11):  # noqa: SIM110 - compiled code has no generators
        if size[at + step * distance] > 0:
            return True
    return False


@njit()
def _fill_block(
    size: Array,
    touch: Array,
    is_trade: Array,
    draw: Array,
    distances: Array,
    kind: Array,
    side: Array,
    px: Array,
    qty: Array,
    first_of_group: Array,
) -> None:
    """Write one block of rows and move the book on.

    `size` has shape (2, window), `touch` (2,) holds best bid and best ask as window indices;
    index 0 is the bid. `draw` has shape (groups, 4), 16 random bits each: side, choice, distance,
    size. The block ends with its last group.
    """
    row = 0
    for group in range(is_trade.size):
        end = np.int64(draw[group, 0] & 1)
        step = -1 if end == 0 else 1
        best = touch[end]
        roll = np.int64(draw[group, 3])
        first_of_group[row] = 1
        if is_trade[group]:
            lots = min(_LEAST_TRADE_LOTS + ((roll * roll * roll) >> 32), size[end, best])
            left = size[end, best] - lots
            if left == 0 and not _may_empty(size[end], best, step):
                spared = min(lots - 1, np.int64(1))
                lots, left = lots - spared, spared
            kind[row], side[row], px[row], qty[row] = TRADE, step, best, lots
            row += 1
            first_of_group[row] = 0
            at = best
        else:
            lots = _LEAST_LEVEL_LOTS + ((roll * roll) >> 15)
            spread = touch[1] - touch[0]
            if spread > 1 and draw[group, 1] < _REFILL_SHARE:
                at, left = best - step, lots
            else:
                at = best + step * distances[draw[group, 2] & 255]
                old = size[end, at]
                # Cancels grow likelier with what is shown, so that levels hover about the target.
                if old > 0 and np.int64(draw[group, 1]) * (old + _TARGET_LOTS) < old << 16:
                    left = max(old - lots, 0)
                    if left == 0 and not _may_empty(size[end], at, step):
                        left = old
                else:
                    left = old + lots
        size[end, at] = left
        kind[row], side[row], px[row], qty[row] = DEPTH, -step, at, left
        row += 1
        if left > 0 and (at - best) * step < 0:
            touch[end] = at
        elif left == 0 and at == best:
            touch[end] = next_level(size[end], best, step)


class _Writer:
    """Column files of a known length, written block by block."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.row = 0
        self.files = {
            name: np.lib.format.open_memmap(
                folder / f"{name}.npy", mode="w+", dtype=dtype, shape=(rows,)
            )
            for name, dtype in COLUMNS.items()
        }

    def append(self, exch_ts: Array, kind: Array, side: Array, ticks: Array, lots: Array) -> None:
        block = {
            "exch_ts": exch_ts,
            "local_ts": exch_ts + FEED_LATENCY_NS,
            "kind": kind,
            "side": side,
            "px": ticks * TICK_SIZE,
            "qty": lots / LOTS_PER_UNIT,
            "px_ticks": ticks,
            "qty_lots": lots,
        }
        for name, values in block.items():
            self.files[name][self.row : self.row + len(values)] = values
        self.row += len(exch_ts)

    def close(self) -> None:
        for column in self.files.values():
            column.flush()
        self.files = {}


class Flow:
    """The drawn market: a book that starts with `head` and moves on with each draw.

    Attributes
    ----------
    size
        Lots by side and level, shape (2, window); bids first.
    touch
        Best bid and best ask, as ticks above `WINDOW_LOW`.
    head
        Kind, side, ticks and lots of the rows that clear the book and show it first.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.size = np.zeros((2, WINDOW), np.int64)
        self.touch = np.zeros(2, np.int64)
        distances = np.repeat(np.arange(10), np.array(_DEPTH_WEIGHTS) * 256 // 100)
        self._distances = np.concatenate([distances, np.zeros(256 - len(distances), np.int64)])
        self.head = self._head()

    def _head(self) -> tuple[Array, ...]:
        """Fill the book and give the clear and snapshot rows."""
        levels = np.arange(SNAPSHOT_LEVELS)
        self.touch[:] = _FIRST_BID_TICKS - WINDOW_LOW, _FIRST_BID_TICKS + 1 - WINDOW_LOW
        lots = self._rng.integers(_TARGET_LOTS // 2, _TARGET_LOTS * 3 // 2, (2, SNAPSHOT_LEVELS))
        at = np.stack([self.touch[0] - levels, self.touch[1] + levels])
        self.size[0, at[0]], self.size[1, at[1]] = lots
        kind = np.full(HEAD_ROWS, SNAPSHOT, np.int8)
        kind[0] = CLEAR
        side = np.repeat(np.array([0, 1, -1], np.int8), [1, SNAPSHOT_LEVELS, SNAPSHOT_LEVELS])
        ticks = np.concatenate([[0], (at + WINDOW_LOW).ravel()])
        return kind, side, ticks, np.concatenate([[0], lots.ravel()])

    def draw(self, count: int, mean_gap_ns: int, trades: int | None = None) -> tuple[Array, ...]:
        """Draw `count` rows, `trades` of them trades; one in ten if not told.

        Returns
        -------
        tuple of ndarray
            Kind, side, place above `WINDOW_LOW`, lots, and ns since the row before; (count,) each.
            A trade and the change of the book that it causes happen at once.
        """
        trades = count // 10 if trades is None else trades
        groups = count - trades
        is_trade = self._rng.permutation(np.arange(groups) < trades)
        draw = self._rng.integers(0, 1 << 16, (groups, 4), dtype=np.uint16)
        gaps = 1 + (self._rng.standard_exponential(groups) * mean_gap_ns).astype(np.int64)
        kind, side = np.empty(count, np.int8), np.empty(count, np.int8)
        at, lots = np.empty(count, np.int64), np.empty(count, np.int64)
        first = np.empty(count, np.int8)
        _fill_block(
            self.size, self.touch, is_trade, draw, self._distances, kind, side, at, lots, first
        )
        waited = np.zeros(count, np.int64)
        waited[first > 0] = gaps
        return kind, side, at, lots, waited


def _draw(writer: _Writer, rows: int, seed: int) -> None:
    flow = Flow(np.random.default_rng(seed))
    kind, side, ticks, lots = flow.head
    writer.append(np.full(HEAD_ROWS, FIRST_TS_NS), kind, side, ticks, lots)
    clock = FIRST_TS_NS
    while writer.row < rows:
        count = min(_BLOCK_ROWS, rows - writer.row)
        # One row in ten of the whole tape, the rows of the head counted too.
        trades = min((writer.row + count) // 10 - writer.row // 10, count // 2)
        kind, side, at, lots, waited = flow.draw(count, _MEAN_GAP_NS, trades)
        clocks = clock + np.cumsum(waited)
        clock = int(clocks[-1])
        writer.append(clocks, kind, side, at + WINDOW_LOW, lots)


def write_tape(folder: Path, rows: int, seed: int) -> None:
    """Draw a tape and write its columns and ``tape.json`` to `folder`.

    The folder appears whole or not at all.

    Parameters
    ----------
    folder
        Folder to make; it must not exist.
    rows
        Number of rows, at least 1,000.
    seed
        Seed of the draw; equal rows and seed give equal columns.

    Raises
    ------
    FileExistsError
        If `folder` exists.
    """
    if folder.exists():
        raise FileExistsError(f"{folder}: exists; remove it or name another folder")
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        writer = _Writer(partial, rows)
        _draw(writer, rows, seed)
        writer.close()
        meta = {
            "format": FORMAT,
            "rows": rows,
            "seed": seed,
            "tick_size": TICK_SIZE,
            "lots_per_unit": LOTS_PER_UNIT,
        }
        (partial / "tape.json").write_text(json.dumps(meta, indent=1) + "\n", encoding="utf-8")
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def main() -> int:
    """Make a tape, replay it, print its facts; 1 if the replay finds it inconsistent."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.rows < 1_000:
        parser.error(f"--rows {arguments.rows}: at least 1000")
    wanted = {"rows": arguments.rows, "seed": arguments.seed}
    if arguments.folder.exists():
        found = load_meta(arguments.folder)
        if any(found[key] != value for key, value in wanted.items()):
            parser.error(f"{arguments.folder}: holds another tape ({found}); remove it first")
    else:
        write_tape(arguments.folder, **wanted)
    facts = replay_facts(load_columns(arguments.folder))
    print(json.dumps(facts.__dict__, indent=1))
    broken = facts.crossed_or_empty_rows + facts.off_touch_trades
    broken += facts.unexplained_trades + facts.far_rows
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
