"""What an address and an IP may still ask for: Hyperliquid's request budget.

Source: Hyperliquid, rate limits and user limits.
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import CANCEL, NO_REASON, OUT_OF_REQUESTS, RATE_LIMITED

MINUTE_NS = 60_000_000_000
BATCH = 40  # a batch weighs one more per this many of its requests


@kernel
def address_limit(budget: Any, account: Any) -> int:
    """Return how many requests the address has earned: the first ones, and those by volume."""
    if budget.per_money <= 0:
        return budget.initial
    return budget.initial + (account.maker_money + account.taker_money) // budget.per_money


@kernel
def cancel_limit(budget: Any, limit: int) -> int:
    """Return up to how many requests cancels still pass, where others end at `limit`."""
    return min(limit + budget.cancels_more, 2 * limit)


@kernel
def within_ip(budget: Any, kind: int, sent_ts: int, now: int) -> bool:
    """Count one request against the IP's weight of this minute; False where that is used up.

    Requests sent at one moment that are of one kind are one action. It weighs 1, and 1 more for
    each full 40 of its requests. What is refused isn't counted.
    """
    minute = now - now % MINUTE_NS
    if minute != budget.minute_ts:
        budget.minute_ts = minute
        budget.ip_used = 0
    if budget.batch == 0 or sent_ts != budget.batch_ts or kind != budget.batch_kind:
        budget.batch = 0
        budget.batch_ts = sent_ts
        budget.batch_kind = kind
    count = budget.batch + 1
    if count == 1 or count % BATCH == 0:
        if budget.ip_used + 1 > budget.ip_limit:
            budget.ip_refused += 1
            return False
        budget.ip_used += 1
    budget.batch = count
    return True


@kernel
def within_address(budget: Any, account: Any, kind: int, now: int) -> bool:
    """Count one request against the address's budget; False where that is used up.

    A used-up address still gets one request per `free_ns`. What is refused isn't counted.
    """
    limit = address_limit(budget, account)
    if kind == CANCEL:
        limit = cancel_limit(budget, limit)
    if budget.used >= limit:
        if budget.free_ts > 0 and now < budget.free_ts + budget.free_ns:
            budget.refused += 1
            if budget.exhausted_ts == 0:
                budget.exhausted_ts = now
            return False
        budget.free_ts = now
    budget.used += 1
    return True


@kernel
def allow(budget: Any, account: Any, kind: int, sent_ts: int, now: int) -> int:
    """Count a request and return 0, or the reason why it is refused and not counted.

    Parameters
    ----------
    kind
        ``NEW``, ``CANCEL``, ... Every element of a batch is a request.
    sent_ts
        When it was sent, ns: requests of one moment and kind are one action.
    now
        When it arrives, ns.

    Returns
    -------
    int
        ``NO_REASON``, ``RATE_LIMITED`` by the IP, which is looked at first, or
        ``OUT_OF_REQUESTS`` by the address.
    """
    if budget.by_ip == 1 and not within_ip(budget, kind, sent_ts, now):
        return RATE_LIMITED
    if budget.by_address == 1 and not within_address(budget, account, kind, now):
        return OUT_OF_REQUESTS
    return NO_REASON


@kernel
def charge_expired(budget: Any) -> None:
    """Count an action that came after its `expiresAfter` against the address."""
    if budget.by_address == 1:
        budget.used += budget.expired_cost
