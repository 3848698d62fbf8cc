"""One bid and one ask a tick behind the touch, shifted against the inventory.

The pair is shifted one step for every order held, the inventory counted in orders and clamped, but
no order goes past its touch. `benchmarks/peer_run.py` does the same with the peer.
"""

from simmm.math import round_int
from simmm.strategy import Field, record

Params = record(
    order_lots=Field(1000, unit="lots", low=1, doc="size of each quote"),
    behind=Field(1, unit="quanta", low=0, doc="behind the touch when nothing is held"),
    clamp=Field(10, unit="orders", low=0, doc="inventory beyond this shifts no further"),
)


def quote(wanted, market, memory, params):
    held = round_int(market.position / params.order_lots)
    held = max(-params.clamp, min(params.clamp, held))
    wanted.bid_px[0] = market.bid_px - max(params.behind + held, 0)
    wanted.ask_px[0] = market.ask_px + max(params.behind - held, 0)
    wanted.bid_qty[0] = params.order_lots
    wanted.ask_qty[0] = params.order_lots
    wanted.bids = 1
    wanted.asks = 1
