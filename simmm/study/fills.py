"""How much of a result is the fill model: one scenario under every queue model.

Each run differs in nothing but the queue model and how long requests and answers take, so whatever
differs between their results is made by those assumptions. All runs see the same market and draw
the same random numbers; differences are therefore taken step by step (`simmm.report.compare`).
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from simmm.backtest import Progress
from simmm.decoding import ready
from simmm.errors import ScenarioError
from simmm.nearest import suggestion
from simmm.report import load
from simmm.report.compare.pairing import pairing
from simmm.report.compare.series import Series, difference, make_grid, money
from simmm.report.files import write_whole
from simmm.report.markouts import find_markout
from simmm.report.schema import SPLIT_HORIZON_S, Estimate, Report
from simmm.report.tables import Run, read_run
from simmm.scenario import load_scenario
from simmm.scenario.exchange import Queue
from simmm.scenario.fields import fields_of
from simmm.scenario.schema import MAX_SEED
from simmm.scenario.source import parse_set
from simmm.study.files import read_study, write_study
from simmm.study.fills_words import label, sentences
from simmm.study.latency import slower
from simmm.study.runs import Event, Told, Variant, run_all, variant

STUDY_SCHEMA = 1
FILE_NAME = "study.json"
PAGE_NAME = "study.html"
EXTRA_MS = (50.0,)
JOBS = 2
SEEDS = 4
CURVE_POINTS = 400
Key = tuple[str, float, int]  # queue model, extra latency in ms, seed of the run
METHOD = (
    "Intervals of net are those of the report (95 %, what other stretches of this length, alike in "
    "kind, would give). Differences are paired: both runs saw the same market, so what moved both "
    "cancels. The spread is between models picked for being extreme; its interval does not know "
    "that."
)


class Result(msgspec.Struct, frozen=True):
    """One run of the study. Money in the quote currency, sizes in base units."""

    name: str
    model: str
    extra_latency_ms: float
    seed: int  # of the run: latencies, and queues that are drawn
    own: bool  # the scenario's own queue model
    folder: str  # of the run, from that of the study
    net: Estimate
    parts: dict[str, float]
    edge_bps: float | None  # net over what was traded
    fills: int
    fills_per_hour: float | None
    fill_ratio: float | None  # of orders
    turnover: float
    drawdown: float
    markout_5s: Estimate
    sharpe_day: float | None
    apart: Estimate  # net less that of the own model at the same latency; no value for itself
    apart_why: str  # there is no interval
    curve: dict[str, list[float | int]]  # thinned: ts, net


class Spread(msgspec.Struct, frozen=True):
    """How far the queue models are apart at one latency."""

    extra_latency_ms: float
    least_model: str
    least: float
    most_model: str
    most: float
    spread: Estimate
    own_net: Estimate
    own_apart: Estimate  # own net less that without extra latency; no value without any
    share: float | None  # spread over the own net, without its sign
    parts: dict[str, float]  # most less least of each part
    fills: tuple[int, int]  # fewest and most


class Draws(msgspec.Struct, frozen=True):
    """How far chance alone puts net apart: runs of the own model that differ in the seed alone."""

    runs: int  # the own run among them
    least: float
    most: float
    sd: float
    sd_models: float  # of net between the queue models


class FillStudy(msgspec.Struct, frozen=True):
    """What `study.json` holds."""

    schema_version: int
    scenario: str
    strategy: str
    symbol: str
    venue: str
    quote: str
    start_ns: int
    end_ns: int
    hours: float
    own_model: str
    queue: dict[str, Any]  # settings of the models that have some
    models: list[str]
    extra_latency_ms: list[float]  # 0 first: as the scenario has it
    results: list[Result]
    spreads: list[Spread]
    seeds: list[Result]  # the own model at the scenario's latency, each with another seed
    draws: Draws | None
    sentences: list[str]
    method: str = METHOD


def known_models() -> tuple[str, ...]:
    """Return the queue models that a scenario may name."""
    return fields_of(Queue)["model"].choices


def study_fills(
    scenario: str,
    *,
    options: Mapping[str, Any] | None = None,
    models: Sequence[str] = (),
    extra_latency_ms: Sequence[float] = EXTRA_MS,
    seeds: int = SEEDS,
    jobs: int = JOBS,
    out: Path | None = None,
    told: Told | None = None,
    progress: Progress | None = None,
) -> tuple[FillStudy, Path]:
    """Run a scenario under queue models and latencies; write and return what came out.

    Parameters
    ----------
    scenario
        Path or name, as `load_scenario` takes it.
    options
        Further arguments of `load_scenario`.
    models
        Queue models beside the scenario's own; by default all.
    extra_latency_ms
        Added to requests and answers in further runs of every model; ms.
    seeds
        Further runs of the own model with other seeds of latencies and queues: how far chance
        alone puts results apart.
    jobs
        Runs at a time.
    out
        Folder of the study; default ``runs/study-fills-<scenario>``. Finished runs in it that fit
        are kept.
    told, progress
        See `runs.run_all`.

    Returns
    -------
    tuple of FillStudy and Path
        The study, and its folder with `study.json`, `study.html` and the runs.

    Raises
    ------
    SimmmError
        A model is unknown, a run failed, or the folder cannot be written.
    """
    given = dict(options or {})
    sets = given.get("sets") or {}
    given["sets"] = dict(sets if isinstance(sets, Mapping) else map(parse_set, sets))
    base = load_scenario(scenario, **given)
    own = base.scenario.venue.queue.model
    names = _models(models, own)
    extras = [0.0, *sorted({float(ms) for ms in extra_latency_ms if ms > 0})]
    first = base.scenario.seed.run
    variants: dict[Key, Variant] = {}
    for ms in extras:
        later = slower(base.scenario.venue.latency, ms)
        for name in names:
            changes = {"venue.queue.model": name, **later}
            variants[name, ms, first] = variant(label(name, ms), scenario, given, changes)
    for seed in _other_seeds(first, seeds):
        changes = {"seed.run": seed}
        variants[own, 0.0, seed] = variant(f"{own}~seed{seed}", scenario, given, changes)
    folder = out or Path("runs") / f"study-fills-{base.scenario.name}"
    places = run_all(
        list(variants.values()), folder, scenario=scenario, jobs=jobs, told=told or _silent,
        progress=progress,
    )  # fmt: skip
    runs = {key: read_run(places[one.name]) for key, one in variants.items()}
    study = _study(runs, own, names, extras, folder, first)
    write(folder, study)
    return study, folder


def write(folder: Path, study: FillStudy) -> None:
    """Write `study.json` and `study.html`, each whole or not at all."""
    from simmm.study.fills_page import page

    write_study(folder / FILE_NAME, study)
    write_whole(folder / PAGE_NAME, page(study).encode())


def load_study(folder: Path) -> FillStudy:
    """Read `study.json` of a study's folder.

    Raises
    ------
    RunError
        There is none, or it is of another version.
    """
    return read_study(folder / FILE_NAME, FillStudy, STUDY_SCHEMA)


def _models(wanted: Sequence[str], own: str) -> list[str]:
    """The models to run in the order of the schema, the scenario's own always among them."""
    known = known_models()
    for name in wanted:
        if name not in known:
            raise ScenarioError(
                f"--models: no queue model '{name}'{suggestion(name, known)}; "
                f"there are {', '.join(known)}"
            )
    chosen = {*wanted, own} if wanted else set(known)
    return [name for name in known if name in chosen]


def _other_seeds(first: int, count: int) -> list[int]:
    """Seeds after the scenario's own; from 1 again where they end."""
    return [(first + k - 1) % MAX_SEED + 1 for k in range(1, count + 1)]


def _study(
    runs: dict[Key, Run], own: str, names: list[str], extras: list[float], folder: Path, seed: int
) -> FillStudy:
    reports = {key: load(run.folder) for key, run in runs.items()}

    def result(key: Key) -> Result:
        beside = (own, key[1], seed)
        return _result(reports[key], runs[key], runs[beside], key, key == beside, own, folder)

    results = [result((name, ms, seed)) for ms in extras for name in names]
    others = [result(key) for key in runs if key[2] != seed]
    at_seed = {(name, ms): run for (name, ms, drawn), run in runs.items() if drawn == seed}
    spreads = [_spread(results, at_seed, own, ms) for ms in extras]
    draws = _draws(results, others)
    first = reports[own, 0.0, seed]
    facts = first.run
    file = str(facts.strategy.get("name") or facts.strategy.get("file", "")).rsplit("/", 1)[-1]
    return FillStudy(
        schema_version=STUDY_SCHEMA,
        scenario=facts.scenario,
        strategy=file.removesuffix(".py"),
        symbol=facts.symbol,
        venue=facts.venue,
        quote=facts.quote,
        start_ns=facts.quote_start_ns,
        end_ns=facts.end_ns,
        hours=facts.hours,
        own_model=own,
        queue={name: value for name, value in facts.queue.items() if name != "model"},
        models=names,
        extra_latency_ms=extras,
        results=results,
        spreads=spreads,
        seeds=others,
        draws=draws,
        sentences=sentences(results, spreads, draws, facts.quote),
    )


def _draws(results: list[Result], others: list[Result]) -> Draws | None:
    """Spread of net by the seed alone, beside that by the model; None without other seeds."""
    plain = [one for one in results if not one.extra_latency_ms]
    drawn = [one.net.value or 0.0 for one in (*others, *(one for one in plain if one.own))]
    if len(drawn) < 2:
        return None
    models = [one.net.value or 0.0 for one in plain]
    return Draws(
        runs=len(drawn),
        least=min(drawn),
        most=max(drawn),
        sd=statistics.stdev(drawn),
        sd_models=statistics.stdev(models) if len(models) > 1 else 0.0,
    )


def _result(
    report: Report, run: Run, beside: Run, key: Key, itself: bool, own: str, folder: Path
) -> Result:
    name, ms, seed = key
    net, traded = report.profit.net, report.profit.notional
    at = find_markout(report, SPLIT_HORIZON_S, "all")
    apart, why = (Estimate(None), "") if itself else _apart(run, beside)
    every = max(1, -(-len(report.curve.get("ts", [])) // CURVE_POINTS))
    return Result(
        name=label(name, ms),
        model=name,
        extra_latency_ms=ms,
        seed=seed,
        own=name == own,
        folder=run.folder.relative_to(folder).as_posix(),
        net=net,
        parts={part.name: part.amount for part in report.profit.parts
               if part.modelled or part.half_quanta},
        edge_bps=net.value / traded * 1e4 if net.value is not None and traded else None,
        fills=report.fills.count,
        fills_per_hour=report.fills.per_hour,
        fill_ratio=report.orders.fill_ratio,
        turnover=traded,
        drawdown=report.risk.drawdown,
        markout_5s=at.edge if at else Estimate(None),
        sharpe_day=report.risk.sharpe_day,
        apart=apart,
        apart_why=why,
        curve={key: _thinned(report.curve.get(key, []), every) for key in ("ts", "net")},
    )  # fmt: skip


def _thinned(values: list[float | int], every: int) -> list[float | int]:
    return values[::every] if (len(values) - 1) % every == 0 else [*values[::every], values[-1]]


def _net(run: Run) -> float:
    """Net of a run at the final mid, quote currency."""
    return load(run.folder).profit.net.value or 0.0


def _apart(run: Run, beside: Run) -> tuple[Estimate, str]:
    """Net of a run less that of another of the same tape, paired; and why without an interval."""
    value = _net(run) - _net(beside)
    how = pairing(beside, run)
    if not (how.paired and how.same_period) or how.start_ns is None or how.end_ns is None:
        return Estimate(value), how.reason
    grid = make_grid(how.start_ns, how.end_ns, round((how.step_s or 0.0) * 1e9))
    if grid is None:
        return Estimate(value), "too few samples for an interval"
    sides = [Series(money(side, grid, how.end_ns).net, grid) for side in (beside, run)]
    return difference(value, sides[0], sides[1], paired=True)


def _spread(
    results: list[Result], runs: dict[tuple[str, float], Run], own: str, ms: float
) -> Spread:
    found = [one for one in results if one.extra_latency_ms == ms]
    nets = [(one.net.value or 0.0, one) for one in found]
    least = min(nets, key=lambda pair: pair[0])
    most = max(nets, key=lambda pair: pair[0])
    mine = next(one for one in found if one.own)
    apart, _ = _apart(runs[most[1].model, ms], runs[least[1].model, ms])
    slowed = _apart(runs[own, ms], runs[own, 0.0])[0] if ms else Estimate(None)
    names = {name for one in found for name in one.parts}
    parts = {name: [one.parts.get(name, 0.0) for one in found] for name in sorted(names)}
    size = abs(mine.net.value or 0.0)
    return Spread(
        extra_latency_ms=ms,
        least_model=least[1].model,
        least=least[0],
        most_model=most[1].model,
        most=most[0],
        spread=apart,
        own_net=mine.net,
        own_apart=slowed,
        share=(most[0] - least[0]) / size if size else None,
        parts={name: max(values) - min(values) for name, values in parts.items()},
        fills=(min(one.fills for one in found), max(one.fills for one in found)),
    )


def _silent(event: Event) -> None:
    pass


ready(FillStudy)
