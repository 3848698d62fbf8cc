"""Requests about the account: scheduled cancel, leverage, isolated margin.

They use the fields of `records.Request` so: SCHEDULE_CANCEL `quantity` is the time in ns, 0 takes
it back; LEVERAGE `quantity` is the leverage, `side` +1 cross or -1 isolated; ISOLATED_MARGIN
`quantity` is what is added, money quanta, negative takes out.

Source: Hyperliquid, exchange endpoint: scheduleCancel, updateLeverage, updateIsolatedMargin.
"""

from typing import Any

from simmm.jit import kernel
from simmm.records import (
    BAD_LEVERAGE,
    LEVERAGE,
    LEVERAGE_SWITCH,
    MARGIN,
    MAX_POSITION,
    NEVER,
    NO_REASON,
    NOT_ISOLATED,
    SCHEDULE_CANCEL,
    SCHEDULE_LIMIT,
    SCHEDULE_SOON,
    SCHEDULE_VOLUME,
    SCHEDULED,
)
from simmm.venue.fills import expire
from simmm.venue.margin import (
    CROSS,
    ISOLATED,
    UNMODELLED,
    free,
    leverage_limit,
    notional,
    value,
)

DAY_NS = 86_400_000_000_000
SOONEST_NS = 5_000_000_000
SCHEDULES_PER_DAY = 10


@kernel
def change_account(venue: Any, request: Any) -> int:
    """Do what the request asks for; return why it is refused, `NO_REASON` if it isn't."""
    if request.kind == SCHEDULE_CANCEL:
        return _schedule(venue, request.quantity)
    if request.kind == LEVERAGE:
        return _set_leverage(venue, request.quantity, CROSS if request.side > 0 else ISOLATED)
    return _add_margin(venue, request.quantity)


@kernel
def _schedule(venue: Any, ts: int) -> int:
    account = venue.account
    if ts == 0:
        account.schedule_ts = NEVER
        return NO_REASON
    if account.maker_money + account.taker_money < venue.market.schedule_volume:
        return SCHEDULE_VOLUME
    if ts < venue.now + SOONEST_NS:
        return SCHEDULE_SOON
    is_today = account.schedule_day == venue.now // DAY_NS
    if is_today and account.schedules_today >= SCHEDULES_PER_DAY:
        return SCHEDULE_LIMIT
    account.schedule_ts = ts
    return NO_REASON


@kernel
def run_schedule(venue: Any, mail: Any, out: Any) -> None:
    """The scheduled moment has come: all open orders are cancelled, oldest first."""
    account = venue.account
    account.schedule_ts = NEVER
    day = venue.now // DAY_NS
    if account.schedule_day != day:
        account.schedule_day = day
        account.schedules_today = 0
    account.schedules_today += 1
    while venue.n_bids + venue.n_asks > 0:
        expire(venue, mail, out, _oldest(venue), SCHEDULED)


@kernel
def _oldest(venue: Any) -> int:
    found = -1
    joined = NEVER
    for k in range(venue.n_bids + venue.n_asks):
        slot = venue.bids[k] if k < venue.n_bids else venue.asks[k - venue.n_bids]
        if venue.orders[slot].joined_seq < joined:
            joined = venue.orders[slot].joined_seq
            found = slot
    return found


@kernel
def _set_leverage(venue: Any, leverage: int, mode: int) -> int:
    account = venue.account
    market = venue.market
    if account.margin == UNMODELLED or not 1 <= leverage <= market.tier_leverage[0]:
        return BAD_LEVERAGE
    if account.position != 0:
        if mode != account.margin:
            return LEVERAGE_SWITCH
        amount = notional(account, market)
        if leverage_limit(market, amount) < leverage:
            return MAX_POSITION
        if mode == ISOLATED:
            if amount // leverage - account.isolated > free(account, market):
                return MARGIN
            account.isolated = max(account.isolated, amount // leverage)
        elif amount // leverage > value(account, market):
            return MARGIN
    account.leverage = leverage
    account.margin = mode
    return NO_REASON


@kernel
def _add_margin(venue: Any, money: int) -> int:
    account = venue.account
    market = venue.market
    if account.margin != ISOLATED or account.position == 0:
        return NOT_ISOLATED
    if money > free(account, market):
        return MARGIN
    amount = notional(account, market)
    least = max(amount // account.leverage, amount // 10)
    if money < 0 and account.isolated + money < least:
        return MARGIN
    account.isolated += money
    return NO_REASON
