"""The whole validation: a tape, the truth about its orders, and models in; one `Validation` out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simmm.errors import ScenarioError, VenueError
from simmm.fitting.queue import FORMS, fit_queue
from simmm.validation import told
from simmm.validation.images import images_of
from simmm.validation.models import DEFAULT_MODELS, PESSIMISTIC, POWER, Model, fitted, model
from simmm.validation.probes import (
    LEAST_FILLS,
    LEAST_ORDERS,
    NEVER_FILLED,
    PATIENCE_NS,
    SECOND,
    Population,
    Progress,
    enough_orders,
    patient,
    phantoms,
    real_orders,
    seen_through,
)
from simmm.validation.reliability import reliability
from simmm.validation.result import ModelUsed, Row, Validation
from simmm.validation.result import Population as Counted
from simmm.validation.rows import Rows, load
from simmm.validation.scores import (
    Blocks,
    Mids,
    Sums,
    blocks,
    estimates,
    mean_of_paths,
    mids,
    ratios,
    sums,
)
from simmm.validation.simulate import simulate
from simmm.validation.truth import read_orders

BLOCK_NS = 30 * SECOND
RESAMPLES = 1000
DRAWS = 32


class Settings(NamedTuple):
    """How a validation is run. Times as `time_of` reads them."""

    models: Sequence[str] = DEFAULT_MODELS
    draws: int = DRAWS
    start: str | float | None = None
    end: str | float | None = None
    seed: int = 1
    resamples: int = RESAMPLES
    block_ns: int = BLOCK_NS
    patience_ns: int = PATIENCE_NS
    images_ns: int = 0  # > 0: the models see an image of the book so often, not each change
    refit: float = 0.0  # > 0: also score constants fitted on the tape's first share of so much
    complete: bool = True  # the truth holds every order of the market, not one account's
    truth_kind: str = "orders"


def validate(
    tape: str | Path,
    truth: str | Path,
    settings: Settings = Settings(),  # noqa: B008
    *,
    notify: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> Validation:
    """Score queue models on a tape against the real fates of its orders.

    Parameters
    ----------
    tape
        A tape with every change of the book, or a foreign file that converts into one.
    truth
        A table of real orders (docs/validate.md).

    Raises
    ------
    TapeError
        If tape or truth can't be used, or don't belong together.
    VenueError
        If too few orders are left for any conclusion.
    """
    rows = load(tape, notify=notify)
    orders = read_orders(truth, rows)
    return score(rows, orders, str(tape), str(truth), settings, progress=progress)


def score(
    rows: Rows,
    orders: np.ndarray,
    tape: str,
    truth: str,
    settings: Settings = Settings(),  # noqa: B008
    *,
    progress: Progress | None = None,
) -> Validation:
    """Score queue models on rows and orders already read; `tape` and `truth` name them."""
    remarks = told.about_orders(orders)
    models: list[Model] = []
    if settings.refit > 0.0:
        models, fitted_on = refitted(rows, orders, settings, progress)
        if settings.start is None:
            settings = settings._replace(start=f"{settings.refit}")
        remarks.append(fitted_on)
    from_ts, to_ts = stretch(rows, settings)
    return score_populations(
        rows,
        make_populations(rows, orders, from_ts, to_ts, settings),
        tape,
        truth,
        settings,
        models=models,
        remarks=remarks,
        progress=progress,
    )


def refitted(
    rows: Rows, orders: np.ndarray, settings: Settings, progress: Progress | None
) -> tuple[list[Model], str]:
    """Return the models of the rank law with numbers fitted on the tape's first part, and a remark.

    The scored stretch begins where that part ends, unless it is told otherwise.
    """
    if not 0.0 < settings.refit < 1.0:
        raise ScenarioError(f"refit: {settings.refit:g} must be a share of the tape, below 1")
    end_ts = time_of(settings.refit, rows, rows.end_ts)
    found = []
    forms = [name for name in settings.models if name in FORMS]
    fit = fit_queue(
        rows, orders, rows.start_ts, end_ts,
        forms=forms, whole_grid=False, seed=settings.seed, progress=progress,
    )  # fmt: skip
    images = settings.images_ns > 0
    for one in fit.filters:
        origin = (
            f"learned on the first {settings.refit:.0%} of this tape: best {one.best_alpha:g}, "
            f"{one.best_log_kappa:g}; 95 % of resamples choose alpha {one.alpha_low:g} to "
            f"{one.alpha_high:g}, log kappa {one.log_kappa_low:g} to {one.log_kappa_high:g}"
        )
        if one.kept:
            origin += "; not surely better than the shipped ones, which stay"
        found.append(fitted(one.form, one.alpha, one.log_kappa, origin, images=images))
    if settings.start is not None and time_of(settings.start, rows, 0) < end_ts:
        return found, "Refitted models are scored on orders they were partly fitted on."
    return found, (
        f"Models called refitted learned from orders that joined, and whose fate was decided, in "
        f"the first {settings.refit:.0%} of the tape; only later ones are scored."
    )


def score_populations(
    rows: Rows,
    populations: Sequence[Population],
    tape: str,
    truth: str,
    settings: Settings = Settings(),  # noqa: B008
    *,
    models: Sequence[Model] = (),
    remarks: Sequence[str] = (),
    progress: Progress | None = None,
) -> Validation:
    """Score queue models, and further `models`, on populations; `remarks` are about the truth.

    Raises
    ------
    VenueError, ScenarioError
        If no population has enough orders; if a setting is wrong.
    """
    if settings.draws < 1:
        raise ScenarioError(f"draws: {settings.draws} must be at least 1")
    models = [*chosen_models(settings.models, images=settings.images_ns > 0), *models]
    from_ts, to_ts = stretch(rows, settings)
    lacking = told.left_out(populations, LEAST_ORDERS, LEAST_FILLS)
    enough = [one for one in populations if enough_orders(one)]
    if not enough:
        raise VenueError(f"{truth}: too few orders for a conclusion: {'; '.join(lacking)}")
    seen = rows if settings.images_ns == 0 else images_of(rows, settings.images_ns)
    if settings.images_ns > 0:
        lacking += told.hidden(enough, seen)
        enough = [seen_through(one, seen) for one in enough]
    scored = _Scored(rows, seen, models, settings, from_ts, progress)
    table, counted = [], []
    for one in enough:
        by = scored.blocks(one)
        table += scored.rows_of(one, by)
        fills = int((one.real_ts != NEVER_FILLED).sum())
        counted.append(Counted(one.name, one.meaning, len(one.probes), fills, by.number, one.truth))
    checks = told.checks(table)
    return Validation(
        tape=tape,
        tape_digest=rows.digest,
        truth=truth,
        truth_kind=settings.truth_kind,
        symbol=rows.market.symbol,
        tick_quanta=rows.market.tick_quanta,
        price_quantum=rows.market.price_quantum,
        lot_size=rows.market.lot_size,
        start_ts=rows.start_ts,
        end_ts=rows.end_ts,
        from_ts=from_ts,
        to_ts=min(to_ts, rows.end_ts),
        patience_ns=settings.patience_ns,
        block_ns=settings.block_ns,
        resamples=settings.resamples,
        seed=settings.seed,
        feed=told.feed(settings.images_ns),
        populations=counted,
        models=[ModelUsed(m.label, m.constants, m.origin) for m in models],
        rows=table,
        checks=checks,
        conventions=told.conventions(settings.patience_ns, settings.images_ns),
        remarks=[*lacking, *remarks, *told.remarks(table)],
        may_conclude=told.may_conclude(table, checks),
        may_not_conclude=told.may_not_conclude(settings.complete),
    )


def stretch(rows: Rows, settings: Settings) -> tuple[int, int]:
    """Return the times between which orders must join to be scored, ns."""
    from_ts = time_of(settings.start, rows, rows.start_ts)
    to_ts = time_of(settings.end, rows, rows.end_ts + 1)
    if to_ts <= from_ts:
        raise ScenarioError(f"the scored stretch ends ({to_ts} ns) before it begins ({from_ts} ns)")
    return from_ts, to_ts


def chosen_models(labels: Sequence[str], images: bool = False) -> list[Model]:
    """Return the models by their labels, with the two that all others are compared to."""
    found = [model(label, images=images) for label in labels]
    names = [one.label for one in found]
    doubled = [name for k, name in enumerate(names) if name in names[:k]]
    if doubled:
        raise ScenarioError(f"models: {doubled[0]} is named twice")
    for label in (POWER, PESSIMISTIC):
        if label not in names:
            found.insert(0, model(label, images=images))
    return found


def time_of(told_as: str | float | None, rows: Rows, otherwise: int) -> int:
    """Return a moment of the tape, ns.

    A number up to 1 is a share of the tape; '1076.25s' is so long after its first row; a whole
    number above 1e9 is a time in ns.

    Raises
    ------
    ScenarioError
        If it is none of these, or outside the tape.
    """
    if told_as is None:
        return otherwise
    text = str(told_as).strip()
    try:
        if text.endswith("s"):
            found = rows.start_ts + round(float(text[:-1]) * SECOND)
        elif float(text) <= 1.0:
            found = rows.start_ts + round(float(text) * (rows.end_ts - rows.start_ts))
        else:
            found = int(text)
    except (ValueError, OverflowError):
        raise ScenarioError(
            f"{text!r} is no time: give a share of the tape (0.6), seconds into it (1076.25s) or ns"
        ) from None
    if not rows.start_ts <= found <= rows.end_ts:
        seconds = (rows.end_ts - rows.start_ts) / SECOND
        raise ScenarioError(f"{text} lies outside the tape, which is {seconds:.3f} s long")
    return found


def make_populations(
    rows: Rows, orders: np.ndarray, from_ts: int, to_ts: int, settings: Settings
) -> list[Population]:
    """Return the populations that this truth and this feed allow."""
    found = []
    if settings.images_ns == 0:  # from images a real order's own size can't be taken out
        found.append(real_orders(orders, rows, from_ts, to_ts))
    if settings.complete:
        last = min(to_ts, rows.end_ts + 1)
        found.append(patient(orders, rows, from_ts, last, settings.patience_ns))
        found.append(phantoms(orders, rows, from_ts, last, settings.patience_ns))
    return found


class _Scored:
    """Simulates and scores, population by population."""

    def __init__(
        self,
        rows: Rows,
        seen: Rows,
        models: Sequence[Model],
        settings: Settings,
        from_ts: int,
        progress: Progress | None,
    ) -> None:
        self._rows, self._seen, self._models, self._settings = rows, seen, models, settings
        self._from_ts, self._progress = from_ts, progress
        self._mids: Mids = mids(rows)

    def blocks(self, population: Population) -> Blocks:
        settings = self._settings
        return blocks(
            population.probes["join_ts"],
            self._from_ts,
            settings.block_ns,
            settings.resamples,
            settings.seed,
        )

    def rows_of(self, population: Population, by: Blocks) -> list[Row]:
        """Return one row a model, two for one that draws: one path, and all draws together."""
        settings = self._settings
        found: list[tuple[Model, int, Sums, np.ndarray]] = []
        for k, one in enumerate(self._models):
            if self._progress is not None:
                self._progress(f"{population.name} {one.label}", k, len(self._models))
            outcomes = simulate(self._seen, population, one, settings.draws, settings.seed)
            if len(outcomes) > 1:
                path = mean_of_paths(population, outcomes, self._mids, by)
                found.append((one, 1, path, outcomes))
            found.append((one, len(outcomes), sums(population, outcomes, self._mids, by), outcomes))
        alone = {one.label: figures for one, draws, figures, _ in found if draws == 1}
        return [self._row(population, by, item, alone) for item in found]

    def _row(
        self,
        population: Population,
        by: Blocks,
        item: tuple[Model, int, Sums, np.ndarray],
        alone: dict[str, Sums],
    ) -> Row:
        one, draws, figures, outcomes = item
        is_patient = population.name in ("RP", "V0")
        return Row(
            population=population.name,
            model=one.label,
            draws=draws,
            drawn=one.drawn,
            orders=len(population.probes),
            scores=estimates(figures, by),
            to_power=ratios(figures, alone[POWER], by),
            to_pessimistic=ratios(figures, alone[PESSIMISTIC], by),
            reliability=(
                reliability(population, outcomes, self._rows, by)
                if draws > 1 and is_patient
                else []
            ),
            seeds=len(outcomes) if draws == 1 else 1,
        )
