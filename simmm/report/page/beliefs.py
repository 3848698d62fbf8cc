"""Did it know what it was doing: beliefs with their bands over the truth or what came later."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from simmm.errors import RunError
from simmm.report.calibration import clock_ns, truth_path
from simmm.report.page.course import shades, time_chart
from simmm.report.page.pack import Thinning, packed
from simmm.report.page.shell import Html, field, table
from simmm.report.schema import Calibration, Report
from simmm.report.tables import Run
from simmm.report.words import fixed, percent

_REACH = 1.96
AHEAD_S = 300.0
_MOST_FIELDS = 24
_BELIEFS = (
    ("sigma", "sigma", ("sigma",), "fraction of price / √s"),
    ("kappa", "kappa", ("kappa",), "1 / fraction of price"),
    ("A", "arrival", ("A", "arrival"), "aggressors / s and side"),
)


def belief_chart(run: Run, report: Report) -> tuple[dict[str, Any] | None, str]:
    """Panels of the beliefs, and the sentence on them; None where nothing was believed."""
    table_, start = run.beliefs, run.info.period.t0_ns
    grid = Thinning(table_["ts"], start)
    panels = []
    for name, column, keys, unit in _BELIEFS:
        value, sd = table_[column], table_[f"{column}_sd"]
        known = np.isfinite(value) & (value > 0) & np.isfinite(sd) & (sd > 0)
        if not known.any():
            continue
        value = np.where(known, value, np.nan)
        low, high = np.maximum(value - _REACH * sd, 0.0), value + _REACH * sd
        series: list[dict[str, Any]] = [
            {"style": "band", "name": "± 1.96 sd", "colour": "own", "x": grid.x(),
             "low": packed(grid.low(low)), "high": packed(grid.high(high))},
            {"style": "line", "name": "believed", "colour": "ink", "x": grid.x(),
             **grid.line(value)},
        ]  # fmt: skip
        label, reference = _reference(run, name, keys)
        if reference is not None:
            series.append({"style": "step", "name": label, "colour": "sell", "dash": True,
                           "x": grid.x(), **grid.line(reference)})  # fmt: skip
        panels.append({"title": name, "unit": unit, "height": 150, "zero": True,
                       "robust": True, "series": series})  # fmt: skip
    words = _words(report)
    if not panels:
        return None, words
    chart = time_chart(run, panels, shades(run, None))
    chart["calm"] = (run.info.period.quote_start_ns - start) / 1e6
    return chart, words


def _reference(run: Run, name: str, keys: tuple[str, ...]) -> tuple[str, np.ndarray | None]:
    """Return the truth at each sample, or for sigma what the next minutes brought."""
    truth = run.info.tape.get("truth")
    truth = truth if isinstance(truth, dict) else {}
    path = truth_path(run, truth, name)
    if path is not None:
        return "truth", path
    for key in keys:
        value = truth.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return "truth", np.full(len(run.beliefs["ts"]), float(value))
    if name == "sigma":
        return f"realised in the next {AHEAD_S / 60:g} min", realised_ahead(run)
    return "", None


def realised_ahead(run: Run, ts: np.ndarray | None = None) -> np.ndarray | None:
    """Volatility that the next `AHEAD_S` seconds realised, at each belief or `ts`, else NaN."""
    clock = clock_ns(run)
    period = run.info.period
    ts = run.beliefs["ts"] if ts is None else ts
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
        if entry.coverage is not None:
            text += f", its 95 % band held the truth {percent(entry.coverage, 0)} of the time"
        told.append(text)
    if not told:
        return "There is nothing to compare the beliefs with."
    return "; ".join(told)[:1].upper() + "; ".join(told)[1:] + "."


def belief_table(report: Report) -> Html:
    """The comparison of `report.json` in figures."""
    rows = [_row(k, entry) for k, entry in enumerate(report.calibration)]
    columns = ("belief", "against", "reference", "mean", "final", "± 95 %", "mean error",
               "absolute", "covered", "samples", "unit")  # fmt: skip
    return table(columns, rows, left=2, remark=True) if rows else Html("")


def _row(k: int, entry: Calibration) -> list[object]:
    path = f"calibration.{k}"

    def shown(name: str) -> Html:
        value = getattr(entry, name)
        return field(f"{path}.{name}", value, figure_text(value))

    reach = None if entry.final_sd is None else _REACH * entry.final_sd
    error = "–"
    if entry.mean_error is not None and entry.reference:
        error = f"{fixed(100 * entry.mean_error / entry.reference, 1, True)} %"
    return [entry.name, entry.against, shown("reference"), shown("mean"), shown("final"),
            figure_text(reach), error, shown("mean_error"),
            field(f"{path}.coverage", entry.coverage, percent(entry.coverage, 0)),
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
