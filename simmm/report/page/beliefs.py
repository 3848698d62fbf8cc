"""Did it know what it was doing: beliefs with their bands over the truth or what came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from simmm.errors import RunError
from simmm.report.calibration import samples
from simmm.report.calibration_words import covered, no_truth, signed_percent, window
from simmm.report.page.course import shades, time_chart
from simmm.report.page.pack import Thinning, packed
from simmm.report.page.shell import Html, field, join, table, tag
from simmm.report.schema import Calibration, Report
from simmm.report.tables import Run
from simmm.report.truth import averaged_sigma, clock_ns, truth_at
from simmm.report.words import fixed, percent

AHEAD_S = 300.0
_MOST_FIELDS = 24
_BELIEFS = (
    ("sigma", "sigma", "fraction of price / √s"),
    ("kappa", "kappa", "1 / fraction of price"),
    ("A", "arrival", "aggressors / s and side"),
)


def belief_chart(run: Run, report: Report) -> tuple[dict[str, Any] | None, str]:
    """Panels of the beliefs, and the sentence on them; None where nothing was believed."""
    start = run.info.period.t0_ns
    panels = []
    for name, column, unit in _BELIEFS:
        told = samples(run, column)
        if not np.isfinite(told.value).any():
            continue
        grid = Thinning(told.ts, start)
        series: list[dict[str, Any]] = [
            {"style": "band", "name": "95 %", "colour": "own", "x": grid.x(),
             "low": packed(grid.low(told.low)), "high": packed(grid.high(told.high))},
            {"style": "line", "name": "believed", "colour": "ink", "x": grid.x(),
             **grid.line(told.value)},
        ]  # fmt: skip
        for label, colour, reference in _references(run, column, told.ts):
            series.append({"style": "step", "name": label, "colour": colour, "dash": True,
                           "x": grid.x(), **grid.line(reference)})  # fmt: skip
        panels.append({"title": name, "unit": unit, "height": 150, "zero": True,
                       "robust": True, "series": series})  # fmt: skip
    words = _words(report)
    if not panels:
        return None, words
    chart = time_chart(run, panels, shades(run, None))
    chart["calm"] = (run.info.period.quote_start_ns - start) / 1e6
    return chart, words


def _references(run: Run, column: str, ts: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """The truth at each time, of sigma also averaged or else what came; name and colour of each."""
    truth = truth_at(run, column, ts)
    if truth is not None:
        found = [("truth of the moment", "sell", truth)]
        averaged = averaged_sigma(run, ts) if column == "sigma" else None
        if averaged is not None:
            found.append(("truth over its window", "held", averaged.values))
        return found
    ahead = realised_ahead(run, ts) if column == "sigma" else None
    return [] if ahead is None else [(f"realised in the next {AHEAD_S / 60:g} min", "sell", ahead)]


def realised_ahead(run: Run, ts: np.ndarray) -> np.ndarray | None:
    """Volatility that the next `AHEAD_S` seconds realised, at each of `ts`, else NaN."""
    clock = clock_ns(run)
    period = run.info.period
    steps = max(2, round(AHEAD_S * 1e9 / clock))
    instants = np.arange(period.t0_ns, period.end_ns + 1, clock, dtype=np.int64)
    if len(instants) <= steps + 1 or not len(ts):
        return None
    mid2 = run.mid2_at(instants).astype(np.float64)
    returns = np.diff(mid2) / np.where(mid2[:-1] > 0, mid2[:-1], np.nan)
    squares = np.concatenate(([0.0], np.cumsum(np.nan_to_num(returns * returns))))
    realised = np.full(len(instants), np.nan)
    variance = np.maximum(squares[steps:] - squares[:-steps], 0.0) / (steps * clock / 1e9)
    realised[: len(variance)] = np.sqrt(variance)
    place = np.clip((ts - period.t0_ns) // clock, 0, len(instants) - 1)
    return realised[place]


def _words(report: Report) -> str:
    told = []
    for entry in report.calibration:
        if entry.mean is None or not entry.reference:
            continue
        off = 100 * (entry.mean_error or 0.0) / entry.reference
        text = f"{entry.name} was believed {abs(off):.0f} % too {'high' if off > 0 else 'low'}"
        if abs(off) < 0.5:
            text = f"{entry.name} was believed right"
        text += " on average" if entry.against == "truth" else " against what the run realised"
        if entry.averaged_error is not None and entry.mean is not None:
            window_off = entry.averaged_error / (entry.mean - entry.averaged_error)
            text += f" ({signed_percent(window_off)} against the truth over its window)"
        if entry.coverage is not None:
            text += f", {covered(entry)}"
        told.append(text)
    if not told:
        return "There is nothing to compare the beliefs with."
    last = next((window(entry) for entry in report.calibration if window(entry)), "")
    return f"{'; '.join(told)[:1].upper()}{'; '.join(told)[1:]}.{last}"


def belief_table(report: Report) -> Html:
    """The comparison of `report.json` in figures."""
    rows = [_row(k, entry) for k, entry in enumerate(report.calibration)]
    columns = ("belief", "against", "mean error", "covered", "of its window", "reference", "mean",
               "final", "95 %", "absolute", "samples", "unit")  # fmt: skip
    if not rows:
        return Html("")
    words = no_truth(report)
    return join(table(columns, rows, left=2, remark=True),
                *([tag("p", words, class_="note")] if words else []))  # fmt: skip


def _row(k: int, entry: Calibration) -> list[object]:
    path = f"calibration.{k}"

    def shown(name: str) -> Html:
        value = getattr(entry, name)
        return field(f"{path}.{name}", value, figure_text(value))

    span = "–"
    if entry.final_low is not None and entry.final_high is not None:
        span = f"{figure_text(entry.final_low)} to {figure_text(entry.final_high)}"
    error = "–"
    if entry.mean_error is not None and entry.reference:
        error = f"{fixed(100 * entry.mean_error / entry.reference, 1, True)} %"
    return [entry.name, entry.against, error,
            field(f"{path}.coverage", entry.coverage, percent(entry.coverage, 0)),
            field(f"{path}.averaged_coverage", entry.averaged_coverage,
                  percent(entry.averaged_coverage, 0)),
            shown("reference"), shown("mean"), shown("final"), span, shown("mean_error"),
            f"{entry.samples:,}", entry.unit]  # fmt: skip


def figure_text(value: float | None) -> str:
    """Four figures of a number of any size.

    >>> figure_text(0.000054186), figure_text(9001.23), figure_text(None)
    ('5.419e-05', '9001', '–')
    """
    return "–" if value is None else f"{value:.4g}".replace("-", "\N{MINUS SIGN}", 1) if (
        value < 0) else f"{value:.4g}"  # fmt: skip


def memory_chart(run: Run) -> tuple[dict[str, Any] | None, str]:
    """Panels of what the strategy recorded of its own memory; None where it recorded nothing.

    Raises
    ------
    RunError
        `memory.parquet` is there but not readable.
    """
    path = run.folder / "memory.parquet"
    if not path.exists():
        return None, ""
    try:
        frame = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"{path}: not readable as Parquet ({first}); run it again") from None
    if "ts" not in frame.columns or frame.height == 0:
        return None, ""
    numeric = [name for name, kind in frame.schema.items() if name != "ts" and kind.is_numeric()]
    grid = Thinning(frame["ts"].to_numpy(), run.info.period.t0_ns)
    colours = ("ink", "held", "spread", "holding", "sell", "buy")
    panels = [
        {"title": name, "unit": "", "height": 90, "series": [
            {"style": "line", "name": name, "colour": colours[k % len(colours)], "x": grid.x(),
             **grid.line(frame[name].to_numpy().astype(np.float64))}]}
        for k, name in enumerate(numeric[:_MOST_FIELDS])
    ]  # fmt: skip
    if not panels:
        return None, ""
    told = f"What the strategy recorded of its memory: {', '.join(numeric[:_MOST_FIELDS])}."
    if len(numeric) > _MOST_FIELDS:
        told += f" {len(numeric) - _MOST_FIELDS} more fields are in memory.parquet."
    return time_chart(run, panels, shades(run, None)), told
