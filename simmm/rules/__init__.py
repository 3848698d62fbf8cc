"""The rules of a venue, one record per market: data by date, read from the YAML files beside this.

>>> from simmm.rules import venue_rules
>>> rules = venue_rules("hyperliquid", "BTC", "2026-07-19")
>>> rules.since, rules.tiers[0].leverage
('2026-06-11', 40)
"""

from simmm.rules.fees import FeeSchedule, FeeTier, RebateTier
from simmm.rules.load import dates, symbols, venue_rules, venues
from simmm.rules.schema import VenueRules
from simmm.rules.tiers import MarginTier

__all__ = [
    "FeeSchedule",
    "FeeTier",
    "MarginTier",
    "RebateTier",
    "VenueRules",
    "dates",
    "symbols",
    "venue_rules",
    "venues",
]
