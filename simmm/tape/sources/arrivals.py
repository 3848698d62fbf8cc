"""Messages of recordings that are read piece by piece: put together and repaired.

What `repair.py` does to a whole frame is done here to arrays that follow one another, so that
memory doesn't grow with the recording. The counts have the same names.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from simmm.records import BBO, DEPTH, SNAPSHOT, TRADE
from simmm.tape.sources.repair import GAP_FACTOR, GAP_NS

#: One row of a message. All rows of a message stand together, have one kind and one `local_ts`.
ARRIVED = np.dtype(
    [
        ("exch_ts", "i8"),  # ns; 0 or less: not told
        ("local_ts", "i8"),  # ns
        ("message", "i8"),  # differs between neighbouring messages
        ("px", "f8"),
        ("qty", "f8"),
        ("trade_id", "i8"),  # -1: none
        ("identity", "u8"),  # what tells one trade's id from another's; 0: none
        ("kind", "u1"),
        ("side", "i1"),
        ("restart", "?"),  # an image after a lost connection
        ("raised", "?"),  # `local_ts` was raised
    ]
)
_ID_WINDOW = 3 << 19  # trades remembered: more than the validation of a tape does
_MOST_HELD = 1 << 20  # rows that wait for a later exchange time
_SILENCE_BIN_NS = 1_000_000
_FAR_BELOW = -(1 << 62)


class Gap(NamedTuple):
    """A place where messages were lost. `exch_ts` is None where the causal order decides it."""

    exch_ts: int | None
    local_ts: int
    seq: int  # of the first message after it
    last_ts: int  # exch_ts of the last row before it, ns
    length: int  # ns


def message_starts(rows: np.ndarray) -> np.ndarray:
    """Return the index of each message's first row."""
    number = rows["message"]
    return np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))


def merge(sources: Sequence[Iterator[np.ndarray]]) -> Iterator[np.ndarray]:
    """Put several streams of whole messages into one order of arrival.

    Where messages arrived at one time, those of the earlier source come first. A stream whose
    clock goes backwards keeps its order: `local_ts` is raised to the newest time before.
    """
    waiting = [np.empty(0, ARRIVED) for _ in sources]
    clocks = [_FAR_BELOW] * len(sources)
    open_sources = set(range(len(sources)))
    while open_sources or any(len(rows) for rows in waiting):
        for index in sorted(open_sources):
            # A source is asked for more until it is known what its last time is.
            if len(waiting[index]) and waiting[index]["local_ts"][0] < clocks[index]:
                continue
            piece = next(sources[index], None)
            if piece is None:
                open_sources.discard(index)
                continue
            piece = _raise_clock(piece, clocks[index])
            piece["message"] = piece["message"] * len(sources) + index
            waiting[index] = np.concatenate((waiting[index], piece))
            if len(piece):
                clocks[index] = int(piece["local_ts"][-1])
        bound = min((clocks[index] for index in open_sources), default=None)
        taken = []
        for index, rows in enumerate(waiting):
            known = len(rows) if bound is None else int(np.searchsorted(rows["local_ts"], bound))
            taken.append(rows[:known])
            waiting[index] = rows[known:]
        together = np.concatenate(taken)
        if len(together):
            yield together[np.argsort(together["local_ts"], kind="stable")]


def _raise_clock(rows: np.ndarray, before: int) -> np.ndarray:
    rows = rows.copy()
    clock = np.maximum(np.maximum.accumulate(rows["local_ts"]), before)
    rows["raised"] |= clock != rows["local_ts"]
    rows["local_ts"] = clock
    return rows


def tidy_images(rows: np.ndarray, counts: dict[str, int], *, both_sides: bool = True) -> np.ndarray:
    """Leave of each image its levels with a size, each price once, and say which side is empty.

    With `both_sides` a side that an image lacks is empty; else only one whose rows hold nothing.
    """
    image = rows["kind"] == SNAPSHOT
    if not image.any():
        return rows
    levels = rows[image]
    order = np.lexsort((np.arange(len(levels)), levels["px"], levels["side"], levels["message"]))
    levels = levels[order]
    same = np.ones(len(levels) - 1, bool)
    for name in ("message", "side", "px"):
        same &= levels[name][1:] == levels[name][:-1]
    last = np.concatenate((~same, [True]))
    told = levels["px"] > 0
    kept = levels[last & told & (levels["qty"] > 0)]
    _count(counts, "repeated_levels_dropped", np.count_nonzero(~last & told))
    _count(counts, "empty_levels_dropped", np.count_nonzero(last & told & (levels["qty"] <= 0)))
    added = []
    for side in (1, -1):
        wanted = levels if both_sides else levels[levels["side"] == side]
        messages, first = np.unique(wanted["message"], return_index=True)
        lacking = ~np.isin(messages, kept["message"][kept["side"] == side])
        empty = wanted[first[lacking]]
        empty["side"], empty["px"], empty["qty"] = side, 0.0, 0.0
        added.append(empty)
    _count(counts, "empty_sides_added", len(added[0]) + len(added[1]))
    everything = np.concatenate((rows[~image], kept, *added))
    return everything[np.argsort(everything["message"], kind="stable")]


def _count(counts: dict[str, int], name: str, more: int | np.integer) -> None:
    if more:
        counts[name] = counts.get(name, 0) + int(more)


class Repair:
    """Repairs messages in order of arrival and numbers them; `repair.py` says what and why."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts
        self.gaps: list[Gap] = []  # lost connections; the silences come with `silences`
        self._held = np.empty(0, ARRIVED)
        self._seq = 0  # of the next message
        self._newest, self._anchor = 0, 0
        self._clock = _FAR_BELOW
        self.rows = self.early = 0  # repaired; of these seen before they happened
        self.earliest_ns = 0  # by how much at most
        self._last: dict[int, np.ndarray] = {}  # newest message of each channel
        self._contents, self._identities = _Recent(), _Recent()
        self._book_exch, self._book_local = 0, 0
        self._heard, self._newest_mended = _FAR_BELOW, 0
        self._silences = np.zeros(GAP_NS // _SILENCE_BIN_NS + 1, np.int64)
        self._long: list[Gap] = []

    def add(self, rows: np.ndarray, *, final: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Repair whole messages that follow those before; return their rows and their `seq`.

        Rows may be held back until a later message tells their exchange time; call it with
        `final` at the end.
        """
        rows = np.concatenate((self._held, rows))
        self._held = rows[:0]
        if not final and len(rows):
            rows = self._hold_back(rows)
        if len(rows) == 0:
            return rows, np.empty(0, np.int64)
        starts = message_starts(rows)
        length = np.diff(starts, append=len(rows))
        seq = np.repeat(self._seq + np.arange(len(starts)), length)
        self._seq += len(starts)
        self._place_in_time(rows, starts)
        keep = self._new_trades(rows) & self._new_messages(rows, starts, length)
        rows, seq = rows[keep], seq[keep]
        if len(rows):
            starts = message_starts(rows)
            self._mend_clock(rows, starts)
            self._note_restarts(rows, seq)
            self._note_silences(rows, seq)
        return rows, seq

    def _hold_back(self, rows: np.ndarray) -> np.ndarray:
        known = np.flatnonzero(rows["exch_ts"] > 0)
        after = int(known[-1]) + 1 if len(known) else 0
        if after == len(rows):
            return rows
        starts = message_starts(rows)
        place = int(starts[min(int(np.searchsorted(starts, after)), len(starts) - 1)])
        if len(rows) - place > _MOST_HELD:
            return rows
        self._held = rows[place:].copy()
        return rows[:place]

    def _place_in_time(self, rows: np.ndarray, starts: np.ndarray) -> None:
        """Give messages without an exchange time one, by their place among their neighbours."""
        exch, local = rows["exch_ts"], rows["local_ts"]
        known = exch > 0
        newest = np.maximum.accumulate(np.concatenate(([self._newest], np.where(known, exch, 0))))
        raised = np.flatnonzero(newest[1:] > newest[:-1])
        anchors = np.concatenate(([self._anchor], local[raised]))
        if not known.all():
            anchor = anchors[np.searchsorted(raised, np.arange(len(rows)), side="right")]
            places = np.where(known, np.arange(len(rows)), len(rows))
            following = np.minimum.accumulate(places[::-1])[::-1]
            later = np.append(exch, _FAR_BELOW)[following]
            before = newest[1:]
            placed = np.minimum(
                np.minimum(before + (local - anchor), np.maximum(before, later)), local
            )
            alone = np.where(later > 0, np.minimum(later, local), local)
            _count(
                self._counts,
                "exch_ts_assumed",
                np.count_nonzero(~np.logical_and.reduceat(known, starts)),
            )
            rows["exch_ts"] = np.where(known, exch, np.where(before > 0, placed, alone))
        self._newest, self._anchor = int(newest[-1]), int(anchors[-1])

    def _new_trades(self, rows: np.ndarray) -> np.ndarray:
        """Return which rows are no print that came before; ids of two prints are dropped."""
        keep = np.ones(len(rows), bool)
        place = np.flatnonzero((rows["kind"] == TRADE) & (rows["identity"] > 0))
        if len(place) == 0 or len(np.unique(rows["identity"][place])) == 1 < len(place):
            return keep  # a column of one value is no id
        trades = rows[place]
        content = trades["identity"].copy()
        for name in ("exch_ts", "side", "px", "qty"):
            values = trades[name].astype("f8" if name in ("px", "qty") else "i8").view("u8")
            content = mixed(content, values)
        again = self._contents.repeated(content)
        keep[place[again]] = False
        _count(self._counts, "duplicate_trades_dropped", np.count_nonzero(again))
        place, identity = place[~again], trades["identity"][~again]
        ambiguous = self._identities.repeated(identity)
        rows["trade_id"][place[ambiguous]] = -1
        _count(self._counts, "repeated_trade_ids_dropped", np.count_nonzero(ambiguous))
        return keep

    def _new_messages(self, rows: np.ndarray, starts: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Return which rows are of no message equal to the one before on its channel."""
        keep = np.ones(len(rows), bool)
        for channel in (DEPTH, SNAPSHOT, BBO):
            place = np.flatnonzero(rows["kind"] == channel)
            if len(place) == 0:
                continue
            before = self._last.get(channel, rows[:0])
            own = length[rows["kind"][starts] == channel]
            sizes = np.concatenate(([len(before)], own)) if len(before) else own
            both = np.concatenate((before, rows[place]))
            first = np.cumsum(sizes) - sizes
            repeated = np.zeros(len(sizes), bool)
            exch = both["exch_ts"][first]
            repeated[1:] = (sizes[1:] == sizes[:-1]) & (exch[1:] == exch[:-1])
            index = np.flatnonzero(np.repeat(repeated, sizes))
            if len(index):
                size = np.repeat(sizes[repeated], sizes[repeated])
                same = np.ones(len(index), bool)
                for name in ("exch_ts", "side", "px", "qty"):
                    same &= both[name][index] == both[name][index - size]
                own_first = np.cumsum(sizes[repeated]) - sizes[repeated]
                repeated[repeated] = np.logical_and.reduceat(same, own_first)
            _count(self._counts, "duplicate_messages_dropped", np.count_nonzero(repeated))
            keep[place] = ~np.repeat(repeated, sizes)[len(before) :]
            self._last[channel] = both[first[-1] :].copy()
        return keep

    def _mend_clock(self, rows: np.ndarray, starts: np.ndarray) -> None:
        """Raise `local_ts` to `exch_ts`, and so that no message arrives before an earlier one."""
        early = rows["exch_ts"] - rows["local_ts"]
        self.rows += len(rows)
        self.early += int(np.count_nonzero(early > 0))
        self.earliest_ns = max(self.earliest_ns, int(early.max()))
        least = np.maximum.reduceat(np.maximum(rows["local_ts"], rows["exch_ts"]), starts)
        clock = np.maximum(np.maximum.accumulate(least), self._clock)
        mended = np.repeat(clock, np.diff(starts, append=len(rows)))
        changed = rows["raised"] | (mended != rows["local_ts"])
        _count(self._counts, "local_ts_raised", np.count_nonzero(changed))
        rows["local_ts"] = mended
        self._clock = int(clock[-1])

    def _note_restarts(self, rows: np.ndarray, seq: np.ndarray) -> None:
        book = np.flatnonzero((rows["kind"] == DEPTH) | (rows["kind"] == SNAPSHOT))
        first = np.flatnonzero(rows["restart"] & np.append(True, np.diff(seq) != 0))
        for place in first:
            at = int(np.searchsorted(book, place))
            before = rows[book[at - 1]] if at else None
            exch = int(before["exch_ts"]) if before is not None else self._book_exch
            local = int(before["local_ts"]) if before is not None else self._book_local
            row = rows[place]
            length = max(int(row["local_ts"]) - local, 0)
            self.gaps.append(
                Gap(int(row["exch_ts"]), int(row["local_ts"]), int(seq[place]), exch, length)
            )
        _count(self._counts, "book_restarts_marked", len(first))
        if len(book):
            self._book_exch = int(rows["exch_ts"][book[-1]])
            self._book_local = int(rows["local_ts"][book[-1]])

    def _note_silences(self, rows: np.ndarray, seq: np.ndarray) -> None:
        heard = rows["local_ts"]
        before = self._heard if self._heard != _FAR_BELOW else int(heard[0])
        silence = np.diff(heard, prepend=before)
        usual = silence[(silence > 0) & (silence <= GAP_NS)]
        np.add.at(self._silences, usual // _SILENCE_BIN_NS, 1)
        newest = np.maximum.accumulate(np.append(self._newest_mended, rows["exch_ts"]))
        for place in np.flatnonzero(silence > GAP_NS):
            self._long.append(
                Gap(
                    None,
                    int(heard[place]),
                    int(seq[place]),
                    int(newest[place]),
                    int(silence[place]),
                )
            )
        self._heard, self._newest_mended = int(heard[-1]), int(newest[-1])

    def silences(self) -> list[Gap]:
        """Return where the whole feed was silent far longer than it ever is."""
        total = int(self._silences.sum())
        if total == 0:
            return []
        place = int(np.searchsorted(np.cumsum(self._silences), 0.999 * total))
        limit = max(GAP_NS, GAP_FACTOR * place * _SILENCE_BIN_NS)
        found = [gap for gap in self._long if gap.length > limit]
        _count(self._counts, "gaps_marked", len(found))
        return found


def mixed(key: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return 64-bit keys that depend on `key` and `values` (a SplitMix64 round); never 0."""
    with np.errstate(over="ignore"):
        key = (key ^ values) + np.uint64(0x9E3779B97F4A7C15)
        key = (key ^ (key >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        key = (key ^ (key >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (key ^ (key >> np.uint64(31))) | np.uint64(1)


class _Recent:
    """Which keys came before, of at least the last `_ID_WINDOW`."""

    def __init__(self) -> None:
        self._older = self._newer = np.empty(0, np.uint64)  # each sorted

    def repeated(self, keys: np.ndarray) -> np.ndarray:
        """Return which keys occurred before, among themselves too, and remember them."""
        order = np.argsort(keys, kind="stable")
        inside = keys[order]
        again = np.zeros(len(keys), bool)
        again[order[1:]] = inside[1:] == inside[:-1]
        for known in (self._older, self._newer):
            if len(known):
                place = np.minimum(np.searchsorted(known, inside), len(known) - 1)
                again[order] |= known[place] == inside
        if len(self._newer) >= _ID_WINDOW:
            self._older, self._newer = self._newer, self._newer[:0]
        self._newer = np.sort(np.concatenate((self._newer, inside)), kind="stable")
        return again
