"""Every structured dtype of the core, a unit per field, and the codes stored in them.

Rule 1: state lives here as records; kernels receive records (bare pointers) and mutate them.
Rule 2: integers are 8 bytes (`i8`), because narrower ones wrap differently compiled and
interpreted. Rule 3: no field carries the name of a NumPy scalar attribute (`size`, `max`, ...),
so that the same source runs interpreted on record views.

Units: time in ns; price in *quanta* of the market; size in *lots*; money in *money quanta*
(`Market.money_scale` of them per quantum x lot); `mid2` is bid + ask, that is the mid in half
quanta.
"""

import numpy as np

# ---------------------------------------------------------------- tape rows: the `tag` byte
DEPTH, SNAPSHOT, BBO, TRADE, CONTEXT, GAP = range(6)  # bits 0-2: kind
KIND_MASK = 7
BUY = 8  # bit 3: bid level, or a trade whose aggressor bought
WHAT_MASK = 15  # kind and side together
WHATS = 16
PACKET_END = 16  # bit 4: last row of its packet; the maker steps after it
FIRST = 32  # bit 5: first row of one side of an image (kind SNAPSHOT)
AGGRESSOR_END = 64  # bit 6: last print of one aggressor (kind TRADE)
LIQUIDATION = 128  # bit 7: the aggressor is a liquidation (kind TRADE)
KIND_NAMES = ("depth", "snapshot", "bbo", "trade", "context", "gap")
#: Order of kinds within one exchange timestamp: gap < trade < bbo < depth, snapshot < context.
KIND_RANK = (3, 3, 2, 1, 4, 0)

# kind CONTEXT: `qty` says which figure `px` holds
MARK, ORACLE, FUNDING, OPEN_INTEREST = range(4)  # quanta, quanta, 1e-12 per hour, lots
CONTEXT_NAMES = ("mark", "oracle", "funding", "open_interest")
FUNDING_SCALE = 1_000_000_000_000

# packet_info = kind | INFO_END | market << INFO_MARKET_SHIFT, and INFO_LATE above the market: what
# the venue's loop must not take for an ordinary packet of the traded market is one comparison.
INFO_END = 8
INFO_MARKET_SHIFT = 8
INFO_LATE = 1 << 16  # in the venue's own window: it happened later than it says (knowledge.py)

#: What `observe` is told of.
EVENT_PACKET, EVENT_TRADE, EVENT_FILL, EVENT_GAP, EVENT_CONTEXT = range(5)

# ---------------------------------------------------------------- requests and responses
NEW, CANCEL, MODIFY, SCHEDULE_CANCEL, LEVERAGE, ISOLATED_MARGIN = range(6)
REQUEST_NAMES = ("new", "cancel", "modify", "schedule_cancel", "leverage", "isolated_margin")
GTC, IOC, ALO = range(3)  # time in force; ALO adds liquidity only (post-only)
TIF_NAMES = ("gtc", "ioc", "alo")
(
    ACCEPTED,
    REJECTED,
    FILLED,
    CANCELLED,
    CANCEL_REJECTED,
    MODIFIED,
    MODIFY_REJECTED,
    EXPIRED,
    ACCOUNT_SET,
    ACCOUNT_REJECTED,
    FUNDED,
) = range(11)
RESPONSE_NAMES = (
    "accepted",
    "rejected",
    "filled",
    "cancelled",
    "cancel_rejected",
    "modified",
    "modify_rejected",
    "expired",
    "account_set",
    "account_rejected",
    "funded",
)
(
    NO_REASON,
    BAD_STEP,
    BAD_SIZE,
    MIN_NOTIONAL,
    WOULD_CROSS,
    UNKNOWN_ORDER,
    TOO_MANY_ORDERS,
    NO_LIQUIDITY,
    OUT_OF_WINDOW,
    REDUCE_ONLY,
    MARGIN,
    MAX_POSITION,
    ORDER_TOO_LARGE,
    PRICE_BAND,
    SELF_TRADE,
    SCHEDULED,
    SCHEDULE_VOLUME,
    SCHEDULE_SOON,
    SCHEDULE_LIMIT,
    BAD_LEVERAGE,
    LEVERAGE_SWITCH,
    NOT_ISOLATED,
    ACTION_EXPIRED,
    OUT_OF_REQUESTS,
    RATE_LIMITED,
    LIQUIDATED_ACCOUNT,
    LIQUIDATED,
) = range(27)
REASON_NAMES = (
    "none",
    "price off step",
    "size below one lot",
    "below minimum notional",
    "post-only would cross",
    "order unknown, filled or cancelled",
    "too many open orders",
    "nothing to match",
    "price too far from the market",
    "reduce-only would increase the position",
    "not enough margin",
    "position above the margin tier's limit",
    "order larger than the venue takes",
    "price too far from the mark",
    "met our own order",
    "scheduled cancel",
    "scheduled cancel: too little traded",
    "scheduled cancel: less than 5 s ahead",
    "scheduled cancel: used up for the day",
    "no such leverage",
    "leverage type can't change with a position",
    "no isolated position",
    "request expired",
    "request budget used up",
    "too many requests a minute",
    "account was liquidated, trading has ended",
    "liquidation",
)

# fill flags
CROSSED = 1  # filled because the opposite best reached our price
THROUGH = 2  # a trade printed beyond our price
UNSEEN = 4  # the level had never been shown when we joined
TAKER = 8
STALE_MID = 16  # a side was missing; the last whole mid was used
LATE = 32  # by a row that came after its block was believed complete
LIQUIDATION_FILL = 64  # the venue closed the position
BACKSTOP = 128  # and took it over itself, at the mark

# own orders as the maker sees them
FREE, PENDING, RESTING, CANCELLING, MODIFYING = range(5)
ORDER_STATE_NAMES = ("free", "pending", "resting", "cancelling", "modifying")

ORDER_SLOTS = 64  # own orders alive or in flight per market
RING = 1024  # requests or responses in flight per market
LADDER = 16  # levels per side a strategy may want
BLOCKS = 64  # recent blocks whose mid the maker remembers
RATES = 2048  # funding payments of which a table may tell the rate
RATE_UNKNOWN = -(1 << 62)
WAITING = 256  # takers that wait for their block
TAKEN = 128  # levels from which we took and that were not shown since
TIERS = 8  # margin tiers of a market
BOOK_WINDOW = 1 << 16  # quanta the default book holds
WINDOW_ROWS = 1 << 14  # of the tape that the engine holds at once
NEVER = (1 << 62) - 1  # a time that never comes, ns
NO_BID = -1
NO_ASK = 1 << 60
NO_KEY = -NO_ASK  # a price of neither side, as a key of the book

Market = np.dtype(
    [
        ("money_scale", "i8"),  # money quanta per quantum x lot
        ("tick_quanta", "i8"),  # smallest fixed price step, quanta
        ("significant_figures", "i8"),  # 0: tick_quanta rules alone; 5 on Hyperliquid
        ("unit_quanta", "i8"),  # quanta per 1.0 of price; whole prices are always valid
        ("min_notional", "i8"),  # money quanta
        ("maker_fee_e9", "i8"),  # fee rate x 1e9, negative is a rebate
        ("taker_fee_e9", "i8"),
        ("modify_in_place", "i8"),  # 1: a modify keeps the id, and the place if size only shrinks
        ("max_open_orders", "i8"),
        ("double_fee", "i8"),  # 1: the fee is a product of doubles, as Hyperliquid computes it,
        ("maker_rate", "f8"),  # with these rates, fractions of notional
        ("taker_rate", "f8"),
        ("self_trade", "i8"),  # 1: a taker that meets an own order expires it
        ("block_ns", "i8"),  # 0: no blocks; else takers wait for a block, at most this long
        ("largest_limit", "i8"),  # notional of the largest order, money quanta; 0: any
        ("largest_market", "i8"),  # the same of those that take
        ("price_band_e9", "i8"),  # farthest order price from the mark, 1e-9 of the mark; 0: any
        ("funding_ns", "i8"),  # between funding payments
        ("funding_cap_e12", "i8"),  # largest rate of one payment; 0: any
        ("partial_liquidation", "i8"),  # notional above which a fifth is liquidated, money quanta
        ("cooldown_ns", "i8"),  # between partial liquidations
        ("schedule_volume", "i8"),  # traded money that scheduled cancels ask for
        ("n_fee_tiers", "i8"),  # 0: the rates above stay
        ("fee_above", "i8", (TIERS,)),  # volume above which the tier holds, money quanta
        ("fee_maker", "f8", (TIERS,)),  # its rates
        ("fee_taker", "f8", (TIERS,)),
        ("n_tiers", "i8"),  # of margin; 0: the venue knows no margin
        ("tier_low", "i8", (TIERS,)),  # notional from which the tier holds, money quanta
        ("tier_leverage", "i8", (TIERS,)),  # largest leverage in the tier
        ("tier_deduction", "i8", (TIERS,)),  # notional on which nothing is due at its rate
    ],
    align=True,
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

LATENCY_SCORES = 129  # places of a latency's table: normal scores -4 to 4 in steps of 1/16
LATENCY_BUCKETS = 320  # of latencies as they were: 8 an octave, from 128 ns up
SPELLS = 2  # spells of like latencies that lie over each other: short ones and long ones
Latency = np.dtype(
    [
        ("form", "i8"),  # a place in latency.LATENCY_FORMS
        ("low_ns", "i8"),  # no draw is below this; >= 1
        ("scale_ns", "f8"),  # width, mean or median above `low_ns`
        ("log_sd", "f8"),  # sigma of the lognormal
        ("cap_ns", "i8"),  # no draw is above this
        ("key", "i8"),  # stream of random numbers
        ("draws", "i8"),  # draws so far: the counter
        ("last_ns", "i8"),  # last arrival: nothing overtakes on one connection
        ("table_ns", "f8", (LATENCY_SCORES,)),  # of the empirical form, by normal score
        ("bursts", "i8"),  # 1: latencies near in time are alike
        ("own_weight", "f8"),  # of a message's own normal score
        ("spell_weight", "f8", (SPELLS,)),  # of the spell's it falls into
        ("spell_key", "i8", (SPELLS,)),
        ("spell_cell_ns", "i8", (SPELLS,)),  # spells begin at multiples of this,
        ("spell_chance", "f8", (SPELLS,)),  # each with this probability
        ("spell_cell", "i8", (SPELLS,)),  # the multiple looked at last,
        ("spell_score", "f8", (SPELLS,)),  # and the score of its spell
        ("sent", "i8"),  # messages; what follows is of their latencies as they were
        ("sum_ns", "f8"),
        ("least_ns", "i8"),
        ("most_ns", "i8"),
        ("buckets", "i8", (LATENCY_BUCKETS,)),  # how many, by size (latency.bucket_of)
    ],
    align=True,
)


def book_dtype(window: int = BOOK_WINDOW) -> np.dtype:
    """Return the dtype of one L2 book with `window` quanta (a power of two)."""
    return np.dtype(
        [
            ("low", "i8"),  # the window is [low, low + window), quanta; NO_ASK before the first row
            ("bound", "i8", (2,)),  # of asks and bids, keys (book.py)
            ("top", "i8", (2,)),
            ("edge", "i8", (2,)),
            ("image_key", "i8"),  # last price of the image side being read
            ("image_edge", "i8"),  # edge of that side before the image
            ("bbo_ts", "i8"),  # exch_ts of the newest bbo, ns
            ("bbo_key", "i8", (2,)),  # its prices
            ("dropped", "i8"),  # rows outside the window
            ("cells", "i8", (2 * window,)),  # lots; cell of px and side: (px & mask) << 1 | is_bid
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

Request = np.dtype(
    [
        ("arrival_ts", "i8"),  # ns, venue's clock
        ("sent_ts", "i8"),  # ns, maker's clock
        ("seq", "i8"),
        ("kind", "i8"),  # NEW, CANCEL, MODIFY
        ("id", "i8"),
        ("new_id", "i8"),  # MODIFY on a venue that replaces
        ("side", "i8"),
        ("px", "i8"),  # quanta
        ("quantity", "i8"),  # lots (MODIFY: wanted open size); else see simmm/venue/actions.py
        ("tif", "i8"),
        ("reduce_only", "i8"),
        ("by_oid", "i8"),  # 1: `id` is the venue's number
        ("expires_ts", "i8"),  # refused if it arrives later, ns; 0: never
    ],
    align=True,
)

Response = np.dtype(
    [
        ("arrival_ts", "i8"),  # ns, maker's clock
        ("venue_ts", "i8"),  # ns
        ("seq", "i8"),
        ("kind", "i8"),
        ("reason", "i8"),
        ("id", "i8"),
        ("new_id", "i8"),
        ("side", "i8"),
        ("px", "i8"),  # quanta
        ("quantity", "i8"),  # lots filled, or lots resting
        ("leaves", "i8"),  # lots still open
        ("fee", "i8"),  # money quanta; FUNDED: paid
        ("marks", "i8"),  # of a fill
        ("oid", "i8"),  # the venue's number of the order
    ],
    align=True,
)


#: What maker and venue share: messages on their way.
Mail = np.dtype(
    [
        ("entry", Latency, (len(REQUEST_NAMES),)),  # of requests, by kind
        ("entered_ts", "i8"),  # last arrival of a request: one connection, nothing overtakes, ns
        ("answer", Latency),  # of responses
        ("request_head", "i8"),  # next request to arrive
        ("request_tail", "i8"),
        ("response_head", "i8"),  # next response to arrive
        ("response_tail", "i8"),
        ("overflow", "i8"),  # 1: more messages in flight than the rings hold
        ("told_ts", "i8"),  # no response sent now is heard earlier, ns
        ("remote", "i8"),  # 1: the venue is elsewhere; responses come from outside,
        ("bound_ts", "i8"),  # and unknown ones arrive at this or later, ns
        ("requests", Request, (RING,)),
        ("responses", Response, (RING,)),
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


def window_dtype(rows: int = WINDOW_ROWS) -> np.dtype:
    """Return the dtype of the engine's window on the tape: rings of `rows` places, a power of two.

    Rows, packets and arrivals are written at their absolute number modulo `rows`, or a chunk of
    them is lent and read where it lies (reading.py). They lie in a record because a record reaches
    a kernel as a bare pointer, where an array is counted at every call. Venue and maker share one
    window, unless the venue learns from the feed: then the venue's holds the packets it believes
    in, in its own order, and the maker's all that arrived.
    """
    return np.dtype(
        [
            ("packet_hi", "i8"),  # packets known: [.., packet_hi)
            ("row_hi", "i8"),  # rows known
            ("arrival_hi", "i8"),  # arrivals known
            ("bound_ts", "i8"),  # unknown packets have exch_ts >= this and local_ts >= this
            ("final", "i8"),  # 1: nothing more will come
            ("oldest", "i8"),  # no packet before is needed any more
            ("marked", "i8"),  # arrivals taken into account in `unseen`
            ("packet", "i8"),  # venue's cursor
            ("row", "i8"),
            ("arrival", "i8"),  # maker's cursor
            ("status", "i8"),  # why advance returned
            ("held", "i8"),  # 1: a window of the venue's own
            ("told_bound_ts", "i8"),  # held: unknown packets are told at this or later, ns
            ("seen_chain", "u8"),  # hash chain over packets taken singly
            ("lent", "i8"),  # 1: a chunk is read where it lies:
            ("row_base", "i8"),  # rows, packets and arrivals from these on
            ("packet_base", "i8"),
            ("arrival_base", "i8"),
            ("tag_at", "i8"),  # addresses of the lent chunk's columns
            ("px_at", "i8"),
            ("qty_at", "i8"),
            ("packet_ts_at", "i8"),
            ("packet_row_at", "i8"),
            ("packet_info_at", "i8"),
            ("arrival_ts_at", "i8"),
            ("arrival_packet_at", "i8"),
            ("px", "i8", (rows,)),  # quanta
            ("qty", "i8", (rows,)),  # lots
            ("packet_ts", "i8", (rows,)),  # exch_ts, ns
            ("packet_row", "i8", (rows,)),  # first row
            ("packet_info", "i8", (rows,)),  # kind | INFO_END | market << INFO_MARKET_SHIFT
            ("arrival_ts", "i8", (rows,)),  # local_ts, ns
            ("arrival_packet", "i8", (rows,)),
            ("packet_order", "i8", (rows,)),  # causal order, where packets lie as they arrived
            ("told_ts", "i8", (rows,)),  # held: when a packet's moment is told, ns
            ("late_ts", "i8", (rows,)),  # held: exch_ts of a late packet
            ("tag", "u1", (rows,)),
            ("unseen", "u1", (rows,)),  # packets that the maker (1), the venue (2) may still need
        ],
        align=True,
    )


NEED_ROWS, OUTPUT_FULL, ENDED, FAULTED = range(4)
UNSEEN_BY_MAKER, UNSEEN_BY_VENUE = 1, 2


def knowledge_dtype(rows: int = WINDOW_ROWS) -> np.dtype:
    """Return the dtype of what the venue behind a live feed holds back; `rows` as the windows'."""
    return np.dtype(
        [
            ("hold_ns", "i8"),
            ("end_ts", "i8"),  # what arrives later is not part of the feed, ns
            ("by_arrival", "i8"),  # 1: packets lie as they arrived, their causal order beside them
            ("arrival", "i8"),  # arrivals heard
            ("newest_ts", "i8"),  # newest exch_ts heard, ns
            ("watermark_ts", "i8"),  # newest exch_ts believed complete, ns; 0 none yet
            ("newest_bbo_ts", "i8"),  # exch_ts of the newest packet let through, ns, by kind
            ("newest_book_ts", "i8"),
            ("packets", "i8"),  # of the traded market, heard
            ("rows", "i8"),
            ("other_rows", "i8"),  # of reference markets
            ("late_packets", "i8"),
            ("late_rows", "i8"),
            ("ignored_rows", "i8"),  # late and older than the newest of their kind
            ("n_held", "i8"),
            ("held", "i8", (rows,)),  # packets above the watermark: a heap, first in causal order
            ("mark_head", "i8"),
            ("mark_tail", "i8"),
            ("mark_local_ts", "i8", (rows,)),  # ring: when a newer exch_ts was first seen, ns
            ("mark_exch_ts", "i8", (rows,)),  # and which
            ("waiting_head", "i8"),
            ("waiting_tail", "i8"),
            ("waiting", "i8", (rows,)),  # ring: late packets, until the watermark moves on
        ],
        align=True,
    )
