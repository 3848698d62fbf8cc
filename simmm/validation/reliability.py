"""Reliability: of the moments to which a probability was given, how often was it already so?

For an order watched, each moment at which its level changed or traded has a probability that it
has filled by then (the share of draws that have) and the answer, whether it really had. Moments at
which the probability is 0 or 1 say nothing of calibration and are left out.
"""

from __future__ import annotations

import numpy as np

from simmm.records import NEVER, TRADE
from simmm.validation.probes import NEVER_FILLED, Population
from simmm.validation.result import Bin
from simmm.validation.rows import Rows
from simmm.validation.scores import LEAST_BLOCKS, Blocks

BINS = 5


def reliability(population: Population, outcomes: np.ndarray, rows: Rows, by: Blocks) -> list[Bin]:
    """Return `BINS` equal bins of the probability; empty ones are left out."""
    count = np.zeros((BINS, by.number))
    predicted, real = count.copy(), count.copy()
    draws = len(outcomes)
    fill_ts = np.sort(outcomes["fill_ts"], axis=0)
    unsure = (fill_ts[0] != NEVER) & (fill_ts[0] < fill_ts[-1])
    for events, members in _events(population, rows, unsure):
        for n in members:
            times = fill_ts[:, n]
            low = int(np.searchsorted(events, times[0]))
            high = int(np.searchsorted(events, population.probes["end_ts"][n], "right"))
            at = events[low:high]
            share = np.searchsorted(times, at, "right") / draws
            inside = share < 1.0
            at, share = at[inside], share[inside]
            real_ts = population.real_ts[n]
            truth = (at >= real_ts) if real_ts != NEVER_FILLED else np.zeros(len(at), bool)
            place = np.minimum((share * BINS).astype(np.int64), BINS - 1)
            block = by.of[n]
            count[:, block] += np.bincount(place, minlength=BINS)
            predicted[:, block] += np.bincount(place, share, BINS)
            real[:, block] += np.bincount(place, truth, BINS)
    return [_bin(count[k], predicted[k], real[k], by) for k in range(BINS) if count[k].sum() > 0]


def _bin(count: np.ndarray, predicted: np.ndarray, real: np.ndarray, by: Blocks) -> Bin:
    low = high = None
    taken = by.weights @ count
    good = taken > 0
    if by.number >= LEAST_BLOCKS and good.any():
        edges = np.percentile((by.weights @ real)[good] / taken[good], [2.5, 97.5])
        low, high = (float(edge) for edge in edges)
    total = count.sum()
    return Bin(float(predicted.sum() / total), float(real.sum() / total), int(total), low, high)


def _events(
    population: Population, rows: Rows, chosen: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return moments of each level, and the chosen probes at it."""
    kind, is_bid = rows.kind, rows.is_bid
    of_bid = np.where(kind == TRADE, ~is_bid, is_bid)  # a seller's print meets bids
    row_key = rows.px * 2 + of_bid
    order = np.argsort(row_key, kind="stable")
    row_key, ts = row_key[order], rows.ts[order]
    key = population.probes["px"] * 2 + (population.probes["side"] > 0)
    found = []
    for level in np.unique(key[chosen]):
        low, high = np.searchsorted(row_key, level), np.searchsorted(row_key, level, "right")
        found.append((np.unique(ts[low:high]), np.flatnonzero(chosen & (key == level))))
    return found
