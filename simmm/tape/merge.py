"""Merges the packets of several tapes into one causal order.

By (`exch_ts`, kind rank, market, `seq`); rows of one packet stay together.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from simmm.records import KIND_MASK
from simmm.tape.files import Block
from simmm.tape.packets import gather_rows
from simmm.tape.schema import RANKS


def merge(sources: Sequence[Iterator[Block]]) -> Iterator[Block]:
    """Yield merged blocks of several tapes; those of a single tape pass through untouched."""
    if len(sources) == 1:
        yield from sources[0]
        return
    held: list[Block] = [next(source) for source in sources]
    while True:
        open_bounds = [block.bound_ts for block in held if not block.final]
        final = not open_bounds
        # Packets at the bound itself may still be joined by others of the same time.
        bound = 0 if final else min(open_bounds)
        takes = [
            len(block.ts) if final else int(np.searchsorted(block.ts, bound)) for block in held
        ]
        if final or any(takes):
            yield _interleave(held, takes, bound, final)
            if final:
                return
            held = [_rest(block, take) for block, take in zip(held, takes, strict=True)]
        for i, block in enumerate(held):
            if not block.final and block.bound_ts == bound:
                held[i] = _join(block, next(sources[i]))


def _rest(block: Block, take: int) -> Block:
    if take == 0:
        return block
    first = int(block.row[take]) if take < len(block.row) else len(block.tag)
    return Block(
        block.tag[first:], block.px[first:], block.qty[first:], block.ts[take:],
        block.row[take:] - first, block.info[take:], block.local[take:], block.seq[take:],
        block.bound_ts, block.final,
    )  # fmt: skip


def _join(one: Block, two: Block) -> Block:
    if len(one.ts) == 0:
        return two
    arrays = [np.concatenate((a, b)) for a, b in zip(one[:8], two[:8], strict=True)]
    arrays[4][len(one.row) :] += len(one.tag)
    return Block(*arrays, two.bound_ts, two.final)


def _interleave(held: Sequence[Block], takes: Sequence[int], bound: int, final: bool) -> Block:
    """Return the first `takes` packets of each block as one block in causal order."""
    parts = [(block, take) for block, take in zip(held, takes, strict=True) if take]
    ts, info, local, seq = (
        np.concatenate([block[place][:take] for block, take in parts] or [np.empty(0, np.int64)])
        for place in (3, 5, 6, 7)
    )
    rows_used = [
        int(block.row[take]) if take < len(block.row) else len(block.tag) for block, take in parts
    ]
    offsets = np.concatenate(([0], np.cumsum(rows_used))).astype(np.int64)
    ends = [
        np.append(block.row[1:take], used)
        for (block, take), used in zip(parts, rows_used, strict=True)
    ]
    first = np.concatenate(
        [block.row[:take] + offset for (block, take), offset in zip(parts, offsets, strict=False)]
        or [np.empty(0, np.int64)]
    )
    count = np.concatenate(
        [end - block.row[:take] for (block, take), end in zip(parts, ends, strict=True)]
        or [np.empty(0, np.int64)]
    )
    market = info >> 8
    order = np.lexsort((seq, market, RANKS[info & KIND_MASK], ts))
    tag, px, qty = (
        np.concatenate(
            [block[place][:used] for (block, _), used in zip(parts, rows_used, strict=True)]
            or [np.empty(0, kind)]
        )
        for place, kind in ((0, np.uint8), (1, np.int64), (2, np.int64))
    )
    gathered = np.empty_like(tag), np.empty_like(px), np.empty_like(qty)
    first, count = first[order], count[order]
    gather_rows(first, count, tag, px, qty, *gathered)
    row = np.concatenate(([0], np.cumsum(count)))[:-1].astype(np.int64)
    return Block(*gathered, ts[order], row, info[order], local[order], seq[order], bound, final)
