"""What estimators are told: one record for all kinds of observations.

A kind fills the fields that are listed beside it and leaves the others as they were; an estimator
looks only at fields of the kind it was called for. Distances are fractions of the mid, positive
away from it on the side in question; 0 in `mid` or `half_spread` is unknown.
"""

import numpy as np

CLOCK = 0  # estimator clock: mid, half_spread, step, touch_lots, levels, own quotes, references
AGGRESSOR = (
    1  # one, whole: mid, half_spread, step (before it), side, lots, reach, prints, liquidation
)
TOUCH = 2  # the best bid or ask changed: mid, half_spread, step, touch_lots (after it)
BUCKET = 3  # the volume clock closed a bucket: lots, seconds, change, mid
FILL = 4  # own resting order filled: side, lots, distance, depth, mid, half_spread (before it)
CONTEXT = 5  # mark, oracle, funding or open interest of a market: market, open_interest, mark
GAP = 6  # the feed was interrupted: nothing is known until it is shown again
KINDS = ("CLOCK", "AGGRESSOR", "TOUCH", "BUCKET", "FILL", "CONTEXT", "GAP")

LEVELS = 20  # of the book, a side, best first
OWN = 16  # own resting orders, a side
REFERENCES = 4  # other markets

BID, ASK = 1, 0  # index of a side in arrays of two

Observation = np.dtype(
    [
        ("kind", "i8"),
        ("now", "i8"),  # maker's clock, ns; never falls
        ("exch_ts", "i8"),  # exchange's clock, ns; may fall from one to the next
        ("market", "i8"),  # 0 the traded one, 1-4 references
        ("lot", "f8"),  # base units per lot
        ("mid", "f8"),  # quanta
        ("half_spread", "f8"),  # mid to touch, fraction
        ("step", "f8"),  # valid price step, fraction
        ("touch_lots", "f8", (2,)),  # at best ask [ASK] and best bid [BID]; 0 unknown
        ("side", "f8"),  # +1 buy, -1 sell: of the aggressor, or of the own order
        ("lots", "f8"),  # traded by the aggressor, in the bucket, or filled
        ("prints", "f8"),  # of the aggressor
        ("liquidation", "f8"),  # 1: the venue says that the aggressor is a liquidation
        ("reach", "f8"),  # mid to the deepest price the aggressor printed at, fraction
        ("seconds", "f8"),  # duration of the bucket
        ("change", "f8"),  # log return of the mid over the bucket
        ("distance", "f8"),  # mid to the price of the fill, fraction; < 0: past the mid
        ("depth", "f8"),  # touch to the price of the fill, fraction; < 0: inside the spread
        ("open_interest", "f8"),  # lots; 0 unknown
        ("mark", "f8"),  # quanta; 0 unknown
        ("levels", "i8", (2,)),  # levels shown, of ask and bid, within 512 prices of the touch
        ("level_distance", "f8", (2, LEVELS)),  # mid to level, fraction, growing
        ("level_lots", "f8", (2, LEVELS)),  # of others
        ("own", "i8", (2,)),  # own orders that rest, ask and bid
        ("own_distance", "f8", (2, OWN)),  # mid to own order, fraction
        ("reference_mid", "f8", (REFERENCES,)),  # quanta of that market; 0 unknown or absent
    ],
    align=True,
)
