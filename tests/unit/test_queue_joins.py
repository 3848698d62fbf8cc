"""What an order joins behind where images are shown, what sizes are learned, and further draws."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from simmm.strategy.faults import compiled_arithmetic
from tests.hand import ASK, ASKS, BID, SELLER, Venue, depth, image, trade


@pytest.fixture(autouse=True)
def arithmetic() -> Iterator[None]:
    with compiled_arithmetic():
        yield


def _joined(queue: str = "pessimistic", **given: Any) -> Venue:
    """Return a venue with an own bid of 5 at 100, behind 20 shown."""
    venue = Venue(queue, images=True, **given).feed(image(BID, (100, 20), (99, 10)), ASKS)
    venue.new(1, BID, 100, 5)
    return venue


def test_until_an_image_comes_the_largest_size_seen_is_ahead() -> None:
    venue = _joined()
    venue.feed(depth(BID, 100, 15))
    assert venue.ahead(1) == 20
    venue.feed(depth(BID, 100, 25))
    assert venue.ahead(1) == 25
    assert venue.order(1)["ahead_at_join"] == 25


def test_an_order_stands_behind_the_first_image_after_its_join() -> None:
    venue = _joined().feed(depth(BID, 100, 25)).feed(image(BID, (100, 12), (99, 10)))
    assert (venue.ahead(1), venue.order(1)["level_at_join"]) == (12, 12)
    venue.feed(image(BID, (100, 30), (99, 10)))
    assert venue.ahead(1) == 12, "no other image moves it back"


def test_an_image_that_ends_before_the_order_is_not_the_first() -> None:
    venue = _joined()
    venue.new(2, BID, 98, 5)
    venue.feed(image(BID, (100, 20), (99, 10))).feed(depth(BID, 98, 7))
    assert venue.ahead(2) == 7
    venue.feed(image(BID, (100, 20), (99, 10), (98, 3)))
    assert venue.ahead(2) == 3


def test_prints_before_the_image_count() -> None:
    venue = _joined().feed(trade(SELLER, 100, 18))
    assert venue.ahead(1) == 2
    venue.feed(trade(SELLER, 100, 4))
    assert venue.filled == [(1, 100, 2)]


def test_where_changes_are_shown_an_order_stays_where_it_joined() -> None:
    venue = Venue("pessimistic").feed(image(BID, (100, 20)), ASKS)
    venue.new(1, BID, 100, 5)
    venue.feed(depth(BID, 100, 25)).feed(image(BID, (100, 22)))
    assert venue.ahead(1) == 20


def _sizes(venue: Venue) -> list[int]:
    settings = venue.venue.settings
    return [int(lots) for lots in settings.sizes[: settings.adds]]


def test_sizes_are_those_of_adds_at_the_touch() -> None:
    venue = Venue("rank").feed(image(BID, (100, 20), (99, 10)), ASKS)
    assert _sizes(venue) == [], "what was unknown was not added"
    venue.feed(depth(BID, 100, 23)).feed(depth(BID, 99, 15)).feed(depth(BID, 100, 21))
    assert _sizes(venue) == [3]
    venue.feed(image(BID, (100, 28), (99, 40)))
    assert _sizes(venue) == [3, 7], "of an image only its best"
    venue.feed(depth(BID, 101, 4)).feed(depth(ASK, 101, 0))
    assert _sizes(venue) == [3, 7, 4], "a better price was empty"


def test_an_own_order_behind_the_touch_teaches_nothing() -> None:
    venue = Venue("rank").feed(image(BID, (100, 20), (99, 10)), ASKS)
    venue.new(1, BID, 99, 5)
    venue.feed(depth(BID, 99, 16))
    assert _sizes(venue) == []
    venue.new(2, BID, 100, 5)
    venue.feed(depth(BID, 100, 26))
    assert _sizes(venue) == [6]


def _busy(draws: int) -> Venue:
    """Return a venue at which orders stood through a random quarter of an hour."""
    rng = random.Random(3)
    venue = Venue("rank", draws=draws).feed(image(BID, (100, 20), (99, 10)), ASKS)
    shown = 20
    for step in range(240):
        if step % 12 == 0:
            venue.cancel(step)
            venue.new(step + 12, BID, 100, 5)
        change = rng.choice((1, 2, 3, 5, -1, -2, -3, -5))
        shown = max(shown + change, 4)
        venue.feed(depth(BID, 100, shown))
        if step % 5 == 4:
            lots = rng.randint(1, 9)
            shown = max(shown - lots, 0)
            venue.feed(trade(SELLER, 100, lots), depth(BID, 100, shown))
    return venue


def test_further_draws_change_nothing_about_the_path() -> None:
    alone, drawn = _busy(0), _busy(16)
    assert alone.fills == drawn.fills
    assert alone.ended == drawn.ended
    assert not alone.predictions
    assert len(drawn.predictions) > 20


def test_further_draws_are_other_paths() -> None:
    """They don't repeat the path's numbers, nor each other's: some fill, others don't."""
    told = _busy(16).predictions
    assert any(0.0 < row["probability"] < 1.0 for row in told)
    assert any(row["filled"] and row["probability"] < 1.0 for row in told)
    assert {row["filled"] for row in told} == {0, 1}
    surely = [row for row in told if row["probability"] in (0.0, 1.0)]
    assert sum(row["filled"] == row["probability"] for row in surely) > 0.8 * len(surely)
