"""Rows of one market gathered from a websocket capture, and how they become a tape.

Sequence rules belong to the importers; here is what they share: choosing one market of several,
the recorder's clock, gaps of the whole feed, and the repairs of `repair.py`.
"""

from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import CONTEXT, CONTEXT_NAMES, KIND_NAMES, TRADE
from simmm.tape.frame import stored_amounts, write
from simmm.tape.schema import TapeInfo
from simmm.tape.sources.registry import SourceOptions
from simmm.tape.sources.repair import (
    GAP_FACTOR,
    GAP_NS,
    drop_duplicates,
    mend_clock,
    place_in_time,
)

UNKNOWN_TS = -1  # exchange time of a message that carries none
NO_AUX = -1
#: A clock is shifted where more than this share of messages is seen before it happened ...
_EARLY_SHARE = 0.01
#: ... so far that the least latency is this many ns.
_LEAST_LATENCY_NS = 1_000_000
_KIND = pl.Enum(KIND_NAMES)


class Choice:
    """Which market's messages are taken: the one asked for, else the only one there is."""

    def __init__(self, wanted: str) -> None:
        self.symbol = wanted
        self._asked = bool(wanted)
        self._seen: dict[str, int] = {}

    @property
    def several(self) -> bool:
        """Whether messages of more than one market were met."""
        return len(self._seen) > 1

    def takes(self, symbol: str) -> bool:
        """Count a message of a market and return whether it is to be taken."""
        self._seen[symbol] = self._seen.get(symbol, 0) + 1
        if not self.symbol:
            self.symbol = symbol
        return symbol == self.symbol

    def settle(self, where: Path, counts: dict[str, int]) -> str:
        """Return the market; `TapeError` where it is not there, or none was chosen of several."""
        if not self._seen:
            raise TapeError(f"{where}: no market data in it")
        order = sorted(self._seen, key=lambda name: (-self._seen[name], name))
        there = ", ".join(f"{name} ({self._seen[name]:,} messages)" for name in order)
        if self.symbol not in self._seen:
            raise TapeError(f"{where}: nothing of {self.symbol}; it holds {there}")
        if len(order) > 1:
            if not self._asked:
                raise TapeError(f"{where}: holds several markets: {there}; choose with --symbol")
            others = sum(self._seen.values()) - self._seen[self.symbol]
            counts["messages_of_other_markets_ignored"] = others
        return self.symbol


class CaptureRows:
    """Rows in the order of the file, message by message. Prices and sizes are floats."""

    def __init__(self) -> None:
        self.message_local_ts = array("q")  # ns, one per message
        self.message_kind = array("b")
        self._length = array("q")  # rows of each message
        self._exch_ts = array("q")
        self._side = array("b")
        self._px = array("d")
        self._qty = array("d")
        self._aux = array("q")

    @property
    def messages(self) -> int:
        """How many messages have begun."""
        return len(self.message_kind)

    def begin(self, kind: int, local_ts: int) -> int:
        """Begin a message and return its number; the rows that follow belong to it."""
        self.message_kind.append(kind)
        self.message_local_ts.append(local_ts)
        self._length.append(0)
        return len(self.message_kind) - 1

    def add(self, exch_ts: int, side: int, px: float, qty: float, aux: int = NO_AUX) -> None:
        """Add a row: `aux` is a trade id, an order count, or which figure of the context."""
        self._length[-1] += 1
        self._exch_ts.append(exch_ts)
        self._side.append(side)
        self._px.append(px)
        self._qty.append(qty)
        self._aux.append(aux)

    def add_levels(self, exch_ts: int, side: int, levels: Sequence[tuple[float, float]]) -> None:
        """Add (price, size) of one side."""
        count = len(levels)
        self._length[-1] += count
        self._exch_ts.extend([exch_ts] * count)
        self._side.extend([side] * count)
        self._px.extend([level[0] for level in levels])
        self._qty.extend([level[1] for level in levels])
        self._aux.extend([NO_AUX] * count)

    def columns(self) -> dict[str, np.ndarray]:
        """Return the columns; `message` is the number of the message of each row."""
        length = np.frombuffer(self._length, np.int64)
        message = np.repeat(np.arange(len(length)), length)
        return {
            "message": message,
            "exch_ts": np.frombuffer(self._exch_ts, np.int64),
            "local_ts": np.frombuffer(self.message_local_ts, np.int64)[message],
            "kind": np.frombuffer(self.message_kind, np.int8)[message],
            "side": np.frombuffer(self._side, np.int8),
            "px": np.frombuffer(self._px, np.float64),
            "qty": np.frombuffer(self._qty, np.float64),
            "aux": np.frombuffer(self._aux, np.int64),
        }


class Gap(NamedTuple):
    """A place where messages were lost.

    `message` is the first after it. `at_once`: the gap stands where that message happened (its
    own numbering shows the loss), else before all that arrived from there on.
    """

    message: int
    at_once: bool = False


def write_capture(
    rows: dict[str, np.ndarray],
    gaps: list[Gap],
    target: Path,
    market: MarketRules,
    *,
    where: Path,
    importer: str,
    options: SourceOptions,
    counts: dict[str, int],
    assumed: dict[str, str],
) -> TapeInfo:
    """Put rows into order of arrival, repair them, and write them as a tape."""
    if len(rows["px"]) == 0:
        raise TapeError(f"{where}: no market data in it")
    frame, seq_of = _in_arrival_order(rows, options, counts, assumed)
    for repair in (place_in_time, drop_duplicates, mend_clock):
        frame = repair(frame, counts)
    try:
        px, qty = stored_amounts(frame, market, str(where))
    except TapeError as error:
        raise TapeError(f"{error}; are --tick, --lot or --sz-decimals right?") from None
    frame = frame.drop("px", "qty").with_columns(px_quanta=px, qty_lots=qty)
    gaps = sorted(gap._replace(message=int(seq_of[gap.message])) for gap in gaps)
    if gaps:
        frame = _mark(frame, gaps, counts)
    made = {"importer": importer, "file": where.name, "counts": counts, "assumed": assumed}
    return write(target, frame, market, source=made, overwrite=True)


def silences(local_ts: np.ndarray) -> np.ndarray:
    """Return the messages before which the whole feed was silent far longer than it ever is.

    `local_ts`: arrival of each message, ascending, ns. The limits are those of `repair.mark_gaps`.
    """
    silence = np.diff(local_ts)
    between = silence[(silence > 0) & (silence <= GAP_NS)]
    if len(between) == 0:
        return np.empty(0, np.int64)
    limit = max(GAP_NS, GAP_FACTOR * float(np.quantile(between, 0.999)))
    return np.flatnonzero(silence > limit) + 1


def arrival_order(local_ts: array) -> np.ndarray:
    """Return messages in order of arrival; those received at one time as they stand."""
    return np.argsort(np.frombuffer(local_ts, np.int64), kind="stable")


def _in_arrival_order(
    rows: dict[str, np.ndarray],
    options: SourceOptions,
    counts: dict[str, int],
    assumed: dict[str, str],
) -> tuple[pl.DataFrame, np.ndarray]:
    """Return the frame that repairs expect, and the `seq` of each message."""
    message, local = rows["message"], rows["local_ts"]
    total = int(message[-1]) + 1 if len(message) else 0
    first = np.searchsorted(message, np.arange(total))
    received = local[np.minimum(first, len(local) - 1)]
    late = int(np.count_nonzero(received < np.maximum.accumulate(received)))
    if late:
        counts["messages_put_in_order_of_arrival"] = late
    seq_of = np.empty(total, np.int64)
    seq_of[np.argsort(received, kind="stable")] = np.arange(total)
    shift = _clock_shift(rows["exch_ts"], local, options, assumed)
    trade, context = rows["kind"] == TRADE, rows["kind"] == CONTEXT
    aux = pl.Series(rows["aux"])
    known = aux != NO_AUX
    figures = dict(enumerate(CONTEXT_NAMES))
    exch = pl.Series(rows["exch_ts"])
    frame = pl.DataFrame(
        {
            "exch_ts": exch.set(exch == UNKNOWN_TS, None),
            "local_ts": local + shift,
            "seq": seq_of[message],
            "kind": pl.Series(rows["kind"]).replace_strict(
                dict(enumerate(KIND_NAMES)), return_dtype=_KIND
            ),
            "side": rows["side"].astype(np.int64),
            "px": rows["px"],
            "qty": rows["qty"],
            "trade_id": aux.set(~(known & pl.Series(trade)), None),
            "order_count": aux.set(~(known & pl.Series(~trade & ~context)), None),
            "context": aux.set(pl.Series(~context), None).replace_strict(
                figures, default=None, return_dtype=pl.Enum(CONTEXT_NAMES)
            ),
        }
    )
    return (frame.sort("seq", maintain_order=True) if late else frame), seq_of


def _clock_shift(
    exch_ts: np.ndarray, local_ts: np.ndarray, options: SourceOptions, assumed: dict[str, str]
) -> int:
    """Return what to add to the recorder's clock, ns."""
    if options.clock_shift_ns is not None:
        assumed["local_ts"] = f"the recorder's clock {options.clock_shift_ns / 1e6:+.6f} ms"
        return options.clock_shift_ns
    known = exch_ts != UNKNOWN_TS
    latency = local_ts[known] - exch_ts[known]
    if np.count_nonzero(latency < 0) <= _EARLY_SHARE * len(latency):
        return 0
    shift = _LEAST_LATENCY_NS - int(latency.min())
    assumed["local_ts"] = (
        f"the recorder's clock {shift / 1e6:+.6f} ms: it ran behind the exchange's, and the least "
        "latency is taken for 1 ms"
    )
    return shift


def _mark(frame: pl.DataFrame, gaps: list[Gap], counts: dict[str, int]) -> pl.DataFrame:
    """Add a GAP row before each of the messages, which `gaps` names by `seq`, ascending."""
    exch = frame["exch_ts"].to_numpy()
    local = frame["local_ts"].to_numpy()
    seq = frame["seq"].to_numpy()
    newest = np.maximum.accumulate(exch)
    made: dict[int, dict[str, Any]] = {}
    for gap in gaps:
        place = int(np.searchsorted(seq, gap.message))
        if place == 0 or place == len(seq) or int(seq[place]) in made:
            continue  # nothing was shown before it, or nothing came after it
        last, seen = int(newest[place - 1]), int(local[place])
        if gap.at_once:
            happened = int(exch[place])
            last = min(last, happened)
        else:
            after = exch[place:]
            later = after[after >= last]
            happened = min(int(later.min()) if len(later) else last, seen)
        made[int(seq[place])] = {
            "exch_ts": happened,
            "local_ts": seen,
            "seq": int(seq[place]),
            "kind": "gap",
            "side": 0,
            "px_quanta": last,
            "qty_lots": seen - int(local[place - 1]),
        }
    if not made:
        return frame
    counts["gaps_marked"] = len(made)
    types = {name: frame.schema[name] for name in next(iter(made.values()))}
    return pl.concat([frame, pl.DataFrame(list(made.values()), schema=types)], how="diagonal")
