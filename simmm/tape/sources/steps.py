"""The steps of prices and sizes: as told by the user, or as seen in the recording."""

from decimal import Decimal, InvalidOperation

import msgspec
import numpy as np

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.tape.sources.neutral import derive_market
from simmm.tape.sources.registry import SourceOptions

_MOST_DECIMALS = 10
_MOST_STEPS = float(1 << 52)  # floats tell all whole numbers up to here apart
#: A step is one of these times a power of ten, and at most this share of the lowest price.
_LEADING = (50, 25, 20, 10)
_LARGEST_SHARE = Decimal("0.01")


def off_grid(values: np.ndarray, unit: float) -> np.ndarray:
    """Return which values are no multiple of `unit`, allowing for rounding of floats."""
    scaled = values / unit
    whole = np.rint(scaled)
    close = np.abs(scaled - whole) <= 1e-6 + np.abs(scaled) * 1e-15
    return ~close | ((whole == 0) & (values != 0))


def on_grid(values: np.ndarray, unit: str, where: str) -> np.ndarray:
    """Return how many units each value is; `TapeError` for what is none."""
    bad = off_grid(values, float(unit))
    if bad.any():
        raise TapeError(f"{where}: {values[np.argmax(bad)]} is no multiple of {unit}")
    return np.rint(values / float(unit)).astype(np.int64)


class Steps:
    """Finds the step of a column from all its values, or checks them against a given one.

    Parameters
    ----------
    given
        The step as decimal text; "": find it.
    """

    def __init__(self, given: str, field: str) -> None:
        self.given = given
        self.decimals = 0
        self._common = 0  # greatest common divisor, in units of the last decimal
        self._lowest = np.inf
        if given:
            try:
                sound = Decimal(given) > 0
            except InvalidOperation:
                sound = False
            if not sound:
                raise TapeError(f"{field}: {given!r} is no number above zero")

    def bad(self, values: np.ndarray) -> np.ndarray:
        """Take more values, all above zero; return which are off the grid."""
        if self.given:
            return off_grid(values, float(self.given))
        if len(values) == 0:
            return np.zeros(0, bool)
        while self.decimals < _MOST_DECIMALS and off_grid(values, 10.0**-self.decimals).any():
            self.decimals += 1
            self._common *= 10
        bad = off_grid(values, 10.0**-self.decimals)
        countable = values[~self.too_large(values)]
        scaled = np.rint(countable * 10.0**self.decimals).astype(np.int64)
        self._common = int(np.gcd.reduce(scaled, initial=self._common))
        self._lowest = min(self._lowest, float(values.min()))
        return bad

    def too_large(self, values: np.ndarray) -> np.ndarray:
        """Return which values are more steps than can be counted."""
        unit = float(self.given) if self.given else 10.0**-self.decimals
        return values / unit >= _MOST_STEPS

    def lot(self) -> str:
        """Return the given step, or the power of ten that all values are multiples of."""
        return self.given or _plain(Decimal(1).scaleb(-self.decimals))

    def tick(self) -> str:
        """Return the given step, or the largest usual one that all values are multiples of."""
        if self.given:
            return self.given
        unit = Decimal(1).scaleb(-self.decimals)
        most = Decimal(self._lowest) * _LARGEST_SHARE if np.isfinite(self._lowest) else unit
        for power in range(17, -1, -1):
            for leading in _LEADING:
                units = Decimal(leading).scaleb(power - 1)
                whole = units == units.to_integral_value()
                if whole and self._common % int(units) == 0 and units * unit <= most:
                    return _plain(units * unit)
        return _plain(unit)


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def market_rules(
    symbol: str,
    venue: str,
    prices: Steps,
    sizes: Steps,
    options: SourceOptions,
    assumed: dict[str, str],
) -> MarketRules:
    """Return the market's rules from options and what was seen; say what was assumed."""
    if options.market is not None:
        return options.market
    fees = {
        name: getattr(options, name)
        for name in ("maker_fee", "taker_fee")
        if getattr(options, name)
    }
    if len(fees) < 2:
        assumed["fees"] = "none" if not fees else f"only {next(iter(fees)).replace('_', ' ')} given"
    if venue == "hyperliquid" and not prices.given and not sizes.given:
        return _hyperliquid(symbol, sizes, options, fees, assumed)
    if not prices.given:
        assumed["price_quantum"] = f"{prices.tick()}, from the prices seen"
    if not sizes.given:
        assumed["lot_size"] = f"{sizes.lot()}, from the sizes seen"
    assumed["contract"] = "linear; a size of 1 is one unit of the base currency"
    return MarketRules(
        symbol=symbol,
        venue=venue,
        price_quantum=prices.tick(),
        lot_size=sizes.lot(),
        min_notional=options.min_notional or "0",
        **fees,
    )


def _hyperliquid(
    symbol: str,
    sizes: Steps,
    options: SourceOptions,
    fees: dict[str, str],
    assumed: dict[str, str],
) -> MarketRules:
    """Rules of a Hyperliquid perpetual: its price steps follow from the decimals of its sizes."""
    least = np.array([10.0**-sizes.decimals])
    rules = derive_market({"venue": "hyperliquid", "symbol": symbol}, least, assumed)
    given = {**fees, **({"min_notional": options.min_notional} if options.min_notional else {})}
    if len(fees) == 2:
        del assumed["fees"]
    return msgspec.structs.replace(rules, **given)
