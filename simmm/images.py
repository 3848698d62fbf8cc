"""The rows of an image, a side at a time: what `book.set_image` does, for many rows at once."""

from typing import Any

from simmm.book import in_window, key_of
from simmm.jit import kernel
from simmm.reading import octet, row_line, word
from simmm.records import BUY, FIRST, KIND_MASK, NO_KEY, SNAPSHOT

_SIDE = FIRST | BUY | KIND_MASK


@kernel
def pass_image(
    book: Any, side: int, window: Any, row: int, end: int, floor: int, ceiling: int
) -> int:
    """Apply rows that go on with an image of `side`, from `row` on; return the first that doesn't.

    Parameters
    ----------
    end
        Rows from here on are of another packet.
    floor, ceiling
        Rows are applied as long as their keys lie strictly between.

    Returns
    -------
    int
        The first row not applied: another side's or kind's, a first row, one outside of `floor`,
        `ceiling` or the book's window, or one that isn't worse than the row before.
    """
    key = book.image_key
    known = book.edge[side] == key and book.bound[side] >= key
    if not known or (book.top[side] < key and book.top[side] != NO_KEY):
        return row
    if not in_window(book, key_of(side, key)):
        return row
    mask = book.cells.size // 2 - 1
    worst = book.low - 1 if side else -book.low - mask - 1
    floor = max(floor, worst)
    sign = 1 if side else -1
    wanted = SNAPSHOT | (side << 3)
    while row < end:
        tags, prices, sizes, count = row_line(window, row, end)
        k = 0
        while k < count:
            own = sign * word(prices, k)
            tag = octet(tags, k)
            if (tag & _SIDE != wanted) | (own >= key) | (own <= floor) | (own >= ceiling):
                break
            for gap in range(own + 1, key):
                book.cells[((sign * gap & mask) << 1) | side] = 0
            book.cells[((sign * own & mask) << 1) | side] = word(sizes, k)
            key = own
            k += 1
        row += k
        if k < count:
            break
    book.image_key = key
    book.edge[side] = key
    return row
