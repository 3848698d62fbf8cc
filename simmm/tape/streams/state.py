"""The state of an emulation of a venue's streams, as a record. Times in ns, prices in quanta."""

import numpy as np

from simmm.records import CONTEXT_NAMES

MOST_LEVELS = 1000  # of one side of an image
TRADES, BBOS, IMAGES, OTHERS = range(4)  # streams, each in its own order of arrival

State = np.dtype(
    [
        ("block_ns", "i8"),  # exchange times are put to the end of such a block; 0: stay
        ("image_ns", "i8"),  # between images; 0: none, -1: at each block that changes what it shows
        ("levels", "i8"),  # of each side of an image
        ("tells_bbo", "i8"),  # 1: best bid and ask are told when they change
        ("drawn", "i8"),  # 1: latencies are drawn, 0: those of the rows behind
        ("started", "i8"),
        ("open", "i8"),  # 1: a block is being read
        ("block_ts", "i8"),  # its time
        ("trade_row", "i8"),  # where its trades begin in the output; -1: none yet
        ("trade_lag", "i8"),  # latency of its last trade
        ("book_lag", "i8"),  # latency of the last row that changed the book
        ("changed", "i8"),  # 1: rows of the book since the last image
        ("due_ts", "i8"),  # next image
        ("owed", "i8"),  # 1: the first image, once both sides are known
        ("told_px", "i8", (2,)),  # the bbo told last, of asks and bids; 0: none
        ("told_qty", "i8", (2,)),
        ("told", "i8", (2,)),  # 1: that side was told
        ("context_px", "i8", (len(CONTEXT_NAMES),)),  # figures of the block, by code
        ("context_told", "i8", (len(CONTEXT_NAMES),)),
        ("context_lag", "i8"),
        ("shown", "i8", (2,)),  # levels of the image told last; -1: the side was not told
        ("shown_px", "i8", (2, MOST_LEVELS)),
        ("shown_qty", "i8", (2, MOST_LEVELS)),
        ("last_ns", "i8", (4,)),  # last arrival, by stream
        ("rows", "i8"),  # in the output
        ("packets", "i8"),
        ("closed_rows", "i8"),  # of blocks that are complete
        ("images", "i8"),
        ("short_sides", "i8"),  # sides of images that the source knew fewer levels of
        ("bbos", "i8"),
        ("trades", "i8"),
        ("crossed_blocks", "i8"),  # after which nothing of the book was told
    ],
    align=True,
)
