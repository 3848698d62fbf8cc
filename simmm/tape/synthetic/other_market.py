"""The flow of another market's tape, for worlds that it disturbs."""

from pathlib import Path

import numpy as np

from simmm.records import BUY, KIND_MASK, TRADE
from simmm.tape.schema import group_columns, open_tape_file


def signed_flow(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the trades of a tape as signed values over time.

    Returns
    -------
    seconds : ndarray, shape (n,)
        Exchange time of each trade since the tape's first row.
    sold : ndarray, shape (n,)
        Its value in quote currency, positive where the aggressor sold.
    """
    file, info = open_tape_file(path)
    unit = info.market.price(1) * float(info.market.lot_size)
    times, values = [], []
    with file:
        for group in range(file.metadata.num_row_groups):
            columns = group_columns(file, group, ("exch_ts", "tag", "px", "qty"), path)
            trade = (columns["tag"] & KIND_MASK) == TRADE
            sign = np.where(columns["tag"][trade] & BUY, -1, 1)
            times.append(columns["exch_ts"][trade] - info.first_ts)
            values.append(sign * columns["px"][trade] * columns["qty"][trade])
    return np.concatenate(times) * 1e-9, np.concatenate(values) * unit
