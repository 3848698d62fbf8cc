"""Records of the engine's window on the tape, and of what a venue behind a live feed holds back."""

import numpy as np

from simmm.records import WINDOW_ROWS


def window_dtype(rows: int = WINDOW_ROWS) -> np.dtype:
    """Return the dtype of the engine's window on the tape: rings of `rows` places, a power of two.

    Rows, packets and arrivals are written at their absolute number modulo `rows`, or a chunk of
    them is lent and read where it lies (reading.py). They lie in a record because a record reaches
    a kernel as a bare pointer, where an array is counted at every call. Venue and maker share one
    window, unless the venue learns from the feed: then the venue's holds the packets it believes
    in, in its own order, and the maker's all that arrived.
    """
    return np.dtype(
        [
            ("packet_hi", "i8"),  # packets known: [.., packet_hi)
            ("row_hi", "i8"),  # rows known
            ("arrival_hi", "i8"),  # arrivals known
            ("bound_ts", "i8"),  # unknown packets have exch_ts >= this and local_ts >= this
            ("final", "i8"),  # 1: nothing more will come
            ("oldest", "i8"),  # no packet before is needed any more
            ("marked", "i8"),  # arrivals taken into account in `unseen`
            ("packet", "i8"),  # venue's cursor
            ("row", "i8"),
            ("arrival", "i8"),  # maker's cursor
            ("status", "i8"),  # why advance returned
            ("held", "i8"),  # 1: a window of the venue's own
            ("told_bound_ts", "i8"),  # held: unknown packets are told at this or later, ns
            ("seen_chain", "u8"),  # hash chain over packets taken singly
            ("lent", "i8"),  # 1: a chunk is read where it lies:
            ("row_base", "i8"),  # rows, packets and arrivals from these on
            ("packet_base", "i8"),
            ("arrival_base", "i8"),
            ("tag_at", "i8"),  # addresses of the lent chunk's columns
            ("px_at", "i8"),
            ("qty_at", "i8"),
            ("packet_ts_at", "i8"),
            ("packet_row_at", "i8"),
            ("packet_info_at", "i8"),
            ("arrival_ts_at", "i8"),
            ("arrival_packet_at", "i8"),
            ("px", "i8", (rows,)),  # quanta
            ("qty", "i8", (rows,)),  # lots
            ("packet_ts", "i8", (rows,)),  # exch_ts, ns
            ("packet_row", "i8", (rows,)),  # first row
            ("packet_info", "i8", (rows,)),  # kind | INFO_END | market << INFO_MARKET_SHIFT
            ("arrival_ts", "i8", (rows,)),  # local_ts, ns
            ("arrival_packet", "i8", (rows,)),
            ("packet_order", "i8", (rows,)),  # causal order, where packets lie as they arrived
            ("told_ts", "i8", (rows,)),  # held: when a packet's moment is told, ns
            ("late_ts", "i8", (rows,)),  # held: exch_ts of a late packet
            ("tag", "u1", (rows,)),
            ("unseen", "u1", (rows,)),  # packets that the maker (1), the venue (2) may still need
        ],
        align=True,
    )


NEED_ROWS, OUTPUT_FULL, ENDED, FAULTED = range(4)
UNSEEN_BY_MAKER, UNSEEN_BY_VENUE = 1, 2


def knowledge_dtype(rows: int = WINDOW_ROWS) -> np.dtype:
    """Return the dtype of what the venue behind a live feed holds back; `rows` as the windows'."""
    return np.dtype(
        [
            ("hold_ns", "i8"),
            ("end_ts", "i8"),  # what arrives later is not part of the feed, ns
            ("by_arrival", "i8"),  # 1: packets lie as they arrived, their causal order beside them
            ("arrival", "i8"),  # arrivals heard
            ("newest_ts", "i8"),  # newest exch_ts heard, ns
            ("watermark_ts", "i8"),  # newest exch_ts believed complete, ns; 0 none yet
            ("newest_bbo_ts", "i8"),  # exch_ts of the newest packet let through, ns, by kind
            ("newest_book_ts", "i8"),
            ("packets", "i8"),  # of the traded market, heard
            ("rows", "i8"),
            ("other_rows", "i8"),  # of reference markets
            ("late_packets", "i8"),
            ("late_rows", "i8"),
            ("ignored_rows", "i8"),  # late and older than the newest of their kind
            ("n_held", "i8"),
            ("held", "i8", (rows,)),  # packets above the watermark: a heap, first in causal order
            ("mark_head", "i8"),
            ("mark_tail", "i8"),
            ("mark_local_ts", "i8", (rows,)),  # ring: when a newer exch_ts was first seen, ns
            ("mark_exch_ts", "i8", (rows,)),  # and which
            ("waiting_head", "i8"),
            ("waiting_tail", "i8"),
            ("waiting", "i8", (rows,)),  # ring: late packets, until the watermark moves on
        ],
        align=True,
    )
