"""Limits that no quote leaves without: finite, on step, whole lots, inside the position limit.

What a strategy wrote (`maker_records.Wanted`, floats) becomes targets (integers) or a fault that
stops the run. Rounding never makes a quote more aggressive or larger than wanted.
"""

from typing import Any

from simmm.jit import kernel
from simmm.maker_records import FAULT_LADDER, FAULT_NOT_FINITE, NO_FAULT
from simmm.math import floor_int, is_finite
from simmm.records import LADDER
from simmm.steps import round_down, round_up

#: What lies within this of a whole number of quanta or lots is meant to be that number.
WHOLE = 1e-6
LARGEST = 1e15


@kernel
def set_targets(maker: Any) -> None:
    """Turn what is wanted into targets of both sides; sets `maker.fault` if that can't be done."""
    wanted = maker.wanted
    maker.n_targets[0] = 0
    maker.n_targets[1] = 0
    if not is_finite(wanted.take_qty) or not is_finite(wanted.take_px):
        maker.fault = FAULT_NOT_FINITE
        return
    if wanted.cancel_all:
        return
    for side_index in range(2):
        levels = wanted.asks if side_index else wanted.bids
        if levels < 0 or levels > LADDER:
            maker.fault = FAULT_LADDER
            maker.fault_value = float(levels)
            return
        room = maker.max_position + (maker.position if side_index else -maker.position)
        for k in range(levels):
            px = wanted.ask_px[k] if side_index else wanted.bid_px[k]
            qty = wanted.ask_qty[k] if side_index else wanted.bid_qty[k]
            if not is_finite(px) or not is_finite(qty):
                maker.fault = FAULT_NOT_FINITE
                maker.fault_value = float(k)
                return
            if 0.0 < qty < 1.0 - WHOLE:
                maker.too_small += 1
            if qty < 1.0 - WHOLE or px < 1.0 - WHOLE or px > LARGEST or room < 1:
                continue
            lots = min(whole_lots(qty), room)
            if side_index:
                quanta = round_up(maker.market, px - WHOLE)
            else:
                quanta = round_down(maker.market, px + WHOLE)
            if quanta < 1:
                continue
            room -= lots
            _add_target(maker, side_index, quanta, lots)
    _drop_small(maker)


@kernel
def whole_lots(qty: float) -> int:
    """Return a finite size in whole lots, rounded toward zero."""
    if qty < 0.0:
        return -floor_int(min(-qty, LARGEST) + WHOLE)
    return floor_int(min(qty, LARGEST) + WHOLE)


@kernel
def is_large_enough(maker: Any, px: int, lots: int) -> bool:
    """Return whether an order is worth sending: a lot at least, and the minimum notional."""
    # In floats, because the product of a senseless price may not fit an integer.
    notional = float(px) * float(lots) * float(maker.market.money_scale)
    return lots > 0 and notional >= float(maker.market.min_notional)


@kernel
def _add_target(maker: Any, side_index: int, px: int, lots: int) -> None:
    count = maker.n_targets[side_index]
    for k in range(count):
        if maker.target_px[side_index, k] == px:
            maker.target_lots[side_index, k] += lots
            return
    maker.target_px[side_index, count] = px
    maker.target_lots[side_index, count] = lots
    maker.target_met[side_index, count] = 0
    maker.n_targets[side_index] = count + 1


@kernel
def _drop_small(maker: Any) -> None:
    for side_index in range(2):
        left = 0
        for k in range(maker.n_targets[side_index]):
            px = maker.target_px[side_index, k]
            lots = maker.target_lots[side_index, k]
            if is_large_enough(maker, px, lots):
                maker.target_px[side_index, left] = px
                maker.target_lots[side_index, left] = lots
                left += 1
            else:
                maker.too_small += 1
        maker.n_targets[side_index] = left


@kernel
def no_fault(maker: Any) -> bool:
    """Return whether the maker may go on."""
    return maker.fault == NO_FAULT
