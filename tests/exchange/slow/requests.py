"""What the exchange does with a request."""

from __future__ import annotations

from dataclasses import replace

from tests.exchange.slow.account import Account, sign
from tests.exchange.slow.budget import Budget
from tests.exchange.slow.matching import Matching
from tests.exchange.slow.terms import (
    NEVER,
    SCHEDULE_AHEAD,
    SCHEDULE_VOLUME,
    SCHEDULES_A_DAY,
    UTC_DAY,
    Order,
    Request,
    Rules,
)

REFUSED = {"NEW": "REJECTED", "CANCEL": "CANCEL_REJECTED", "MODIFY": "MODIFY_REJECTED"}


class Desk(Matching):
    """Takes requests, checks them, acts on them."""

    def __init__(self, rules: Rules, account: Account, budget: Budget) -> None:
        super().__init__(rules, account)
        self.budget = budget
        self.liquidated_ts = 0
        self.schedule_ts = NEVER
        self.schedules_today = 0
        self.schedule_day = 0

    def may_pass(self, request: Request) -> bool:
        """Look at a request as it arrives; refuse it if it may not even be considered."""
        if request.kind != "CANCEL" and self.liquidated_ts:
            reason = "LIQUIDATED_ACCOUNT"
        elif request.expires_ts and self.now > request.expires_ts:
            reason = "ACTION_EXPIRED"
            self.budget.expired()
        else:
            reason = self.budget.refusal(self.now, request)
        if reason and request.kind == "NEW":
            self.end(self._asked_for(request), "REJECTED", reason)
        if reason:
            self.refuse(request, reason)
        return not reason

    def _asked_for(self, request: Request) -> Order:
        """Return the order of a request; every one gets a number."""
        return Order(
            request.id, self.orders.next_oid(), request.side, request.px, request.quantity,
            request.tif, request.reduce_only,
        )  # fmt: skip

    def act(self, request: Request) -> None:
        """Act on a request that passed."""
        if request.kind == "NEW":
            self._new(request)
        elif request.kind == "CANCEL":
            self._cancel(request)
        elif request.kind == "MODIFY":
            self._modify(request)
        elif request.kind == "SCHEDULE_CANCEL":
            self._schedule(request)
        elif request.kind == "LEVERAGE":
            self._leverage(request)
        else:
            self._isolated_margin(request)

    def refuse(self, request: Request, reason: str, leaves: int | None = None) -> None:
        """Refuse a request; a modified order stays as it is."""
        if leaves is None:
            old = None
            if request.kind in ("CANCEL", "MODIFY"):
                old = self.orders.find(request.id, request.by_oid)
            leaves = old.leaves if old else 0
        kind = REFUSED.get(request.kind, "ACCOUNT_REJECTED")
        self.say(kind, reason, id=request.id, leaves=leaves)

    # ------------------------------------------------------------------ orders

    def _refusal(self, order: Order, open_orders: list[Order]) -> str:
        """Return why an order can't be, or nothing; a reduce-only one may be cut to size."""
        rules, held, px = self.rules, self.account.position, order.px
        if self.liquidated_ts:
            return "LIQUIDATED_ACCOUNT"
        if order.quantity < 1:
            return "BAD_SIZE"
        if px <= 0 or px % rules.step(px):
            return "BAD_STEP"
        mark = self.margin.mark
        if mark and rules.price_band_e9 and abs(px - mark) * 10**9 > mark * rules.price_band_e9:
            return "PRICE_BAND"
        closes = order.reduce_only and held * order.side < 0
        whole = closes and order.quantity >= abs(held)
        if rules.notional(px, order.quantity) < rules.min_notional and not whole:
            return "MIN_NOTIONAL"
        if order.reduce_only and not closes:
            return "REDUCE_ONLY"
        largest = rules.largest_market if order.tif == "IOC" else rules.largest_limit
        if largest and rules.notional(px, order.quantity) > largest:
            return "ORDER_TOO_LARGE"
        if order.reduce_only:
            order.quantity = min(order.quantity, abs(held))
        order.leaves = order.quantity
        reason = ""
        if not order.reduce_only:
            reason = self.margin.refusal(order.side, order.quantity, open_orders)
        if not reason and len(open_orders) >= rules.max_open_orders:
            reason = "TOO_MANY_ORDERS"
        if not reason and px not in self.window:
            reason = "OUT_OF_WINDOW"
        return reason

    def _new(self, request: Request) -> None:
        order = self._asked_for(request)
        reason = self._refusal(order, self.orders.oldest_first())
        if not reason and order.tif == "ALO" and self.crosses(order.side, order.px):
            reason = "WOULD_CROSS"
        if reason:
            self.refuse(request, reason)
            order.quantity = request.quantity
            self.end(order, "REJECTED", reason)
            return
        if order.tif != "IOC":
            self.say("ACCEPTED", id=order.id, leaves=order.leaves)
        self._work(order)

    def _work(self, order: Order) -> None:
        """An accepted order takes, and the rest rests or expires."""
        self.take(order, {"TAKER"})
        if order.leaves == 0:
            return
        if order.tif == "IOC":
            reason = "NO_REASON" if order.filled else "NO_LIQUIDITY"
            self.say("EXPIRED", reason, id=order.id)
            self.end(order, "EXPIRED", reason)
            return
        shown = self.sides[order.side].get(order.side * order.px)
        order.seen = order.seen_at_join = shown is not None
        order.place.join(shown or 0)
        self.orders.join(order)
        if order.reduce_only:
            self.trim()

    def _cancel(self, request: Request) -> None:
        order = self.orders.find(request.id, request.by_oid)
        if order is None:
            self.refuse(request, "UNKNOWN_ORDER")
            return
        self.say("CANCELLED", id=order.id, leaves=order.leaves)
        self.end(order, "CANCELLED")

    def _modify(self, request: Request) -> None:
        old = self.orders.find(request.id, request.by_oid)
        if old is None:
            self.refuse(request, "UNKNOWN_ORDER")
            return
        new = Order(
            request.new_id, 0, request.side, request.px, request.quantity, old.tif, old.reduce_only
        )
        others = [order for order in self.orders.oldest_first() if order is not old]
        reason = self._refusal(new, others)
        if reason:
            self.refuse(replace(request, id=old.id), reason, old.leaves)
            return
        if new.tif == "ALO" and self.crosses(new.side, new.px):
            self.refuse(replace(request, id=old.id), "WOULD_CROSS", 0)
            self.end(old, "MODIFY_REJECTED", "WOULD_CROSS")
            return
        self.end(old, "MODIFIED")
        new.oid = self.orders.next_oid()
        self.say("MODIFIED", id=old.id, new_id=new.id, leaves=new.leaves)
        self._work(new)

    # ------------------------------------------------------------------ the account

    def _schedule(self, request: Request) -> None:
        ts = request.quantity
        traded = self.account.maker_money + self.account.taker_money
        if ts == 0:
            self.schedule_ts = NEVER
        elif traded < SCHEDULE_VOLUME:
            self.refuse(request, "SCHEDULE_VOLUME")
            return
        elif ts < self.now + SCHEDULE_AHEAD:
            self.refuse(request, "SCHEDULE_SOON")
            return
        elif self.schedule_day == self.now // UTC_DAY and self.schedules_today >= SCHEDULES_A_DAY:
            self.refuse(request, "SCHEDULE_LIMIT")
            return
        else:
            self.schedule_ts = ts
        self.say("ACCOUNT_SET", id=request.id)

    def on_schedule(self) -> None:
        """The time has come: all open orders go."""
        self.schedule_ts = NEVER
        if self.schedule_day != self.now // UTC_DAY:
            self.schedule_day, self.schedules_today = self.now // UTC_DAY, 0
        self.schedules_today += 1
        for order in self.orders.oldest_first():
            self.drop(order, "SCHEDULED")

    def _leverage(self, request: Request) -> None:
        account, margin = self.account, self.margin
        mode = 1 if request.side > 0 else 2
        leverage = request.quantity
        if not account.margin or not 1 <= leverage <= self.rules.tiers[0][1]:
            self.refuse(request, "BAD_LEVERAGE")
            return
        if mode != account.margin and account.position:
            self.refuse(request, "LEVERAGE_SWITCH")
            return
        if margin.tier_leverage(margin.notional) < leverage:
            self.refuse(request, "MAX_POSITION")
            return
        initial = margin.notional // leverage
        if mode == 2:
            poor = initial - account.isolated > margin.free
        else:
            poor = initial > margin.value
        if account.position and poor:
            self.refuse(request, "MARGIN")
            return
        account.margin, account.leverage = mode, leverage
        if mode == 2 and account.position:
            account.isolated = max(account.isolated, initial)
        self.say("ACCOUNT_SET", id=request.id)

    def _isolated_margin(self, request: Request) -> None:
        account, margin, more = self.account, self.margin, request.quantity
        if account.margin != 2 or sign(account.position) == 0:
            self.refuse(request, "NOT_ISOLATED")
            return
        least = max(margin.initial, margin.notional // 10)
        if more > margin.free or (more < 0 and account.isolated + more < least):
            self.refuse(request, "MARGIN")
            return
        account.isolated += more
        self.say("ACCOUNT_SET", id=request.id)
