"""Learns the rank law's numbers from a tape and the real fates of its orders.

Two answers to one question. The *likelihood* says which exponents make the real victims of cancels
most likely, each cancel by itself. The *filter* says with which exponents simulated orders have
the best places and times of fills: draws that run on without learning from their own
contradictions want a sharper law. The engine simulates, so the filter's are the ones to use.

The filter judges places in the queue, not times of fills: of places an hour holds thousands that
are nearly independent, of fills a few hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from simmm.errors import VenueError
from simmm.fitting.queue_victims import Likelihood, likelihood, victims
from simmm.validation.models import fitted, model
from simmm.validation.probes import (
    LEAST_FILLS,
    LEAST_ORDERS,
    SECOND,
    Population,
    Progress,
    enough_orders,
    joins,
    patient,
    real_orders,
)
from simmm.validation.rows import Rows
from simmm.validation.scores import Blocks, blocks, positions
from simmm.validation.simulate import simulate

BLOCK_NS = 30 * SECOND
RESAMPLES = 1000
DRAWS = 16
FORMS = ("rank", "rank_tracked")
ALPHAS = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
LOG_KAPPAS = (-1.0, -2.0, -3.0, -4.0, -5.0, -6.0)
_WITHOUT_SIZES = ("rank_scalar",)  # kappa means nothing to it


class FilterFit(msgspec.Struct, frozen=True):
    """The exponents with which one form's simulated orders come nearest to the real ones.

    A loss is the CRPS of the lots ahead, as a part of what pessimistic has: mean of real orders at
    their own end, and of patient ones at 1, 5 and 30 s.
    """

    form: str
    alpha: float  # to be used: the best, where that is surely better than what is shipped
    log_kappa: float
    best_alpha: float  # least loss on the grid
    best_log_kappa: float
    best_loss: float
    alpha_low: float  # 95 % of resamples choose an alpha from here
    alpha_high: float  # to here
    log_kappa_low: float
    log_kappa_high: float
    shipped_alpha: float
    shipped_log_kappa: float
    shipped_loss: float
    gain: float  # shipped loss - best loss, with draws that had no part in the choice
    gain_low: float  # 95 % of resamples
    gain_high: float
    grid: list[tuple[float, float, float]]  # alpha, log kappa, loss

    @property
    def kept(self) -> bool:
        """Whether the data don't tell the shipped exponents from the best."""
        return (self.alpha, self.log_kappa) == (self.shipped_alpha, self.shipped_log_kappa)


class QueueFit(msgspec.Struct, frozen=True):
    """Everything `simmm fit queue` says."""

    from_ts: int  # ns
    to_ts: int
    cancels: int  # at best prices, with the whole queue known
    partial: int  # of these, those that left their order in the queue
    likelihood: Likelihood | None
    filters: list[FilterFit]
    adds: int  # orders that joined or improved the best price
    median_add: float  # lots
    mean_add: float
    sizes: list[tuple[int, int]]  # lots, orders; the most frequent first
    remarks: list[str]


def fit_queue(
    rows: Rows,
    orders: np.ndarray,
    from_ts: int,
    to_ts: int,
    *,
    forms: Sequence[str] = FORMS,
    whole_grid: bool = True,
    draws: int = DRAWS,
    seed: int = 1,
    progress: Progress | None = None,
) -> QueueFit:
    """Fit the rank law to orders that joined in [from_ts, to_ts).

    Parameters
    ----------
    orders
        Array of `simmm.validation.truth.Order`, every order of the market.
    forms
        Which forms of the law get exponents by the filter.
    whole_grid
        Try every pair of exponents; else alpha first and then log kappa, in a third of the time.

    Raises
    ------
    VenueError
        If there are too few orders.
    """
    remarks: list[str] = []
    data = victims(rows, orders, from_ts, to_ts)
    chance: Likelihood | None = None
    try:
        chance = likelihood(data, BLOCK_NS)
    except VenueError as error:
        remarks.append(f"no likelihood: {error}")
    populations = _known_by(rows, orders, from_ts, to_ts)
    filters = _Filters(rows, populations, from_ts, draws, seed, progress)
    added = orders[(orders["dist"] <= 0) & _within(orders["add_ts"], from_ts, to_ts)]["lots"]
    lots, counts = np.unique(added, return_counts=True)
    often = np.argsort(-counts, kind="stable")[:20]
    return QueueFit(
        from_ts=from_ts,
        to_ts=to_ts,
        cancels=data.cancels,
        partial=data.partial,
        likelihood=chance,
        filters=[filters.fit(form, whole_grid) for form in forms],
        adds=len(added),
        median_add=float(np.median(added)) if len(added) else 0.0,
        mean_add=float(added.mean()) if len(added) else 0.0,
        sizes=[(int(lots[k]), int(counts[k])) for k in often],
        remarks=remarks,
    )


def _known_by(rows: Rows, orders: np.ndarray, from_ts: int, to_ts: int) -> list[Population]:
    """Return the populations whose fate was decided before `to_ts`: nothing later is looked at."""
    decided = orders[~joins(orders) | ((orders["end_ts"] > 0) & (orders["end_ts"] < to_ts))]
    populations = [
        real_orders(decided, rows, from_ts, to_ts),
        patient(orders, rows, from_ts, to_ts),
    ]
    lacking = [
        f"{one.name} has {len(one.probes)} orders" for one in populations if not enough_orders(one)
    ]
    if lacking:
        raise VenueError(
            f"too few orders to learn from: {', '.join(lacking)}; at least {LEAST_ORDERS}, of them "
            f"{LEAST_FILLS} that filled"
        )
    return populations


def _within(ts: np.ndarray, low: int, high: int) -> np.ndarray:
    return (ts >= low) & (ts < high)


class _Point(NamedTuple):
    """Errors of place of one pair of exponents, summed by block, for each population."""

    alpha: float
    log_kappa: float
    above: list[np.ndarray]


class _Filters:
    """Scores pairs of exponents on populations."""

    def __init__(
        self,
        rows: Rows,
        populations: list[Population],
        from_ts: int,
        draws: int,
        seed: int,
        progress: Progress | None,
    ) -> None:
        self._rows, self._populations, self._progress = rows, populations, progress
        self._draws, self._seed = draws, seed
        self._blocks: list[Blocks] = [
            blocks(one.probes["join_ts"], from_ts, BLOCK_NS, RESAMPLES, seed) for one in populations
        ]
        self._reference = self._point("pessimistic", 0.0, 0.0)

    def fit(self, form: str, whole_grid: bool) -> FilterFit:
        """Return the best exponents of a form on the grid."""
        shipped = model(form).constants
        usual = (shipped["alpha"], shipped.get("log_kappa", 0.0))
        log_kappas = (0.0,) if form in _WITHOUT_SIZES else LOG_KAPPAS
        if whole_grid:
            points = self._try(form, [(a, k) for a in ALPHAS for k in log_kappas], [usual])
        else:
            points = self._try(form, [(a, usual[1]) for a in ALPHAS], [usual])
            alpha = min(points, key=self._whole_loss).alpha
            points += self._try(form, [(alpha, k) for k in log_kappas if k != usual[1]], [])
        return self._best(form, points, usual)

    def _try(
        self, form: str, pairs: list[tuple[float, float]], also: list[tuple[float, float]]
    ) -> list[_Point]:
        pairs = pairs + [pair for pair in also if pair not in pairs]
        points = []
        for k, (alpha, log_kappa) in enumerate(pairs):
            if self._progress is not None:
                self._progress(f"fit {form}", k, len(pairs))
            points.append(self._point(form, alpha, log_kappa))
        return points

    def _best(self, form: str, points: list[_Point], usual: tuple[float, float]) -> FilterFit:
        """Choose among points, see what resamples choose, and whether the choice is worth it."""
        losses = np.array([self._whole_loss(point) for point in points])
        resampled = np.stack([self._losses(point) for point in points])  # (points, resamples)
        pairs = np.array([(point.alpha, point.log_kappa) for point in points])
        best = int(losses.argmin())
        low, high = np.percentile(pairs[resampled.argmin(axis=0)], [2.5, 97.5], axis=0)
        gain = gain_low = gain_high = 0.0
        if tuple(pairs[best]) != usual:
            # The best of many had lucky draws: it and the usual ones are drawn anew.
            new = self._point(form, points[best].alpha, points[best].log_kappa, self._seed + 1)
            old = self._point(form, usual[0], usual[1], self._seed + 1)
            gain = self._whole_loss(old) - self._whole_loss(new)
            gains = self._losses(old) - self._losses(new)
            gain_low, gain_high = np.percentile(gains, [2.5, 97.5]).tolist()
        alpha, log_kappa = pairs[best].tolist() if gain_low > 0.0 else usual
        at = [(point.alpha, point.log_kappa) for point in points].index(usual)
        return FilterFit(
            form=form,
            alpha=alpha,
            log_kappa=log_kappa,
            best_alpha=points[best].alpha,
            best_log_kappa=points[best].log_kappa,
            best_loss=float(losses[best]),
            alpha_low=float(low[0]),
            alpha_high=float(high[0]),
            log_kappa_low=float(low[1]),
            log_kappa_high=float(high[1]),
            shipped_alpha=usual[0],
            shipped_log_kappa=usual[1],
            shipped_loss=float(losses[at]),
            gain=gain,
            gain_low=gain_low,
            gain_high=gain_high,
            grid=[(p.alpha, p.log_kappa, float(x)) for p, x in zip(points, losses, strict=True)],
        )

    def _point(self, form: str, alpha: float, log_kappa: float, seed: int | None = None) -> _Point:
        one = model(form)
        if one.drawn:
            one = fitted(form, alpha, log_kappa, "grid")
        drawn = self._seed if seed is None else seed
        point = _Point(alpha, log_kappa, [])
        for population, by in zip(self._populations, self._blocks, strict=True):
            outcomes = simulate(self._rows, population, one, self._draws, drawn)
            errors, _ = positions(population, outcomes)["position"]
            point.above.append(by.sum(errors))
        return point

    def _whole_loss(self, point: _Point) -> float:
        """Return the mean of the populations' errors as parts of the reference's."""
        ones = [np.ones((1, by.number)) for by in self._blocks]
        return float(self._weighed(point, ones)[0])

    def _losses(self, point: _Point) -> np.ndarray:
        """Return the same of each resample."""
        return self._weighed(point, [by.weights for by in self._blocks])

    def _weighed(self, point: _Point, weights: list[np.ndarray]) -> np.ndarray:
        parts = []
        for k, by in enumerate(weights):  # the same orders count for both
            parts.append(by @ point.above[k] / np.maximum(by @ self._reference.above[k], 1e-300))
        found: np.ndarray = np.mean(parts, axis=0)
        return found
