"""Codes of rows, requests and responses, and the records that venue and maker share.

The exchange's own records are in `venue_records.py`, the maker's in `maker_records.py`, the window
of the engine in `window_records.py`, what a run writes in `output_records.py`. For all of them:

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
