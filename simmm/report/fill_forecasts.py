"""Were the maker's forecasts of its own fills right: outcomes by toxicity, adverse fills by depth.

A fill is joined with what was last written before it, so nothing that came of it is looked at.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simmm.records import NO_ASK, NO_BID
from simmm.report.belief_table import BeliefTable
from simmm.report.intervals import weighted_mean
from simmm.report.markouts import Edges
from simmm.report.payments import NOT_MAKER
from simmm.report.schema import SPLIT_HORIZON_S, Estimate
from simmm.report.tables import Run
from simmm.report.truth import parameter

_Z = 1.959963984540054
_LEAST = 6  # fills below which nothing is divided into buckets
_DEPTHS = 5  # buckets of fills behind the touch
_TERCILES = {3: ("low", "middle", "high"), 2: ("low", "high"), 1: ("all",)}


class Bucket(NamedTuple):
    """Fills whose toxicity was believed alike."""

    name: str
    fills: int
    low: float  # toxicity
    high: float
    believed: float  # mean toxicity
    adverse: Estimate  # share that went wrong as E24 means it
    edge: Estimate  # bps from the fill price after 5 s
    move: Estimate  # bps of the mid's own move


def toxicity_before(run: Run, found: BeliefTable) -> np.ndarray:
    """Toxicity of its side as it was last written before each fill; NaN where it was not known."""
    fills = run.fills
    told = {}
    for side, name in ((1, "toxicity_bid"), (-1, "toxicity_ask")):
        there = f"{name}_age_ns" in found.columns
        told[side] = found.before(name, fills["ts"]) if there else np.full(len(fills["ts"]), np.nan)
    return np.where(fills["side"] > 0, told[1], told[-1])


def buckets(run: Run, found: BeliefTable) -> list[Bucket]:
    """Fills by terciles of their toxicity, with what became of them; empty if there are too few."""
    toxicity = toxicity_before(run, found)
    edges = Edges(run)
    edge, known = edges.at(SPLIT_HORIZON_S)
    maker = (run.fills["marks"] & NOT_MAKER) == 0
    use = known & maker & np.isfinite(toxicity)
    if np.count_nonzero(use) < _LEAST:
        return []
    fills = run.fills
    later = run.mid2_at(fills["ts"] + round(SPLIT_HORIZON_S * 1e9))
    move = fills["side"] * (later - fills["mid2"]) / np.maximum(2 * fills["px"], 1) * 1e4
    adverse, judged, _ = adverse_fills(run, found, "toxicity")
    cuts = np.unique(np.quantile(toxicity[use], (1 / 3, 2 / 3)))
    group = np.searchsorted(cuts, toxicity, side="left")
    groups = [mask for k in range(len(cuts) + 1) if (mask := use & (group == k)).any()]
    names = _TERCILES[len(groups)]
    return [
        Bucket(
            names[k],
            int(np.count_nonzero(mask)),
            float(toxicity[mask].min()),
            float(toxicity[mask].max()),
            float(toxicity[mask].mean()),
            share_of(adverse, mask & judged, edges.cluster),
            edges.mean(edge, mask),
            edges.mean(move, mask),
        )
        for k, mask in enumerate(groups)
    ]


def adverse_fills(
    run: Run, found: BeliefTable, section: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which fills went against us as an estimator means it, which could be judged, chance by noise.

    The mid, from before the fill's block, moved against the fill within the horizon by more than a
    threshold and deviations of sigma, as it was last believed before the fill.
    """
    fills, period = run.fills, run.info.period
    horizon = parameter(run, section, "horizon_s")
    threshold = 1e-4 * parameter(run, section, "adverse_bps")
    deviations = parameter(run, section, "noise_floor")
    there = "sigma_age_ns" in found.columns
    sigma = found.before("sigma", fills["ts"]) if there else np.full(len(fills["ts"]), np.nan)
    noise = sigma * math.sqrt(horizon)
    until = fills["ts"] + round(horizon * 1e9)
    later, mid2 = run.mid2_at(until), fills["mid2"]
    move = fills["side"] * (later - mid2) / np.maximum(mid2, 1)
    judged = (mid2 > 0) & (later > 0) & (until <= period.end_ns) & np.isfinite(noise)
    adverse = -move > threshold + deviations * np.nan_to_num(noise)
    far = threshold / np.where(noise > 0, noise, np.nan) + deviations
    chance = np.array([0.0 if math.isnan(z) else 0.5 * math.erfc(z / math.sqrt(2)) for z in far])
    return adverse, judged, chance


def share_of(adverse: np.ndarray, use: np.ndarray, cluster: np.ndarray) -> Estimate:
    """A share with Wilson's interval, fills of one minute counting as far as they differ."""
    count = int(np.count_nonzero(use))
    if not count:
        return Estimate(None)
    values = adverse[use].astype(np.float64)
    plain = weighted_mean(values, np.ones(count), cluster[use])
    share = float(values.mean())
    size = float(len(np.unique(cluster[use])))
    if plain.low is not None and plain.high is not None and 0 < share < 1:
        reach = (plain.high - plain.low) / 2 / _Z
        if reach > 0:
            size = min(float(count), share * (1 - share) / (reach * reach))
    centre = (share + _Z * _Z / (2 * size)) / (1 + _Z * _Z / size)
    root = math.sqrt(share * (1 - share) / size + _Z * _Z / (4 * size * size))
    root /= 1 + _Z * _Z / size
    reach = _Z * root
    low, high = max(0.0, centre - reach), min(1.0, centre + reach)
    return Estimate(share, low, high, se=root, clusters=plain.clusters)


def depths(run: Run) -> np.ndarray:
    """How far behind the touch each fill rested, bps, by the sample before it; NaN if not known.

    As E23 counts it: inside the spread is 0.
    """
    fills, equity = run.fills, run.equity
    row = np.searchsorted(equity["ts"], fills["ts"], side="left") - 1
    found = np.full(len(row), np.nan)
    use = (row >= 0) & (fills["mid2"] > 0)
    bid, ask = equity["best_bid"][row[use]], equity["best_ask"][row[use]]
    half = np.where((bid == NO_BID) | (ask == NO_ASK), np.nan, (ask - bid).astype(np.float64))
    mid2 = fills["mid2"][use]
    away = fills["side"][use] * (mid2 - 2 * fills["px"][use])
    found[use] = np.maximum((away - half) / mid2 * 1e4, 0.0)
    return found


class Decay(NamedTuple):
    """The fit at the end of the run and what own fills say, by depth."""

    labels: list[str]
    at: list[float]  # bps, mean depth
    own: list[Estimate]
    fit: list[Estimate]
    noise: float
    fills: int


def decay(run: Run, found: BeliefTable) -> Decay | None:
    """Shares of adverse fills by depth beside the last fit; None where either is missing."""
    if not (found.has("adverse_touch") and found.has("adverse_decay")):
        return None
    depth = depths(run)
    adverse, judged, chance = adverse_fills(run, found, "depth_decay")
    maker = (run.fills["marks"] & NOT_MAKER) == 0
    use = judged & maker & np.isfinite(depth)
    count = int(np.count_nonzero(use))
    if count < _LEAST:
        return None
    noise = float(chance[use].mean())
    behind = depth[use & (depth > 0)]
    parts = min(_DEPTHS, max(1, len(behind) // _LEAST))
    cuts = np.empty(0)
    if len(behind):
        cuts = np.unique(np.quantile(behind, np.arange(1, parts) / parts))
    group = np.where(depth > 0, 1 + np.searchsorted(cuts, depth, side="left"), 0)
    cluster = Edges(run).cluster
    labels, at, own, fit = [], [], [], []
    for k in range(len(cuts) + 2):
        mask = use & (group == k)
        if not mask.any():
            continue
        at.append(float(depth[mask].mean()))
        labels.append("touch" if k == 0 else f"{at[-1]:.2g}")
        own.append(share_of(adverse, mask, cluster))
        fit.append(_fit_at(found, at[-1] * 1e-4, noise))
    return Decay(labels, at, own, fit, noise, count)


def _fit_at(found: BeliefTable, depth: float, noise: float) -> Estimate:
    """``q + (1 - q) alpha exp(-d / delta)`` with an interval as if both were independent."""
    touch, touch_sd, delta, delta_sd = (
        float(found.columns[name][-1])
        for name in ("adverse_touch", "adverse_touch_sd", "adverse_decay", "adverse_decay_sd")
    )
    if not (touch > 0 and delta > 0):
        return Estimate(None)
    ratio = depth / delta
    part = touch * math.exp(-ratio)
    spread = math.hypot(touch_sd / touch, ratio * delta_sd / delta)
    low, high = (part * math.exp(sign * _Z * min(spread, 50.0)) for sign in (-1, 1))
    high = min(high, float(found.columns["adverse_touch_high"][-1]))
    part, low, high = (noise + (1 - noise) * v for v in (part, min(low, part), max(high, part)))
    return Estimate(part, low, high)
