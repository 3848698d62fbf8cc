"""Importer of raw Binance USD-M websocket captures: depth, book ticker, trades, mark price.

Frames of combined streams (``{"stream": ..., "data": ...}``) or bare events, and images of the
book that the recorder fetched by REST in between. Source of their form and of the sequence rules:
Binance's documentation of USD-M futures, "Websocket market streams" and "How to manage a local
order book correctly".
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.records import BBO, CONTEXT, DEPTH, FUNDING, MARK, ORACLE, SNAPSHOT, TRADE
from simmm.tape.sources.binance_depth import DepthChain, Image
from simmm.tape.sources.capture_lines import CaptureLines, sample
from simmm.tape.sources.capture_rows import (
    UNKNOWN_TS,
    CaptureRows,
    Choice,
    Gap,
    arrival_order,
    silences,
    write_capture,
)
from simmm.tape.sources.capture_rules import decimals_of, power_of_ten, with_options
from simmm.tape.sources.registry import Converted, SourceOptions

title = "raw Binance USD-M websocket capture"

_MS = 1_000_000
_FUNDING_HOURS = 8
_PARTIAL = re.compile(r"@depth(5|10|20)(@|$)")
_USED = (
    "symbol", "market", "price_quantum", "lot_size", "min_notional", "maker_fee", "taker_fee",
    "clock_shift_ns", "skip_bad_lines",
)  # fmt: skip
_RENAMED = {"last_update": "lastUpdateId"}
_Levels = list[tuple[float, float]]


class _Depth(msgspec.Struct, tag_field="e", tag="depthUpdate"):
    E: int
    T: int
    s: str
    U: int
    u: int
    pu: int
    b: _Levels
    a: _Levels


class _Ticker(msgspec.Struct, tag_field="e", tag="bookTicker"):
    E: int
    T: int
    s: str
    b: float
    B: float
    a: float
    A: float


class _Trade(msgspec.Struct, tag_field="e", tag="trade"):
    E: int
    T: int
    s: str
    t: int
    p: float
    q: float
    m: bool  # the buyer was the maker: the aggressor sold
    X: str = "MARKET"


class _AggregateTrade(msgspec.Struct, tag_field="e", tag="aggTrade"):
    E: int
    T: int
    s: str
    a: int
    p: float
    q: float
    m: bool


class _MarkPrice(msgspec.Struct, tag_field="e", tag="markPriceUpdate"):
    E: int
    s: str
    p: float
    i: float | None = None
    r: msgspec.Raw = msgspec.Raw()  # a rate; "" for contracts without funding


class _Frame(msgspec.Struct, rename=_RENAMED):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    e: str = ""
    last_update: int | None = None


class _Name(msgspec.Struct):
    e: str = ""
    s: str = ""


class _Mark(msgspec.Struct, rename=_RENAMED):
    """What tells this venue's messages from those of its spot markets."""

    e: str = ""
    pu: int | None = None
    X: str | None = None
    ps: str | None = None  # coin-margined
    M: bool | None = None  # spot
    last_update: int | None = None
    E: int | None = None


_Event = _Depth | _Ticker | _Trade | _AggregateTrade | _MarkPrice
_event = msgspec.json.Decoder(_Event, strict=False)
_image = msgspec.json.Decoder(Image, strict=False)
_rate = msgspec.json.Decoder(float, strict=False)
_frame = msgspec.json.Decoder(_Frame)
_name = msgspec.json.Decoder(_Name)
_mark = msgspec.json.Decoder(_Mark)
_EVENTS = ("depthUpdate", "bookTicker", "trade", "aggTrade", "markPriceUpdate")


def recognises(path: Path) -> bool:
    """Return whether the first lines hold a message that only USD-M futures send."""
    if path.is_dir():
        return False
    for body in sample(path):
        try:
            frame = _frame.decode(body)
            mark = _mark.decode(bytes(frame.data) or body)
        except msgspec.DecodeError:
            continue
        if mark.M is not None or mark.ps is not None:
            return False
        if (
            (mark.e == "depthUpdate" and mark.pu is not None)
            or mark.e in ("bookTicker", "markPriceUpdate")
            or (mark.e == "trade" and mark.X is not None)
            or (mark.e == "aggTrade" and bool(frame.stream))
            or (mark.last_update is not None and mark.E is not None)
        ):
            return True
    return False


def convert(sources: Sequence[Path], target: Path, options: SourceOptions) -> Converted:
    """Write captures, one after the other, as a tape; see `registry`."""
    options.refuse_others(_USED, str(sources[0]))
    counts: dict[str, int] = {}
    capture = _Capture(CaptureLines(sources, counts, skip_bad=options.skip_bad_lines), options)
    capture.read()
    symbol = capture.choice.settle(sources[0], counts)
    if "USD_" in symbol:
        raise TapeError(
            f"{sources[0]}: {symbol} is a coin-margined (inverse) contract; simmm has linear ones"
        )
    gaps, dropped = capture.sequence()
    rows = capture.rows.columns()
    kept = ~np.isin(rows["message"], dropped)
    rows = {name: values[kept] for name, values in rows.items()}
    assumed = capture.assumed()
    rules = _rules(symbol, rows, options, assumed)
    info = write_capture(
        rows,
        gaps,
        target,
        rules,
        where=sources[0],
        importer="binance_usdm_ws",
        options=options,
        counts=counts,
        assumed=assumed,
    )
    return info, counts, assumed


class _Capture:
    """Reads messages of one market."""

    def __init__(self, lines: CaptureLines, options: SourceOptions) -> None:
        self.rows = CaptureRows()
        self.choice = Choice(options.symbol.upper())
        self.depth = DepthChain()
        self._lines = lines
        self._lag = 0  # greatest E - T, ms
        self._funding = False
        self._trades: dict[type, list[int]] = {_Trade: [], _AggregateTrade: []}  # messages
        self._ids: dict[type, list[int]] = {_Trade: [], _AggregateTrade: []}

    def read(self) -> None:
        """Read all lines."""
        for received, body in self._lines:
            try:
                frame = _frame.decode(body)
                payload = bytes(frame.data) or body
                if frame.last_update is not None:
                    self._take_image(_image.decode(payload), received)
                    continue
                try:
                    event = _event.decode(payload)
                except msgspec.ValidationError:
                    self._pass_over(frame.stream, payload)
                    continue
                self._take(event, frame.stream, received)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._lines.bad(f"no message of Binance's USD-M websocket ({error})")

    def sequence(self) -> tuple[list[Gap], np.ndarray]:
        """Return where messages were lost, and messages that are to be dropped."""
        counts = self._lines.count
        dropped = self.depth.forget_images() if self.choice.several else []
        if dropped:
            counts("images_of_unknown_market_dropped", len(dropped))
        found = self.depth.check()
        for name, messages in (
            ("duplicate_depth_dropped", found.duplicates),
            ("depth_older_than_image_dropped", found.stale),
        ):
            if messages:
                counts(name, len(messages))
        if found.disordered:
            counts("depth_out_of_order", found.disordered)
        dropped += [*found.duplicates, *found.stale]
        if self._trades[_Trade] and self._trades[_AggregateTrade]:
            counts("aggregate_trades_dropped", len(self._trades[_AggregateTrade]))
            dropped += self._trades[_AggregateTrade]
        which = _Trade if self._ids[_Trade] else _AggregateTrade
        ids = np.unique(np.array(self._ids[which], np.int64))
        missing = int((np.diff(ids) - 1).sum()) if len(ids) else 0
        if missing:
            counts("trade_ids_missing", missing)
        order = arrival_order(self.rows.message_local_ts)
        local = np.frombuffer(self.rows.message_local_ts, np.int64)[order]
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        silent = [int(order[place]) for place in silences(local) if not found.bridges(place, rank)]
        gaps = [Gap(message, at_once=True) for message in found.breaks]
        gaps += [Gap(message) for message in silent if message not in found.breaks]
        return gaps, np.array(sorted(dropped), np.int64)

    def assumed(self) -> dict[str, str]:
        """Return what the capture doesn't say."""
        later = f"up to {self._lag} ms later" if self._lag else "never later here"
        assumed = {"exch_ts": f"T, the time of the transaction (E, of sending, is {later})"}
        if self._funding:
            assumed["funding"] = f"per hour: the rate divided by {_FUNDING_HOURS}"
        return assumed

    def _take_image(self, image: Image, received: int) -> None:
        """Take an image of the book that was fetched by REST; it doesn't name its market."""
        if not self.choice.symbol:
            self._lines.count("images_before_any_message_dropped")
            return
        shown = self.depth.up_to_date(image)
        if shown is None:
            self._lines.count("images_not_connected_dropped")
            return
        if shown is not image:
            self._lines.count("images_brought_up_to_date")
        message = self.rows.begin(SNAPSHOT, received)
        self.depth.add_image(message, image.last_update)
        self._add_image(shown.time, shown.bids, shown.asks)

    def _add_image(self, time: int | None, bids: _Levels, asks: _Levels) -> None:
        at = UNKNOWN_TS if time is None else time * _MS
        for side, levels in ((1, bids), (-1, asks)):
            there = [level for level in levels if level[1] > 0]
            self.rows.add_levels(at, side, there or [(0.0, 0.0)])

    def _take(self, event: _Event, stream: str, received: int) -> None:
        if not self.choice.takes(event.s):
            return
        if not isinstance(event, _MarkPrice):
            self._lag = max(self._lag, event.E - event.T)
        if isinstance(event, _Ticker):
            self.rows.begin(BBO, received)
            self.rows.add(event.T * _MS, 1, event.b, event.B)
            self.rows.add(event.T * _MS, -1, event.a, event.A)
        elif isinstance(event, _Trade | _AggregateTrade):
            self._take_trade(event, received)
        elif isinstance(event, _Depth):
            if _PARTIAL.search(stream):
                self.rows.begin(SNAPSHOT, received)
                self._add_image(event.T, event.b, event.a)
                return
            message = self.rows.begin(DEPTH, received)
            self.depth.add(message, event.T, event.U, event.u, event.pu, event.b, event.a)
            self.rows.add_levels(event.T * _MS, 1, event.b)
            self.rows.add_levels(event.T * _MS, -1, event.a)
        else:
            self._take_mark_price(event, received)

    def _take_trade(self, trade: _Trade | _AggregateTrade, received: int) -> None:
        number = trade.t if isinstance(trade, _Trade) else trade.a
        kind = type(trade)
        self._ids[kind].append(number)
        if isinstance(trade, _Trade) and (trade.X != "MARKET" or trade.q <= 0 or trade.p <= 0):
            self._lines.count("trades_off_the_book_dropped")  # insurance fund, deleveraging
            return
        self._trades[kind].append(self.rows.begin(TRADE, received))
        self.rows.add(trade.T * _MS, -1 if trade.m else 1, trade.p, trade.q, number)

    def _take_mark_price(self, mark: _MarkPrice, received: int) -> None:
        rate = None if bytes(mark.r) in (b"", b'""') else _rate.decode(mark.r)
        self.rows.begin(CONTEXT, received)
        self.rows.add(mark.E * _MS, 0, mark.p, 0.0, MARK)
        if mark.i is not None and mark.i > 0:
            self.rows.add(mark.E * _MS, 0, mark.i, 0.0, ORACLE)
        if rate is not None:
            self._funding = True
            self.rows.add(mark.E * _MS, 0, rate / _FUNDING_HOURS, 0.0, FUNDING)

    def _pass_over(self, stream: str, payload: bytes) -> None:
        """Count a message of another kind; raise where it should have been understood."""
        name = _name.decode(payload)
        if name.e in _EVENTS:
            _event.decode(payload)
        if not (name.e or stream):
            self._lines.count("ignored_answers")
        else:
            self._lines.count(f"ignored_{name.e or stream.partition('@')[2] or stream}")


def _rules(
    symbol: str, rows: dict[str, np.ndarray], options: SourceOptions, assumed: dict[str, str]
) -> MarketRules:
    priced = rows["kind"] != CONTEXT
    tick = power_of_ten(decimals_of(np.unique(rows["px"][priced])))
    lot = power_of_ten(decimals_of(np.unique(rows["qty"][priced])))
    assumed["price_quantum"] = f"{tick}, from the prices seen"
    assumed["lot_size"] = f"{lot}, from the sizes seen"
    assumed["min_notional"] = "5, the venue's general one; some markets have more"
    assumed["fees"] = "Binance USD-M, regular user"
    rules = MarketRules(
        symbol=symbol,
        venue="binance_usdm",
        quote="USDC" if symbol.endswith("USDC") else "USDT",
        price_quantum=tick,
        lot_size=lot,
        min_notional="5",
        maker_fee="0.0002",
        taker_fee="0.0005",
        modify="replace",
    )
    return with_options(rules, options, assumed)
