"""Records of the simulated exchange, one venue a market: orders, account, budget, queue model."""

import numpy as np

from simmm.records import (
    ORDER_SLOTS,
    RATES,
    REASON_NAMES,
    TAKEN,
    WAITING,
    WHATS,
    Market,
    Request,
)

#: What an address and an IP may still ask for (Hyperliquid, rate limits).
Budget = np.dtype(
    [
        ("by_address", "i8"),  # 1: the address has a budget
        ("initial", "i8"),  # requests before any volume
        ("used", "i8"),  # requests counted so far
        ("per_money", "i8"),  # money quanta of volume per further request
        ("cancels_more", "i8"),  # cancels may go this much beyond the limit, at most to its double
        ("free_ns", "i8"),  # once used up, one request per this
        ("free_ts", "i8"),  # when the last such request was let through, ns
        ("expired_cost", "i8"),  # requests that an expired action costs
        ("by_ip", "i8"),  # 1: the IP has a limit per minute
        ("ip_limit", "i8"),  # weight per minute
        ("ip_used", "i8"),
        ("minute_ts", "i8"),  # the minute being counted, ns
        ("batch", "i8"),  # requests in the action being counted
        ("batch_ts", "i8"),  # when it was sent, ns
        ("batch_kind", "i8"),
        ("refused", "i8"),  # by the address
        ("ip_refused", "i8"),
        ("exhausted_ts", "i8"),  # first refusal of the address, ns; 0: none
    ],
    align=True,
)

VenueOrder = np.dtype(
    [
        ("id", "i8"),  # 0: slot free
        ("side", "i8"),  # +1 bid, -1 ask
        ("px", "i8"),  # quanta
        ("leaves", "i8"),  # lots still open
        ("filled", "i8"),  # lots
        ("quantity", "i8"),  # lots ordered, after modifies
        ("tif", "i8"),
        ("sent_ts", "i8"),  # ns, maker's clock
        ("placed_ts", "i8"),  # ns, when it reached the venue
        ("answered_ts", "i8"),  # ns, when the maker hears of it first; 0 not sent yet
        ("joined_ts", "i8"),  # ns, when it joined its level
        ("told_ts", "i8"),  # exch_ts of the newest row that told its level, ns; 0 none since
        ("joined_seq", "i8"),  # place in time among own orders
        ("seen", "i8"),  # 0: its level has not been shown since it joined
        ("seen_at_join", "i8"),
        ("level_at_join", "i8"),  # lots others showed at its price when it joined; -1 unknown
        ("ahead_at_join", "f8"),  # lots
        ("modifies", "i8"),
        ("oid", "i8"),  # the venue's own number for it
        ("reduce_only", "i8"),
        ("awaits_image", "i8"),  # 1: no image has shown its level since it joined
    ],
    align=True,
)

Account = np.dtype(
    [
        ("position", "i8"),  # lots
        ("cash", "i8"),  # money quanta, from zero: what fills, fees and funding moved
        ("fees", "i8"),  # money quanta paid
        ("maker_volume", "i8"),  # lots
        ("taker_volume", "i8"),  # lots
        ("maker_money", "i8"),  # notional traded, money quanta
        ("taker_money", "i8"),
        ("volume_before", "i8"),  # notional of the 14 days before the run, money quanta
        ("next_day_ts", "i8"),  # when the fee tier is looked at next, ns; NEVER: it stays
        ("funding", "i8"),  # money quanta paid
        ("entry_cost", "i8"),  # notional at which the open position was entered, money quanta
        ("closed_pnl", "i8"),  # what the venue calls so, money quanta: a label, no cash
        ("margin", "i8"),  # 0 unmodelled, 1 cross, 2 isolated
        ("deposit", "i8"),  # money quanta
        ("leverage", "i8"),
        ("isolated", "i8"),  # set aside for an isolated position, money quanta
        ("mark", "i8"),  # quanta; 0 unknown
        ("mark_told", "i8"),  # 1: the tape tells it; 0: the middle of the book
        ("oracle", "i8"),  # quanta; 0 unknown
        ("funding_rate_e12", "i8"),  # of the next payment
        ("funding_known", "i8"),  # 1: a rate was told
        ("next_funding_ts", "i8"),  # ns; NEVER: no funding
        ("unfunded", "i8"),  # payments left out because no rate was known
        ("schedule_ts", "i8"),  # when all orders are cancelled, ns; NEVER: not asked for
        ("schedules_today", "i8"),  # scheduled cancels that happened this UTC day
        ("schedule_day", "i8"),  # which day that is, since the epoch
        ("liquidated_ts", "i8"),  # first liquidation, ns; 0 none
        ("cooldown_ts", "i8"),  # no further liquidation before, ns
        ("forfeited", "i8"),  # collateral that the backstop took (negative: debt it took over)
        ("margin_used", "i8"),  # money quanta, when last looked at
        ("margin_available", "i8"),  # withdrawable, money quanta
        ("maintenance", "i8"),  # money quanta
    ],
    align=True,
)

QUEUE_LIST = 256  # orders of others at one price that the rank law remembers
SIZES = 1024  # sizes of added orders it remembers, a power of two
DRAWS = 32  # of it per own order, at most
QueueSettings = np.dtype(
    [
        ("form", "i8"),  # which formula of the queue model's family
        ("n", "f8"),  # exponent of the published forms
        ("alpha", "f8"),  # of the rank law
        ("kappa", "f8"),  # weight of an order larger than what was cancelled
        ("exact", "i8"),  # 1: sizes tell the victim; 0 where images hide single changes
        ("joins_image", "i8"),  # 1: an order stands behind the first image after its join
        ("draws", "i8"),  # further draws per order, for probabilities
        ("key", "i8"),  # stream of random numbers
        ("learns", "i8"),  # 1: sizes of orders added to the touch are wanted
        ("adds", "i8"),  # seen so far
        ("sizes_sum", "i8"),  # of those remembered, lots
        ("sizes", "i8", (SIZES,)),  # ring, lots
        ("cumulative", "f8", (QUEUE_LIST + 1,)),  # sums of (1 + j)^-alpha
    ],
    align=True,
)


def venue_dtype(
    queue_state: np.dtype, slots: int = ORDER_SLOTS, draws: int = 1, levels: int = 1
) -> np.dtype:
    """Return the dtype of one market's simulated exchange.

    It has places for `slots` own orders, each with the queue model's state and `draws` more of it
    beside it, and for `levels` (a power of two) of others that the model watches.
    """
    return np.dtype(
        [
            ("market", Market),
            ("account", Account),
            ("budget", Budget),
            ("settings", QueueSettings),
            ("now", "i8"),  # ns
            ("passed_ts", "i8"),  # quoting times are accounted up to here, ns
            ("block_ts", "i8"),  # exch_ts of the block being applied, ns
            ("row_ts", "i8"),  # the same, but of a late row its own exch_ts
            ("late", "i8"),  # 1: a late packet is being applied
            ("mid2", "i8"),  # half quanta, before the block
            ("best_bid", "i8"),  # before the block, quanta
            ("best_ask", "i8"),
            ("mid_stale", "i8"),  # 1: a side was missing, mid2 is the last whole one
            ("logged_mid2", "i8"),
            ("own_bid", "i8"),  # best own bid, NO_BID if none
            ("own_ask", "i8"),
            ("own_key", "i8", (2,)),  # best own prices of asks and bids, as keys of the book
            ("deep", "i8", (2,)),  # 1: more than one own price on the side
            ("quiet_low", "i8", (2 * WHATS,)),  # where rows of a kind and side are quiet, quanta;
            ("quiet_high", "i8", (2 * WHATS,)),  # second half: of rows that delete a level
            ("own_low", "i8", (WHATS,)),  # between these they may change a level of our orders
            ("own_high", "i8", (WHATS,)),
            ("n_bids", "i8"),
            ("n_asks", "i8"),
            ("bids", "i8", (slots,)),  # slots, best price first, then joined_seq
            ("asks", "i8", (slots,)),
            ("orders", VenueOrder, (slots,)),
            ("queue", queue_state, (slots,)),
            ("draw", queue_state, (slots * draws,)),  # further draws of an order's queue
            ("drawn_fill", "i8", (slots * draws,)),  # 1: filled there
            ("level", queue_state, (levels,)),  # levels watched before a join
            ("level_px", "i8", (levels,)),  # quanta; 0: place free
            ("oids", "i8"),  # orders that reached the venue
            ("n_waiting", "i8"),  # takers that wait for their block
            ("waiting", Request, (WAITING,)),  # `arrival_ts`: when they act
            ("mark_moved", "i8"),  # 1: the margin has to be looked at
            ("rates_from_ts", "i8"),  # hour of the first funding rate of a table, ns
            ("n_rates", "i8"),
            ("rates", "i8", (RATES,)),  # 1e-12 per payment
            ("n_reduce_only", "i8"),  # that rest
            ("joins", "i8"),
            ("fills", "i8"),
            ("n_taken", "i8"),  # levels we took from
            ("taken_px", "i8", (TAKEN,)),
            ("taken_side", "i8", (TAKEN,)),  # side of the level
            ("taken_quantity", "i8", (TAKEN,)),
            ("dirty", "i8"),  # 1: a row touched the best levels since they were read
            ("chain", "u8"),  # hash chain over fills and account
            ("next_sample_ts", "i8"),
            ("sample_ns", "i8"),
            ("quoted_bid_ns", "i8"),  # time with a bid resting
            ("quoted_ask_ns", "i8"),
            ("touch_bid_ns", "i8"),  # time with a bid at or inside the touch
            ("touch_ask_ns", "i8"),
            ("gaps", "i8"),
            ("rejections", "i8", (len(REASON_NAMES),)),  # by reason
            ("dropped_taken", "i8"),  # levels forgotten because too many were taken from
        ],
        align=True,
    )
