"""Importer of raw Hyperliquid websocket captures: l2Book, bbo, trades and activeAssetCtx.

Source of the channels' form: Hyperliquid's documentation of its websocket, "Subscriptions".
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from simmm.market import MarketRules
from simmm.records import (
    BBO,
    CONTEXT,
    FUNDING,
    MARK,
    OPEN_INTEREST,
    ORACLE,
    SNAPSHOT,
    TRADE,
)
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
from simmm.tape.sources.hyperliquid_meta import size_decimals
from simmm.tape.sources.neutral import SIZE_DECIMALS
from simmm.tape.sources.registry import Converted, SourceOptions

title = "raw Hyperliquid websocket capture"

_MS = 1_000_000
_CHANNELS = ("l2Book", "bbo", "trades", "activeAssetCtx", "activeSpotAssetCtx")
_GREETING = b"Websocket connection established"
#: A spot market is named by its index or by its pair.
_SPOT_MARKS = ("@", "/")
_FEES = {False: ("0.00015", "0.00045"), True: ("0.0004", "0.0007")}  # of spot: True


class _Frame(msgspec.Struct):
    channel: str
    data: msgspec.Raw = msgspec.Raw()


class _Level(msgspec.Struct):
    px: float
    sz: float
    n: int = -1


class _Book(msgspec.Struct):
    coin: str
    time: int
    levels: tuple[list[_Level], list[_Level]]
    spread: float | None = None  # there where levels are put together


class _Bbo(msgspec.Struct):
    coin: str
    time: int
    bbo: tuple[_Level | None, _Level | None]


class _Trade(msgspec.Struct):
    coin: str
    side: Literal["A", "B"]  # the aggressor's: A sold, B bought
    px: float
    sz: float
    time: int
    tid: int = -1


class _Figures(msgspec.Struct, rename="camel"):
    mark_px: float | None = None
    oracle_px: float | None = None
    funding: float | None = None
    open_interest: float | None = None


class _Context(msgspec.Struct):
    coin: str
    ctx: _Figures


class _Subscription(msgspec.Struct):
    method: str = ""
    subscription: msgspec.Raw = msgspec.Raw()


_frame = msgspec.json.Decoder(_Frame)
_book = msgspec.json.Decoder(_Book, strict=False)
_bbo = msgspec.json.Decoder(_Bbo, strict=False)
_trades = msgspec.json.Decoder(list[_Trade], strict=False)
_context = msgspec.json.Decoder(_Context, strict=False)
_subscription = msgspec.json.Decoder(_Subscription)


def recognises(path: Path) -> bool:
    """Return whether the first lines hold a message of a channel this importer reads."""
    if path.is_dir():
        return False
    for body in sample(path):
        try:
            channel = _frame.decode(body).channel
        except msgspec.DecodeError:
            continue
        if channel in (*_CHANNELS, "subscriptionResponse"):
            return True
    return False


def convert(sources: Sequence[Path], target: Path, options: SourceOptions) -> Converted:
    """Write captures, one after the other, as a tape; see `registry`."""
    counts: dict[str, int] = {}
    assumed: dict[str, str] = {}
    capture = _Capture(CaptureLines(sources, counts, skip_bad=options.skip_bad_lines), options)
    capture.read()
    coin = capture.choice.settle(sources[0], counts)
    rows = capture.rows.columns()
    rows = _without_history(rows, counts)
    rules = _rules(coin, rows, options, assumed)
    if (rows["kind"] == CONTEXT).any():
        assumed["exch_ts"] = "of context messages: by their place among the others"
    info = write_capture(
        rows,
        capture.gaps(),
        target,
        rules,
        where=sources[0],
        importer="hyperliquid_ws",
        options=options,
        counts=counts,
        assumed=assumed,
    )
    return info, counts, assumed


class _Capture:
    """Reads messages of one coin, and notes where the connection was made anew."""

    def __init__(self, lines: CaptureLines, options: SourceOptions) -> None:
        self.rows = CaptureRows()
        self.choice = Choice(options.symbol.removesuffix("-PERP"))
        self._lines = lines
        self._confirmed: set[bytes] = set()  # subscriptions of this connection
        self._any_confirmed = False
        self._greeted = False
        self._new_connection = False
        self._reconnected: list[int] = []  # first messages after a connection was made anew
        self._ids: set[int] = set()
        self._last_trades = -1  # message
        self._overlaps: list[tuple[int, int]] = []  # trades: the message before, the repeating one

    def read(self) -> None:
        """Read all lines."""
        for received, body in self._lines:
            if body.startswith(_GREETING):
                self._new_connection |= self._greeted
                self._greeted = True
                self._lines.count("ignored_greeting")
                continue
            try:
                frame = _frame.decode(body)
                self._take(frame.channel, frame.data, received)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._lines.bad(f"no message of Hyperliquid's websocket ({error})")

    def gaps(self) -> list[Gap]:
        """Return where messages were lost: new connections and long silences."""
        order = arrival_order(self.rows.message_local_ts)
        local = np.frombuffer(self.rows.message_local_ts, np.int64)[order]
        places = set(order[silences(local)].tolist()) | set(self._reconnected)
        if not self._any_confirmed:
            # No answers to subscriptions were kept: a feed of trades that begins with some already
            # seen was subscribed to anew, after the longest pause since its last message.
            received = np.frombuffer(self.rows.message_local_ts, np.int64)
            for before, again in self._overlaps:
                pauses = np.diff(received[before : again + 1])
                places.add(before + 1 + int(np.argmax(pauses)))
        return [Gap(message) for message in sorted(places)]

    def _take(self, channel: str, data: msgspec.Raw, received: int) -> None:
        if channel == "l2Book":
            self._take_book(_book.decode(data), received)
        elif channel == "bbo":
            self._take_bbo(_bbo.decode(data), received)
        elif channel == "trades":
            self._take_trades(_trades.decode(data), received)
        elif channel in ("activeAssetCtx", "activeSpotAssetCtx"):
            self._take_context(_context.decode(data), received)
        else:
            if channel == "subscriptionResponse":
                self._confirm(_subscription.decode(data))
            self._lines.count(f"ignored_{channel}")

    def _confirm(self, answer: _Subscription) -> None:
        self._any_confirmed = True
        name = bytes(answer.subscription)
        if answer.method == "unsubscribe":
            self._confirmed.discard(name)
        elif name in self._confirmed:  # only a new connection has to subscribe again
            self._confirmed = {name}
            self._new_connection = True
        else:
            self._confirmed.add(name)

    def _begin(self, kind: int, received: int) -> int:
        message = self.rows.begin(kind, received)
        if self._new_connection:
            self._reconnected.append(message)
            self._new_connection = False
        return message

    def _take_book(self, book: _Book, received: int) -> None:
        if not self.choice.takes(book.coin):
            return
        if book.spread is not None:
            self._lines.count("aggregated_images_dropped")
            return
        self._begin(SNAPSHOT, received)
        for side, levels in zip((1, -1), book.levels, strict=True):
            there = [level for level in levels if level.sz > 0]
            for level in there:
                self.rows.add(book.time * _MS, side, level.px, level.sz, level.n)
            if not there:
                self.rows.add(book.time * _MS, side, 0.0, 0.0)

    def _take_bbo(self, best: _Bbo, received: int) -> None:
        if not self.choice.takes(best.coin):
            return
        if best.bbo[0] is None and best.bbo[1] is None:
            self._lines.count("bbo_without_sides_dropped")
            return
        self._begin(BBO, received)
        for side, level in zip((1, -1), best.bbo, strict=True):
            if level is not None:
                self.rows.add(best.time * _MS, side, level.px, level.sz, level.n)
            else:  # the next image tells that the side is empty
                self._lines.count("bbo_sides_missing")

    def _take_trades(self, trades: list[_Trade], received: int) -> None:
        if not trades or not self.choice.takes(trades[0].coin):
            return
        mine = [trade for trade in trades if trade.coin == self.choice.symbol]
        message = self._begin(TRADE, received)
        for trade in mine:
            side = 1 if trade.side == "B" else -1
            self.rows.add(trade.time * _MS, side, trade.px, trade.sz, trade.tid)
        known = sum(trade.tid in self._ids for trade in mine)
        if 0 < known < len(mine):
            self._overlaps.append((self._last_trades, message))
        self._ids.update(trade.tid for trade in mine)
        self._last_trades = message

    def _take_context(self, context: _Context, received: int) -> None:
        if not self.choice.takes(context.coin):
            return
        ctx = context.ctx
        figures = (
            (MARK, ctx.mark_px),
            (ORACLE, ctx.oracle_px),
            (FUNDING, ctx.funding),
            (OPEN_INTEREST, ctx.open_interest),
        )
        there = [(which, value) for which, value in figures if value is not None]
        if there:
            self._begin(CONTEXT, received)
            for which, value in there:
                self.rows.add(UNKNOWN_TS, 0, value, 0.0, which)


def _without_history(rows: dict[str, np.ndarray], counts: dict[str, int]) -> dict[str, np.ndarray]:
    """Drop trades from before the capture: a subscription begins with the last ones there were."""
    book = (rows["kind"] == SNAPSHOT) | (rows["kind"] == BBO)
    if not book.any():
        return rows
    start = int(rows["exch_ts"][book].min())
    old = (rows["kind"] == TRADE) & (rows["exch_ts"] < start)
    if not old.any():
        return rows
    counts["trades_before_the_capture_dropped"] = int(np.count_nonzero(old))
    return {name: values[~old] for name, values in rows.items()}


def _rules(
    coin: str, rows: dict[str, np.ndarray], options: SourceOptions, assumed: dict[str, str]
) -> MarketRules:
    spot = any(mark in coin for mark in _SPOT_MARKS)
    decimals = options.size_decimals
    if decimals is None and options.meta_file is not None:
        decimals = size_decimals(options.meta_file, coin)
    if decimals is None:
        decimals = SIZE_DECIMALS.get(coin)
        if decimals is not None:
            assumed["lot_size"] = f"szDecimals of {coin} is {decimals}, as known"
    if decimals is None:
        decimals = decimals_of(rows["qty"])
        assumed["lot_size"] = f"szDecimals is {decimals}, from the sizes seen"
    maker_fee, taker_fee = _FEES[spot]
    assumed["fees"] = f"Hyperliquid {'spot' if spot else 'perpetuals'}, lowest tier"
    rules = MarketRules(
        symbol=coin,
        venue="hyperliquid",
        quote="USDC",
        price_quantum=power_of_ten((8 if spot else 6) - decimals),
        lot_size=power_of_ten(decimals),
        significant_figures=5,
        min_notional="10",
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        modify="replace",
    )
    return with_options(rules, options, assumed)
