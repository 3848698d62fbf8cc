"""Records of the maker: what a strategy reads and wants, own orders, the maker's whole state."""

import numpy as np

from simmm.estimators.catalogue import belief_columns
from simmm.estimators.observation import REFERENCES, Observation
from simmm.records import (
    BLOCKS,
    LADDER,
    ORDER_SLOTS,
    WHATS,
    Market,
)

OwnOrder = np.dtype(
    [
        ("id", "i8"),  # 0: slot free
        ("state", "i8"),
        ("side", "i8"),
        ("px", "i8"),
        ("leaves", "i8"),
        ("quantity", "i8"),  # lots as placed or last modified
        ("kept", "i8"),  # 1: this quote step leaves it alone
        ("accepted", "i8"),  # 1: the venue said so
        ("tif", "i8"),
        ("new_id", "i8"),  # id it will have once modified
        ("new_px", "i8"),  # wanted by the modify in flight
        ("new_leaves", "i8"),
        ("sent_ts", "i8"),
    ],
    align=True,
)

#: What a strategy reads (field, standard deviation, age). It only ever grows.
MarketRecord = np.dtype(
    [
        ("now_ns", "i8"),  # maker's clock
        ("bid_px", "f8"),  # best bid, quanta; 0 if unknown
        ("ask_px", "f8"),  # best ask, quanta; 0 if unknown
        ("bid_qty", "f8"),  # lots
        ("ask_qty", "f8"),  # lots
        ("mid", "f8"),  # quanta
        ("mid_age_ns", "i8"),  # since the last packet
        ("step", "f8"),  # valid price step at mid, quanta
        ("quantum", "f8"),  # quote currency per quantum
        ("lot", "f8"),  # base units per lot
        ("position", "f8"),  # lots
        ("maker_fee", "f8"),  # fraction of notional, negative is a rebate
        ("taker_fee", "f8"),
        ("last_trade_px", "f8"),  # quanta; 0 before the first
        ("last_trade_side", "f8"),  # +1 buyer, -1 seller
        ("mark", "f8"),  # quanta; 0 if the tape has none
        ("oracle", "f8"),  # quanta
        ("funding", "f8"),  # rate per hour
        ("open_interest", "f8"),  # lots
        ("gaps", "i8"),  # gaps seen so far
        ("reference_mid", "f8", (REFERENCES,)),  # quanta of reference tapes 1-4; 0 if absent
        *belief_columns(),  # E28: value, standard deviation, 95 % interval, age
    ],
    align=True,
)

#: What a strategy wants. Reset before every call: what is not written is not wanted.
Wanted = np.dtype(
    [
        ("bids", "i8"),  # levels in use
        ("asks", "i8"),
        ("bid_px", "f8", (LADDER,)),  # quanta; rounded down to a valid step
        ("bid_qty", "f8", (LADDER,)),  # lots; rounded down
        ("ask_px", "f8", (LADDER,)),  # quanta; rounded up to a valid step
        ("ask_qty", "f8", (LADDER,)),
        ("take_qty", "f8"),  # signed lots to take now (IOC)
        ("take_px", "f8"),  # worst price for it, quanta
        ("cancel_all", "i8"),  # 1: want nothing resting
        ("go_flat", "i8"),  # 1: take the whole position off at take_px or the touch
    ],
    align=True,
)

#: What `observe` is given, one call per row of interest and one per packet.
Event = np.dtype(
    [
        ("kind", "i8"),  # an EVENT_ code
        ("ts", "i8"),  # ns, maker's clock
        ("exch_ts", "i8"),  # ns, exchange's clock
        ("market", "i8"),
        ("side", "i8"),  # of the aggressor, or of our order
        ("px", "f8"),  # quanta
        ("qty", "f8"),  # lots
        ("marks", "i8"),
    ],
    align=True,
)

Maker = np.dtype(
    [
        ("market", Market),
        ("now", "i8"),
        ("start_ts", "i8"),  # quoting starts: run start + warm-up
        ("end_ts", "i8"),  # nothing happens after this
        ("requote_ns", "i8"),
        ("next_requote_ts", "i8"),
        ("next_clock_ts", "i8"),
        ("next_record_ts", "i8"),
        ("record_ns", "i8"),
        ("quote_on_fill", "i8"),
        ("quote_on_packet", "i8"),
        ("reconcile", "i8"),  # 0 keep what can stay, 1 replace all at each quote
        ("moves", "i8"),  # 0 cancel and new, 1 modify
        ("tif", "i8"),  # of resting quotes: ALO or GTC
        ("estimate", "i8"),  # 1: estimators run
        ("observes", "i8"),  # 1: the strategy has estimators of its own
        ("expires_ns", "i8"),  # requests are refused if they arrive later than this; 0: never
        ("halted", "i8"),  # 1: the account was liquidated; nothing is wanted any more
        ("keeps_heard", "i8"),  # 1: responses are written out as they are heard
        ("position", "i8"),
        ("max_position", "i8"),  # lots
        ("cash", "i8"),
        ("fees", "i8"),
        ("sequence", "i8"),  # requests sent
        ("next_id", "i8"),
        ("orders", OwnOrder, (ORDER_SLOTS,)),
        ("n_orders", "i8"),
        ("record", MarketRecord),
        ("wanted", Wanted),
        ("n_targets", "i8", (2,)),  # wanted after limits, of bids and asks
        ("target_px", "i8", (2, LADDER)),  # quanta
        ("target_lots", "i8", (2, LADDER)),
        ("target_met", "i8", (2, LADDER)),  # 1: an order stands for it
        ("event", Event),
        ("too_small", "i8"),  # wanted levels dropped: below a lot or the minimum notional
        ("no_place", "i8"),  # orders not sent because the table was full
        ("blind_steps", "i8"),  # quote steps skipped because a side was unknown
        ("begun", "i8"),  # 1: the estimators have started
        ("o", Observation),  # what the estimators are told
        ("clock_ns", "i8"),  # of the estimators
        ("stale_ns", "i8"),  # silence after which what a feed showed is not known any more
        ("reference_ts", "i8", (REFERENCES,)),  # local_ts of the last packet of each, ns
        ("samples", "i8"),  # rows of beliefs so far
        ("estimates_every", "i8"),  # samples from one row of all beliefs to the next
        ("book_ts", "i8"),  # local_ts of the last packet that tells of the book, ns
        ("forgotten", "i8"),  # 1: that was so long ago that the touch is unknown again
        ("touch_bid", "i8"),  # best bid after the last packet, quanta; as estimators know it
        ("touch_ask", "i8"),
        ("newest_block_ts", "i8"),  # ns
        ("block_head", "i8"),  # blocks remembered: those that changed the touch
        ("block_ts", "i8", (BLOCKS,)),
        ("block_bid", "i8", (BLOCKS,)),  # best bid before that block, quanta
        ("block_ask", "i8", (BLOCKS,)),
        ("sweep_px", "i8"),  # aggressor being read: deepest price, quanta
        ("sweep_side", "i8"),
        ("sweep_ts", "i8"),
        ("sweep_lots", "i8"),
        ("sweep_prints", "i8"),
        ("sweep_liquidation", "i8"),
        ("last_packet_ts", "i8"),  # local_ts of the last packet, ns
        ("quiet_low", "i8", (WHATS,)),  # where rows of a kind and side only set a cell, quanta
        ("quiet_high", "i8", (WHATS,)),
        ("chain", "u8"),  # hash chain over intents
        ("heard_chain", "u8"),  # over responses heard, where they are kept
        ("fault", "i8"),  # a FAULT_ code; the run stops
        ("fault_value", "f8"),
        ("steps", "i8"),  # calls of quote
        ("late_rows", "i8"),
    ],
    align=True,
)
NO_FAULT, FAULT_NOT_FINITE, FAULT_LADDER, FAULT_RING = range(4)
