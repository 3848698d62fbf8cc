"""A tape as a live feed: its packets one by one, in the order in which they arrived."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator

from simmm.session.journal import Packet
from simmm.tape import Chunk


def arriving(chunks: Iterable[Chunk]) -> Iterator[Packet]:
    """Yield all packets by (`local_ts`, `seq`); `order` is their number in causal order."""
    held: deque[tuple[int, Chunk, list[int], list[int], list[int]]] = deque()
    firsts: deque[int] = deque()
    packets = rows = 0
    unseen: deque[int] = deque()  # packets of each held chunk that have not arrived
    for chunk in chunks:
        if len(chunk.packet_ts):
            ends = [*chunk.packet_row.tolist(), rows + len(chunk.tag)]
            held.append((rows, chunk, ends, chunk.packet_ts.tolist(), chunk.packet_info.tolist()))
            firsts.append(packets)
            unseen.append(len(chunk.packet_ts))
            packets += len(chunk.packet_ts)
            rows += len(chunk.tag)
        for local_ts, number in zip(
            chunk.arrival_ts.tolist(), chunk.arrival_packet.tolist(), strict=True
        ):
            k = bisect_right(firsts, number) - 1
            first_row, source, ends, times, infos = held[k]
            n = number - firsts[k]
            low, high = ends[n] - first_row, ends[n + 1] - first_row
            unseen[k] -= 1
            yield Packet(
                local_ts, times[n], infos[n], number,
                source.tag[low:high], source.px[low:high], source.qty[low:high],
            )  # fmt: skip
        while unseen and unseen[0] == 0 and len(unseen) > 1:
            held.popleft()
            firsts.popleft()
            unseen.popleft()
