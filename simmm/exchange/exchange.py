"""`Exchange`: the simulated exchange in one's own hands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from simmm.errors import VenueError
from simmm.exchange.amounts import Amount, Amounts, Time, scaled, time_ns, time_text
from simmm.exchange.desk import ROWS, Desk, Row, context_row, image_rows, level_row
from simmm.exchange.heard import AccountState, FillRecord, Heard, OpenOrder
from simmm.exchange.told import MARGINS, Teller
from simmm.exchange_settings import settings_of
from simmm.records import (
    ALO,
    BBO,
    CANCEL,
    DEPTH,
    FILLED,
    FUNDING,
    FUNDING_SCALE,
    ISOLATED_MARGIN,
    LEVERAGE,
    MARK,
    MODIFY,
    NEW,
    ORACLE,
    SCHEDULE_CANCEL,
    TIF_NAMES,
    TRADE,
    Market,
)
from simmm.rules import VenueRules, venue_rules

_MS = 1_000_000
_NS = 1_000_000_000
_DAY = 86_400 * _NS
_NOBODY = -1  # an id that no order has

Level = tuple[Amount, Amount]  # price, size
Side = Literal["buy", "sell"]


class Exchange:
    """One market of a simulated exchange and one account on it, without latency.

    Every call is an event of its own, one millisecond after the last; it returns the answers that
    the account hears because of it. Prices, sizes and money are decimal text and exact.

    Parameters
    ----------
    symbol : str
        A market whose rules are known (`simmm rules`).
    venue : str
        Whose rules.
    date : str, optional
        Day (UTC) whose rules hold and on which time begins, at midnight; default: that of the
        newest rules.
    deposit : str
        Quote currency.
    leverage : int
        Of the account in this market.
    margin : {"cross", "isolated", "off"}
        ``off``: positions are bounded by nothing and never liquidated.
    budget : bool or int
        Whether requests are counted and limited; a number: what the address may ask for before any
        volume, instead of what the rules say.
    volume_14d : float
        Traded in the last 14 days, quote currency: decides the fee tier.
    queue : str
        How cancels ahead of an own order are guessed (`simmm queues`).
    rules : VenueRules, optional
        Rules of one's own instead of those of `venue`.

    Raises
    ------
    ScenarioError
        Where no rules are known.
    VenueError
        Where an argument makes no sense.
    """

    def __init__(
        self,
        symbol: str = "BTC",
        *,
        venue: str = "hyperliquid",
        date: str | None = None,
        deposit: Amount = "10000",
        leverage: int = 20,
        margin: Literal["cross", "isolated", "off"] = "cross",
        budget: bool | int = True,
        volume_14d: float = 0.0,
        queue: str = "pessimistic",
        rules: VenueRules | None = None,
    ) -> None:
        self.rules = rules or venue_rules(venue, symbol, date)
        market = self.rules.market(volume_14d)
        if margin not in MARGINS:
            raise VenueError(f"margin: {margin!r} is unknown; one of {', '.join(MARGINS)}")
        if not 1 <= leverage <= self.rules.largest_leverage:
            raise VenueError(
                f"leverage: {leverage} must lie in 1..{self.rules.largest_leverage} for {symbol}"
            )
        self._amounts = Amounts(market)
        self._day = time_ns(f"{date or self.rules.since} 00:00", 0)
        money = self._amounts.money("deposit", deposit)
        if money < 0:
            raise VenueError(f"deposit: {deposit} must not be negative")
        settings = settings_of(
            self.rules,
            market,
            self._day,
            deposit=None if margin == "off" else "1",  # the real one, which may be 0, follows
            margin=margin,
            leverage=leverage,
            volume_14d=volume_14d,
            request_budget=budget is not False,
        )
        counts = settings.budget
        if not isinstance(budget, bool):
            counts["initial"] = budget
        record = np.zeros(1, Market)
        for name, figure in settings.market.items():
            record[name] = figure
        account = {**settings.account, "deposit": money}
        self._desk = Desk(record[0], self._day, account, counts, queue=queue)
        self._teller = Teller(self._desk, self.rules, self._amounts)
        self._kernel_ids: dict[int, int] = {}  # by the client's id: the newest order under it
        self._last_id = 0
        self._fills: list[FillRecord] = []
        self._asked: dict[str, Any] = {}

    # ------------------------------------------------------------------ the market

    def book(self, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> Heard:
        """Show an image of the book: others' levels, best first. No levels: an empty side."""
        rows: list[Row] = []
        for side, levels in ((1, bids), (-1, asks)):
            rows += image_rows(side, sorted(map(self._level, levels), reverse=side > 0))
        return self._packet(rows)

    def level(self, side: Side, px: Amount, size: Amount) -> Heard:
        """Show one level of the book with what others have there; ``0``: nothing."""
        return self._packet([level_row(DEPTH, _side(side), *self._level((px, size)))])

    def bbo(self, bid: Level | None = None, ask: Level | None = None) -> Heard:
        """Show the best of the sides that are given: nothing better exists."""
        best = [(1, bid), (-1, ask)]
        rows = [level_row(BBO, s, *self._level(level)) for s, level in best if level is not None]
        return self._packet(rows)

    def trade(self, aggressor: Side, px: Amount, size: Amount) -> Heard:
        """Print a trade of others."""
        return self._packet([level_row(TRADE, _side(aggressor), *self._level((px, size)))])

    def mark(self, px: Amount) -> Heard:
        """Set the mark price; before the first one it is the middle of the book."""
        return self._packet([context_row(MARK, self._level((px, 0))[0])])

    def oracle(self, px: Amount) -> Heard:
        """Set the oracle price, at which funding is paid."""
        return self._packet([context_row(ORACLE, self._level((px, 0))[0])])

    def funding_rate(self, rate: Amount) -> Heard:
        """Set the rate of the next payments, a fraction per hour: ``0.0000125``."""
        return self._packet([context_row(FUNDING, scaled("rate", rate, FUNDING_SCALE))])

    def wait(self, seconds: Amount) -> Heard:
        """Let time pass."""
        return self.at(self._desk.now + scaled("seconds", seconds, _NS))

    def at(self, moment: Time) -> Heard:
        """Let time pass until a moment: ``12:30``, ``2026-07-20 08:00:00``."""
        ts = time_ns(moment, self._day)
        if ts < self._desk.now:
            raise VenueError(f"at: {time_text(ts)} is past; it is {self.time}")
        return self._advance(ts)

    # ------------------------------------------------------------------ requests

    def order(
        self,
        side: Side,
        size: Amount,
        px: Amount,
        tif: Literal["alo", "gtc", "ioc"] = "alo",
        *,
        client_id: int | None = None,
        reduce_only: bool = False,
        expires_at: Time | None = None,
        wait: bool = True,
    ) -> Heard:
        """Place an order.

        Parameters
        ----------
        side, size, px
            ``buy`` or ``sell``, how much, and the worst price.
        tif
            Post-only (``alo``), until cancelled (``gtc``) or immediate or cancel (``ioc``).
        client_id
            A number of one's own, by which it can be cancelled.
        reduce_only
            Only takes a position off.
        expires_at
            The exchange refuses the order after this moment.
        wait
            Orders that take wait for a block. False: return before it comes.
        """
        if tif not in TIF_NAMES:
            raise VenueError(f"tif: {tif!r} is unknown; one of {', '.join(TIF_NAMES)}")
        return self._send(
            NEW,
            wait=wait,
            id=self._new_id(client_id),
            side=_side(side),
            **self._size_and_px(size, px),
            tif=TIF_NAMES.index(tif),
            more={"reduce_only": int(reduce_only), "expires_ts": self._expires(expires_at)},
        )

    def modify(
        self,
        *,
        order_id: int | None = None,
        client_id: int | None = None,
        size: Amount,
        px: Amount,
        expires_at: Time | None = None,
        wait: bool = True,
    ) -> Heard:
        """Replace an order, named by its number or the client's, by another size and price."""
        name = self._name(order_id, client_id)
        old = self._find(**name)
        if old is not None:
            client_id = self._teller.clients.get(old["id"])
        return self._send(
            MODIFY,
            wait=wait,
            id=name["id"],
            new_id=self._new_id(client_id if old is not None else None),
            side=old["side"] if old is not None else 1,
            **self._size_and_px(size, px),
            tif=old["tif"] if old is not None else ALO,
            more={"by_oid": name["by_oid"], "expires_ts": self._expires(expires_at)},
        )

    def cancel(
        self,
        order_id: int | None = None,
        *,
        client_id: int | None = None,
        expires_at: Time | None = None,
    ) -> Heard:
        """Cancel an order, named by its number or the client's."""
        name = self._name(order_id, client_id)
        more = {"by_oid": name["by_oid"], "expires_ts": self._expires(expires_at)}
        return self._send(CANCEL, id=name["id"], more=more)

    def schedule_cancel(self, moment: Time | None) -> Heard:
        """Ask for all orders to be cancelled at a moment; None: no longer."""
        ts = 0 if moment is None else time_ns(moment, self._day)
        return self._send(SCHEDULE_CANCEL, quantity=ts)

    def leverage(self, leverage: int, cross: bool = True) -> Heard:
        """Change the leverage, and between cross and isolated margin."""
        return self._send(LEVERAGE, side=1 if cross else -1, quantity=leverage)

    def add_margin(self, amount: Amount) -> Heard:
        """Add margin to an isolated position; a negative amount takes some back."""
        return self._send(ISOLATED_MARGIN, quantity=self._amounts.money("amount", amount))

    # ------------------------------------------------------------------ what stands

    @property
    def time(self) -> str:
        """The exchange's clock, UTC."""
        return time_text(self._desk.now)

    @property
    def account(self) -> AccountState:
        """The account as it stands."""
        return self._teller.account()

    @property
    def orders(self) -> list[OpenOrder]:
        """Resting orders: bids, then asks, best price first, then oldest."""
        return self._teller.orders()

    @property
    def fills(self) -> list[FillRecord]:
        """All fills so far."""
        return list(self._fills)

    def __repr__(self) -> str:
        state = self.account
        return (
            f"<Exchange {self.rules.symbol}, rules of {self.rules.since}, {self.time}: "
            f"position {state.position}, value {state.value}, {len(self.orders)} orders>"
        )

    # ------------------------------------------------------------------ the machinery

    def _packet(self, rows: list[Row]) -> Heard:
        if len(rows) >= ROWS:
            raise VenueError(f"{len(rows)} levels are more than fit one message ({ROWS - 1})")
        self._asked = {}
        self._desk.packet(self._desk.now + _MS, rows)
        return self._advance(self._desk.now)

    def _advance(self, ts: int) -> Heard:
        self._desk.advance(ts)
        return self._hear()

    def _send(self, kind: int, *, wait: bool = True, **request: Any) -> Heard:
        desk = self._desk
        desk.advance(desk.now + _MS - 1)
        waiting = desk.waiting
        self._asked = {"kind": kind, "zero_size": request.pop("zero_size", False)}
        desk.send(kind, **request)
        desk.advance(desk.now + 1)
        heard = self._hear()
        if wait and desk.waiting > waiting:  # takers act in the order in which they came
            while desk.waiting:
                desk.advance(desk.next_ts)
                heard += self._hear()
        return heard

    def _hear(self) -> Heard:
        heard = Heard()
        fills = iter(self._desk.fills())
        for row in self._desk.responses():
            fill = next(fills) if row["kind"] == FILLED else None
            closed_pnl = 0 if fill is None else fill["closed_pnl"]
            heard.append(self._teller.answer(row, self._asked, closed_pnl))
            if fill is not None:
                self._fills.append(self._teller.fill(fill))
        self._desk.ended()
        return heard

    def _level(self, level: Level) -> tuple[int, int]:
        """Return a level of the tape in quanta and lots; the market itself makes no odd ones."""
        px, lots = self._amounts.quanta("px", level[0]), self._amounts.lots("size", level[1])
        if px is None or lots is None or px < 1 or lots < 0:
            raise VenueError(f"{level[1]} at {level[0]}: {self.rules.symbol} has no such level")
        return px, lots

    def _size_and_px(self, size: Amount, px: Amount) -> dict[str, Any]:
        """Return what an order asks for; what can't be counted is sent as zero and so refused."""
        quanta, lots = self._amounts.quanta("px", px), self._amounts.lots("size", size)
        return {"px": quanta or 0, "quantity": lots or 0, "zero_size": lots == 0}

    def _expires(self, moment: Time | None) -> int:
        return 0 if moment is None else time_ns(moment, self._day)

    def _new_id(self, client_id: int | None) -> int:
        self._last_id += 1
        if client_id is not None:
            self._kernel_ids[client_id] = self._last_id
            self._teller.clients[self._last_id] = client_id
        return self._last_id

    def _name(self, order_id: int | None, client_id: int | None) -> dict[str, int]:
        if (order_id is None) == (client_id is None):
            raise VenueError("name the order by order_id or by client_id, one of them")
        if order_id is not None:
            return {"id": order_id, "by_oid": 1}
        return {"id": self._kernel_ids.get(client_id or 0, _NOBODY), "by_oid": 0}

    def _find(self, id: int, by_oid: int) -> dict[str, Any] | None:
        field = "oid" if by_oid else "id"
        return next((row for row in self._desk.orders if row[field] == id), None)


def _side(side: str) -> int:
    if side not in ("buy", "sell"):
        raise VenueError(f"side: {side!r} is unknown; it is buy or sell")
    return 1 if side == "buy" else -1
