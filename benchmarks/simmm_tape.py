"""Turns a benchmark tape into a simmm tape, so that both sides replay the same rows.

Run ``python benchmarks/simmm_tape.py FOLDER`` on a tape of ``peer_tape.py`` or ``block_tape.py``:
it writes ``simmm.parquet`` beside the columns. Of the first each row is a message and a packet of
its own, the worst case for simmm, but for the first image, whose rows are one packet. The row that
only tells the peer to clear its book has no counterpart: an image empties what it doesn't show.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from block_tape import channel_of
from peer_columns import BBO, CLEAR, DEPTH, SNAPSHOT, TRADE, Array, load_columns, load_meta

from simmm import records
from simmm.market import MarketRules
from simmm.tape import TapeWriter

NAME = "simmm.parquet"
_BLOCK_ROWS = 1_000_000
_KINDS = {
    DEPTH: records.DEPTH,
    TRADE: records.TRADE,
    SNAPSHOT: records.SNAPSHOT,
    BBO: records.BBO,
}


def market_rules() -> MarketRules:
    """Rules of the tape's one market; without fees, as the peer's run has none."""
    return MarketRules(symbol="BTC-PERP", venue="benchmark", price_quantum="1", lot_size="0.00001")


def tags_of(kind: Array, side: Array, ended: Array) -> Array:
    """Give the ``tag`` byte of rows of a tape without its clearing row; shape (rows,).

    `ended` says of each row whether it is the last of its message.
    """
    codes = np.zeros(max(_KINDS) + 1, np.uint8)
    codes[list(_KINDS)] = list(_KINDS.values())
    tags: Array = codes[kind]
    tags[side > 0] |= records.BUY
    tags[kind == TRADE] |= records.AGGRESSOR_END
    begun = np.concatenate(([True], ended[:-1]))
    turned = np.diff(side, prepend=side[:1]) != 0
    tags[(kind == SNAPSHOT) & (begun | turned)] |= records.FIRST
    tags[ended] |= records.PACKET_END
    return tags


def ends_of(kind: Array, exch_ts: Array, bundled: bool) -> Array:
    """Say of each row whether it is the last of its message; shape (rows,).

    Rows of a tape in blocks are bundled: a block has one message for each channel. Of the others
    each row is a message, but for the first image.
    """
    if bundled:
        channel = channel_of(kind)
        ends = np.ones(len(kind), bool)
        ends[:-1] = (np.diff(exch_ts) != 0) | (np.diff(channel) != 0)
        return ends
    image = kind == SNAPSHOT
    ends = np.ones(len(kind), bool)
    ends[:-1] = ~(image[:-1] & image[1:])
    return ends


def write_simmm_tape(folder: Path) -> Path:
    """Write ``simmm.parquet`` beside the columns of a tape, if it isn't there yet.

    Parameters
    ----------
    folder
        Folder of a tape of ``peer_tape.py`` or ``block_tape.py``.

    Returns
    -------
    Path
        The Parquet file; it appears whole or not at all.
    """
    path = folder / NAME
    if path.exists():
        return path
    columns = load_columns(folder)
    if columns["kind"][0] != CLEAR or (columns["kind"][1:] == CLEAR).any():
        raise ValueError(f"{folder}: not one clearing row at the start; make the tape anew")
    kinds, times = np.asarray(columns["kind"][1:]), np.asarray(columns["exch_ts"][1:])
    ends = ends_of(kinds, times, "book" in load_meta(folder))
    tags = tags_of(kinds, np.asarray(columns["side"][1:]), ends)
    with TapeWriter(path, market_rules()) as writer:
        message = 0
        for start in range(0, len(tags), _BLOCK_ROWS):
            here = slice(start, start + _BLOCK_ROWS)
            rows = slice(start + 1, start + 1 + _BLOCK_ROWS)
            # A message's number counts the messages that ended before it.
            ended = np.cumsum(ends[here])
            seq = message + np.concatenate(([0], ended[:-1]))
            message += int(ended[-1])
            writer.append(
                columns["exch_ts"][rows],
                columns["local_ts"][rows],
                seq,
                tags[here],
                columns["px_ticks"][rows],
                columns["qty_lots"][rows],
            )
    return path


def main() -> int:
    """Convert the tape in a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    path = write_simmm_tape(parser.parse_args().folder)
    print(path, f"{path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
