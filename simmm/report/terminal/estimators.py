"""What the estimators did, in short: warm-up, sources of kappa, alarms, toxicity."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from simmm.report.schema import Report
from simmm.report.terminal.parts import FAINT, pairs, section
from simmm.report.words import duration, fixed, percent


def estimators(report: Report) -> RenderableType:
    """The section; says so for a run that wrote no beliefs down."""
    facts = report.estimators
    if facts is None:
        text = Text("No table of estimates: they were off, or simmm was older.", style=FAINT)
        return section("Estimators", text)
    rows = [("warm", "never" if facts.warm_s is None else duration(facts.warm_s),
             facts.warm_reason)]  # fmt: skip
    weights = sorted(facts.kappa_weights.items(), key=lambda item: -item[1])
    for name, weight in weights[:2]:
        if weight > 0.005:
            rows.append((f"kappa from {name}", percent(weight, 0), "weight at the end"))
    causes = ", ".join(facts.cascades)
    rows.append(("cascades seen", f"{sum(facts.cascades.values()):,}", causes))
    rows.append(("change points", f"{facts.change_points:,}", ""))
    for name, seconds in (("starved", facts.starved_s), ("kappa stagnant", facts.stagnant_s)):
        if seconds > 0:
            rows.append((name, duration(seconds), ""))
    for third in facts.toxicity if len(facts.toxicity) > 1 else ():
        move = fixed(third.move.value, 2, True)
        rows.append((f"{third.name} toxicity", move,
                     f"bps the mid moved in 5 s; {percent(third.believed, 0)} believed, "
                     f"{percent(third.adverse.value, 0)} adverse"))  # fmt: skip
    return section("Estimators", pairs(rows))
