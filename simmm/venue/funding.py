"""Funding: each hour a position pays, or is paid, the rate on its notional at the oracle price.

Source: Hyperliquid, funding.
"""

from typing import Any

from simmm.jit import kernel
from simmm.mail import respond
from simmm.math import chain
from simmm.records import FUNDED, NO_REASON, RATE_UNKNOWN
from simmm.venue.margin import funding_payment


@kernel
def pay_funding(venue: Any, mail: Any, out: Any) -> None:
    """Book the payment of the hour that is over."""
    account = venue.account
    hour = account.next_funding_ts
    account.next_funding_ts = hour + venue.market.funding_ns
    rate = rate_at(venue, hour)
    px = account.oracle if account.oracle > 0 else account.mark
    if account.position == 0:
        return
    if rate == RATE_UNKNOWN or px <= 0:
        account.unfunded += 1
        return
    payment = funding_payment(account.position, px, venue.market.money_scale, rate)
    account.cash -= payment
    account.funding += payment
    venue.chain = chain(chain(venue.chain, hour), payment)
    respond(mail, venue.now, FUNDED, NO_REASON, 0, 0, 0, px, 0, 0, payment, 0, 0)
    row = out.funding[out.n_funding]
    row.ts = hour
    row.position = account.position
    row.px = px
    row.rate_e12 = rate
    row.payment = payment
    out.n_funding += 1


@kernel
def rate_at(venue: Any, ts: int) -> int:
    """Return the rate of the payment at `ts` (1e-12), `RATE_UNKNOWN` if none is known."""
    rate = venue.account.funding_rate_e12 if venue.account.funding_known else RATE_UNKNOWN
    if venue.n_rates > 0:
        k = (ts - venue.rates_from_ts) // venue.market.funding_ns
        rate = venue.rates[k] if 0 <= k < venue.n_rates else RATE_UNKNOWN
    cap = venue.market.funding_cap_e12
    if rate != RATE_UNKNOWN and cap > 0:
        rate = min(max(rate, -cap), cap)
    return rate
