"""Numbers messages in their order of arrival, which is known only later, and writes their rows."""

from collections.abc import Callable

import numpy as np


class Numbering:
    """Takes packets as they happen and writes their rows once they have a number.

    Parameters
    ----------
    write
        Gets the columns of rows in causal order, as `TapeWriter.append` wants them.
    """

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write
        self._rows: list[np.ndarray] = []  # of packets not yet written
        self._sizes = np.empty(0, np.int64)  # rows of each of those packets
        self._seq = np.empty(0, np.int64)  # their numbers; -1: not yet known
        self._local = np.empty(0, np.int64)
        self._next = 0

    def add(self, rows: np.ndarray, packets: np.ndarray, bound_ts: int) -> None:
        """Take complete packets; all later ones arrive at `bound_ts` or after it.

        Parameters
        ----------
        rows
            With fields exch_ts, local_ts, tag, px, qty and aux, in causal order.
        packets
            With the fields row, the first one's place in `rows`, and local_ts.
        """
        if len(packets):
            self._rows.append(rows.copy())
            sizes = np.diff(packets["row"], append=len(rows))
            self._sizes = np.concatenate((self._sizes, sizes))
            self._seq = np.concatenate((self._seq, np.full(len(packets), -1)))
            self._local = np.concatenate((self._local, packets["local_ts"]))
        ready = np.flatnonzero((self._seq < 0) & (self._local < bound_ts))
        order = np.argsort(self._local[ready], kind="stable")  # at one time as they happened
        self._seq[ready[order]] = self._next + np.arange(len(ready))
        self._next += len(ready)
        waiting = np.flatnonzero(self._seq < 0)
        self._put(int(waiting[0]) if len(waiting) else len(self._seq))

    def _put(self, packets: int) -> None:
        """Write the rows of the first packets that wait."""
        if packets == 0:
            return
        count = int(self._sizes[:packets].sum())
        whole = self._rows[0] if len(self._rows) == 1 else np.concatenate(self._rows)
        seq = np.repeat(self._seq[:packets], self._sizes[:packets])
        rows = whole[:count]
        self._write(
            rows["exch_ts"], rows["local_ts"], seq, rows["tag"], rows["px"], rows["qty"],
            rows["aux"],
        )  # fmt: skip
        self._rows = [whole[count:]] if count < len(whole) else []
        self._sizes, self._seq = self._sizes[packets:], self._seq[packets:]
        self._local = self._local[packets:]
