"""Market rules of a captured market: what was said, what is known of the venue, what was seen."""

from decimal import Decimal

import msgspec
import numpy as np

from simmm.market import MarketRules
from simmm.tape.sources.registry import SourceOptions

_MOST_DECIMALS = 12
#: Options that are single figures of `MarketRules`.
FIGURES = ("price_quantum", "lot_size", "min_notional", "maker_fee", "taker_fee")


def with_options(
    rules: MarketRules, options: SourceOptions, assumed: dict[str, str]
) -> MarketRules:
    """Return rules with the figures a user gave, which are then no longer assumed."""
    chosen = options.market or rules
    given = {name: getattr(options, name) for name in FIGURES if getattr(options, name)}
    for name in FIGURES if options.market is not None else given:
        assumed.pop(name, None)
    if options.market is not None or {"maker_fee", "taker_fee"} <= set(given):
        assumed.pop("fees", None)
    return msgspec.structs.replace(chosen, **given) if given else chosen


def decimals_of(values: np.ndarray) -> int:
    """Return how many decimals are needed to write all values exactly, at most 12.

    >>> decimals_of(np.array([61800.2, 5.25]))
    2
    """
    for decimals in range(_MOST_DECIMALS):
        scaled = values * 10.0**decimals
        # Nearest floats to decimal numbers differ from them by at most half a unit in 2**52.
        allowed = 1e-9 * np.maximum(1.0, np.abs(scaled) * 1e-6)
        if np.all(np.abs(scaled - np.rint(scaled)) <= allowed):
            return decimals
    return _MOST_DECIMALS


def power_of_ten(decimals: int) -> str:
    """Return 10 ** -decimals as decimal text.

    >>> power_of_ten(2), power_of_ten(0), power_of_ten(-1)
    ('0.01', '1', '10')
    """
    return format(Decimal(1).scaleb(-decimals), "f")
