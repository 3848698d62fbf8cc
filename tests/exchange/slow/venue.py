"""The slow exchange in time: packets, funding, schedules, requests, and takers that wait."""

from __future__ import annotations

from typing import Any

from tests.exchange.slow.account import Account
from tests.exchange.slow.budget import Budget
from tests.exchange.slow.funding import Funding
from tests.exchange.slow.liquidation import Liquidation
from tests.exchange.slow.requests import Desk
from tests.exchange.slow.terms import NEVER, Request, Rules

# order within one moment
PACKET, BLOCK_END, FEE_TIER, FUNDING, SCHEDULE, REQUEST, TAKER = range(7)


class Venue(Desk):
    """A simulated exchange with one market and one account, told what happens in order of time."""

    def __init__(self, rules: Rules, account: Account, budget: Budget, start: int) -> None:
        super().__init__(rules, account, budget)
        self.now = start
        hour = rules.funding_ns
        self.funding = Funding(rules, account, (start // hour + 1) * hour if hour else NEVER)
        self.liquidation = Liquidation(self)
        self.rates.open(start)
        self.block: int | None = None  # the time whose packets are being applied
        self.last_packet: int | None = None
        self.mark_told = False
        self.tier = rules.tiers[0][1] if rules.tiers else 0  # leverage of the position's tier
        self.mid2: int | None = None  # twice the middle, when last whole
        self.waiting: list[tuple[int, Request]] = []  # when it acts, and the request

    # ------------------------------------------------------------------ time

    def advance(self, ts: int, priority: int = TAKER + 1) -> None:
        """Let happen what happens by itself before (`ts`, `priority`)."""
        while True:
            due = min(self._next(), key=lambda event: event[:2])
            if due[:2] >= (ts, priority):
                break
            self.now = due[0]
            due[2]()
        self.now = max(self.now, ts)
        self._look_at_tier()

    def _look_at_tier(self) -> None:
        """Remember that the position's notional came into another tier."""
        if self.account.margin and self.rules.tiers:
            tier = self.margin.tier_leverage(self.margin.notional)
            if tier != self.tier:
                self.tier = tier
                self.count("tier border")

    def _next(self) -> list[tuple[int, int, Any]]:
        return [
            (NEVER if self.block is None else self.block, BLOCK_END, self._end_block),
            (self.rates.next_ts, FEE_TIER, self._look_at_fees),
            (self.funding.next_ts, FUNDING, self._pay),
            (self.schedule_ts, SCHEDULE, self.on_schedule),
            (self.waiting[0][0] if self.waiting else NEVER, TAKER, self._serve_waiting),
        ]

    def _end_block(self) -> None:
        self.block = None
        bid, ask = self.sides[1].best(), self.sides[-1].best()
        if bid is None or ask is None or bid - ask == self.mid2:
            return
        self.mid2 = bid - ask
        if not self.mark_told:
            self._mark(self.mid2 // 2)

    def _mark(self, px: int) -> None:
        self.margin.mark = px
        self.liquidation.check()

    def _look_at_fees(self) -> None:
        before = self.rates.maker
        self.rates.look()
        if self.rates.maker != before:
            self.count("fee tier")

    def _pay(self) -> None:
        payment = self.funding.pay(self.now, self.margin.mark)
        if payment is not None:
            self.say("FUNDED", fee=payment)
        self.liquidation.check()

    def _serve_waiting(self) -> None:
        _, request = self.waiting.pop(0)
        self.act(request)

    # ------------------------------------------------------------------ what happens

    def packet(self, ts: int, rows: list[tuple[Any, ...]]) -> None:
        """Apply one packet of the feed."""
        self.advance(ts, PACKET)
        self.block = self.last_packet = ts
        for kind, *figures in rows:
            getattr(self, f"_on_{kind}")(*figures)
        self.waiting = [(min(due, ts), request) for due, request in self.waiting]

    def request(self, ts: int, request: Request) -> None:
        """A request arrives."""
        self.advance(ts, REQUEST)
        if not self.may_pass(request):
            return
        if self.rules.block_ns == 0 or not self._takes(request):
            self.act(request)
        elif self.last_packet == ts:
            self.waiting.append((ts, request))
        else:
            self.count("taker waited")
            self.waiting.append((ts + self.rules.block_ns, request))

    def _takes(self, request: Request) -> bool:
        """Tell whether a request may take, and so waits; a modify is what its order was."""
        if request.kind == "MODIFY":
            old = self.orders.find(request.id, request.by_oid)
            return old is not None and old.tif != "ALO"
        return request.kind == "NEW" and request.tif != "ALO"

    def _on_trade(self, aggressor: int, px: int, lots: int) -> None:
        self.trade(aggressor, px, lots)

    def _on_level(self, side: int, px: int, lots: int) -> None:
        self.level(side, px, lots)

    def _on_bbo(self, side: int, px: int, lots: int) -> None:
        self.bbo(side, px, lots)

    def _on_image(self, side: int, levels: list[tuple[int, int]]) -> None:
        self.image(side, levels)

    def _on_gap(self) -> None:
        self.forget()

    def _on_mark(self, px: int) -> None:
        self.mark_told = True
        self._mark(px)

    def _on_oracle(self, px: int) -> None:
        self.funding.oracle = px

    def _on_rate(self, rate_e12: int) -> None:
        self.funding.rate_e12 = rate_e12
