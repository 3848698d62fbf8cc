"""Turns what the kernels answered into what people read."""

from __future__ import annotations

from typing import Any

from simmm import records
from simmm.exchange.amounts import Amounts, time_text
from simmm.exchange.desk import Desk
from simmm.exchange.heard import AccountState, Answer, FillRecord, OpenOrder
from simmm.records import (
    ACCEPTED,
    ACCOUNT_SET,
    CANCELLED,
    EXPIRED,
    FILLED,
    ISOLATED_MARGIN,
    LEVERAGE,
    MODIFIED,
    MODIFY_REJECTED,
    NEVER,
    NO_ASK,
    NO_BID,
    NO_REASON,
    REASON_NAMES,
    REJECTED,
    RESPONSE_NAMES,
    TIF_NAMES,
    WOULD_CROSS,
)
from simmm.rules import VenueRules
from simmm.rules.words import cancelled_status, rejected_status, words
from simmm.venue import margin
from simmm.venue.budget import address_limit, cancel_limit

MARKS = ("crossed", "through", "unseen", "taker", "stale mid", "late", "liquidated", "backstop")
MARGINS = ("off", "cross", "isolated")


class Teller:
    """Knows the market's units and how the venue speaks."""

    def __init__(self, desk: Desk, rules: VenueRules, amounts: Amounts) -> None:
        self.desk, self.rules, self.amounts = desk, rules, amounts
        self.oids: dict[int, int] = {}  # by the kernels' id
        self.clients: dict[int, int] = {}  # the client's id, where it gave one

    # ------------------------------------------------------------------ answers

    def answer(self, row: dict[str, Any], asked: dict[str, Any], closed_pnl: int) -> Answer:
        """Return one response in words; `asked` is what the request held."""
        amounts, kind, reason = self.amounts, row["kind"], row["reason"]
        filled = kind == FILLED
        if row["oid"]:
            self.oids[row["new_id"] if kind == MODIFIED else row["id"]] = row["oid"]
        return Answer(
            kind=RESPONSE_NAMES[kind],
            reason=REASON_NAMES[reason] if reason != NO_REASON else "",
            words=self._words(row, asked) if reason != NO_REASON else "",
            status=self._status(kind, reason, row["leaves"]),
            time=time_text(row["venue_ts"]),
            oid=self.oids.get(row["id"], 0),
            new_oid=self.oids.get(row["new_id"], 0) if kind == MODIFIED else 0,
            client_id=self.clients.get(row["id"]),
            side={1: "buy", -1: "sell"}.get(row["side"], ""),
            px=amounts.px(row["px"]),
            size=amounts.size(row["quantity"] if filled else row["leaves"]),
            left=amounts.size(row["leaves"]),
            fee=amounts.amount(row["fee"]),
            closed_pnl=amounts.amount(closed_pnl),
            marks=mark_names(row["marks"]),
            done=self._done(asked) if kind == ACCOUNT_SET else "",
        )

    def _done(self, asked: dict[str, Any]) -> str:
        """Return what a request about the account brought about."""
        account = self.desk.venue.account
        if asked["kind"] == LEVERAGE:
            return f"leverage {account.leverage}, {MARGINS[int(account.margin)]}"
        if asked["kind"] == ISOLATED_MARGIN:
            return f"isolated margin {self.amounts.amount(int(account.isolated))}"
        if account.schedule_ts == NEVER:
            return "no scheduled cancel"
        return f"all orders are cancelled at {time_text(int(account.schedule_ts))}"

    @staticmethod
    def _status(kind: int, reason: int, leaves: int) -> str:
        if kind == CANCELLED:
            return cancelled_status(reason)
        if kind in (REJECTED, MODIFY_REJECTED, EXPIRED) and reason != NO_REASON:
            return rejected_status(reason)
        if kind == FILLED:
            return "open" if leaves else "filled"
        return "open" if kind in (ACCEPTED, MODIFIED) else ""

    def _words(self, row: dict[str, Any], asked: dict[str, Any]) -> str:
        """Return the venue's text of a refusal; of what it did itself, nothing."""
        if row["kind"] == CANCELLED:
            return ""
        account, budget = self.desk.venue.account, self.desk.venue.budget
        modify = row["kind"] == MODIFY_REJECTED
        limit = int(address_limit(budget, account))
        if asked.get("kind") == records.CANCEL:
            limit = int(cancel_limit(budget, limit))
        return words(
            row["reason"],
            asset=self.rules.asset,
            bid=self._best(1),
            ask=self._best(-1),
            least=self.rules.min_notional,
            band=percent(self.rules.price_band),
            used=int(budget.used),
            limit=limit,
            traded=self.amounts.amount(int(account.maker_money + account.taker_money)),
            required=self.rules.schedule_cancel.volume,
            zero_size=asked.get("zero_size", False),
            modify=modify,
            order_gone=modify and row["reason"] == WOULD_CROSS and row["leaves"] == 0,
        )

    def _best(self, side: int) -> str:
        """Return the best price of a side, own orders included, as the venue writes prices."""
        venue = self.desk.venue
        if side > 0:
            px = max(int(venue.best_bid), int(venue.own_bid))
            missing = px == NO_BID
        else:
            px = min(int(venue.best_ask), int(venue.own_ask))
            missing = px == NO_ASK
        if missing:
            return "0.0"
        written = self.amounts.px(px)
        return written if "." in written else f"{written}.0"

    # ------------------------------------------------------------------ what stands

    def orders(self) -> list[OpenOrder]:
        """Return the resting orders."""
        return [self._order(row) for row in self.desk.orders]

    def _order(self, row: dict[str, Any]) -> OpenOrder:
        amounts = self.amounts
        return OpenOrder(
            oid=row["oid"],
            client_id=self.clients.get(row["id"]),
            side="buy" if row["side"] > 0 else "sell",
            px=amounts.px(row["px"]),
            left=amounts.size(row["leaves"]),
            filled=amounts.size(row["filled"]),
            ahead=amounts.size(int(max(row["ahead"], 0.0))),
            tif=TIF_NAMES[row["tif"]],
            reduce_only=bool(row["reduce_only"]),
        )

    def fill(self, row: dict[str, Any]) -> FillRecord:
        """Return a fill."""
        amounts = self.amounts
        return FillRecord(
            time=time_text(row["ts"]),
            oid=self.oids.get(row["id"], 0),
            side="buy" if row["side"] > 0 else "sell",
            size=amounts.size(row["quantity"]),
            px=amounts.px(row["px"]),
            fee=amounts.amount(row["fee"]),
            closed_pnl=amounts.amount(row["closed_pnl"]),
            marks=mark_names(row["marks"]),
            position=amounts.size(row["position"]),
        )

    def account(self) -> AccountState:
        """Return the account as it stands."""
        venue, amounts = self.desk.venue, self.amounts
        a, market, budget = venue.account, venue.market, venue.budget
        isolated = a.margin == margin.ISOLATED
        used = margin.isolated_value(a, market) if isolated else margin.initial(a, market)
        return AccountState(
            position=amounts.size(int(a.position)),
            entry=amounts.px(int(margin.entry_px(a, market))),
            mark=amounts.px(int(a.mark)),
            cash=amounts.amount(int(a.deposit + a.cash)),
            value=amounts.amount(int(margin.value(a, market))),
            margin=MARGINS[int(a.margin)],
            leverage=int(a.leverage),
            margin_used=amounts.amount(int(used)),
            maintenance=amounts.amount(int(margin.maintenance(a, market))),
            withdrawable=amounts.amount(int(margin.withdrawable(a, market))),
            isolated=amounts.amount(int(a.isolated)),
            funding=amounts.amount(int(a.funding)),
            fees=amounts.amount(int(a.fees)),
            forfeited=amounts.amount(int(a.forfeited)),
            closed_pnl=amounts.amount(int(a.closed_pnl)),
            requests_used=int(budget.used),
            requests_cap=int(address_limit(budget, a)) if budget.by_address else 0,
            liquidated=time_text(int(a.liquidated_ts)) if a.liquidated_ts else "",
        )


def mark_names(marks: int) -> tuple[str, ...]:
    """Return the names of a fill's marks."""
    return tuple(name for bit, name in enumerate(MARKS) if marks >> bit & 1)


def percent(fraction: float) -> str:
    """Return a fraction as per cent, as the venue's texts write it."""
    return f"{fraction * 100:.10g}"
