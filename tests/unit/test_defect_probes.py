"""Probes that another simulator fails, by their numbers in docs/fill-model.md.

P1, P2, P4, P5, P8, P11 and P14 to P18 are the probes behind defects D1 to D17, which
`test_defects.py` tests under those names. The others follow here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from simmm.records import ALO, BUY, EXPIRED, GTC, IOC
from simmm.venue.queue import DEPTH_CHANGED, FILLED_LOTS, JOIN, published, queue_model
from simmm.venue_records import QueueSettings
from tests.hand import (
    ASK,
    ASKS,
    BID,
    BIDS,
    MS,
    SELLER,
    Message,
    Venue,
    Want,
    bbo,
    depth,
    follow,
    image,
    record,
    run,
    trade,
)


@pytest.mark.parametrize("model", published.FORMS)
def test_probe_p3_own_orders_at_one_level_share_what_is_there(model: str) -> None:
    """Five orders of one lot, nobody else, one lot traded: one lot fills, not five."""
    venue = Venue(model).feed(image(BID, (99, 10)), ASKS)
    for number in range(1, 6):
        venue.new(number, BID, 100, 1)
    venue.feed(trade(SELLER, 100, 1))
    assert venue.filled == [(1, 100, 1)]
    venue.feed(trade(SELLER, 100, 3))
    assert venue.filled == [(number, 100, 1) for number in (1, 2, 3, 4)]


def test_probe_p3_across_prices_one_sweep_is_shared_too() -> None:
    """Five orders at five prices, a print of two lots beyond all: the best two fill."""
    venue = Venue().feed(image(BID, (90, 10)), ASKS)
    for number in range(1, 6):
        venue.new(number, BID, 100 - number, 1)
    venue.feed(trade(SELLER, 91, 2))
    assert venue.filled == [(1, 99, 1), (2, 98, 1)]


@pytest.mark.parametrize("tif", [GTC, IOC])
def test_probe_p6_a_taker_gets_no_more_than_is_shown(tif: int) -> None:
    """100 against 1 at the touch and nothing behind it: 1 fills."""
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1)))
    venue.new(1, BID, 100, 100, tif)
    assert venue.filled == [(1, 100, 1)]
    assert venue.account["position"] == 1


def test_probe_p6b_each_level_is_paid_at_its_own_price() -> None:
    """3 over three levels of one: a position of 3 that cost 100 + 101 + 102."""
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1), (101, 1), (102, 1)))
    venue.new(1, BID, 102, 3, IOC)
    assert venue.filled == [(1, 100, 1), (1, 101, 1), (1, 102, 1)]
    assert (venue.account["position"], venue.account["cash"]) == (3, -303 * 1_000_000)


def test_probe_p6c_the_part_of_an_ioc_that_fills_is_booked() -> None:
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1)))
    told = venue.new(1, BID, 100, 3, IOC)
    assert told[-1]["kind"] == EXPIRED
    assert (venue.account["position"], venue.account["cash"]) == (1, -100 * 1_000_000)


def test_probe_p6d_what_the_book_does_not_hold_rests_and_is_not_filled() -> None:
    """50 against a book of 1: one fills, 49 rest at their price until somebody sells there."""
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1)))
    venue.new(1, BID, 105, 50, GTC)
    assert venue.filled == [(1, 100, 1)]
    assert venue.order(1)["leaves"] == 49
    venue.feed(trade(SELLER, 105, 2))
    assert venue.filled == [(1, 100, 1), (1, 105, 2)]


def test_probe_p6d_a_taker_walks_farther_than_a_hundred_steps() -> None:
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1), (350, 5)))
    venue.new(1, BID, 350, 4, IOC)
    assert venue.filled == [(1, 100, 1), (1, 350, 3)]


def test_probe_p6e_what_was_taken_is_gone() -> None:
    """Three takers of 1 against 1: the first gets it."""
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (100, 1), (110, 9)))
    for number in (1, 2, 3):
        venue.new(number, BID, 100, 1, IOC)
    assert venue.filled == [(1, 100, 1)]
    venue.feed(bbo(ASK, 100, 1)).new(4, BID, 100, 1, IOC)
    assert len(venue.filled) == 1  # shown as it was: still gone
    venue.feed(depth(ASK, 100, 2)).new(5, BID, 100, 5, IOC)
    assert venue.filled[1:] == [(5, 100, 2)]


@pytest.mark.parametrize("model", published.FORMS)
@pytest.mark.parametrize("n", [0.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("rest", [-3e-17, -0.4])
@pytest.mark.parametrize("shown", [59, 30, 1])
def test_probe_p7_the_first_order_stays_the_first_under_every_form(
    model: str, n: float, rest: float, shown: int
) -> None:
    """A print left a hair, or up to half a lot, less than nobody ahead; then others cancel.

    A root or logarithm of what is below zero is no number, and a share above one puts us back.
    """
    queue = queue_model(model)
    join, depth_changed, filled = (queue.verbs[verb] for verb in (JOIN, DEPTH_CHANGED, FILLED_LOTS))
    state, settings = record(queue.state), record(QueueSettings)
    settings.form, settings.n = queue.form, n
    join(state, settings, rest)
    depth_changed(state, settings, 60, shown)
    assert state.ahead == 0
    assert filled(state, settings) == 0
    state.ahead -= 1
    assert filled(state, settings) == 1


def test_probe_p7_after_a_print_that_left_a_part_of_a_lot_the_next_lot_is_ours() -> None:
    """9.6 ahead and 10 traded; then most of those behind leave; one lot traded is ours.

    Under `log` the other simulator puts us behind 4 lots by then.
    """
    venue = Venue("proportional").feed(image(BID, (100, 10)), ASKS)
    venue.new(1, BID, 100, 1)
    venue.feed(depth(BID, 100, 50)).feed(depth(BID, 100, 48))
    assert venue.ahead(1) == pytest.approx(9.6)
    venue.venue.settings.form = queue_model("log").form
    venue.feed(trade(SELLER, 100, 10)).feed(depth(BID, 100, 38))
    assert venue.filled == []
    venue.feed(depth(BID, 100, 8)).feed(trade(SELLER, 100, 1))
    assert venue.filled == [(1, 100, 1)]


@pytest.mark.parametrize("px", [99, 95])
def test_probe_p9_a_sweep_fills_no_more_than_it_printed(px: int) -> None:
    """0.1 of a unit printed beyond our price does not fill a thousand units."""
    venue = Venue().feed(BIDS, ASKS)
    venue.new(1, BID, 100, 1_000)
    venue.feed(trade(SELLER, px, 1))
    assert venue.filled == [(1, 100, 1)]
    assert venue.order(1)["leaves"] == 999


@pytest.mark.parametrize("depth_first", [True, False])
def test_probe_p10_a_match_whose_level_is_told_first_counts_once(
    depth_first: bool, tmp_path: Path
) -> None:
    """10 ahead, 10 behind, 6 traded at one time: 4 are left ahead, whichever row arrives first."""
    late, early = (1, 2) if depth_first else (2, 1)
    messages = [
        Message(0, MS, image(BID, (100, 10)) + ASKS),
        Message(200 * MS, 201 * MS, depth(BID, 100, 20)),
        Message(300 * MS, (300 + late) * MS, depth(BID, 100, 14)),
        Message(300 * MS, (300 + early) * MS, trade(SELLER, 100, 6)),
        Message(400 * MS, 401 * MS, trade(SELLER, 100, 4)),
        Message(500 * MS, 501 * MS, trade(SELLER, 100, 2)),
    ]
    messages.sort(key=lambda message: message.local_ns)
    result = run(tmp_path, messages, follow([Want(0, bids=[(100, 5)])]), requote_ns=50 * MS)
    assert [(row["ts"], row["quantity"]) for row in result.fills] == [(500 * MS, 2)]


def test_probe_without_a_number_every_print_has_a_side(tmp_path: Path) -> None:
    """A trade row without a side is ignored there; here a tape can't hold one, and each acts."""
    venue = Venue().feed(image(BID, (99, 10)), image(ASK, (103, 10)))
    venue.new(1, BID, 100, 1)
    venue.new(2, ASK, 102, 1, ALO)
    tag = trade(SELLER, 101, 1)[0][0]
    assert not tag & BUY
    venue.feed([(tag, 101, 1)]).feed([(tag | BUY, 101, 1)])
    assert venue.filled == []
    venue.feed([(tag, 100, 1)]).feed([(tag | BUY, 102, 1)])
    assert venue.filled == [(1, 100, 1), (2, 102, 1)]
