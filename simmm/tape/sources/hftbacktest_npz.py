"""Importer of hftbacktest's market data: `.npz` files whose array `data` holds its events.

The dtype and flags are those of hftbacktest 2 (`hftbacktest.types`), times in ns. Files are read
in pieces, so memory grows by no more than 8 bytes for each row that stands twice.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from simmm.errors import TapeError
from simmm.records import BBO, DEPTH, SNAPSHOT, TRADE
from simmm.tape.sources.arrivals import ARRIVED, message_starts, mixed, tidy_images
from simmm.tape.sources.hftbacktest_file import EventFile, pieces
from simmm.tape.sources.registry import Converted, SourceOptions
from simmm.tape.sources.staging import write_merged
from simmm.tape.sources.steps import Steps, market_rules

title = "hftbacktest market data (.npz)"

EXCH_EVENT, LOCAL_EVENT, BUY_EVENT, SELL_EVENT = (1 << bit for bit in (31, 30, 29, 28))
_EVENT_MASK = 0xFF
_DEPTH, _TRADE, _CLEAR, _SNAPSHOT, _BBO = range(1, 6)
_ORDERS = (10, 11, 12, 13)  # add, cancel, modify, fill: market by order
_KINDS = np.full(_EVENT_MASK + 1, 255, np.uint8)
_KINDS[[_DEPTH, _TRADE, _CLEAR, _SNAPSHOT, _BBO]] = (DEPTH, TRADE, SNAPSHOT, SNAPSHOT, BBO)
#: Times in ns of the years 1985 to 2128.
_EARLIEST_NS, _LATEST_NS = 5 * 10**17, 5 * 10**18
_USED = (
    "symbol",
    "market",
    "price_quantum",
    "lot_size",
    "min_notional",
    "maker_fee",
    "taker_fee",
    "clock_shift_ns",
)


def recognises(path: Path) -> bool:
    """Return whether a file is an `.npz` whose array `data` is one of hftbacktest."""
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with EventFile(path) as array:
            names = array.dtype.names or ()
            return {"ev", "exch_ts", "local_ts"} <= set(names) or array.is_old
    except TapeError:
        return False


def convert(sources: Sequence[Path], target: Path, options: SourceOptions) -> Converted:
    """Write files of hftbacktest events of one market as one tape.

    Parameters
    ----------
    sources
        Files that follow one another in time. A file of an initial snapshot may stand before the
        others; where its rows have no time, they get that of the first event after them.

    Returns
    -------
    tuple
        The tape's metadata; counts of what was dropped, repaired and added; what was assumed.

    Raises
    ------
    TapeError
        Where a file is damaged, of an older format, or holds orders instead of levels.
    """
    options.refuse_others(_USED, str(sources[0]))
    reading = _Reading(options)
    symbol = options.symbol
    if not symbol:
        symbol = sources[0].stem
        reading.assumed["symbol"] = f"{symbol}, from the file's name"
    reading.assumed["seq"] = "neighbours of one kind with equal clocks are one message"
    info = write_merged(
        [_in_turn(sources, reading)],
        target,
        market=lambda: market_rules(
            symbol, "unknown", reading.prices, reading.sizes, options, reading.assumed
        ),
        source={"importer": "hftbacktest_npz", "files": [path.name for path in sources]},
        counts=reading.counts,
        assumed=reading.assumed,
    )
    return info, reading.counts, reading.assumed


class _Reading:
    """What all files of one conversion have in common."""

    def __init__(self, options: SourceOptions) -> None:
        rules = options.market
        self.prices = Steps(rules.price_quantum if rules else options.price_quantum, "--tick")
        self.sizes = Steps(rules.lot_size if rules else options.lot_size, "--lot")
        self.shift_ns = options.clock_shift_ns or 0
        self.counts: dict[str, int] = {}
        self.assumed: dict[str, str] = {}

    def count(self, name: str, more: int | np.integer) -> None:
        if more:
            self.counts[name] = self.counts.get(name, 0) + int(more)


def _survey(path: Path, reading: _Reading) -> bool:
    """Look through a file; return whether its rows say by whom they are processed.

    Rows whose order differs between exchange and recorder stand twice, once for each.
    """
    twice: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    flagged = False
    for first, events in pieces(path):
        code = events["ev"] & np.uint64(_EVENT_MASK)
        orders = np.isin(code, _ORDERS)
        if orders.any():
            raise TapeError(
                f"{path}: row {first + int(np.argmax(orders))}: an event of a single order; data "
                "by order (L3) is not supported, only by price level (L2)"
            )
        exch, local = _flag(events, EXCH_EVENT), _flag(events, LOCAL_EVENT)
        flagged = flagged or bool(exch.any() or local.any())
        for keys, only in ((twice[0], exch & ~local), (twice[1], local & ~exch)):
            if only.any():
                keys.append(_keys(events[only]))
    if not flagged:
        reading.assumed["flags"] = f"{path.name}: no row says who processes it; both do"
        return False
    exch_keys, local_keys = (np.sort(np.concatenate(keys or [_NO_KEYS])) for keys in twice)
    paired = _in_both(exch_keys, local_keys)
    reading.count("rows_of_exchange_and_recorder_joined", paired)
    reading.count("rows_of_exchange_alone_dropped", len(exch_keys) - paired)
    reading.count("rows_of_recorder_alone_kept", len(local_keys) - paired)
    return True


_NO_KEYS = np.empty(0, np.uint64)


def _flag(events: np.ndarray, flag: int) -> np.ndarray:
    return (events["ev"] & np.uint64(flag)) != 0


def _keys(events: np.ndarray) -> np.ndarray:
    """Return a number for each event, equal for the two rows of one event."""
    key = events["ev"] & np.uint64(0x3FFFFFFF)
    for name in ("exch_ts", "local_ts", "px", "qty"):
        key = mixed(key, np.ascontiguousarray(events[name]).view(np.uint64))
    return key


def _in_both(one: np.ndarray, other: np.ndarray) -> int:
    """Return how many members two sorted lists have in common, repeated ones counted."""
    values, times = np.unique(one, return_counts=True)
    right = np.searchsorted(other, values, "right")
    return int(np.minimum(times, right - np.searchsorted(other, values)).sum())


class _Messages:
    """Puts the events of one file, piece by piece, together to messages."""

    def __init__(self, path: Path, reading: _Reading) -> None:
        self._path, self._reading = path, reading
        self._held = np.empty(0, ARRIVED)
        self._number = 0  # of the next message
        self._book_kind = 0  # kind of the newest message of the book: SNAPSHOT, DEPTH, 0 none
        self._image_seen = False

    def rows(self, events: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return events as rows of `arrivals.ARRIVED`; `places` are their rows in the file."""
        code = (events["ev"] & np.uint64(_EVENT_MASK)).astype(np.intp)
        rows = np.zeros(len(events), ARRIVED)
        rows["kind"], rows["trade_id"] = _KINDS[code], -1
        rows["side"] = _flag(events, BUY_EVENT).astype(np.int8) - _flag(events, SELL_EVENT)
        for name in ("exch_ts", "px", "qty"):
            rows[name] = events[name]
        rows["local_ts"] = events["local_ts"] + self._reading.shift_ns
        self._refuse_times(events, places)
        clear = code == _CLEAR
        keep = self._sound(rows, clear)
        rows, clear, places = rows[keep], clear[keep], places[keep]
        self._check_steps(rows, ~clear, places)
        return self._clears(rows, clear)

    def _refuse_times(self, events: np.ndarray, places: np.ndarray) -> None:
        for name, may_lack in (("local_ts", False), ("exch_ts", True)):
            times = events[name]
            bad = (times < _EARLIEST_NS) | (times > _LATEST_NS)
            bad &= ~(may_lack & (times <= 0))
            if bad.any():
                place = int(np.argmax(bad))
                raise TapeError(
                    f"{self._path}: row {places[place]}, {name}: {times[place]} is no time in "
                    "nanoseconds"
                )

    def _sound(self, rows: np.ndarray, clear: np.ndarray) -> np.ndarray:
        """Return which rows mean something, and count the others."""
        known = rows["kind"] <= TRADE
        trade = rows["kind"] == TRADE
        sided = (rows["side"] != 0) | clear
        priced = np.isfinite(rows["px"]) & (rows["px"] > 0)
        sized = np.isfinite(rows["qty"]) & np.where(trade, rows["qty"] > 0, rows["qty"] >= 0)
        whole = (priced & sized) | clear
        # Asks up to a price of nothing are none.
        whole &= ~(clear & (rows["side"] < 0) & (rows["px"] <= 0))
        for what, bad in (
            ("unknown_events_dropped", ~known),
            ("trades_without_side_dropped", trade & ~sided),
            ("levels_without_side_dropped", known & ~trade & ~sided),
            ("trades_without_price_or_size_dropped", trade & sided & ~whole),
            ("levels_without_price_or_size_dropped", known & ~trade & sided & ~whole),
        ):
            self._reading.count(what, np.count_nonzero(bad))
        return known & sided & whole

    def _check_steps(self, rows: np.ndarray, levels: np.ndarray, places: np.ndarray) -> None:
        for steps, name in ((self._reading.prices, "px"), (self._reading.sizes, "qty")):
            values = rows[name]
            shown = levels & (values > 0)
            bad = np.zeros(len(values), bool)
            bad[shown] = steps.bad(values[shown])
            large = shown & steps.too_large(np.where(shown, values, 0.0))
            if large.any() or (steps.given and bad.any()):
                place = int(np.argmax(large if large.any() else bad))
                what = "too large" if large.any() else f"no multiple of {steps.given}"
                raise TapeError(
                    f"{self._path}: row {places[place]}, {name}: {values[place]} is {what}"
                )
            if bad.any():
                least = 10.0**-steps.decimals
                values[bad] = np.maximum(np.round(values[bad], steps.decimals), least)
                self._reading.count(f"{name}_rounded", np.count_nonzero(bad))

    @staticmethod
    def _clears(rows: np.ndarray, clear: np.ndarray) -> np.ndarray:
        """Leave of an event that clears one row a side, of no size; partial ones keep a price."""
        whole = clear & ((rows["side"] == 0) | ~np.isfinite(rows["px"]) | (rows["px"] <= 0))
        rows["qty"][clear] = 0.0
        rows["px"][whole] = 0.0
        rows["identity"][clear & ~whole] = 1
        both = clear & (rows["side"] == 0)
        if not both.any():
            return rows
        rows = np.repeat(rows, np.where(both, 2, 1))
        unsided = np.flatnonzero(rows["side"] == 0)
        rows["side"][unsided] = np.tile([1, -1], len(unsided) // 2)
        return rows

    def take(self, rows: np.ndarray, *, final: bool = False) -> np.ndarray:
        """Return the messages that are whole with these rows; the last one is held back."""
        rows = np.concatenate((self._held, rows))
        change = np.ones(len(rows), bool)
        change[1:] = False
        for name in ("exch_ts", "local_ts", "kind"):
            change[1:] |= rows[name][1:] != rows[name][:-1]
        starts = np.flatnonzero(change)
        whole = len(rows) if final or len(rows) == 0 else int(starts[-1])
        self._held = rows[whole:].copy()
        rows = rows[:whole]
        if len(rows) == 0:
            return rows
        rows["message"] = 2 * (self._number + np.cumsum(change[:whole]) - 1)
        self._number += len(starts)
        rows = self._partial_clears(rows)
        self._note_restarts(rows)
        return tidy_images(rows, self._reading.counts, both_sides=False)

    def _partial_clears(self, rows: np.ndarray) -> np.ndarray:
        """Clears up to a price: part of an image, or a gap where no image comes with them."""
        partial = rows["identity"] == 1
        rows["identity"] = 0
        if not partial.any():
            return rows
        side = rows["message"] * 4 + rows["side"]
        imaged = side[(rows["kind"] == SNAPSHOT) & ~partial]
        alone = partial & ~np.isin(side, imaged)
        rows["px"][partial & ~alone] = 0.0
        self._reading.count("partial_clears_as_gaps", np.count_nonzero(alone))
        rows["kind"][alone], rows["restart"][alone] = DEPTH, True
        rows["message"][alone] -= 1
        return rows[np.argsort(rows["message"], kind="stable")]

    def _note_restarts(self, rows: np.ndarray) -> None:
        """Mark images that came after changes: the connection was lost."""
        starts = message_starts(rows)
        kinds = rows["kind"][starts]
        book = np.flatnonzero((kinds == SNAPSHOT) | (kinds == DEPTH))
        if len(book) == 0:
            return
        before = np.append(self._book_kind, kinds[book[:-1]])
        image = kinds[book] == SNAPSHOT
        seen = np.append(self._image_seen, np.logical_or.accumulate(image)[:-1] | self._image_seen)
        restart = np.zeros(len(starts), bool)
        restart[book] = image & (before == DEPTH) & seen
        rows["restart"] |= np.repeat(restart, np.diff(starts, append=len(rows)))
        self._book_kind = int(kinds[book[-1]])
        self._image_seen = self._image_seen or bool(image.any())


def _in_turn(paths: Sequence[Path], reading: _Reading) -> Iterator[np.ndarray]:
    """Yield the messages of files, which must follow one another in time."""
    newest, number = 0, 0
    for place, path in enumerate(paths):
        begins = place > 0
        for rows in _messages(path, reading, paths[place + 1 :]):
            if len(rows) == 0:
                continue
            if begins and rows["local_ts"][0] < newest:
                raise TapeError(
                    f"{path}: begins before {paths[place - 1].name} ends; give files in their "
                    "order, each time once"
                )
            begins = False
            newest = max(newest, int(rows["local_ts"].max()))
            rows["message"] += number
            yield rows
        number += 1 << 40


def _with_times(
    events: np.ndarray, path: Path, later: Sequence[Path], reading: _Reading
) -> np.ndarray:
    """Give an initial snapshot without times those of the first event of the next file."""
    image = np.isin(events["ev"] & np.uint64(_EVENT_MASK), (_CLEAR, _SNAPSHOT))
    if not later or not (image & (events["exch_ts"] == 0) & (events["local_ts"] == 0)).all():
        return events
    _, following = next(pieces(later[0]))
    heard = following[_flag(following, LOCAL_EVENT)]
    following = heard if len(heard) else following
    events["local_ts"] = following["local_ts"][0]
    happened = following["exch_ts"][following["exch_ts"] > 0]
    events["exch_ts"] = happened.min() if len(happened) else 0
    reading.assumed["initial_snapshot"] = f"{path.name} shows the first moment of {later[0].name}"
    return events


def _messages(path: Path, reading: _Reading, later: Sequence[Path]) -> Iterator[np.ndarray]:
    """Yield a file's messages, whole, as rows of `arrivals.ARRIVED`."""
    flagged = _survey(path, reading)
    put_together = _Messages(path, reading)
    for first, events in pieces(path):
        places = first + np.arange(len(events))
        if flagged:
            heard = _flag(events, LOCAL_EVENT)
            neither = ~heard & ~_flag(events, EXCH_EVENT)
            reading.count("rows_of_nobody_dropped", np.count_nonzero(neither))
            events, places = events[heard], places[heard]
        events = _with_times(events, path, later, reading)
        yield put_together.take(put_together.rows(events, places))
    yield put_together.take(np.empty(0, ARRIVED), final=True)
