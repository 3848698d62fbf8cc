"""What one hears from the exchange, and what one may ask about: small records that read well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True, repr=False)
class Answer:
    """One answer of the exchange. Figures are decimal text, exact; sizes are never negative.

    Attributes
    ----------
    kind
        ``accepted``, ``rejected``, ``filled``, ``cancelled``, ``cancel_rejected``, ``modified``,
        ``modify_rejected``, ``expired`` or ``funded``.
    reason
        Why, in a word or two of the simulator; nothing where all went as asked.
    words
        The venue's own text for that reason.
    status
        The order's status as the venue's order updates call it.
    oid
        The venue's number of the order; 0 where the answer is about none.
    new_oid
        Of a modify: the number of the order that took its place.
    px, size
        Of a fill: its price and size; else the order's price and what is left of it.
    left
        What is left open after it.
    fee
        Of a fill: paid (negative: received). Of a funding payment: paid.
    closed_pnl
        Of a fill: profit against the entry price of what it closed, fees left out.
    marks
        Of a fill: ``taker``, ``crossed``, ``through``, ``unseen``, ``liquidated``, ``backstop``.
    done
        Of a change to the account: what holds now.
    """

    kind: str
    reason: str = ""
    words: str = ""
    status: str = ""
    time: str = ""
    oid: int = 0
    new_oid: int = 0
    client_id: int | None = None
    side: str = ""
    px: str = "0"
    size: str = "0"
    left: str = "0"
    fee: str = "0"
    closed_pnl: str = "0"
    marks: tuple[str, ...] = ()
    done: str = ""

    def __repr__(self) -> str:
        if self.kind == "funded":
            paid = self.fee.removeprefix("-")
            return f"funded: {'received' if self.fee.startswith('-') else 'paid'} {paid}"
        about = f"{self.kind.replace('_', ' ')}:"
        if self.kind == "filled":
            return f"{about} {self._fill()}"
        if self.kind == "modified":
            return f"{about} order {self.oid} is now order {self.new_oid}, {self._order()}"
        if self.done:
            return f"{about} {self.done}"
        who = [f"order {self.oid}"] if self.oid else []
        if self.words:
            return f"{about} {', '.join([*who, self.words])}"
        if self.kind == "accepted" and self.oid:
            return f"{about} {', '.join([*who, self._order()])}"
        if self.kind == "cancelled":
            who.append(f"{self.left} left")
            if self.reason:
                who.append(self.status)
        return f"{about} {', '.join(who)}" if who else about.rstrip(":")

    def _order(self) -> str:
        return f"{self.side} {self.left} at {self.px}"

    def _fill(self) -> str:
        verb = "bought" if self.side == "buy" else "sold"
        parts = [f"order {self.oid}"] if self.oid else []
        parts.append(f"{verb} {self.size} at {self.px}")
        parts.append(f"fee {self.fee}")
        if self.closed_pnl != "0":
            parts.append(f"closed P&L {self.closed_pnl}")
        if self.left != "0":
            parts.append(f"{self.left} left")
        parts += [mark for mark in self.marks if mark != "taker"]
        return ", ".join(parts)


class Heard(list[Answer]):
    """Answers in the order in which they were given; shown one a line."""

    def __init__(self, answers: Iterable[Answer] = ()) -> None:
        super().__init__(answers)

    def __repr__(self) -> str:
        return "\n".join(repr(answer) for answer in self) or "nothing heard"

    @property
    def oid(self) -> int:
        """The venue's number of the order asked about: of the first answer that names one."""
        named = (answer.new_oid or answer.oid for answer in self)
        return next((oid for oid in named if oid), 0)

    @property
    def words(self) -> str:
        """The venue's words of the first refusal, nothing if there is none."""
        return next((answer.words for answer in self if answer.words), "")

    @property
    def fills(self) -> list[Answer]:
        """The fills among them."""
        return [answer for answer in self if answer.kind == "filled"]


@dataclass(frozen=True, kw_only=True)
class OpenOrder:
    """An order that rests."""

    oid: int
    client_id: int | None
    side: str
    px: str
    left: str
    filled: str
    ahead: str  # lots of others before it, as far as the queue model knows, as a size
    tif: str
    reduce_only: bool

    def __repr__(self) -> str:
        more = ", reduce-only" if self.reduce_only else ""
        return f"order {self.oid}: {self.side} {self.left} at {self.px}, {self.ahead} ahead{more}"


@dataclass(frozen=True, kw_only=True)
class FillRecord:
    """A fill, and the position after it."""

    time: str
    oid: int
    side: str
    size: str
    px: str
    fee: str
    closed_pnl: str
    marks: tuple[str, ...]
    position: str

    def __repr__(self) -> str:
        verb = "bought" if self.side == "buy" else "sold"
        return (
            f"{self.time}: {verb} {self.size} at {self.px}, fee {self.fee}, "
            f"closed P&L {self.closed_pnl}, position {self.position}"
        )


@dataclass(frozen=True, kw_only=True)
class AccountState:
    """The account at this moment; money in quote currency.

    Attributes
    ----------
    position
        Signed size.
    entry
        Entry price as the venue shows it (truncated), ``0`` when flat.
    cash
        Deposit, and what fills, fees and funding moved.
    value
        Cash and the position's worth at the mark.
    margin_used
        Initial margin (cross), or what belongs to the position (isolated).
    maintenance
        Below this the position is liquidated.
    withdrawable
        What could be taken out.
    isolated
        Margin set aside for an isolated position.
    funding, fees, forfeited
        Paid so far; `forfeited` is what a backstop liquidation took.
    closed_pnl
        The venue's label, fees and funding left out.
    requests_used, requests_cap
        Of the address; both ``0`` without a budget.
    liquidated
        When the account was first liquidated, nothing if it wasn't.
    """

    position: str
    entry: str
    mark: str
    cash: str
    value: str
    margin: str
    leverage: int
    margin_used: str
    maintenance: str
    withdrawable: str
    isolated: str
    funding: str
    fees: str
    forfeited: str
    closed_pnl: str
    requests_used: int
    requests_cap: int
    liquidated: str

    def __repr__(self) -> str:
        shown = [
            (field.name.replace("_", " ").replace("pnl", "P&L"), str(getattr(self, field.name)))
            for field in fields(self)
            if getattr(self, field.name) not in ("", "0", 0) or field.name in _ALWAYS
        ]
        width = max(len(name) for name, _ in shown)
        return "\n".join(f"{name:<{width}}  {figure}" for name, figure in shown)


_ALWAYS = ("position", "value", "withdrawable")
