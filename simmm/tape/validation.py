"""Checks a tape, naming row and field. Streams: memory doesn't grow with the tape."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import (
    BBO,
    BUY,
    CONTEXT,
    FIRST,
    FUNDING,
    GAP,
    INFO_END,
    KIND_MASK,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.files import Block, Tape
from simmm.tape.reader import TapeSpec, open_tapes
from simmm.tape.schema import (
    COLUMNS,
    NO_AUX,
    RANKS,
    Digest,
    TapeInfo,
    group_columns,
    open_tape_file,
)
from simmm.tape.statistics import steps
from simmm.tape.touch import Touch

GAP_NS = 10_000_000_000
#: A book crossed between messages at more than this share of blocks is an error, else a warning:
#: channels of one venue have clocks of their own.
CROSSED_SHARE = 0.01
_RECENT_IDS = 1 << 20
_KEYS = ("exch_ts", "local_ts", "seq", "tag", "px", "qty")


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of fault: where it first occurs, and how often."""

    row: int  # first row, counted from 0; -1: the file as a whole
    field: str
    what: str
    count: int
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        place = f"row {self.row}, " if self.row >= 0 else ""
        times = f" ({self.count} times)" if self.count > 1 else ""
        return f"{self.severity}: {place}{self.field}: {self.what}{times}"


def validate(path: str | Path, *, gap_ns: int = GAP_NS) -> list[Finding]:
    """Check a whole tape file.

    Parameters
    ----------
    gap_ns
        An exchange silence longer than this, without a GAP row, is a warning.

    Returns
    -------
    list
        Errors first, then warnings, by row. Empty: nothing to say.

    Raises
    ------
    TapeError
        Where the file can't be read as a tape at all.
    """
    place = Path(path)
    findings = _Findings()
    info = _check_rows(place, findings, gap_ns)
    if not findings.disordered:
        _check_arrivals(place, findings)
        _check_crossing(place, info, findings)
    return findings.ordered()


def require_valid(path: str | Path) -> list[Finding]:
    """Validate; raise `TapeError` with the worst error, else return the warnings."""
    findings = validate(path)
    problem = worst_error(findings)
    if problem:
        raise TapeError(f"{path}: {problem}")
    return findings


#: Faults that make others look like faults too; told first.
_ROOTS = ("unknown kind", "goes backwards", "not in causal order (exch_ts, kind, seq)")


def worst_error(findings: list[Finding]) -> str:
    """Return in words the error to look at first: row, field and what. Empty: there is none."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return ""
    rank = {what: place for place, what in enumerate(_ROOTS)}
    first = min(errors, key=lambda f: (rank.get(f.what, len(rank)), f.row < 0, f.row))
    others = len(errors) - 1
    more = f", and {others} more {'kinds' if others > 1 else 'kind'} of error" if others else ""
    return str(first).removeprefix("error: ") + more


class _Findings:
    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}
        self.disordered = False

    def add(
        self,
        bad: np.ndarray,
        rows: np.ndarray | int,
        field: str,
        what: str,
        severity: Literal["error", "warning"] = "error",
    ) -> int:
        """Note the places where `bad` holds; `rows` are their rows, or the row of the first."""
        count = int(np.count_nonzero(bad))
        if count:
            place = int(np.argmax(bad))
            row = rows + place if isinstance(rows, int) else int(rows[place])
            self.note(row, field, what, count, severity)
        return count

    def note(
        self,
        row: int,
        field: str,
        what: str,
        count: int = 1,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        before = self._found.get((field, what))
        if before is not None:
            row, count = min(row, before.row), count + before.count
        self._found[field, what] = Finding(row, field, what, count, severity)

    def ordered(self) -> list[Finding]:
        return sorted(self._found.values(), key=lambda f: (f.severity != "error", f.row, f.field))


# ------------------------------------------------------------------------------- rows by themselves


def _check_rows(path: Path, findings: _Findings, gap_ns: int) -> TapeInfo:
    file, info = open_tape_file(path)
    digest = Digest(info.market)
    ids = _RecentIds()
    tail: dict[str, np.ndarray] = {name: np.empty(0, np.int64) for name in _KEYS}
    row = 0
    with file:
        for group in range(file.metadata.num_row_groups):
            columns = group_columns(file, group, COLUMNS, path)
            digest.update(columns)
            _check_values(columns, info.market, row, findings)
            joined = {name: np.concatenate((tail[name], columns[name])) for name in _KEYS}
            _check_order(joined, row - len(tail["seq"]), gap_ns, findings)
            trade = (columns["tag"] & KIND_MASK == TRADE) & (columns["aux"] != NO_AUX)
            rows = row + np.flatnonzero(trade)
            findings.add(ids.repeated(columns["aux"][trade]), rows, "aux", "trade id occurs twice")
            tail = {name: values[-1:] for name, values in columns.items() if name in tail}
            row += len(columns["tag"])
    if digest.hexdigest() != info.digest:
        findings.note(-1, "digest", "content does not match the digest in the metadata")
    return info


def _check_values(
    columns: dict[str, np.ndarray], market: MarketRules, row: int, findings: _Findings
) -> None:
    tag, px, qty = columns["tag"], columns["px"], columns["qty"]
    kind = tag & KIND_MASK
    priced = kind <= TRADE
    if findings.add(kind > GAP, row, "tag", "unknown kind"):
        findings.disordered = True
    if findings.add(columns["local_ts"] < columns["exch_ts"], row, "local_ts", "before exch_ts"):
        findings.disordered = True
    findings.add(priced & (qty < 0), row, "qty", "negative size")
    findings.add((kind == TRADE) & (qty == 0), row, "qty", "a trade of nothing")
    findings.add((kind == GAP) & (qty < 0), row, "qty", "a gap of negative length")
    empty_side = (kind == SNAPSHOT) & (tag & FIRST > 0) & (px == 0) & (qty == 0)
    findings.add(priced & (px <= 0) & ~empty_side, row, "px", "price not above zero")
    off_step = np.zeros(len(px), bool)
    positive = np.flatnonzero(priced & (px > 0))
    off_step[positive] = px[positive] % steps(market, px[positive]) != 0
    findings.add(off_step, row, "px", "price off the market's valid steps")
    findings.add((kind == CONTEXT) & ((qty < 0) | (qty > 3)), row, "qty", "unknown context figure")
    context_px = (kind == CONTEXT) & (qty != FUNDING) & (px <= 0)
    findings.add(context_px, row, "px", "context figure not above zero")


def _check_order(
    columns: dict[str, np.ndarray], row: int, gap_ns: int, findings: _Findings
) -> None:
    """Check each row against the one before it."""
    tag, px = columns["tag"], columns["px"]
    kind = tag & KIND_MASK
    d_ts, d_rank = np.diff(columns["exch_ts"]), np.diff(RANKS[kind])
    d_seq, d_local = np.diff(columns["seq"]), np.diff(columns["local_ts"])
    late = (d_ts == 0) & ((d_rank < 0) | ((d_rank == 0) & (d_seq < 0)))
    if findings.add(d_ts < 0, row + 1, "exch_ts", "goes backwards"):
        findings.disordered = True
    if findings.add(late, row + 1, "seq", "not in causal order (exch_ts, kind, seq)"):
        findings.disordered = True
    same = (d_ts == 0) & (d_rank == 0) & (d_seq == 0)
    findings.add(same & (d_local != 0), row + 1, "local_ts", "differs within one packet")
    silent = (d_ts > gap_ns) & (kind[1:] != GAP)
    what = f"exchange silent for more than {gap_ns / 1e9:g} s and no gap row"
    findings.add(silent, row + 1, "exch_ts", what, "warning")
    image = (kind[1:] == SNAPSHOT) & (kind[:-1] == SNAPSHOT) & same
    bid = tag & BUY > 0
    inside = image & (bid[1:] == bid[:-1])
    worse = np.where(bid[1:], px[1:] < px[:-1], px[1:] > px[:-1])
    findings.add(inside & ~worse, row + 1, "px", "image not from best to worst")
    starts = (kind[1:] == SNAPSHOT) & ~inside
    findings.add(starts & (tag[1:] & FIRST == 0), row + 1, "tag", "image side without FIRST")


class _RecentIds:
    """Which trade ids were among the last million or so."""

    def __init__(self) -> None:
        self._older = np.empty(0, np.int64)

    def repeated(self, ids: np.ndarray) -> np.ndarray:
        bad = np.isin(ids, self._older)
        order = np.argsort(ids, kind="stable")
        bad[order[1:]] |= np.diff(ids[order]) == 0
        self._older = np.concatenate((self._older, ids))[-_RECENT_IDS:]
        return bad


# --------------------------------------------------------------------------------- packets


def _check_arrivals(path: Path, findings: _Findings) -> None:
    """Check packets: in order of arrival, ends of messages, and messages sent twice."""
    tape = Tape([path], None, None)
    waiting = np.empty((4, 0), np.int64)
    last = np.empty((4, 0), np.int64)
    row = 0
    for block in tape.blocks(0):
        end = (block.info & INFO_END) != 0
        rows = block.row + row
        new = np.stack((block.local, block.seq, rows, end))
        waiting = np.concatenate((waiting, new), axis=1)
        order = np.lexsort((waiting[2], waiting[1], waiting[0]))
        waiting = waiting[:, order]
        count = waiting.shape[1]
        known = count if block.final else int(np.searchsorted(waiting[0], block.bound_ts))
        seen = np.concatenate((last, waiting[:, :known]), axis=1)
        _check_seen(seen, block.final, findings)
        last, waiting = seen[:, -1:], waiting[:, known:]
        _check_messages(block, rows, findings)
        row += len(block.tag)
    tape.close()


def _check_seen(seen: np.ndarray, final: bool, findings: _Findings) -> None:
    """Check packets in order of arrival; the first is the last one checked before."""
    _, seq, rows, end = seen
    backwards = np.diff(seq) < 0
    what = "goes backwards against seq: a later message arrives earlier"
    findings.add(backwards, rows[1:], "local_ts", what)
    same = np.diff(seq) == 0
    findings.add(same & (end[:-1] == 1), rows[:-1], "tag", "PACKET_END before the message's end")
    # Only changes of message can be judged, and the very last packet of all.
    findings.add(~same & (end[:-1] == 0), rows[:-1], "tag", "message without PACKET_END")
    if final and len(end):
        findings.add(end[-1:] == 0, rows[-1:], "tag", "message without PACKET_END")


def _check_messages(block: Block, rows: np.ndarray, findings: _Findings) -> None:
    count = len(block.ts)
    if count == 0:
        return
    kind = block.info & KIND_MASK
    length = np.diff(block.row, append=len(block.tag))
    first = block.row
    if count > 1:
        alike = (np.diff(block.ts) == 0) & (np.diff(kind) == 0) & (np.diff(length) == 0)
        alike &= (kind[1:] != TRADE) & (kind[1:] != GAP)
        place = np.flatnonzero(alike)
        same = np.zeros(count - 1, bool)
        for i in place:
            a, b, n = int(first[i]), int(first[i + 1]), int(length[i])
            same[i] = all(
                np.array_equal(column[a : a + n], column[b : b + n])
                for column in (block.tag, block.px, block.qty)
            )
        findings.add(same, rows[1:], "seq", "message equals the one before it", "warning")
    # Best bid and ask as one message itself shows them.
    tag, px = block.tag, block.px
    touch = ((tag & KIND_MASK) == BBO) | (tag & FIRST > 0)
    bid = tag & BUY > 0
    best_bid = np.maximum.reduceat(np.where(touch & bid, px, 0), first)
    far = np.int64(1) << 60
    best_ask = np.minimum.reduceat(np.where(touch & ~bid & (px > 0), px, far), first)
    crossed = ((kind == BBO) | (kind == SNAPSHOT)) & (best_bid >= best_ask)
    findings.add(crossed, rows, "px", "crossed book: one message shows a bid at or above an ask")


def _check_crossing(path: Path, info: TapeInfo, findings: _Findings) -> None:
    """Check the book at the end of each exchange timestamp."""
    touch = Touch()
    blocks = crossed = 0
    first = -1
    with open_tapes([TapeSpec(path)]) as stream:
        for chunk in stream.chunks():
            samples = touch(chunk).samples
            known = (samples["bid"] > 0) & (samples["ask"] > 0)
            bad = known & (samples["bid"] >= samples["ask"])
            blocks += len(samples)
            if bad.any():
                first = int(samples["row"][np.argmax(bad)]) if first < 0 else first
                crossed += int(np.count_nonzero(bad))
    if crossed:
        severity: Literal["error", "warning"] = (
            "error" if crossed > CROSSED_SHARE * blocks else "warning"
        )
        what = "crossed book after all messages of one exch_ts"
        findings.note(first, "px", what, crossed, severity)
