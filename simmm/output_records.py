"""Rows that a run writes, and the buffers kernels write them into."""

import numpy as np

from simmm.maker_records import MarketRecord
from simmm.records import Response

# ---------------------------------------------------------------- outputs
FillRow = np.dtype(
    [
        ("ts", "i8"),  # ns, venue
        ("known_ts", "i8"),  # ns, when the maker hears of it
        ("id", "i8"),
        ("side", "i8"),
        ("px", "i8"),
        ("quantity", "i8"),
        ("leaves", "i8"),
        ("fee", "i8"),
        ("marks", "i8"),
        ("mid2", "i8"),  # before the fill's block
        ("position", "i8"),  # after the fill
        ("placed_ts", "i8"),
        ("ahead_at_join", "f8"),
        ("level_at_join", "i8"),
        ("ahead", "f8"),  # lots, just before what filled it
        ("closed_pnl", "i8"),  # as the venue labels it, money quanta
    ],
    align=True,
)
IntentRow = np.dtype(
    [
        ("ts", "i8"),
        ("seq", "i8"),
        ("kind", "i8"),
        ("id", "i8"),
        ("new_id", "i8"),
        ("side", "i8"),
        ("px", "i8"),
        ("quantity", "i8"),
        ("tif", "i8"),
        ("arrival_ts", "i8"),
    ],
    align=True,
)
OrderRow = np.dtype(
    [
        ("id", "i8"),
        ("side", "i8"),
        ("px", "i8"),
        ("quantity", "i8"),
        ("filled", "i8"),
        ("tif", "i8"),
        ("sent_ts", "i8"),
        ("placed_ts", "i8"),
        ("answered_ts", "i8"),  # ns, when the maker hears of it first; NEVER if it doesn't
        ("end_ts", "i8"),
        ("end", "i8"),  # a RESPONSE code: how it ended; ACCEPTED: still open at the end
        ("reason", "i8"),
        ("ahead_at_join", "f8"),
        ("level_at_join", "i8"),
        ("modifies", "i8"),
        ("ahead_at_end", "f8"),  # lots
        ("reduce_only", "i8"),
    ],
    align=True,
)
EquityRow = np.dtype(
    [
        ("ts", "i8"),
        ("mid2", "i8"),
        ("position", "i8"),
        ("cash", "i8"),
        ("fees", "i8"),
        ("funding", "i8"),
        ("own_bid", "i8"),
        ("own_ask", "i8"),
        ("best_bid", "i8"),
        ("best_ask", "i8"),
        ("quoted_bid_ns", "i8"),
        ("quoted_ask_ns", "i8"),
        ("touch_bid_ns", "i8"),
        ("touch_ask_ns", "i8"),
        ("fills", "i8"),
        ("mark", "i8"),  # quanta; 0 unknown
        ("value", "i8"),  # of the account, money quanta
        ("margin_used", "i8"),  # money quanta
        ("maintenance", "i8"),
        ("margin_available", "i8"),
        ("requests_used", "i8"),
        ("requests_cap", "i8"),
        ("chain", "u8"),
    ],
    align=True,
)
BeliefRow = np.dtype(
    [
        ("ts", "i8"),
        ("mid", "f8"),
        ("sigma", "f8"),
        ("sigma_sd", "f8"),
        ("kappa", "f8"),
        ("kappa_sd", "f8"),
        ("arrival", "f8"),
        ("arrival_sd", "f8"),
        ("position", "i8"),
        ("intents", "i8"),
        ("chain", "u8"),
    ],
    align=True,
)
MidRow = np.dtype([("ts", "i8"), ("mid2", "i8")], align=True)

#: A print that reached an own order's level: would it fill the order, given the tape so far?
PredictionRow = np.dtype(
    [
        ("ts", "i8"),
        ("id", "i8"),
        ("probability", "f8"),  # share of the draws not yet filled that it fills
        ("filled", "i8"),  # 1: it filled the order on the simulated path
        ("ahead", "f8"),  # lots before it on the path
        ("ahead_mean", "f8"),  # lots before it, mean of the draws
    ],
    align=True,
)
FundingRow = np.dtype(
    [
        ("ts", "i8"),
        ("position", "i8"),  # lots
        ("px", "i8"),  # oracle or, where there is none, mark; quanta
        ("rate_e12", "i8"),
        ("payment", "i8"),  # money quanta, paid
    ],
    align=True,
)

#: Buffers the kernels write into; `n_...` rows are in use.
FILLS, INTENTS, ORDERS, SAMPLES, BELIEFS, MIDS = 4096, 4096, 4096, 4096, 4096, 16384
HEARD, PREDICTIONS, FUNDINGS, ESTIMATES = 4096, 4096, 256, 256
Outputs = np.dtype(
    [
        ("n_fills", "i8"),
        ("n_intents", "i8"),
        ("n_orders", "i8"),
        ("n_equity", "i8"),
        ("n_beliefs", "i8"),
        ("n_estimates", "i8"),
        ("n_mids", "i8"),
        ("n_heard", "i8"),
        ("n_predictions", "i8"),
        ("n_funding", "i8"),
        ("fills", FillRow, (FILLS,)),
        ("intents", IntentRow, (INTENTS,)),
        ("orders", OrderRow, (ORDERS,)),
        ("equity", EquityRow, (SAMPLES,)),
        ("beliefs", BeliefRow, (BELIEFS,)),
        ("estimates", MarketRecord, (ESTIMATES,)),  # what a strategy would have read
        ("mids", MidRow, (MIDS,)),
        ("heard", Response, (HEARD,)),  # responses as the maker heard them, for a journal
        ("predictions", PredictionRow, (PREDICTIONS,)),
        ("funding", FundingRow, (FUNDINGS,)),
    ],
    align=True,
)
