"""Studies from Python (docs/study.md)."""

import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from simmm.api.backtest import PathLike, Time, moment, paths, plain_sets, seed_number
from simmm.study import fills
from simmm.study.runs import Event


class StudiedFills:
    """One scenario under every queue model: how much of the result is the fill model.

    Attributes
    ----------
    study : simmm.study.fills.FillStudy
        Everything, typed.
    folder : Path
        Where study.json, study.html and the runs lie.
    """

    def __init__(self, study: fills.FillStudy, folder: Path) -> None:
        self.study = study
        self.folder = folder

    @cached_property
    def runs(self) -> pl.DataFrame:
        """One row a run; money in the quote currency, `beside_own` paired with the own model's."""
        rows = []
        for one in (*self.study.results, *self.study.seeds):
            rows.append({
                "model": one.model, "extra_latency_ms": one.extra_latency_ms, "seed": one.seed,
                "own": one.own, "net": one.net.value, "net_low": one.net.low,
                "net_high": one.net.high, "beside_own": one.apart.value,
                "beside_own_low": one.apart.low, "beside_own_high": one.apart.high,
                **one.parts, "fills": one.fills, "fill_ratio": one.fill_ratio,
                "turnover": one.turnover, "drawdown": one.drawdown,
                "markout_5s_bps": one.markout_5s.value, "folder": str(self.folder / one.folder),
            })  # fmt: skip
        return pl.DataFrame(rows, infer_schema_length=None)

    def page(self, width: int = 80) -> str:
        """Return the study as the terminal shows it, as plain text of `width` columns."""
        from rich.console import Console

        from simmm.study.fills_terminal import render

        text = io.StringIO()
        render(self.study, Console(file=text, width=width, color_system=None, force_jupyter=False))
        return text.getvalue()

    def __repr__(self) -> str:
        return "\n".join(self.study.sentences)


def study_fills(
    scenario: PathLike,
    *,
    models: Sequence[str] = (),
    extra_latency_ms: Sequence[float] = fills.EXTRA_MS,
    seeds: int = fills.SEEDS,
    jobs: int = fills.JOBS,
    out: PathLike | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    seed: int | None = None,
    tape: PathLike | Sequence[PathLike] | None = None,
    strategy: PathLike | None = None,
    start: Time | None = None,
    end: Time | None = None,
    progress: Callable[[str], None] | bool = False,
) -> StudiedFills:
    """Run a scenario under every queue model, with and without extra latency.

    Each run has a process of its own. Finished runs in the folder that fit are kept, so that the
    same call again makes only what is missing.

    Parameters
    ----------
    scenario, set, seed, tape, strategy, start, end
        As for `backtest`.
    models
        Queue models beside the scenario's own; by default all.
    extra_latency_ms
        Added to requests and answers in further runs of every model, ms; may be empty.
    seeds
        Further runs of the own model with other seeds: how far chance alone puts results apart.
    jobs
        Runs at a time.
    out
        Folder of the study; default ``runs/study-fills-<scenario>``.
    progress
        Called with a line for each run that is done; True: printed on standard error.

    Raises
    ------
    SimmmError
        The scenario or an argument is wrong, a run failed, or the folder can't be written.
    """
    say = _print if progress is True else progress or _silent

    def told(event: Event) -> None:
        if event.what in ("done", "kept"):
            say(f"{event.name}: {event.what}")
        elif event.what == "say":
            say(event.text)

    found, folder = fills.study_fills(
        os.fspath(scenario),
        options={
            "sets": plain_sets(set),
            "seed": seed_number(seed),
            "tape": paths(tape),
            "strategy": None if strategy is None else os.fspath(strategy),
            "start": moment(start, "run.from"),
            "end": moment(end, "run.to"),
        },
        models=models,
        extra_latency_ms=extra_latency_ms,
        seeds=seeds,
        jobs=jobs,
        out=None if out is None else Path(out),
        told=told,
    )
    return StudiedFills(found, folder)


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _silent(line: str) -> None:
    pass
