"""A slow model of the exchange in plain Python: whole numbers, fractions, lists and dicts.

It is written from docs/architecture.md and docs/exchange.md alone and shares no line with
simmm/venue. Codes are their names in simmm/records.py, as text.
"""

from tests.exchange.slow.terms import Answer, Order, Request, Rules
from tests.exchange.slow.venue import Venue

__all__ = ["Answer", "Order", "Request", "Rules", "Venue"]
