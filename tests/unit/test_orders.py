"""The maker's own orders: every response in every state, and wanted against resting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from simmm import maker_records, output_records, records
from simmm.market import MarketRules
from simmm.orders.reconcile import has_taker, reconcile, send_new
from simmm.orders.table import exposure, is_full, on_response, place
from simmm.records import (
    ACCEPTED,
    ALO,
    CANCEL,
    CANCEL_REJECTED,
    CANCELLED,
    CANCELLING,
    EXPIRED,
    FILLED,
    IOC,
    MODIFIED,
    MODIFY,
    MODIFY_REJECTED,
    MODIFYING,
    NEW,
    ORDER_SLOTS,
    PENDING,
    REJECTED,
    RESTING,
)
from tests.hand import ASK, BID, MS, START, WHOLE, Level, plain, record

STATES = (PENDING, RESTING, CANCELLING, MODIFYING)
GONE = -1


class Desk:
    """A maker's table of orders, and what it sends."""

    def __init__(self, *, modify: bool = False, replace_all: bool = False, **rules: Any) -> None:
        self.maker = record(maker_records.Maker)
        self.mail = record(records.Mail)
        self.out = record(output_records.Outputs)
        market = MarketRules(symbol="HAND", **{**WHOLE, **rules})
        self.maker["market"] = market.to_record()[0]
        self.maker.max_position = 1000
        self.maker.next_id = 1
        self.maker.tif = ALO
        self.maker.moves = int(modify)
        self.maker.reconcile = int(replace_all)
        self.maker.now = START
        for line in self.mail.entry:
            line.low_ns = 1

    def rest(self, *orders: tuple[int, int, int], state: int = RESTING) -> Desk:
        """Enter orders (side, px, lots) as if they had been placed; ids follow on."""
        for side, px, lots in orders:
            place(self.maker, self.maker.next_id, side, px, lots, ALO)
            self.maker.orders[self.maker.n_orders - 1].state = state
            self.maker.orders[self.maker.n_orders - 1].accepted = int(state != PENDING)
            self.maker.next_id += 1
        return self

    def want(self, bids: Sequence[Level] = (), asks: Sequence[Level] = ()) -> list[Any]:
        """Reconcile with targets; return what was sent as (kind, id, side, px, lots)."""
        for side_index, levels in enumerate((bids, asks)):
            self.maker.n_targets[side_index] = len(levels)
            for k, (px, lots) in enumerate(levels):
                self.maker.target_px[side_index, k] = px
                self.maker.target_lots[side_index, k] = lots
        first = int(self.out.n_intents)
        self.maker.now += MS
        reconcile(self.maker, self.mail, self.out)
        sent = [plain(row) for row in self.out.intents[first : self.out.n_intents]]
        return [tuple(row[n] for n in ("kind", "id", "side", "px", "quantity")) for row in sent]

    def hear(self, kind: int, number: int = 1, **fields: int) -> Desk:
        """Let a response arrive."""
        response = record(records.Response)
        response["kind"], response["id"] = kind, number
        for name, value in fields.items():
            response[name] = value
        on_response(self.maker, response)
        return self

    @property
    def orders(self) -> list[dict[str, Any]]:
        return [plain(row) for row in self.maker.orders[: self.maker.n_orders]]

    @property
    def state(self) -> int:
        """State of the only order, `GONE` if it has ended."""
        return self.orders[0]["state"] if self.orders else GONE


def _in_state(state: int) -> Desk:
    """A desk with one bid of 5 at 100 in a state; a modify on its way wants 4 at 99."""
    desk = Desk().rest((BID, 100, 5), state=state)
    if state == MODIFYING:
        order = desk.maker.orders[0]
        order.new_id, order.new_px, order.new_leaves = 7, 99, 4
    return desk


# ----------------------------------------------------------- the table of states and responses

#: state x (response, leaves) → state. What can't happen must do no harm either.
ENDS = {
    (REJECTED, 0): GONE,
    (CANCELLED, 5): GONE,
    (EXPIRED, 0): GONE,
    (FILLED, 0): GONE,
    (MODIFY_REJECTED, 0): GONE,
}
LIFECYCLE = {
    PENDING: {
        (ACCEPTED, 5): RESTING,
        (FILLED, 2): PENDING,
        (CANCEL_REJECTED, 0): PENDING,
        (MODIFIED, 4): RESTING,
        (MODIFY_REJECTED, 5): RESTING,
    },
    RESTING: {
        (ACCEPTED, 5): RESTING,
        (FILLED, 2): RESTING,
        (CANCEL_REJECTED, 0): RESTING,
        (MODIFIED, 4): RESTING,
        (MODIFY_REJECTED, 5): RESTING,
    },
    CANCELLING: {
        (ACCEPTED, 5): CANCELLING,
        (FILLED, 2): CANCELLING,
        (CANCEL_REJECTED, 0): RESTING,
        (MODIFIED, 4): CANCELLING,
        (MODIFY_REJECTED, 5): CANCELLING,
    },
    MODIFYING: {
        (ACCEPTED, 5): MODIFYING,
        (FILLED, 2): MODIFYING,
        (CANCEL_REJECTED, 0): MODIFYING,
        (MODIFIED, 4): RESTING,
        (MODIFY_REJECTED, 5): RESTING,
    },
}
PAIRS = [
    (state, kind, leaves, after)
    for state, row in LIFECYCLE.items()
    for (kind, leaves), after in {**row, **ENDS}.items()
]


def test_every_response_is_walked_in_every_state() -> None:
    assert {(state, kind) for state, kind, _, _ in PAIRS} == {
        (state, kind) for state in STATES for kind in range(EXPIRED + 1)
    }  # what comes after concerns the account, not an order


def test_an_order_that_its_cancel_overtook_is_still_on_its_way() -> None:
    """Where takers wait for their block, a cancel can come first: the order rests later."""
    desk = _in_state(PENDING)
    desk.maker.orders[0].state = CANCELLING
    desk.hear(CANCEL_REJECTED, reason=records.UNKNOWN_ORDER)
    assert desk.state == PENDING
    desk.hear(ACCEPTED, leaves=5)
    assert desk.state == RESTING


def test_funding_moves_the_makers_cash_and_no_order() -> None:
    desk = _in_state(RESTING)
    before = int(desk.maker.cash)
    desk.hear(records.FUNDED, id=0, fee=250)
    assert (desk.state, int(desk.maker.cash)) == (RESTING, before - 250)
    desk.hear(records.FUNDED, id=0, fee=-100)
    assert int(desk.maker.cash) == before - 150


@pytest.mark.parametrize("reason", [records.LIQUIDATED, records.LIQUIDATED_ACCOUNT])
def test_a_liquidated_account_wants_nothing_any_more(reason: int) -> None:
    desk = _in_state(RESTING)
    assert desk.maker.halted == 0
    desk.hear(CANCELLED, reason=reason)
    assert (desk.state, desk.maker.halted) == (GONE, 1)


@pytest.mark.parametrize(("state", "kind", "leaves", "after"), PAIRS)
def test_lifecycle(state: int, kind: int, leaves: int, after: int) -> None:
    desk = _in_state(state)
    desk.hear(
        kind,
        leaves=leaves,
        px=99,
        quantity=3 if kind == FILLED else 0,
        side=BID,
        new_id=7 if kind == MODIFIED else 0,
    )
    assert desk.state == after
    assert desk.maker.n_orders == (after != GONE)
    assert desk.maker.position == (3 if kind == FILLED else 0)
    if after == GONE:
        return
    order = desk.orders[0]
    modified = kind == MODIFIED
    assert (order["id"], order["px"]) == ((7, 99) if modified else (1, 100))
    assert order["leaves"] == (4 if modified else 2 if kind == FILLED else 5)
    waiting = state == MODIFYING and kind not in (MODIFIED, MODIFY_REJECTED)
    assert order["new_leaves"] == (4 if waiting else 0)


@pytest.mark.parametrize("kind", range(len(records.RESPONSE_NAMES)))
def test_a_response_to_an_unknown_order_changes_no_other(kind: int) -> None:
    desk = Desk().rest((BID, 100, 5), (ASK, 101, 5))
    before = desk.orders
    desk.hear(kind, number=99, leaves=0, quantity=2, side=ASK, px=101)
    assert desk.orders == before
    assert desk.maker.position == (-2 if kind == FILLED else 0)  # what filled, filled


def test_a_fill_moves_cash_by_the_venue_s_figures() -> None:
    desk = Desk().rest((ASK, 101, 5))
    desk.hear(FILLED, side=ASK, px=101, quantity=2, leaves=3, fee=77)
    assert (desk.maker.position, desk.maker.cash) == (-2, 202_000_000 - 77)
    assert (desk.maker.fees, desk.orders[0]["leaves"]) == (77, 3)


def test_removing_an_order_keeps_the_others_and_their_age() -> None:
    desk = Desk().rest(*((BID, 100 - k, 1 + k) for k in range(5)))
    desk.hear(CANCELLED, number=2).hear(REJECTED, number=5).hear(FILLED, number=1, leaves=0)
    assert [(order["id"], order["px"]) for order in desk.orders] == [(3, 98), (4, 97)]


# ---------------------------------------------------------------------------- reconcile: keep


def test_what_rests_as_wanted_stays_and_nothing_is_sent() -> None:
    desk = Desk().rest((BID, 100, 5), (BID, 99, 3), (ASK, 101, 5))
    assert desk.want([(100, 5), (99, 3)], [(101, 5)]) == []


def test_a_pending_order_stands_for_its_target() -> None:
    desk = Desk().rest((BID, 100, 5), state=PENDING)
    assert desk.want([(100, 5)]) == []


def test_a_partly_filled_order_keeps_its_place() -> None:
    desk = Desk().rest((BID, 100, 5)).hear(FILLED, side=BID, px=100, quantity=3, leaves=2)
    assert desk.want([(100, 5)]) == []


def test_another_size_or_price_is_cancelled_and_placed_anew() -> None:
    desk = Desk().rest((BID, 100, 5), (ASK, 101, 5))
    assert desk.want([(100, 6)], [(102, 5)]) == [
        (CANCEL, 1, BID, 100, 5),
        (CANCEL, 2, ASK, 101, 5),
        (NEW, 3, BID, 100, 6),
        (NEW, 4, ASK, 102, 5),
    ]
    assert [order["state"] for order in desk.orders] == [CANCELLING, CANCELLING, PENDING, PENDING]


def test_two_orders_at_one_price_do_not_both_stand_for_one_target() -> None:
    desk = Desk().rest((BID, 100, 5), (BID, 100, 5))
    assert desk.want([(100, 5)]) == [(CANCEL, 2, BID, 100, 5)]


def test_nothing_wanted_cancels_all_but_what_is_on_its_way_out() -> None:
    desk = Desk().rest((BID, 100, 5)).rest((ASK, 101, 5), state=CANCELLING)
    desk.rest((ASK, 102, 5), state=PENDING)
    assert desk.want() == [(CANCEL, 1, BID, 100, 5), (CANCEL, 3, ASK, 102, 5)]
    assert desk.want() == []


def test_an_order_being_cancelled_stands_for_nothing() -> None:
    desk = Desk().rest((BID, 100, 5), state=CANCELLING)
    assert desk.want([(100, 5)]) == [(NEW, 2, BID, 100, 5)]


def test_replace_all_cancels_what_rests_as_wanted_too() -> None:
    desk = Desk(replace_all=True, modify=True).rest((BID, 100, 5))
    assert desk.want([(100, 5)]) == [(CANCEL, 1, BID, 100, 5), (NEW, 2, BID, 100, 5)]


# -------------------------------------------------------------------------- reconcile: modify


def test_orders_left_over_are_modified_to_targets_left_over() -> None:
    desk = Desk(modify=True).rest((BID, 100, 5), (BID, 99, 5), (BID, 98, 5))
    assert desk.want([(101, 5), (99, 5)]) == [
        (MODIFY, 1, BID, 101, 5),
        (CANCEL, 3, BID, 98, 5),
    ]
    order = desk.orders[0]
    assert (order["state"], order["new_px"], order["new_id"]) == (MODIFYING, 101, 4)


def test_a_modify_prefers_the_order_at_the_same_price() -> None:
    """A smaller size at the same price may keep its place on some markets."""
    desk = Desk(modify=True).rest((BID, 100, 5), (BID, 99, 5))
    assert desk.want([(101, 5), (99, 3)]) == [
        (MODIFY, 2, BID, 99, 3),
        (MODIFY, 1, BID, 101, 5),
    ]


def test_a_modify_on_its_way_stands_for_its_new_price_of_any_size() -> None:
    desk = Desk(modify=True).rest((BID, 100, 5))
    desk.want([(101, 5)])
    assert desk.want([(101, 7)]) == []
    assert desk.want([(102, 7)]) == [(NEW, 3, BID, 102, 7)]


def test_a_market_that_modifies_in_place_keeps_the_id() -> None:
    desk = Desk(modify=True).rest((ASK, 105, 5))
    desk.maker.market.modify_in_place = 1
    desk.want(asks=[(104, 5)])
    assert desk.orders[0]["new_id"] == 1
    assert desk.maker.next_id == 2


def test_pending_orders_are_cancelled_not_modified() -> None:
    desk = Desk(modify=True).rest((BID, 100, 5), state=PENDING)
    assert desk.want([(101, 5)]) == [(CANCEL, 1, BID, 100, 5), (NEW, 2, BID, 101, 5)]


# ------------------------------------------------------------------ never beyond the position


def test_new_orders_are_cut_by_all_that_may_still_fill() -> None:
    """Limit 10, position 3: of the 5 being cancelled all may fill, so 2 are left to place."""
    desk = Desk().rest((BID, 100, 5), state=CANCELLING)
    desk.maker.max_position, desk.maker.position = 10, 3
    assert desk.want([(99, 9)]) == [(NEW, 2, BID, 99, 2)]
    assert exposure(desk.maker, BID) == 7
    assert desk.want([(98, 9)]) == [(CANCEL, 2, BID, 99, 2)]


def test_selling_may_go_to_the_limit_on_the_other_side() -> None:
    desk = Desk()
    desk.maker.max_position, desk.maker.position = 10, 3
    assert desk.want(asks=[(101, 50)]) == [(NEW, 1, ASK, 101, 13)]


def test_a_modify_in_flight_counts_both_sizes() -> None:
    """5 rest and are modified to 5: 10 may fill, so with a limit of 12 only 2 are left."""
    desk = Desk(modify=True).rest((BID, 100, 5))
    desk.maker.max_position = 12
    assert desk.want([(101, 5), (99, 5)]) == [(MODIFY, 1, BID, 101, 5), (NEW, 3, BID, 99, 2)]


def test_whatever_the_race_a_fill_before_the_modify_stays_inside_the_limit() -> None:
    """Limit 8: 5 rest; a modify wants 8 but may only want 3, since the 5 may fill first."""
    desk = Desk(modify=True).rest((BID, 100, 5))
    desk.maker.max_position = 8
    assert desk.want([(101, 8)]) == [(MODIFY, 1, BID, 101, 3)]


def test_too_small_a_rest_is_not_sent() -> None:
    desk = Desk(min_notional="200")
    desk.maker.max_position, desk.maker.position = 10, 9
    assert desk.want([(100, 5)]) == []


def test_a_full_table_sends_no_more() -> None:
    desk = Desk().rest(*((BID, 100 - k % 7, 1) for k in range(ORDER_SLOTS)), state=CANCELLING)
    assert is_full(desk.maker)
    assert desk.want([(50, 1)]) == []


def test_an_order_that_takes_is_left_alone() -> None:
    desk = Desk()
    send_new(desk.maker, desk.mail, desk.out, BID, 101, 3, IOC, 0)
    assert has_taker(desk.maker)
    assert desk.want() == []
    desk.hear(EXPIRED)
    assert not has_taker(desk.maker)


def test_requests_carry_their_number_and_time_and_move_the_digest() -> None:
    desk = Desk()
    chain = int(desk.maker.chain)
    desk.want([(100, 5)], [(101, 4)])
    rows = desk.out.intents[:2]
    assert rows["seq"].tolist() == [0, 1]
    assert rows["ts"].tolist() == [START + MS] * 2
    assert rows["arrival_ts"].tolist() == [START + MS + 1] * 2
    assert int(desk.maker.chain) != chain
    assert np.all(rows["tif"] == ALO)
