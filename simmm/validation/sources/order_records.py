"""Codes and records of a book of single orders (`order_book`)."""

import numpy as np

ADD, CANCEL, DELETE, REPLACE, MODIFY, FILL, OPEN = range(7)
END_FILL, END_CANCEL, END_REPLACE, END_OPEN = range(4)
ENDS = ("fill", "cancel", "replace", "open")
NOBODY = -1
UNTOLD = -1  # no size, price or side in the row

(
    SOUND,
    UNKNOWN_ORDER,
    KNOWN_ORDER,
    BEYOND_FILL,
    BEYOND_CANCEL,
    NO_SIZE,
    NO_PRICE,
    NO_SIDE,
    OTHER_SIDE,
    OTHER_PRICE,
    CROSSED,
    LATE_OPEN,
) = range(12)

#: One row of the record. `slot` and `new_slot` are places of orders in the pool.
Change = np.dtype(
    [
        ("ts", "i8"),  # ns
        ("local_ts", "i8"),  # ns
        ("action", "i8"),
        ("slot", "i8"),
        ("new_slot", "i8"),  # of a replace that gives a new id; else the same as `slot`
        ("side", "i8"),  # +1 bid, -1 ask, 0 untold
        ("level", "i8"),  # which of the record's prices; UNTOLD
        ("lots", "i8"),  # UNTOLD
    ],
    align=True,
)
Fate = np.dtype(
    [
        ("order_id", "i8"),
        ("side", "i8"),
        ("px", "i8"),  # quanta
        ("qty", "i8"),  # lots at the join
        ("add_ts", "i8"),  # ns
        ("replaced", "i8"),  # 1: it came here by a replace
        ("dist_ticks", "i8"),  # behind the best of its side before; below 0: better
        ("spread_ticks", "i8"),  # before the join
        ("ahead_qty0", "i8"),  # lots
        ("ahead_n0", "i8"),  # orders
        ("ahead_exec", "i8"),  # lots
        ("ahead_canc", "i8"),  # lots
        ("first_fill_ts", "i8"),  # 0: none
        ("last_fill_ts", "i8"),
        ("filled", "i8"),  # lots
        ("end", "i8"),
        ("end_ts", "i8"),  # 0: still open
        ("joined", "i8"),  # number of the join, from 0
    ],
    align=True,
)
Order = np.dtype(
    [
        ("fate", Fate),
        ("alive", "i8"),
        ("opening", "i8"),  # 1: it rested before the record began, and has no fate
        ("level", "i8"),
        ("lots", "i8"),  # open
        ("older", "i8"),
        ("younger", "i8"),
    ],
    align=True,
)
Level = np.dtype(
    [("oldest", "i8"), ("youngest", "i8"), ("lots", "i8"), ("count", "i8")], align=True
)
Book = np.dtype(
    [
        ("now", "i8"),  # of the event, ns
        ("rows", "i8"),  # written to the tape's buffer
        ("fates", "i8"),  # written to theirs
        ("messages", "i8"),
        ("prints", "i8"),
        ("joins", "i8"),
        ("started", "i8"),  # 1: the opening book is complete
        ("local_ts", "i8"),  # of the event, ns
        ("tick_quanta", "i8"),
        ("best", "i8", (2,)),  # levels of best ask and bid; the last one while a side is empty
        ("resting", "i8", (2,)),  # orders of asks and bids
        ("bad_row", "i8"),
        ("shifted", "i8"),  # events moved behind others of the same time
        ("raised", "i8"),  # events whose local_ts was raised
        ("out_of_turn", "i8"),  # fills of an order that wasn't the oldest
    ],
    align=True,
)
TapeRow = np.dtype(
    [
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("seq", "i8"),
        ("tag", "i8"),
        ("px", "i8"),
        ("qty", "i8"),
        ("aux", "i8"),
    ],
    align=True,
)
