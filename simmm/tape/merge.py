"""Merges the packets of several tapes into one causal order.

By (`exch_ts`, kind rank, market, `seq`); rows of one packet stay together.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from simmm.records import INFO_MARKET_SHIFT, KIND_MASK
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
    first = _row_of(block, take)
    return Block(
        block.tag[first:], block.px[first:], block.qty[first:], block.ts[take:],
        block.row[take:] - first, block.info[take:], block.local[take:], block.seq[take:],
        block.bound_ts, block.final,
    )  # fmt: skip


def _row_of(block: Block, packet: int) -> int:
    """Return the first row of a packet; the number of rows for the one after the last."""
    return int(block.row[packet]) if packet < len(block.row) else len(block.tag)


def _join(one: Block, two: Block) -> Block:
    if len(one.ts) == 0:
        return two
    whole = _stack([one, two])
    return whole._replace(bound_ts=two.bound_ts, final=two.final)


def _stack(blocks: Sequence[Block]) -> Block:
    """Return blocks one behind the other, rows counted through."""
    offsets = np.cumsum([0, *(len(block.tag) for block in blocks)])
    return Block(
        tag=np.concatenate([block.tag for block in blocks]),
        px=np.concatenate([block.px for block in blocks]),
        qty=np.concatenate([block.qty for block in blocks]),
        ts=np.concatenate([block.ts for block in blocks]),
        row=np.concatenate([blocks[i].row + offsets[i] for i in range(len(blocks))]),
        info=np.concatenate([block.info for block in blocks]),
        local=np.concatenate([block.local for block in blocks]),
        seq=np.concatenate([block.seq for block in blocks]),
        bound_ts=blocks[-1].bound_ts,
        final=blocks[-1].final,
    )


def _head(block: Block, take: int) -> Block:
    stop = _row_of(block, take)
    return Block(
        block.tag[:stop], block.px[:stop], block.qty[:stop], block.ts[:take], block.row[:take],
        block.info[:take], block.local[:take], block.seq[:take], block.bound_ts, block.final,
    )  # fmt: skip


def _interleave(held: Sequence[Block], takes: Sequence[int], bound: int, final: bool) -> Block:
    """Return the first `takes` packets of each block as one block in causal order."""
    whole = _stack([_head(block, take) for block, take in zip(held, takes, strict=True)])
    market = whole.info >> INFO_MARKET_SHIFT
    order = np.lexsort((whole.seq, market, RANKS[whole.info & KIND_MASK], whole.ts))
    first = whole.row[order]
    count = np.diff(whole.row, append=len(whole.tag))[order]
    tag, px, qty = np.empty_like(whole.tag), np.empty_like(whole.px), np.empty_like(whole.qty)
    gather_rows(first, count, whole.tag, whole.px, whole.qty, tag, px, qty)
    row = np.cumsum(count) - count
    return Block(
        tag, px, qty, whole.ts[order], row, whole.info[order], whole.local[order],
        whole.seq[order], bound, final,
    )  # fmt: skip
