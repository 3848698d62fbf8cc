"""Kernels that cut rows into packets and put packets into arrival order.

A packet is a run of rows with equal (`exch_ts`, rank, `seq`), and ends with a row that has
PACKET_END. All arrays are int64 but `tag`.
"""

import numpy as np

from simmm.jit import compiled
from simmm.records import INFO_END, INFO_MARKET_SHIFT, KIND_MASK, KIND_RANK, PACKET_END

#: Ranks of the eight values of the kind bits, four bits each; 15 where no kind has that value.
_PACKED_RANKS = sum(
    (KIND_RANK[kind] if kind < len(KIND_RANK) else 15) << (4 * kind) for kind in range(8)
)
_KIND_MASK = KIND_MASK
_PACKET_END = PACKET_END
_INFO_END = INFO_END
_MARKET_SHIFT = INFO_MARKET_SHIFT
_MOVES_PER_ARRIVAL = 64
UNKNOWN_KIND, NOT_CAUSAL, TIME_TRAVEL = -1, -2, -3


@compiled
def cut_packets(
    exch_ts: np.ndarray,
    local_ts: np.ndarray,
    seq: np.ndarray,
    tag: np.ndarray,
    market: int,
    previous: np.ndarray,
    ts: np.ndarray,
    row: np.ndarray,
    info: np.ndarray,
    local: np.ndarray,
    number: np.ndarray,
) -> int:
    """Write the packets of causally ordered rows into `ts` ... `number`; return how many.

    Parameters
    ----------
    previous
        Key (exch_ts, rank, seq) of the row before, updated; [3] gets the row of an error.

    Returns
    -------
    int
        Packets, or one of UNKNOWN_KIND, NOT_CAUSAL, TIME_TRAVEL.
    """
    count = 0
    last_ts = previous[0]
    last_rank = previous[1]
    last_seq = previous[2]
    for i in range(len(exch_ts)):
        kind = np.int64(tag[i]) & _KIND_MASK
        rank = (_PACKED_RANKS >> (4 * kind)) & 15
        at = exch_ts[i]
        message = seq[i]
        if i == 0:
            ended = True
        else:
            ended = (np.int64(tag[i - 1]) & _PACKET_END) != 0
        if ended or at != last_ts or rank != last_rank or message != last_seq:
            previous[3] = i
            if rank == 15:
                return UNKNOWN_KIND
            if at < last_ts or (
                at == last_ts and (rank < last_rank or (rank == last_rank and message < last_seq))
            ):
                return NOT_CAUSAL
            if local_ts[i] < at:
                return TIME_TRAVEL
            if count > 0 and np.int64(tag[i - 1]) & _PACKET_END:
                info[count - 1] |= _INFO_END
            ts[count] = at
            row[count] = i
            info[count] = kind | (market << _MARKET_SHIFT)
            local[count] = local_ts[i]
            number[count] = message
            count += 1
            last_ts = at
            last_rank = rank
            last_seq = message
    if count > 0 and np.int64(tag[len(tag) - 1]) & _PACKET_END:
        info[count - 1] |= _INFO_END
    previous[0] = last_ts
    previous[1] = last_rank
    previous[2] = last_seq
    return count


@compiled
def insert_arrivals(
    old_ts: np.ndarray,
    old_seq: np.ndarray,
    old_packet: np.ndarray,
    new_ts: np.ndarray,
    new_seq: np.ndarray,
    first_packet: int,
    ts: np.ndarray,
    seq: np.ndarray,
    packet: np.ndarray,
) -> int:
    """Merge new packets into sorted arrivals: by (local_ts, seq, causal index).

    Insertion from the back, because packets arrive nearly as they happen.

    Returns
    -------
    int
        0, or 1 where the disorder is too great for this way.
    """
    kept = len(old_ts)
    for i in range(kept):
        ts[i] = old_ts[i]
        seq[i] = old_seq[i]
        packet[i] = old_packet[i]
    moves = 0
    limit = _MOVES_PER_ARRIVAL * (kept + len(new_ts)) + 1024
    for i in range(len(new_ts)):
        at = new_ts[i]
        message = new_seq[i]
        j = kept + i
        while j > 0 and (ts[j - 1] > at or (ts[j - 1] == at and seq[j - 1] > message)):
            ts[j] = ts[j - 1]
            seq[j] = seq[j - 1]
            packet[j] = packet[j - 1]
            j -= 1
        ts[j] = at
        seq[j] = message
        packet[j] = first_packet + i
        moves += kept + i - j
        if moves > limit:
            return 1
    return 0


@compiled
def gather_rows(
    first: np.ndarray,
    count: np.ndarray,
    tag: np.ndarray,
    px: np.ndarray,
    qty: np.ndarray,
    tag_out: np.ndarray,
    px_out: np.ndarray,
    qty_out: np.ndarray,
) -> int:
    """Copy the rows [first, first + count) of each packet, one after the other."""
    place = 0
    for i in range(len(first)):
        for j in range(first[i], first[i] + count[i]):
            tag_out[place] = tag[j]
            px_out[place] = px[j]
            qty_out[place] = qty[j]
            place += 1
    return place
