"""Recordings in order of arrival become tapes in causal order, with bounded memory.

Rows are kept in a temporary folder beside the target, each piece sorted by itself. When all have
come, and with them the market's price and size steps, the pieces are put together by exchange
time, a stretch after the other.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from simmm.errors import RunError, TapeError
from simmm.market import MarketRules
from simmm.records import (
    AGGRESSOR_END,
    BBO,
    BUY,
    FIRST,
    GAP,
    KIND_MASK,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.schema import NO_AUX, RANKS, TapeInfo
from simmm.tape.sources.arrivals import ARRIVED, Gap, Repair, merge
from simmm.tape.sources.steps import on_grid
from simmm.tape.writer import TapeWriter

_STAGED = np.dtype(
    [
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("seq", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("aux", "i8"),
        ("tag", "u1"),
    ]
)
_PIECE_ROWS = 1 << 18
_LONGEST_NS = 1 << 59  # eight times as much is counted in 63 bits
#: Where more of the rows than this were seen before they happened, the user is told.
_EARLY_SHARE = 0.01
_STRETCH_ROWS = 1 << 16


def write_merged(
    sources: list[Iterator[np.ndarray]],
    target: Path,
    *,
    market: Callable[[], MarketRules],
    source: dict[str, Any],
    counts: dict[str, int],
    assumed: dict[str, str],
) -> TapeInfo:
    """Merge streams of messages, repair them and write them as a tape.

    Parameters
    ----------
    sources
        Arrays of `arrivals.ARRIVED`: whole messages in order of arrival.
    market
        Called without arguments when all rows have been read; returns the `MarketRules`.
    source, counts, assumed
        What the tape's metadata say; `counts` is added to.

    Raises
    ------
    TapeError
        Where nothing is left to write, or a price or size is off the market's grid.
    RunError
        Where the target's folder can't be written.
    """
    repair = Repair(counts)
    with Staging(target) as staging:
        for rows in merge(sources):
            staging.add(*repair.add(rows))
        staging.add(*repair.add(np.empty(0, ARRIVED), final=True))
        rules = market()
        if staging.rows == 0:
            raise TapeError(f"{target}: none of the recording's rows is left to write")
        if repair.early > _EARLY_SHARE * repair.rows:
            assumed["local_ts"] = (
                f"exch_ts in {repair.early / repair.rows:.1%} of the rows, which were seen before "
                f"they happened, by up to {repair.earliest_ns / 1e6:.3f} ms; --clock-shift-ms "
                "shifts the recorder's clock instead"
            )
        gaps = [*repair.gaps, *repair.silences()]
        made = {**source, "counts": counts, "assumed": assumed}
        return staging.write(rules, gaps, made)


class Staging:
    """Rows on their way from order of arrival into causal order; a context manager."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0
        self._pieces: list[Path] = []
        self.rows = 0
        try:
            self._folder = Path(tempfile.mkdtemp(".tmp", f".{target.name}.", target.parent))
        except OSError as error:
            raise RunError(f"{target}: cannot be written ({error.strerror or error})") from None

    def add(self, rows: np.ndarray, seq: np.ndarray) -> None:
        """Take repaired messages (`arrivals.ARRIVED`) with their numbers."""
        if len(rows) == 0:
            return
        staged = np.empty(len(rows), _STAGED)
        for name in ("exch_ts", "local_ts", "px", "qty"):
            staged[name] = rows[name]
        staged["seq"] = seq
        staged["aux"] = np.where(rows["kind"] == TRADE, rows["trade_id"], NO_AUX)
        staged["tag"] = rows["kind"] | np.where(rows["side"] > 0, BUY, 0).astype(np.uint8)
        self._waiting.append(staged)
        self._n_waiting += len(staged)
        self.rows += len(staged)
        if self._n_waiting >= _PIECE_ROWS:
            self._keep()

    def _keep(self) -> None:
        """Sort what waits, flag ends of messages and first rows of images, and put it on disk."""
        rows = np.concatenate(self._waiting)
        self._waiting, self._n_waiting = [], 0
        kind = rows["tag"] & KIND_MASK
        side = np.where(rows["tag"] & BUY, 1, -1)
        image = kind == SNAPSHOT
        if image.any():
            levels, bids = rows[image], side[image]
            order = np.lexsort((-bids * levels["px"], -bids, levels["seq"]))
            rows[image], side[image] = levels[order], bids[order]
        order = _causal_order(rows)
        rows, image, side = rows[order], image[order], side[order]
        number = rows["seq"] - rows["seq"].min()
        last = np.full(int(number.max()) + 1, -1)
        np.maximum.at(last, number, np.arange(len(rows)))
        rows["tag"][last[last >= 0]] |= PACKET_END
        first = image.copy()
        same = (rows["seq"][1:] == rows["seq"][:-1]) & (side[1:] == side[:-1]) & image[:-1]
        first[1:] &= ~same
        rows["tag"][first] |= FIRST
        path = self._folder / f"{len(self._pieces)}.npy"
        try:
            np.save(path, rows)
        except OSError as error:
            raise RunError(
                f"{self._target}: cannot be written ({error.strerror or error})"
            ) from None
        self._pieces.append(path)

    def write(self, market: MarketRules, gaps: list[Gap], source: dict[str, Any]) -> TapeInfo:
        """Write all rows, and a row for each gap, as the tape."""
        if self._n_waiting:
            self._keep()
        with TapeWriter(self._target, market, source=source, overwrite=True) as tape:
            for rows in _with_gaps(self._stretches(), gaps):
                tape.append(*self._columns(rows, market))
            return tape.close()

    def _stretches(self) -> Iterator[np.ndarray]:
        """Yield rows in causal order, all of one exchange time together."""
        pieces = [np.load(path, mmap_mode="r") for path in self._pieces]
        cuts = np.unique(np.concatenate([piece["exch_ts"][::_STRETCH_ROWS] for piece in pieces]))
        done = [0] * len(pieces)
        for cut in (*cuts[1:].tolist(), None):
            parts = []
            for index, piece in enumerate(pieces):
                stop = len(piece)
                if cut is not None:
                    stop = int(np.searchsorted(piece["exch_ts"][done[index] :], cut)) + done[index]
                parts.append(piece[done[index] : stop])
                done[index] = stop
                if stop == len(piece):
                    pieces[index] = piece[:0].copy()  # lets go of the file
                    done[index] = 0
            rows = np.concatenate(parts)
            if len(rows):
                yield rows[_causal_order(rows)]

    def _columns(self, rows: np.ndarray, market: MarketRules) -> list[np.ndarray]:
        """Return a stretch's columns as a tape stores them."""
        tag = rows["tag"].copy()
        gap = tag & KIND_MASK == GAP
        px = on_grid(rows["px"], market.price_quantum, f"{self._target}: px")
        qty = on_grid(np.where(gap, 0.0, rows["qty"]), market.lot_size, f"{self._target}: qty")
        px[gap], qty[gap] = rows["aux"][gap], rows["qty"][gap].astype(np.int64)
        self._price_empty_quotes(tag, px)
        aux = np.where(gap, NO_AUX, rows["aux"])
        trades = np.flatnonzero(tag & KIND_MASK == TRADE)
        if len(trades):
            exch, buys = rows["exch_ts"][trades], tag[trades] & BUY
            ends = (exch[1:] != exch[:-1]) | (buys[1:] != buys[:-1])
            tag[trades[np.append(ends, True)]] |= AGGRESSOR_END
        return [rows["exch_ts"], rows["local_ts"], rows["seq"], tag, px, qty, aux]

    @staticmethod
    def _price_empty_quotes(tag: np.ndarray, px: np.ndarray) -> None:
        """Give the empty side of a quote a price: one quantum beyond the other side's."""
        for row in np.flatnonzero((tag & KIND_MASK == BBO) & (px == 0)):
            bid = bool(tag[row] & BUY)  # of a quote's two rows the bid comes first
            px[row] = max(px[row + 1] - 1, 1) if bid else px[row - 1] + 1

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _causal_order(rows: np.ndarray) -> np.ndarray:
    """Return the order by exch_ts, kind and seq of rows whose seq rises where these are equal."""
    exch, rank = rows["exch_ts"], RANKS[rows["tag"] & KIND_MASK]
    if len(rows) and int(exch.max()) - int(exch.min()) >= _LONGEST_NS:
        return np.lexsort((rank, exch))
    return np.argsort((exch - exch[:1]) * 8 + rank, kind="stable")  # one key is faster


def _with_gaps(stretches: Iterable[np.ndarray], gaps: list[Gap]) -> Iterator[np.ndarray]:
    """Put gap rows among rows in causal order.

    A silence stands where the first row is that happened after it and was heard after it.
    """
    waiting = list(gaps)
    marked: set[tuple[int, int]] = set()
    for rows in stretches:
        added, later = [], []
        for gap in waiting:
            place = _gap_place(gap, rows)
            if place is None:
                later.append(gap)
            elif (place[0], place[2]) not in marked:
                marked.add((place[0], place[2]))
                added.append((*place, 0.0, float(gap.length), gap.last_ts, GAP))
        waiting = later
        if added:
            added.sort(key=lambda row: row[2])
            rows = np.concatenate((np.array(added, _STAGED), rows))
            rows = rows[_causal_order(rows)]
        yield rows


def _gap_place(gap: Gap, rows: np.ndarray) -> tuple[int, int, int] | None:
    """Return exch_ts, local_ts and seq of a gap's row, None if it stands in a later stretch."""
    end = int(rows["exch_ts"][-1])
    if gap.exch_ts is not None:
        return (gap.exch_ts, gap.local_ts, gap.seq) if gap.exch_ts <= end else None
    if gap.last_ts > end:
        return None
    start = int(np.searchsorted(rows["exch_ts"], gap.last_ts))
    after = np.flatnonzero(rows["seq"][start:] >= gap.seq)
    if len(after) == 0:
        return None
    first = start + int(after[0])
    row = rows[first]
    exch = int(row["exch_ts"])
    # It comes with the first message heard, unless that one told only of what was before.
    if gap.local_ts >= exch and (rows["seq"][first:] == gap.seq).any():
        return exch, gap.local_ts, gap.seq
    return exch, int(row["local_ts"]), int(row["seq"])
