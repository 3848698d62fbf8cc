"""Does one of several wrong things, by number; one file, so that it is compiled once."""

from simmm.strategy import record

Params = record(fault=0)
Memory = record(calls=0)

PRICE_NAN, SIZE_INFINITE, TAKE_NAN, TAKE_PRICE_NAN, MILLION, NEGATIVE, OUTSIDE, DIVIDES, RAISES = (
    range(1, 10)
)


def quote(wanted, market, memory, params):
    memory.calls += 1
    if memory.calls < 3:
        return
    nothing = market.mid - market.mid
    wanted.bid_px[0] = market.bid_px
    wanted.bid_qty[0] = 1000
    wanted.bids = 1
    if params.fault == PRICE_NAN:
        wanted.bid_px[0] = market.mid * float("nan")
    elif params.fault == SIZE_INFINITE:
        wanted.bid_qty[0] = 1e300 * (1e300 + nothing)
    elif params.fault == TAKE_NAN:
        wanted.take_qty = float("nan")
    elif params.fault == TAKE_PRICE_NAN:
        wanted.take_qty = 1000.0
        wanted.take_px = float("nan")
    elif params.fault == MILLION:
        wanted.asks = 1_000_000
    elif params.fault == NEGATIVE:
        wanted.asks = -1
    elif params.fault == OUTSIDE:
        wanted.bid_px[16 + memory.calls] = market.bid_px
    elif params.fault == DIVIDES:
        wanted.bid_px[0] = 1.0 / nothing
    elif params.fault == RAISES:
        raise ValueError("enough")
