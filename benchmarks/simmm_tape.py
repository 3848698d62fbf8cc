"""Turns a benchmark tape into a simmm tape, so that both sides replay the same rows.

Run ``python benchmarks/simmm_tape.py FOLDER`` on a tape of ``peer_tape.py``: it writes
``simmm.parquet`` beside the columns. Each row is a message and a packet of its own, the worst case
for simmm, but for the first image, whose rows are one packet. The row that only tells the peer to
clear its book has no counterpart: an image empties what it doesn't show.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from peer_columns import CLEAR, DEPTH, SNAPSHOT, TRADE, Array, load_columns

from simmm import records
from simmm.market import MarketRules
from simmm.tape import TapeWriter

NAME = "simmm.parquet"
_BLOCK_ROWS = 1_000_000
_KINDS = {DEPTH: records.DEPTH, TRADE: records.TRADE, SNAPSHOT: records.SNAPSHOT}


def market_rules() -> MarketRules:
    """Rules of the tape's one market; without fees, as the peer's run has none."""
    return MarketRules(symbol="BTC-PERP", venue="benchmark", price_quantum="1", lot_size="0.00001")


def tags_of(kind: Array, side: Array) -> Array:
    """Give the ``tag`` byte of rows of a tape without its clearing row; shape (rows,)."""
    codes = np.zeros(max(_KINDS) + 1, np.uint8)
    codes[list(_KINDS)] = list(_KINDS.values())
    tags: Array = codes[kind]
    tags[side > 0] |= records.BUY
    tags[kind == TRADE] |= records.AGGRESSOR_END
    image = kind == SNAPSHOT
    follows = np.zeros(len(kind), bool)  # of an image: the row before is of the same side
    follows[1:] = image[:-1] & (side[1:] == side[:-1])
    tags[image & ~follows] |= records.FIRST
    ends = np.ones(len(kind), bool)
    ends[:-1] = ~(image[:-1] & image[1:])
    tags[ends] |= records.PACKET_END
    return tags


def write_simmm_tape(folder: Path) -> Path:
    """Write ``simmm.parquet`` beside the columns of a tape, if it isn't there yet.

    Parameters
    ----------
    folder
        Folder of a tape of ``peer_tape.py``.

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
    with TapeWriter(path, market_rules()) as writer:
        message = 0
        for start in range(1, len(columns["kind"]), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            kind = np.asarray(columns["kind"][rows])
            tags = tags_of(kind, np.asarray(columns["side"][rows]))
            # A message's number counts the messages that ended before it.
            ended = np.cumsum(tags & records.PACKET_END > 0)
            seq = message + np.concatenate(([0], ended[:-1]))
            message += int(ended[-1])
            writer.append(
                columns["exch_ts"][rows],
                columns["local_ts"][rows],
                seq,
                tags,
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
