"""What the estimators said, in short: sigma, kappa, toxicity with intervals, warm-up, alarms."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from simmm.report.estimator_summary import kappa_sources
from simmm.report.figure import Estimate
from simmm.report.off import no_table
from simmm.report.schema import Report
from simmm.report.schema_estimators import Estimators, Third
from simmm.report.sources import SAID, disagreement
from simmm.report.terminal.parts import FAINT, pairs, section
from simmm.report.words import decimals_for, duration, fixed, percent

Row = tuple[str, str, str]
_BPS = 1e4


def estimators(report: Report) -> RenderableType:
    """The section; says so for a run that wrote no beliefs down."""
    facts = report.estimators
    if facts is None:
        return section("Estimators", Text(no_table(report.scenario, report.changes), style=FAINT))
    rows = [*_beliefs(facts), *_toxicity(facts), *_course(facts)]
    apart = disagreement(kappa_sources(facts.last), facts.kappa_weights)
    note = f"{apart[:1].upper()}{apart[1:]}." if apart else ""
    return section("Estimators", pairs(rows), note=note)


def _beliefs(facts: Estimators) -> list[Row]:
    rows = []
    if (sigma := facts.last.get("sigma")) is not None:
        rows.append(("sigma", *_figure(sigma, _BPS, "bps per √s")))
    if (kappa := facts.last.get("kappa")) is not None:
        value, words = _figure(kappa, 1.0, "per fraction of price")
        rows.append(("kappa", value, words))
        ends = sorted(facts.kappa_weights.items(), key=lambda item: -item[1])
        told = [f"{percent(w, 0)} by {SAID[name]}" for name, w in ends if w > 0.005]
        if told:
            rows.append(("", "", f"weights: {', '.join(told)}"))
    return rows


def _figure(told: Estimate, factor: float, unit: str) -> tuple[str, str]:
    """A value and, as its remark, unit and 95 % interval, with as many decimals."""
    values = [None if v is None else v * factor for v in (told.value, told.low, told.high)]
    shown = [fixed(value, decimals_for(values[:1])) for value in values]
    span = "" if told.low is None else f", 95 %: {shown[1]} to {shown[2]}"
    return shown[0], f"{unit}{span}"


def _toxicity(facts: Estimators) -> list[Row]:
    rows = []
    for name, side in (("toxicity_bid", "a bid"), ("toxicity_ask", "an ask")):
        if (told := facts.last.get(name)) is not None:
            words = f"chance that a fill is adverse{_span(told, ', 95 %: ')}"
            rows.append((f"toxicity of {side}", percent(told.value, 0), words))
    if facts.toxicity_skill is not None:
        better = "better" if facts.toxicity_skill > 0 else "worse"
        rows.append(("its forecasts", percent(abs(facts.toxicity_skill), 1),
                     f"{better} than always telling the base rate"))  # fmt: skip
    if len(facts.toxicity) > 1:
        rows += [_third(third) for third in facts.toxicity]
    return rows


def _third(third: Third) -> Row:
    move, adverse = third.move, third.adverse
    words = f"in 5 s after {third.fills:,} fills"
    if move.value is not None:
        words = f"bps {'against' if move.value < 0 else 'for'} us {words}"
    if move.low is not None and move.high is not None:
        words += f", ± {fixed((move.high - move.low) / 2, 2)}"
    words += f"; {percent(third.believed, 0)} foretold adverse, {percent(adverse.value, 0)} came so"
    value = "–" if move.value is None else fixed(abs(move.value), 2)
    return f"{third.name} toxicity", value, f"{words}{_span(adverse, ', 95 %: ')}"


def _span(share: Estimate, before: str) -> str:
    if share.low is None or share.high is None:
        return ""
    return f"{before}{fixed(100 * share.low, 0)}–{percent(share.high, 0)}"


def _course(facts: Estimators) -> list[Row]:
    rows = [("warm", "never" if facts.warm_s is None else duration(facts.warm_s),
             facts.warm_reason)]  # fmt: skip
    causes = ", ".join(facts.cascades)
    rows.append(("cascades seen", f"{sum(facts.cascades.values()):,}", causes))
    rows.append(("change points", f"{facts.change_points:,}", "in volatility or reach"))
    for name, seconds in (("starved of fills", facts.starved_s),
                          ("kappa stagnant", facts.stagnant_s)):  # fmt: skip
        if seconds > 0:
            rows.append((name, duration(seconds), ""))
    return rows
