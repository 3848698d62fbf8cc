"""More faults: the rank law, joins behind images, blocks, and the account of the exchange."""

from __future__ import annotations

from tests.faults.plants import Change, Fault

RANK = "simmm/venue/queue/rank.py"
LEVELS = "simmm/venue/levels.py"
DRAWS = "simmm/venue/draws.py"
BLOCKS = "simmm/venue/blocks.py"
FILLS = "simmm/venue/fills.py"
TAKING = "simmm/venue/taking.py"
CHECKS = "simmm/venue/checks.py"
MARGIN = "simmm/venue/margin.py"
FUNDING = "simmm/venue/funding.py"
LIQUIDATION = "simmm/venue/liquidation.py"
BUDGET = "simmm/venue/budget.py"
FEES = "simmm/venue/fees.py"


def _one(name: str, file: str, old: str, new: str, times: int = 1) -> Fault:
    return Fault(name, (Change(file, old, new, times),))


RULES = (
    _one(
        "cancels take old orders, not young ones",
        RANK,
        "place = state.end - 1 - _rank(state, settings, state.end - state.first)",
        "place = state.first + _rank(state, settings, state.end - state.first)",
    ),
    _one(
        "an order larger than the cancel weighs as much as one of its size",
        RANK,
        "return weight if order == lots else weight * settings.kappa",
        "return weight",
    ),
    _one(
        "an order smaller than the cancel may be its victim",
        RANK,
        "if order == lots or (order > lots and",
        "if order == lots or (order != lots and",
    ),
    _one(
        "a trade is forgotten at a watched level",
        RANK,
        "state.ahead + min(state.traded, previous) != previous",
        "state.ahead != previous",
    ),
    _one(
        "a second image moves an order back",
        LEVELS,
        "    if is_first:\n        order.awaits_image = 0\n",
        "    order.awaits_image = order.awaits_image\n",
    ),
    _one(
        "sizes are learned behind the touch",
        LEVELS,
        "key_of(is_bid, px) < book.bound[is_bid]",
        "key_of(is_bid, px) < -(1 << 62)",
    ),
    _one(
        "all draws share one stream",
        DRAWS,
        "verbs[BEGIN](venue.draw[k], venue.settings, slots + k)",
        "verbs[BEGIN](venue.draw[k], venue.settings, 0)",
    ),
    _one(
        "post-only orders wait for their block too",
        BLOCKS,
        "    if tif == ALO:\n        return False\n",
        "",
    ),
    _one(
        "a taker waits a whole block though the tape shows one",
        BLOCKS,
        "        if info >> INFO_MARKET_SHIFT == 0 or info & INFO_LATE:\n            return ts\n",
        "",
    ),
    _one(
        "the margin of a resting order isn't looked at when it fills",
        FILLS,
        "if account.margin and not order.reduce_only:",
        "if account.margin > 2 and not order.reduce_only:",
    ),
    _one(
        "the oldest reduce-only orders stay, not the newest",
        FILLS,
        "if order.reduce_only and order.joined_seq > joined:",
        "if order.reduce_only and order.joined_seq < joined:",
    ),
    _one(
        "a taker cancels own orders that stand behind what it takes",
        TAKING,
        "        if leaves <= ahead:\n            return\n",
        "",
    ),
    _one(
        "open orders of the other side are left out of the worst exposure",
        MARGIN,
        "return max(abs(position + open_buys), abs(position - open_sells))",
        "return abs(position + open_buys)",
    ),
    _one(
        "a tier's border belongs to the lower tier",
        MARGIN,
        "market.tier_low[tier + 1] <= amount",
        "market.tier_low[tier + 1] < amount",
    ),
    _one(
        "the backstop comes at half of the maintenance margin",
        MARGIN,
        "maintenance(account, market) * 2 // 3",
        "maintenance(account, market) // 2",
    ),
    _one(
        "closed P&L uses the entry in full, not as the venue shows it",
        MARGIN,
        "side * (px - entry_px(account, market)) * lots * market.money_scale",
        "side * (px * lots * market.money_scale - share(account.entry_cost, lots, held))",
    ),
    _one(
        "longs are paid where the rate is positive",
        MARGIN,
        "return paid if (position >= 0) == (rate_e12 >= 0) else -paid",
        "return -paid if (position >= 0) == (rate_e12 >= 0) else paid",
    ),
    _one(
        "an hour of funding is left out",
        FUNDING,
        "account.next_funding_ts = hour + venue.market.funding_ns",
        "account.next_funding_ts = hour + 2 * venue.market.funding_ns",
    ),
    _one(
        "a liquidated account's orders stay",
        LIQUIDATION,
        "    while venue.n_bids > 0:\n",
        "    while venue.n_bids > 60:\n",
    ),
    _one(
        "cancels have no more room than other requests",
        BUDGET,
        "return min(limit + budget.cancels_more, 2 * limit)",
        "return limit",
    ),
    _one(
        "fees are rounded to the nearest quantum",
        FEES,
        "return int(float(notional) / 1e6 * rate * 1e6)",
        "return round(float(notional) / 1e6 * rate * 1e6)",
    ),
    _one(
        "the price band is twice as wide",
        CHECKS,
        "if away * 1_000_000_000 > account.mark * market.price_band_e9:",
        "if away * 500_000_000 > account.mark * market.price_band_e9:",
    ),
)
