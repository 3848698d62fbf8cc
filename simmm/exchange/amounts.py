"""Prices, sizes and money as people write them, to integers and back, exactly."""

from __future__ import annotations

import datetime
from decimal import Decimal, InvalidOperation

from simmm.errors import VenueError
from simmm.market import MarketRules

Amount = str | int | Decimal
Time = str | int | datetime.datetime

_NS = 1_000_000_000


def decimal(name: str, amount: Amount) -> Decimal:
    """Return an amount that somebody wrote.

    Raises
    ------
    VenueError
        If it is no finite decimal number; a float is none, since it isn't exact.
    """
    if isinstance(amount, float | bool):
        raise VenueError(f"{name}: {amount!r} isn't exact; write it as text, '{amount}'")
    try:
        value = Decimal(amount)
    except (InvalidOperation, TypeError, ValueError):
        raise VenueError(f"{name}: {amount!r} is no decimal number") from None
    if not value.is_finite():
        raise VenueError(f"{name}: {amount!r} must be finite")
    return value


def text(value: Decimal) -> str:
    """Return a number without exponent and without needless zeros.

    >>> text(Decimal("60000.0")), text(Decimal("-0.270450"))
    ('60000', '-0.27045')
    """
    plain = f"{value:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in ("-0", "") else plain


def scaled(name: str, amount: Amount, scale: int) -> int:
    """Return an amount in units of 1 / `scale`.

    Raises
    ------
    VenueError
        If it is finer than these.

    >>> scaled("rate", "0.0000125", 10**12)
    12500000
    """
    count = _whole(decimal(name, amount) * scale)
    if count is None:
        raise VenueError(f"{name}: {amount} is finer than 1/{scale:,}")
    return count


class Amounts:
    """Translates for one market.

    >>> amounts = Amounts(MarketRules(symbol="X", price_quantum="0.1", lot_size="0.001"))
    >>> amounts.quanta("px", "60000.5"), amounts.px(600005), amounts.lots("size", "0.25")
    (600005, '60000.5', 250)
    """

    def __init__(self, market: MarketRules) -> None:
        self._quantum = Decimal(market.price_quantum)
        self._lot = Decimal(market.lot_size)
        unit = self._quantum * self._lot * Decimal(market.contract_multiplier)
        self._money_quantum = unit / market.money_scale
        self.quote = market.quote

    def quanta(self, name: str, px: Amount) -> int | None:
        """Return a price in quanta, None where it is no whole number of them."""
        return _whole(decimal(name, px) / self._quantum)

    def lots(self, name: str, size: Amount) -> int | None:
        """Return a size in lots, None where it is no whole number of them."""
        return _whole(decimal(name, size) / self._lot)

    def money(self, name: str, amount: Amount) -> int:
        """Return an amount of quote currency in money quanta.

        Raises
        ------
        VenueError
            If it is finer than these.
        """
        count = _whole(decimal(name, amount) / self._money_quantum)
        if count is None:
            raise VenueError(
                f"{name}: {amount} has more decimals than money has here; "
                f"the smallest amount is {text(self._money_quantum)} {self.quote}"
            )
        return count

    def px(self, quanta: int) -> str:
        """Return a price as text."""
        return text(quanta * self._quantum)

    def size(self, lots: int) -> str:
        """Return a size as text."""
        return text(lots * self._lot)

    def amount(self, money: int) -> str:
        """Return money as text."""
        return text(money * self._money_quantum)


def time_ns(moment: Time, day_ns: int) -> int:
    """Return a moment in ns since the epoch.

    Parameters
    ----------
    moment
        ``12:30`` or ``12:30:05.5`` on the day that began at `day_ns`, ``2026-07-19 12:30``, a
        `datetime` (without a zone: UTC), or ns since the epoch.
    day_ns
        Midnight UTC, ns.

    Raises
    ------
    VenueError
        If it is none of these.
    """
    if isinstance(moment, int):
        return moment
    if isinstance(moment, str):
        day = datetime.datetime.fromtimestamp(day_ns // _NS, datetime.UTC).date().isoformat()
        written = moment if "-" in moment else f"{day} {moment}"
        try:
            moment = datetime.datetime.fromisoformat(written)
        except ValueError:
            raise VenueError(
                f"time: {moment!r} is none; write 12:30:05, 2026-07-19 12:30:05, or ns since 1970"
            ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    since = moment - datetime.datetime.fromtimestamp(0, datetime.UTC)
    return (since.days * 86_400 + since.seconds) * _NS + since.microseconds * 1000


def time_text(ns: int) -> str:
    """Return a moment as people read it, in UTC.

    >>> time_text(1_784_419_200_000_000_000), time_text(1_784_419_200_250_000_001)
    ('2026-07-19 00:00:00', '2026-07-19 00:00:00.250000001')
    """
    moment = datetime.datetime.fromtimestamp(ns // _NS, datetime.UTC)
    rest = f"{ns % _NS:09d}".rstrip("0")
    return f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{rest}" if rest else "")


def _whole(value: Decimal) -> int | None:
    return int(value) if value == value.to_integral_value() else None
