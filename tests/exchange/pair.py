"""The kernels and the slow model side by side: the same events, compared after each."""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm import records
from simmm.exchange.desk import Desk, context_row, image_rows, level_row
from tests.exchange.slow import Request, Rules, Venue
from tests.exchange.slow.account import Account
from tests.exchange.slow.budget import Budget
from tests.exchange.slow.terms import SCHEDULE_VOLUME

REASONS = (
    "NO_REASON", "BAD_STEP", "BAD_SIZE", "MIN_NOTIONAL", "WOULD_CROSS", "UNKNOWN_ORDER",
    "TOO_MANY_ORDERS", "NO_LIQUIDITY", "OUT_OF_WINDOW", "LIQUIDATED_ACCOUNT", "ACTION_EXPIRED",
    "OUT_OF_REQUESTS", "RATE_LIMITED", "PRICE_BAND", "REDUCE_ONLY", "ORDER_TOO_LARGE",
    "MAX_POSITION", "MARGIN", "SELF_TRADE", "LIQUIDATED", "SCHEDULED", "SCHEDULE_VOLUME",
    "SCHEDULE_SOON", "SCHEDULE_LIMIT", "BAD_LEVERAGE", "LEVERAGE_SWITCH", "NOT_ISOLATED",
)  # fmt: skip
KINDS = (
    "ACCEPTED", "REJECTED", "FILLED", "CANCELLED", "CANCEL_REJECTED", "MODIFIED",
    "MODIFY_REJECTED", "EXPIRED", "ACCOUNT_SET", "ACCOUNT_REJECTED", "FUNDED",
)  # fmt: skip
MARKS = ("CROSSED", "THROUGH", "UNSEEN", "TAKER", "LIQUIDATION_FILL", "BACKSTOP")
ACCOUNT = (
    "position", "cash", "fees", "funding", "forfeited", "entry_cost", "closed_pnl", "isolated",
    "maker_volume", "taker_volume", "maker_money", "taker_money", "margin", "leverage", "deposit",
)  # fmt: skip
TIMES = ("schedule_ts", "liquidated_ts", "cooldown_ts", "next_funding_ts", "unfunded")
BUDGET = ("used", "refused", "ip_refused", "free_ts", "exhausted_ts")


def code(name: str) -> int:
    """Return the code of a name in simmm.records."""
    return int(getattr(records, name))


def name_of(names: tuple[str, ...], value: int) -> str:
    """Return which of `names` has the code `value`."""
    return next(name for name in names if code(name) == value)


def mark_names(value: int) -> frozenset[str]:
    """Return the marks of a fill that both sides know."""
    return frozenset(name for name in MARKS if value & code(name))


def market_record(rules: Rules) -> np.ndarray:
    """Return the market record of the slow model's rules."""
    market = np.zeros(1, records.Market)[0]
    for name in (
        "money_scale", "tick_quanta", "significant_figures", "unit_quanta", "min_notional",
        "max_open_orders", "self_trade", "block_ns", "largest_limit", "largest_market",
        "price_band_e9", "funding_ns", "funding_cap_e12", "partial_liquidation", "cooldown_ns",
    ):  # fmt: skip
        market[name] = int(getattr(rules, name))
    market["double_fee"] = 1
    market["schedule_volume"] = SCHEDULE_VOLUME
    market["maker_rate"], market["taker_rate"] = float(rules.maker_fee), float(rules.taker_fee)
    market["n_fee_tiers"] = len(rules.fee_tiers)
    for k, (above, maker, taker) in enumerate(rules.fee_tiers):
        market["fee_above"][k] = above
        market["fee_maker"][k], market["fee_taker"][k] = float(maker), float(taker)
    market["n_tiers"] = len(rules.tiers)
    deduction, before = 0, 0
    for k, (low, leverage) in enumerate(rules.tiers):
        if before:
            deduction = low + (deduction - low) * leverage // before  # 2 x leverage x the venue's
        market["tier_low"][k], market["tier_leverage"][k] = low, leverage
        market["tier_deduction"][k] = deduction
        before = leverage
    return market


class Pair:
    """One world seen by both. Every method is one event; then both must agree."""

    def __init__(
        self,
        rules: Rules,
        account: dict[str, int],
        budget: dict[str, int],
        start: int,
        table: dict[int, int] | None = None,
    ) -> None:
        self.rules = rules
        self.slow_account = Account(rules, **account)
        self.slow_budget = Budget(self.slow_account, **budget)
        self.slow = Venue(rules, self.slow_account, self.slow_budget, start)
        self.desk = Desk(market_record(rules), start, account, budget, window=1 << 9)
        if table is not None:
            self.slow.funding.table = table
            self._write_table(table)
        self.now = start
        self.trail: list[str] = []  # for people, when something differs
        self.compared = 0
        self.sums = {"money": 0, "lots": 0}
        self.seen = 0  # answers of the slow model compared so far
        self.seen_fills = 0
        self.events = 0

    def _write_table(self, table: dict[int, int]) -> None:
        venue, first = self.desk.venue, min(table)
        venue.rates_from_ts = first
        venue.n_rates = (max(table) - first) // self.rules.funding_ns + 1
        venue.rates[: venue.n_rates] = records.RATE_UNKNOWN
        for ts, rate in table.items():
            venue.rates[(ts - first) // self.rules.funding_ns] = rate

    # ------------------------------------------------------------------ events

    def wait(self, ns: int) -> None:
        """Time passes."""
        self.trail.append(f"wait {ns}")
        self.now += ns
        self.desk.advance(self.now)
        self.slow.advance(self.now)
        self.compare()

    def packet(self, *rows: tuple[Any, ...]) -> None:
        """A packet of the feed, a millisecond later."""
        self.burst([], list(rows))

    def request(self, request: Request) -> None:
        """A request, a millisecond later."""
        self.burst([request], [])

    def burst(self, requests: list[Request], rows: list[tuple[Any, ...]]) -> None:
        """A packet, and requests that arrive at the same moment."""
        self.now += 1_000_000
        self.desk.advance(self.now - 1)
        self.slow.advance(self.now - 1)
        for request in requests:
            self._send(request)
        if rows:
            self.trail.append(f"packet {rows}")
            self.desk.packet(self.now, [row for part in rows for row in kernel_rows(part)])
            self.slow.packet(self.now, rows)
        for request in requests:
            request.sent_ts = self.now - 1
            self.trail.append(f"request {request}")
            self.slow.request(self.now, request)
        self.desk.advance(self.now)
        self.slow.advance(self.now)
        self.compare()

    def _send(self, request: Request) -> None:
        more: dict[str, int] = {}
        for name in ("reduce_only", "by_oid", "expires_ts"):
            if getattr(request, name):
                more[name] = int(getattr(request, name))
        self.desk.send(
            code(request.kind),
            id=request.id,
            new_id=request.new_id,
            side=request.side,
            px=request.px,
            quantity=request.quantity,
            tif=code(request.tif),
            more=more,
        )

    # ------------------------------------------------------------------ comparison

    def compare(self) -> None:
        """Both must agree in all that can be seen of them."""
        self.events += 1
        self._same("answers", self._fast_answers(), self._slow_answers())
        self._same("fills", self._fast_fills(), self._slow_fills())
        self._same("orders", self._fast_orders(), self._slow_orders())
        self._compare_ended()
        fast, slow = self.desk.account, self.slow_account
        self._same("account", {n: fast[n] for n in ACCOUNT}, {n: getattr(slow, n) for n in ACCOUNT})
        self._same(
            "times",
            [fast[n] for n in TIMES],
            [
                self.slow.schedule_ts,
                self.slow.liquidated_ts,
                self.slow.liquidation.cooldown_ts,
                self.slow.funding.next_ts,
                self.slow.funding.unfunded,
            ],
        )
        if self.slow_budget.by_address or self.slow_budget.by_ip:
            budget = self.desk.venue.budget
            self._same(
                "budget",
                {n: int(budget[n]) for n in BUDGET},
                {n: getattr(self.slow_budget, n) for n in BUDGET},
            )
        self._identity(fast)

    def _same(self, what: str, fast: Any, slow: Any) -> None:
        if fast != slow:
            trail = "\n  ".join(self.trail)
            raise AssertionError(f"{what} differ\n kernels {fast}\n slow    {slow}\n  {trail}")

    def _identity(self, fast: dict[str, int]) -> None:
        """The account's identity, from the rows of fills that the kernels wrote."""
        spent = fast["fees"] + fast["funding"] + fast["forfeited"]
        self._same("cash", fast["cash"], self.sums["money"] - spent)
        self._same("position", fast["position"], self.sums["lots"])

    def _fast_answers(self) -> list[tuple[Any, ...]]:
        found = []
        for r in self.desk.responses():
            kind, reason = name_of(KINDS, r["kind"]), name_of(REASONS, r["reason"])
            line: tuple[Any, ...] = (r["venue_ts"], kind, reason, r["id"], r["leaves"], r["fee"])
            if kind == "FILLED":
                line += (r["side"], r["px"], r["quantity"], mark_names(r["marks"]))
            if kind == "MODIFIED":
                line += (r["new_id"],)
            found.append(line)
        return found

    def _slow_answers(self) -> list[tuple[Any, ...]]:
        found = []
        for a in self.slow.answers[self.seen :]:
            line: tuple[Any, ...] = (a.ts, a.kind, a.reason, a.id, a.leaves, a.fee)
            if a.kind == "FILLED":
                line += (a.side, a.px, a.quantity, a.marks)
            if a.kind == "MODIFIED":
                line += (a.new_id,)
            found.append(line)
        self.seen = len(self.slow.answers)
        return found

    def _fast_fills(self) -> list[tuple[Any, ...]]:
        found = []
        for row in self.desk.fills():
            lots = row["side"] * row["quantity"]
            self.sums["lots"] += lots
            self.sums["money"] -= lots * row["px"] * self.rules.money_scale
            found.append((row["id"], row["side"], row["px"], row["quantity"], row["fee"]))
        return found

    def _slow_fills(self) -> list[tuple[Any, ...]]:
        fills = self.slow.fills[self.seen_fills :]
        self.seen_fills = len(self.slow.fills)
        return [(a.id, a.side, a.px, a.quantity, a.fee) for a in fills]

    def _fast_orders(self) -> list[tuple[Any, ...]]:
        venue = self.desk.venue
        slots = [*venue.bids[: venue.n_bids], *venue.asks[: venue.n_asks]]
        found = []
        for slot in slots:
            o = venue.orders[slot]
            figures = [o[n] for n in ("id", "oid", "side", "px", "leaves", "filled", "quantity")]
            figures += [o["reduce_only"], venue.queue[slot]["ahead"]]
            found.append(tuple(int(figure) for figure in figures))
        return found

    def _slow_orders(self) -> list[tuple[Any, ...]]:
        return [
            (o.id, o.oid, o.side, o.px, o.leaves, o.filled, o.quantity, int(o.reduce_only),
             o.place.ahead)
            for side in (1, -1)
            for o in self.slow.orders.side(side)
        ]  # fmt: skip

    def _compare_ended(self) -> None:
        for row in self.desk.ended():
            order = self.slow.ended.pop(row["id"])
            self._same(
                "ended order",
                (row["id"], name_of(KINDS, row["end"]), name_of(REASONS, row["reason"]),
                 row["filled"], row["quantity"], row["px"]),
                (order.id, order.end, order.reason, order.filled, order.quantity, order.px),
            )  # fmt: skip
        self._same("ended orders", {}, self.slow.ended)


def kernel_rows(part: tuple[Any, ...]) -> list[Any]:
    """Return an event of the slow model as rows for the kernels."""
    kind, *figures = part
    if kind == "image":
        return image_rows(*figures)
    if kind == "gap":
        return [(records.GAP, 0, 0)]
    if kind in ("mark", "oracle", "rate"):
        what = {"mark": records.MARK, "oracle": records.ORACLE, "rate": records.FUNDING}[kind]
        return [context_row(what, figures[0])]
    tag = {"trade": records.TRADE, "level": records.DEPTH, "bbo": records.BBO}[kind]
    return [level_row(tag, *figures)]
