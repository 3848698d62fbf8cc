"""The L2 book: what was shown, what is empty, what is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simmm.book import (
    UNKNOWN,
    best_ask,
    best_bid,
    clear,
    forget,
    in_window,
    set_best,
    set_depth,
    set_image,
    shown,
)
from simmm.records import FIRST, NO_ASK, NO_BID, book_dtype
from tests.hand import ASK, BID, Level, record
from tests.oracle.book import BookSide

WINDOW = 1 << 8


def _book(window: int = WINDOW) -> Any:
    book = record(book_dtype(window))
    clear(book)
    return book


def _image(book: Any, side: int, *levels: Level) -> None:
    for place, (px, lots) in enumerate(levels or ((0, 0),)):
        set_image(book, 0 if place else FIRST, int(side > 0), px, lots)


def _depth(book: Any, side: int, px: int, lots: int) -> None:
    set_depth(book, int(side > 0), px, lots)


def _bids(book: Any, *pxs: int) -> list[int]:
    return [shown(book, 1, px) for px in pxs]


def _asks(book: Any, *pxs: int) -> list[int]:
    return [shown(book, 0, px) for px in pxs]


def test_a_book_that_saw_nothing_knows_nothing() -> None:
    book = _book()
    assert _bids(book, 1, 100, 10**9) == [UNKNOWN] * 3
    assert best_bid(book) == NO_BID
    assert best_ask(book) == NO_ASK


def test_an_image_tells_shown_empty_and_unknown_apart() -> None:
    book = _book()
    _image(book, BID, (100, 5), (98, 7))
    _image(book, ASK, (102, 6), (105, 8))
    assert _bids(book, 101, 100, 99, 98, 97) == [0, 5, 0, 7, UNKNOWN]
    assert _asks(book, 101, 102, 103, 104, 105, 106) == [0, 6, 0, 0, 8, UNKNOWN]
    assert (best_bid(book), best_ask(book)) == (100, 102)


def test_a_second_image_moves_the_edge_both_ways() -> None:
    book = _book()
    _image(book, BID, (100, 5), (98, 7), (95, 9))
    _image(book, BID, (101, 1), (100, 2))
    assert _bids(book, 101, 100, 99, 98, 95) == [1, 2, UNKNOWN, UNKNOWN, UNKNOWN]
    _image(book, BID, (99, 3), (95, 4))
    assert _bids(book, 101, 100, 99, 98, 95) == [0, 0, 3, 0, 4]


def test_a_depth_row_beyond_the_edge_leaves_what_lies_between_unknown() -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7))
    _depth(book, BID, 95, 4)
    assert _bids(book, 99, 98, 97, 96, 95, 94) == [7, UNKNOWN, UNKNOWN, UNKNOWN, 4, UNKNOWN]
    _image(book, ASK, (101, 5), (102, 7))
    _depth(book, ASK, 105, 4)
    assert _asks(book, 102, 103, 104, 105, 106) == [7, UNKNOWN, UNKNOWN, 4, UNKNOWN]


def test_a_new_best_empties_what_lay_between() -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7))
    _depth(book, BID, 103, 2)
    assert _bids(book, 104, 103, 102, 101, 100) == [0, 2, 0, 0, 5]
    _image(book, ASK, (110, 5), (111, 7))
    _depth(book, ASK, 107, 2)
    assert _asks(book, 106, 107, 108, 109, 110) == [0, 2, 0, 0, 5]


def test_the_best_falls_back_over_emptied_levels() -> None:
    book = _book()
    _image(book, BID, (100, 5), (98, 7), (96, 9))
    _depth(book, BID, 100, 0)
    _depth(book, BID, 98, 0)
    assert best_bid(book) == 96
    _depth(book, BID, 96, 0)
    assert best_bid(book) == NO_BID
    assert _bids(book, 97, 96, 95) == [0, 0, UNKNOWN]
    _depth(book, BID, 97, 3)
    assert best_bid(book) == 97


def test_clearing_asks_one_by_one_never_loses_the_one_behind() -> None:
    """A clear up to a price must find the next level although prices between are empty."""
    book = _book()
    _image(book, ASK, (101, 1), (102, 1), (103, 1), (107, 4))
    for px in (101, 102, 103):
        _depth(book, ASK, px, 0)
    assert best_ask(book) == 107
    assert _asks(book, 101, 102, 103) == [0, 0, 0]


def test_a_bbo_empties_everything_better_and_keeps_the_rest() -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7), (98, 9))
    set_best(book, 1, 99, 3)
    assert _bids(book, 100, 99, 98) == [0, 3, 9]
    _image(book, ASK, (102, 5), (103, 7), (104, 9))
    set_best(book, 0, 103, 3)
    assert _asks(book, 102, 103, 104) == [0, 3, 9]
    assert (best_bid(book), best_ask(book)) == (99, 103)


@pytest.mark.parametrize("by_image", [True, False])
def test_a_side_without_a_level_is_empty_not_unknown(by_image: bool) -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7))
    _image(book, ASK, (102, 5), (103, 7))
    for side in (BID, ASK):
        if by_image:
            _image(book, side)
        else:
            set_best(book, int(side > 0), 101, 0)
    assert _bids(book, 101, 100, 99, 90) == [0] * 4
    assert _asks(book, 101, 102, 103, 110) == [0] * 4
    assert (best_bid(book), best_ask(book)) == (NO_BID, NO_ASK)


def test_after_a_gap_all_is_unknown_until_it_is_shown() -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7))
    forget(book)
    assert _bids(book, 101, 100, 99) == [UNKNOWN] * 3
    assert best_bid(book) == NO_BID
    _depth(book, BID, 99, 4)
    assert _bids(book, 100, 99, 98) == [UNKNOWN, 4, UNKNOWN]
    _image(book, BID, (100, 6), (99, 4))
    assert _bids(book, 100, 99) == [6, 4]


def test_after_a_gap_an_emptied_level_says_nothing_of_better_prices() -> None:
    book = _book()
    _image(book, BID, (100, 5), (99, 7))
    _image(book, ASK, (102, 5), (103, 7))
    forget(book)
    _depth(book, BID, 99, 0)
    _depth(book, ASK, 103, 0)
    assert _bids(book, 100, 99, 98) == [UNKNOWN, 0, UNKNOWN]
    assert _asks(book, 102, 103, 104) == [UNKNOWN, 0, UNKNOWN]


def test_far_levels_do_not_drag_the_window_but_a_new_best_moves_it() -> None:
    book = _book()
    _image(book, BID, (1000, 5), (999, 7))
    _image(book, ASK, (1002, 5), (1003, 7))
    assert in_window(book, 1000)
    _depth(book, BID, 10, 1)
    assert (book.dropped, best_bid(book), _bids(book, 10)) == (1, 1000, [UNKNOWN])
    _depth(book, BID, 990_000, 3)
    assert best_bid(book) == 990_000
    assert _bids(book, 989_999, 1000) == [UNKNOWN, UNKNOWN]


def test_sliding_window_keeps_what_stays_inside() -> None:
    book = _book()
    px = 1000
    _image(book, BID, (px, 5), (px - 1, 7))
    _image(book, ASK, (px + 2, 6), (px + 3, 8))
    for step in range(1, 400):  # more than a window's width
        _depth(book, BID, px + step, step)
        _depth(book, ASK, px + 2 + step - 1, 0)
        _depth(book, ASK, px + 2 + step, 10 + step)
        assert best_bid(book) == px + step
        assert best_ask(book) == px + 2 + step
        assert shown(book, 1, px + step) == step
        assert shown(book, 1, px + step - 1) == (step - 1 if step > 1 else 5)
    assert shown(book, 1, px) == UNKNOWN
    assert book.dropped == 0


# ---------------------------------------------------------------- against a book of dictionaries

LOW, HIGH = 1000, 1012
PRICES = st.integers(LOW, HIGH)
LOTS = st.sampled_from([0, 0, 1, 2, 7])
SIDES = st.sampled_from([BID, ASK])
ROWS = st.one_of(
    st.tuples(st.just("depth"), SIDES, PRICES, LOTS),
    st.tuples(st.just("bbo"), SIDES, PRICES, st.sampled_from([1, 4])),
    st.tuples(st.just("image"), SIDES, st.sets(PRICES, min_size=1, max_size=4), st.integers(1, 9)),
    st.tuples(st.just("nobody"), SIDES, st.just(0), st.just(0)),
    st.tuples(st.just("gap"), st.just(0), st.just(0), st.just(0)),
    st.tuples(st.just("look"), st.just(0), st.just(0), st.just(0)),
)


def _apply(book: Any, sides: dict[int, BookSide], row: tuple[str, int, Any, int]) -> None:
    kind, side, px, lots = row
    if kind == "depth":
        _depth(book, side, px, lots)
        sides[side].show(side * px, lots)
    elif kind == "bbo":
        set_best(book, int(side > 0), px, lots)
        sides[side].empty_better(side * px)
        sides[side].show(side * px, lots)
    elif kind == "image":
        levels = [(p, lots + p % 3) for p in sorted(px, reverse=side > 0)]
        _image(book, side, *levels)
        sides[side].image([(side * p, n) for p, n in levels])
    elif kind == "nobody":
        _image(book, side)
        sides[side].nobody()
    elif kind == "gap":
        forget(book)
        for each in sides.values():
            each.forget()
    else:  # looking changes nothing
        best_bid(book)
        best_ask(book)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(ROWS, max_size=25))
def test_any_rows_leave_what_a_book_of_dictionaries_holds(rows: list[Any]) -> None:
    book = _book()
    sides = {BID: BookSide(), ASK: BookSide()}
    _apply(book, sides, ("depth", BID, LOW, 1))  # places the window
    _apply(book, sides, ("depth", ASK, HIGH, 1))
    for row in rows:
        _apply(book, sides, row)
        for side in (BID, ASK):
            for px in range(LOW - 1, HIGH + 2):
                expected = sides[side].get(side * px)
                found = shown(book, int(side > 0), px)
                assert found == (UNKNOWN if expected is None else expected), (side, px)
    bid, ask = sides[BID].best(), sides[ASK].best()
    assert best_bid(book) == (NO_BID if bid is None else bid)
    assert best_ask(book) == (NO_ASK if ask is None else -ask)
