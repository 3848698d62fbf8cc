"""The state of the world of single orders, what it writes, and its codes."""

import numpy as np

ORDERS = 1 << 14  # alive at once
TICKS = 1 << 13  # prices of the world
RANKS = 1 << 10  # ranks with a weight of their own; older orders share the last
SIZES = 64  # sizes that a law of sizes may name
SWEPT = 64  # levels that one taker may reach
ADD, CANCEL, REPLACE, FILL = range(4)
ACTIONS = ("add", "cancel", "replace", "fill")
END_FILL, END_CANCEL, END_REPLACE, END_OPEN = range(4)
ENDS = ("fill", "cancel", "replace", "open")
BY_LOTS, BY_ORDERS, BY_RANK = range(3)
LAWS = ("lots", "orders", "rank")
TIME, WHAT, SIZE, TAKER_SIZE, PRICE, VICTIM, REPLACED = range(7)
STREAMS = ("time", "what", "size", "taker size", "price", "victim", "replaced")
NOBODY = -1

OrderRow = np.dtype(
    [
        ("ts", "i8"),  # ns
        ("action", "i8"),  # add, cancel, replace, fill
        ("order_id", "i8"),
        ("side", "i8"),  # of the resting order, +1 bid
        ("px", "i8"),  # quanta; of a replace, the new price
        ("lots", "i8"),  # joined, taken away, open after the replace, filled
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
        ("dist_ticks", "i8"),  # behind the best of its side; below 0: it improved it
        ("spread_ticks", "i8"),  # before the join
        ("ahead_qty0", "i8"),  # lots ahead at the join
        ("ahead_n0", "i8"),  # orders ahead at the join
        ("ahead_exec", "i8"),  # of them: traded, lots
        ("ahead_canc", "i8"),  # of them: cancelled or replaced, lots
        ("first_fill_ts", "i8"),  # 0: none
        ("last_fill_ts", "i8"),
        ("filled", "i8"),  # lots
        ("end", "i8"),
        ("end_ts", "i8"),  # 0: still open
    ],
    align=True,
)
_Order = np.dtype(
    [
        ("fate", Fate),
        ("tick", "i8"),
        ("lots", "i8"),  # open
        ("older", "i8"),  # neighbours at its price
        ("younger", "i8"),
        ("place", "i8"),  # in the list of those alive
    ],
    align=True,
)
_Level = np.dtype(
    [("oldest", "i8"), ("youngest", "i8"), ("lots", "i8"), ("count", "i8")], align=True
)
World = np.dtype(
    [
        ("rows", "i8"),
        ("messages", "i8"),
        ("n_order_rows", "i8"),
        ("n_fates", "i8"),
        ("now", "i8"),
        ("end_ts", "i8"),
        ("next_ts", "i8"),
        ("next_id", "i8"),
        ("base", "i8"),  # quanta of tick 0
        ("tick_quanta", "i8"),
        ("feed_ns", "i8"),
        ("levels", "i8"),
        ("limit_rate", "f8"),
        ("taker_rate", "f8"),
        ("cancel_rate", "f8"),
        ("replace_share", "f8"),
        ("law", "i8"),
        ("kappa", "f8"),
        ("weight", "f8", (RANKS,)),  # of a victim by the number of younger orders
        ("n_sizes", "i8"),
        ("sizes", "i8", (SIZES,)),
        ("size_chance", "f8", (SIZES,)),
        ("n_taker_sizes", "i8"),
        ("taker_sizes", "i8", (SIZES,)),
        ("taker_chance", "f8", (SIZES,)),
        ("key", "i8", (len(STREAMS),)),
        ("draws", "i8", (len(STREAMS),)),
        ("best", "i8", (2,)),  # ticks of best ask and bid; the last one while a side is empty
        ("resting", "i8", (2,)),  # orders of asks and bids
        ("n_alive", "i8"),
        ("n_free", "i8"),
        ("refused", "i8"),  # joins that found no room
        ("takers", "i8"),
        ("prints", "i8"),
        ("alive", "i8", (ORDERS,)),
        ("free", "i8", (ORDERS,)),
        ("orders", _Order, (ORDERS,)),
        ("book", _Level, (TICKS,)),
        ("swept", "i8", (SWEPT,)),
    ],
    align=True,
)
