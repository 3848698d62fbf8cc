"""Scores of simulated fills against real ones, each a quotient of sums over blocks of time.

Proper scores (CRPS, Brier) are what models are judged by. Recall, false and exact fills are told
because people ask for them; on real orders watched until their own end they reward early models.

Source: Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation" (2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simmm.records import NEVER, NO_ASK, NO_BID
from simmm.validation.probes import HORIZONS_NS, NEVER_FILLED, SECOND, Population
from simmm.validation.result import RATIOS, Estimate
from simmm.validation.rows import Rows, look

MARKOUTS_NS = {"1s": SECOND, "5s": 5 * SECOND}
BRIERS = {"brier_1s": 0, "brier_5s": 1, "brier_30s": 2}  # places in HORIZONS_NS
LEAST_BLOCKS = 8  # fewer tell nothing of how sure a figure is


class Mids(NamedTuple):
    """The mid after each moment of the tape."""

    ts: np.ndarray  # ns
    mid2: np.ndarray  # half quanta
    tick_quanta: int
    end_ts: int

    def move(self, ts: np.ndarray, side: np.ndarray, px: np.ndarray, after_ns: int) -> np.ndarray:
        """Return how far the mid went for an order filled at `px`, ticks; NaN past the tape."""
        at = np.searchsorted(self.ts, ts + after_ns, "right") - 1
        moved = side * (self.mid2[np.maximum(at, 0)] / 2.0 - px) / self.tick_quanta
        return np.where((at >= 0) & (ts + after_ns <= self.end_ts), moved, np.nan)


def mids(rows: Rows) -> Mids:
    """Return the mid after each moment at which both sides were known."""
    ts = np.unique(rows.ts)
    sights = look(rows, ts, np.ones(len(ts), np.int64))
    known = (sights["bid"] != NO_BID) & (sights["ask"] != NO_ASK)
    mid2 = (sights["bid"] + sights["ask"])[known]
    return Mids(ts[known], mid2, rows.market.tick_quanta, rows.end_ts)


class Sums(NamedTuple):
    """Numerators and denominators of one model's figures, by block: name -> (blocks,)."""

    above: dict[str, np.ndarray]
    below: dict[str, np.ndarray]


class Blocks(NamedTuple):
    """Which block of time each probe belongs to, and how often each resample takes each block."""

    of: np.ndarray  # (probes,)
    number: int
    weights: np.ndarray  # (resamples, blocks)

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum (probes,) by block."""
        return np.bincount(self.of, values, self.number)


def blocks(join_ts: np.ndarray, from_ts: int, block_ns: int, resamples: int, seed: int) -> Blocks:
    """Divide probes into blocks of time by when they joined; draw the resamples."""
    _, of = np.unique((join_ts - from_ts) // block_ns, return_inverse=True)
    count = int(of.max()) + 1 if len(of) else 0
    rng = np.random.Generator(np.random.PCG64(seed))
    shares = np.full(max(count, 1), 1.0 / max(count, 1))
    weights = rng.multinomial(count, shares, size=resamples).astype(float)
    return Blocks(of, count, weights)


def crps(runs: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the continuous ranked probability score of each column of `runs`, (runs, n) -> (n,).

    E|X - y| - E|X - X'| / 2 with X, X' from the empirical distribution; of one run, |x - y|.
    """
    count = len(runs)
    ordered = np.sort(runs, axis=0)
    factor = (2.0 * np.arange(count) - count + 1.0) / count**2
    return np.abs(runs - real).mean(axis=0) - (factor[:, None] * ordered).sum(axis=0)


def sums(population: Population, outcomes: np.ndarray, mid: Mids, by: Blocks) -> Sums:
    """Return the sums of all figures for `outcomes`, (draws, probes)."""
    parts = _per_probe(population, outcomes, mid)
    above, below = {}, {}
    for name, (top, bottom) in parts.items():
        above[name], below[name] = by.sum(top), by.sum(bottom)
    return Sums(above, below)


def mean_of_paths(population: Population, outcomes: np.ndarray, mid: Mids, by: Blocks) -> Sums:
    """Return the sums for one path, averaged over the draws."""
    paths = [sums(population, outcomes[k : k + 1], mid, by) for k in range(len(outcomes))]
    names = paths[0].above
    return Sums(
        {name: np.mean([path.above[name] for path in paths], axis=0) for name in names},
        {name: np.mean([path.below[name] for path in paths], axis=0) for name in names},
    )


def estimates(found: Sums, by: Blocks) -> dict[str, Estimate]:
    """Return all figures with 95 % intervals; those without any order are left out."""
    result = {}
    for name, above in found.above.items():
        below = found.below[name]
        if below.sum() <= 0.0:
            continue
        top, bottom = by.weights @ above, by.weights @ below
        result[name] = _estimate(above.sum() / below.sum(), top, bottom, by)
    return result


def ratios(found: Sums, other: Sums, by: Blocks) -> dict[str, Estimate]:
    """Return proper scores as parts of another model's, resampled together."""
    result = {}
    for name in RATIOS:
        if name not in found.above or found.below[name].sum() <= 0.0:
            continue
        # Both have the same denominators: the same orders.
        reference = other.above[name].sum() / other.below[name].sum()
        value = found.above[name].sum() / found.below[name].sum()
        if not reference > 0.0:
            continue
        top = (by.weights @ found.above[name]) * (by.weights @ other.below[name])
        bottom = (by.weights @ other.above[name]) * (by.weights @ found.below[name])
        result[name] = _estimate(value / reference, top, bottom, by)
    return result


def _estimate(value: float, top: np.ndarray, bottom: np.ndarray, by: Blocks) -> Estimate:
    good = bottom > 0.0
    if by.number < LEAST_BLOCKS or good.sum() < 0.9 * len(good):
        return Estimate(float(value))
    low, high = np.percentile(top[good] / bottom[good], [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))


def _per_probe(
    population: Population, outcomes: np.ndarray, mid: Mids
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    probes = population.probes
    join = probes["join_ts"]
    life = probes["end_ts"] - join
    fills = outcomes["fill_ts"] != NEVER
    real = population.real_ts != NEVER_FILLED
    waited = np.where(fills, outcomes["fill_ts"] - join, life)
    real_waited = np.where(real, population.real_ts - join, life)
    probability = fills.mean(axis=0)
    one = np.ones(len(probes))
    parts = {
        "real": (real.astype(float), one),
        "filled": ((probability >= 0.5).astype(float), one),
        "probability": (probability, one),
        "probability_error": (probability - real, one),
        "brier": ((probability - real) ** 2, one),
    }
    for name, h in BRIERS.items():
        by_then = (fills & (waited <= HORIZONS_NS[h])).mean(axis=0)
        really = real & (real_waited <= HORIZONS_NS[h])
        parts[name] = ((by_then - really) ** 2, one)
    if population.name in ("RP", "V0", "own"):
        seconds = crps(waited / SECOND, real_waited / SECOND)
        parts["time"] = (seconds, one)
    parts |= positions(population, outcomes)
    parts |= _decisions(population, outcomes, fills, real, probability)
    parts |= _markouts(population, outcomes, fills, real, mid)
    return parts


def positions(
    population: Population, outcomes: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Lots ahead, at the own end for R, at the horizons for the others."""
    if population.name == "R":
        pairs = [(outcomes["ahead_at_end"], population.real_ahead_end)]
    else:
        pairs = [
            (outcomes["ahead"][:, :, h], population.real_ahead[:, h])
            for h in range(len(HORIZONS_NS))
        ]
    count = np.zeros(len(population.probes))
    error, bias = count.copy(), count.copy()
    for runs, truth in pairs:
        known = ~np.isnan(truth)
        there = np.where(known, truth, 0.0)
        error += np.where(known, crps(runs, there), 0.0)
        bias += np.where(known, runs.mean(axis=0) - there, 0.0)
        count += known
    return {"position": (error, count), "position_bias": (bias, count)}


def _decisions(
    population: Population,
    outcomes: np.ndarray,
    fills: np.ndarray,
    real: np.ndarray,
    probability: np.ndarray,
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What becomes of it if whoever has P >= .5 counts as filled, when P got there."""
    said = probability >= 0.5
    half = (len(outcomes) + 1) // 2 - 1
    when = np.sort(outcomes["fill_ts"], axis=0)[half]
    found = said & real
    parts = {
        "recall": (found, real),
        "false": (said & ~real, ~real),
        "exact": (found & (when == population.real_ts), found),
        "early": (found & (when < population.real_ts), found),
        "late": (found & (when > population.real_ts), found),
    }
    return {name: (top.astype(float), low.astype(float)) for name, (top, low) in parts.items()}


def _markouts(
    population: Population, outcomes: np.ndarray, fills: np.ndarray, real: np.ndarray, mid: Mids
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """How far the mid went for us after fills, and after the real ones."""
    side, px = population.probes["side"], population.probes["px"]
    parts = {}
    for name, after in MARKOUTS_NS.items():
        moved = mid.move(np.where(fills, outcomes["fill_ts"], 0), side, px, after)
        known = fills & ~np.isnan(moved)
        top = np.where(known, moved, 0.0).sum(axis=0)
        parts[f"markout_{name}"] = (top, known.sum(axis=0).astype(float))
        moved = mid.move(np.where(real, population.real_ts, 0), side, px, after)
        known = real & ~np.isnan(moved)
        parts[f"real_markout_{name}"] = (np.where(known, moved, 0.0), known.astype(float))
    return parts
