"""What the pictures of the estimators say in words, and the table of all beliefs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from simmm.estimators.catalogue import ESTIMATORS
from simmm.report.belief_table import (
    KAPPA_SOURCES,
    Alarm,
    BeliefTable,
    WarmUp,
    beliefs_of,
    cause,
    change_points,
)
from simmm.report.estimator_summary import kappa_sources, kappa_weights, last_of
from simmm.report.page.shell import Html, figure, table, tag
from simmm.report.sources import disagreement
from simmm.report.tables import Run
from simmm.report.truth import parameter, truth_at
from simmm.report.words import MINUS, duration, fixed, percent

NO_DATA = "No data spoke to any of these estimators, so there is nothing to show."
_PRICE_FIGURES = 7
#: Beliefs that stand beside the truth further up, in the report's own comparison.
COMPARED = ("sigma", "kappa", "arrival")
_LATE = 4  # beliefs named that had their first data last


def number(value: float | None, figures: int = 3) -> str:
    """Three figures, or more, of a number of any size; all of its whole ones.

    >>> number(18294.6), number(0.81412), number(5.4e-05), number(None)
    ('18,295', '0.814', '5.4e-05', '–')
    """
    if value is None:
        return "–"
    if 1000 <= abs(value) < 1e9:
        return fixed(value, max(0, figures - len(f"{abs(value):.0f}")))
    return f"{MINUS if value < 0 else ''}{abs(value):.{figures}g}"


def last(found: BeliefTable, name: str, factor: float = 1.0) -> str:
    """The last value of a belief with its interval, such as ``1.2 (1.0 to 1.4)``."""
    if not found.has(name):
        return "unknown"
    row = np.flatnonzero(found.known(name))[-1]
    text = number(float(found.value(name)[row]) * factor)
    bounds = found.interval(name)
    if bounds is None:
        return text
    low, high = (number(float(bound[row]) * factor) for bound in bounds)
    return f"{text} ({low} to {high})"


def held(run: Run, found: BeliefTable, name: str) -> str:
    """How often the 95 % interval held the truth while quoting, as the end of a sentence.

    Empty for those that the report compares by itself: one figure for one thing.
    """
    truth, bounds = truth_at(run, name, found.ts), found.interval(name)
    if truth is None or bounds is None or name in COMPARED:
        return ""
    use = found.known(name) & np.isfinite(truth) & (found.ts >= run.info.period.quote_start_ns)
    if not use.any():
        return ""
    inside = (bounds[0] <= truth) & (truth <= bounds[1])
    share = float(np.count_nonzero(inside & use) / np.count_nonzero(use))
    return f", and its interval held the truth in {percent(share, 0)} of the rows while quoting"


def warm(run: Run, found: BeliefTable, ended: WarmUp | None) -> str:
    """When it became warm and why, and what had data when."""
    start, names = run.info.period.t0_ns, beliefs_of(found)
    if ended is None:
        told = "The table does not tell when the estimators were warm"
    elif ended.warm_s is None:
        told = "The estimators never became warm"
    else:
        told = f"Warm {_after(ended.warm_s)}: {ended.reason}"
        if ended.enough_s is not None and ended.enough_s > ended.warm_s:
            told += f"; enough was heard {_after(ended.enough_s)}"
    firsts = {n: (t - start) / 1e9 for n in names if (t := found.first_ns(n)) is not None}
    if firsts:
        last_ones = sorted(firsts, key=lambda name: (firsts[name], name))[-_LATE:]
        listed = ", ".join(f"{name} {duration(firsts[name])}" for name in last_ones)
        half = float(np.median(list(firsts.values())))
        told += f". Half of the {len(names)} beliefs had data within {duration(half)}; last came "
        told += listed
    never = len(names) - len(firsts)
    if never:
        told += f"; {never} never had any"
    return (
        f"{told}. Rows are written every {duration(_interval(found))}: times are up to that late."
    )


def _after(seconds: float) -> str:
    return f"after {duration(seconds)}" if seconds > 0 else "from the start"


def _interval(found: BeliefTable) -> float:
    return float(np.median(np.diff(found.ts))) / 1e9 if len(found.ts) > 1 else 0.0


def alarms(run: Run, found: BeliefTable, told: list[Alarm]) -> str:
    """How many alarms of each kind, and how long they stood."""
    if not told:
        return "No alarm: no cascade, no change point, never starved of fills, kappa not stagnant."
    counts, longs = Counter(a.kind for a in told), Counter[str]()
    for alarm in told:
        longs[alarm.kind] += alarm.end_ns - alarm.start_ns
    counts["changepoint"] = max(counts["changepoint"], change_points(found))
    whole = max(1, run.info.period.end_ns - run.info.period.t0_ns)
    said = []
    for kind, one, many in (("cascade", "cascade", "cascades"),
                            ("changepoint", "change point", "change points")):  # fmt: skip
        if counts[kind]:
            said.append(f"{counts[kind]} {one if counts[kind] == 1 else many}")
    causes = Counter(a.text.partition(": ")[2] for a in told if a.kind == "cascade")
    if len(causes) == 1:
        said[0] += f" ({next(iter(causes))})"
    elif causes:
        said[0] += f" ({', '.join(f'{count} by {name}' for name, count in causes.items())})"
    for kind, text in (("fill_starved", "starved of fills"), ("kappa_stagnant", "kappa stagnant")):
        if counts[kind]:
            said.append(f"{text} for {duration(longs[kind] / 1e9)} "
                        f"({percent(longs[kind] / whole, 0)} of the run)")  # fmt: skip
    return f"{', '.join(said)[:1].upper()}{', '.join(said)[1:]}."


def volatility(run: Run, found: BeliefTable) -> str:
    """The sentence on volatility."""
    told = f"sigma ended at {last(found, 'sigma', 1e4)} bps / √s{held(run, found, 'sigma')}"
    if found.has("sigma_effective"):
        above = found.value("sigma_effective") > found.value("sigma") * (1 + 1e-9)
        if above.any():
            told += (f"; a cascade's override stood above it in "
                     f"{percent(float(np.mean(above)), 1)} of the rows")  # fmt: skip
    return f"{told}."


def intensity(run: Run, found: BeliefTable) -> str:
    """The sentence on kappa, its sources, and arrivals."""
    told = f"kappa ended at {last(found, 'kappa')}{held(run, found, 'kappa')}"
    ends = kappa_weights(found)
    if ends:
        listed = ", ".join(f"{n} {percent(w, 0)}" for n, w in ends.items() if w > 0.005)
        told += f"; it weighed {listed} at the end"
    names = [f"{name}_kappa" for name in KAPPA_SOURCES]
    ended = {name: one for name in names if (one := last_of(found, name)) is not None}
    if apart := disagreement(kappa_sources(ended), ends):
        told += f". {apart[:1].upper()}{apart[1:]}"
    return f"{told}."


def flow(run: Run, found: BeliefTable) -> str:
    """The sentence on the flow of aggressors and where it drives the price."""
    told = f"each aggressor was believed to bring {last(found, 'hawkes_branching')} others"
    return f"{told[:1].upper()}{told[1:]}{held(run, found, 'hawkes_branching')}."


def changes(run: Run, found: BeliefTable) -> str:
    """The sentence on change points."""
    count = change_points(found)
    told = f"{count} alarm{'' if count == 1 else 's'} of a change, in volatility or reach"
    if found.has("run_length"):
        told += f"; volatility was last taken as steady for {last(found, 'run_length')} buckets"
    recent = int(parameter(run, "changepoint", "recent"))
    told += (
        f". The probability is that the newest change is no more than {recent} observations old, "
        "so it stays near 1 that long after a change. An alarm asks the same of the time since the "
        "last alarm alone"
    )
    return f"{told[:1].upper()}{told[1:]}."


def _moved(found: BeliefTable) -> str:
    """How far the mid moved after fills, for or against them."""
    ended = last_of(found, "markout_5s")
    if ended is None or ended.value is None:
        return "moved by an unknown amount"
    sign = -1.0 if ended.value < 0 else 1.0
    text = f"moved {number(abs(1e4 * ended.value))} bps"
    if ended.low is not None and ended.high is not None:
        bounds = sorted((sign * 1e4 * ended.low, sign * 1e4 * ended.high))
        text += f" ({' to '.join(number(bound) for bound in bounds)})"
    return f"{text} {'against' if sign < 0 else 'for'} it"


def outcomes(run: Run, found: BeliefTable) -> str:
    """The sentence on what followed own fills, as the maker itself counted it."""
    told = f"five seconds after a fill the mid had {_moved(found)}"
    skill = found.value("toxicity_skill") if found.has("toxicity_skill") else None
    if skill is not None:
        end = float(skill[np.isfinite(skill)][-1])
        told += (f"; forecasts of toxicity were {fixed(abs(100 * end), 1)} % "
                 f"{'better' if end > 0 else 'worse'} than their base rate")  # fmt: skip
    return f"{told[:1].upper()}{told[1:]}."


def all_beliefs(run: Run, found: BeliefTable) -> tuple[Html, dict[str, Any]]:
    """Every belief at the end of the run, with interval, age and first data; folded."""
    rows: list[list[object]] = []
    plain: list[list[object]] = []
    quantum = float(run.market.price_quantum)
    end = len(found.ts) - 1
    for entry in ESTIMATORS:
        for belief in entry.beliefs:
            name = belief.name
            if name not in found.columns or f"{name}_age_ns" not in found.columns:
                continue
            priced = belief.price_power == 1.0
            factor, unit = (quantum, run.market.quote) if priced else (1.0, belief.unit)
            age = float(found.columns[f"{name}_age_ns"][end]) / 1e9
            first = found.first_ns(name)
            since = None if first is None else (first - run.info.period.t0_ns) / 1e9
            value = low = high = None
            if age >= 0 and np.isfinite(found.columns[name][end]):
                value = float(found.columns[name][end]) * factor
                if (bounds := found.interval(name)) is not None:
                    low, high = (float(bound[end]) * factor for bound in bounds)
            said = belief.doc
            if name == "cascade_cause" and value is not None:
                said = f"{said}; here: {cause(found, end)}"
            figures = _PRICE_FIGURES if priced else 3
            span = "–"
            if low is not None:
                span = f"{number(low, figures)} to {number(high, figures)}"
            rows.append([name, entry.row, number(value, figures), span,
                         "–" if age < 0 else duration(age),
                         "never" if since is None else _within(since), unit, said])  # fmt: skip
            plain.append([name, entry.row, value, low, high, age if age >= 0 else None, since, unit,
                          belief.doc])  # fmt: skip
    columns = ("belief", "estimator", "last", "95 %", "age", "first data", "unit", "what it is")
    shown = table(columns, rows, left=2, remark=True)
    body = tag("details", tag("summary", f"All {len(rows)} beliefs at the end of the run"), shown)
    csv = ("belief", "estimator", "last", "low", "high", "age_s", "first_data_s", "unit", "doc")
    sentence = "The last value of everything that was believed, how old it was, and when data came."
    made = figure("estimates", "All beliefs", sentence, body)
    return made, {"columns": list(csv), "rows": plain}


def _within(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else "at once"
