"""`simmm.exchange.Exchange`: what it takes, what it gives, what it refuses in a clear line."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal

import pytest

from simmm.errors import ScenarioError, VenueError
from simmm.exchange import Exchange
from simmm.exchange.amounts import time_ns, time_text


def opened(**settings) -> Exchange:
    exchange = Exchange("BTC", date="2026-07-19", **settings)
    exchange.book(bids=[("60000", "2"), ("59990", "5")], asks=[("60001", "2"), ("60010", "5")])
    return exchange


def test_amounts_are_exact_and_levels_may_come_in_any_order() -> None:
    exchange = Exchange("BTC", date="2026-07-19", deposit="1000.000001")
    exchange.book(bids=[("59990", 5), (Decimal("60000.0"), "2")], asks=[("60010", "1"), (60001, 1)])
    assert exchange.account.value == "1000.000001"
    assert exchange.order("buy", "0.01", "60001").words.endswith("bbo was 60000.0@60001.0. asset=0")


def test_an_answer_says_all_there_is() -> None:
    exchange = opened()
    (answer,) = exchange.order("buy", "0.01", "60005", tif="ioc", client_id=3)
    assert (answer.kind, answer.oid, answer.client_id, answer.side) == ("filled", 1, 3, "buy")
    assert (answer.px, answer.size, answer.left, answer.fee) == ("60001", "0.01", "0", "0.270004")
    assert answer.marks == ("taker",)
    assert answer.status == "filled"
    assert answer.time == "2026-07-19 00:00:00.102"
    (fill,) = exchange.fills
    assert (fill.position, fill.oid) == ("0.01", 1)
    state = exchange.account
    assert (state.cash, state.value) == ("9399.719996", "9999.724996")


def test_a_taker_acts_with_the_next_packet_or_after_a_tenth_of_a_second() -> None:
    exchange = opened()
    assert not exchange.order("buy", "0.01", "60001", tif="ioc", wait=False)
    assert not exchange.wait("0.099")
    assert [answer.kind for answer in exchange.wait("0.001")] == ["filled"]
    assert not exchange.order("buy", "0.01", "60001", tif="ioc", wait=False)
    assert [answer.kind for answer in exchange.trade("sell", "60000", "1")] == ["filled"]


def test_a_post_only_order_does_not_wait_for_a_taker_before_it() -> None:
    exchange = opened()
    exchange.order("buy", "0.01", "60001", tif="ioc", wait=False)
    (answer,) = exchange.order("buy", "0.01", "59990")
    assert answer.kind == "accepted"


def test_prices_and_sizes_finer_than_the_market_s_are_refused_by_the_venue() -> None:
    exchange = opened()
    assert exchange.order("buy", "0.01", "59999.55").words == (
        "Price must be divisible by tick size. asset=0"
    )
    assert exchange.order("buy", "0.010001", "59999").words == "Order has invalid size. asset=0"
    assert exchange.order("buy", "0", "59999").words == "Order has zero size. asset=0"


def test_a_modify_keeps_the_client_s_id_and_names_the_new_order() -> None:
    exchange = opened()
    exchange.order("buy", "0.01", "59990", client_id=5)
    (answer,) = exchange.modify(order_id=1, size="0.02", px="59991")
    assert (answer.kind, answer.oid, answer.new_oid) == ("modified", 1, 2)
    (order,) = exchange.orders
    assert (order.oid, order.client_id, order.left, order.px) == (2, 5, "0.02", "59991")
    assert exchange.cancel(client_id=5)[0].kind == "cancelled"
    assert exchange.modify(client_id=5, size="0.02", px="59991").words == (
        "Cannot modify canceled or filled order"
    )


def test_without_margin_and_budget_nothing_is_limited() -> None:
    exchange = opened(deposit="1", margin="off", budget=False)
    assert exchange.order("buy", "2", "60001", tif="ioc")[0].kind == "filled"
    assert exchange.mark("1")[:] == []
    assert exchange.account.requests_cap == 0


def test_a_short_position_receives_funding_where_longs_pay() -> None:
    exchange = opened()
    exchange.order("sell", "0.1", "60000", tif="ioc")
    exchange.funding_rate("0.0000125")
    exchange.oracle("60050")
    (answer,) = exchange.at("01:00")
    assert repr(answer) == "funded: received 0.075062"
    assert exchange.account.funding == "-0.075062"


def test_another_queue_model_can_be_asked_for() -> None:
    exchange = opened(queue="optimistic")
    exchange.order("buy", "0.01", "60000")
    exchange.level("buy", "60000", "1")
    assert exchange.orders[0].ahead == "1"


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda e: e.order("long", "1", "60000"), "side: 'long' is unknown"),
        (lambda e: e.order("buy", "1", "60000", tif="fok"), "tif: 'fok' is unknown"),
        (lambda e: e.order("buy", 0.1, "60000"), "size: 0.1 isn't exact; write it as text"),
        (lambda e: e.order("buy", "one", "60000"), "size: 'one' is no decimal number"),
        (lambda e: e.order("buy", "1", "nan"), "px: 'nan' must be finite"),
        (lambda e: e.trade("buy", "60000.55", "1"), "1 at 60000.55: BTC has no such level"),
        (lambda e: e.level("buy", "60000", "-1"), "-1 at 60000: BTC has no such level"),
        (lambda e: e.cancel(), "name the order by order_id or by client_id"),
        (lambda e: e.cancel(1, client_id=1), "name the order by order_id or by client_id"),
        (lambda e: e.add_margin("0.0000001"), "the smallest amount is 0.000001 USDC"),
        (lambda e: e.funding_rate("1e-13"), "rate: 1e-13 is finer than"),
        (lambda e: e.at("2026-07-18 12:00"), "at: 2026-07-18 12:00:00 is past"),
        (lambda e: e.at("noon"), "time: 'noon' is none"),
        (lambda e: e.wait("-1"), "at: .* is past"),
        (lambda e: e.book(bids=[(str(px), "1") for px in range(1, 1100)]), "more than fit"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(
    act: Callable[[Exchange], object], message: str
) -> None:
    with pytest.raises(VenueError, match=message):
        act(opened())


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"symbol": "NOSUCH"}, ScenarioError, "NOSUCH"),
        ({"date": "2020-01-01"}, ScenarioError, "none known for 2020-01-01"),
        ({"margin": "both"}, VenueError, "margin: 'both' is unknown"),
        ({"leverage": 41}, VenueError, "leverage: 41 must lie in 1..40"),
        ({"deposit": "1e-9"}, VenueError, "deposit"),
        ({"deposit": "-1"}, VenueError, "deposit: -1 must not be negative"),
    ],
)
def test_an_exchange_that_can_t_be(
    settings: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Exchange(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("12:30", "2026-07-19 12:30:00"),
        ("12:30:05.25", "2026-07-19 12:30:05.25"),
        ("2026-07-20 08:00", "2026-07-20 08:00:00"),
        (datetime.datetime(2026, 7, 19, 1, tzinfo=datetime.UTC), "2026-07-19 01:00:00"),
        (1_784_419_200_000_000_001, "2026-07-19 00:00:00.000000001"),
    ],
)
def test_moments(moment: object, text: str) -> None:
    assert time_text(time_ns(moment, 1_784_419_200_000_000_000)) == text  # type: ignore[arg-type]
