"""Runs without an error, and has nothing on the book, for one of several reasons by number."""

from simmm.strategy import record

Params = record(mistake=0)

MONEY, BASE, FORGOTTEN, TAKES = range(4)


def quote(wanted, market, memory, params):
    wanted.bid_px[0] = market.bid_px
    wanted.bid_qty[0] = 1000.0
    wanted.bids = 1
    if params.mistake == MONEY:
        wanted.bid_px[0] = market.bid_px * market.quantum
    elif params.mistake == BASE:
        wanted.bid_qty[0] = 0.01
    elif params.mistake == FORGOTTEN:
        wanted.bids = 0
    elif params.mistake == TAKES:
        wanted.bid_px[0] = market.ask_px + 10.0 * market.step
