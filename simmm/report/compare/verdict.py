"""The comparison in words: one sentence to go away with, and what to keep in mind beside it."""

from __future__ import annotations

from simmm.report.compare.schema import Agreement, Figure, Group, Pairing, Value
from simmm.report.schema import Verdict
from simmm.report.words import amount, fixed, signed


def verdict(
    groups: list[Group],
    agreements: list[Agreement],
    configuration: list[Value],
    same_folder: bool,
) -> Verdict:
    """Say what the comparison comes to. `outcome`: same, better, worse (of B) or undecided."""
    if same_folder:
        return Verdict("same", ["A and B are one run: every figure is the same."])
    if all(agreement.agree for agreement in agreements):
        told = "A and B had the same fills and sent the same requests, to the last bit"
        if configuration:
            count = len(configuration)
            told += f", though {count} value{' differs' if count == 1 else 's differ'}"
        return Verdict("same", [f"{told}."])
    group, figure = _deciding(groups)
    if figure is None or figure.difference.value is None:
        return Verdict("undecided", ["What A and B earned can't be held side by side."])
    low, high = figure.difference.low, figure.difference.high
    told = _told(group, figure)
    if low is None or high is None:
        return Verdict("undecided", [f"{told} (no interval): nothing can be concluded."])
    where = f" (95 % interval of the difference {signed(low)} to {signed(high)})"
    if low <= 0 <= high:
        return Verdict("undecided", [f"{told}{where}: not distinguishable."])
    outcome = "better" if low > 0 else "worse"
    return Verdict(outcome, [f"{told}{where}: more than chance explains."])


def _deciding(groups: list[Group]) -> tuple[Group, Figure | None]:
    """Net over the common time, else net, else net of what was traded."""
    found = {figure.key: (group, figure) for group in groups for figure in group.figures}
    for key in ("common_net", "net", "net_bps"):
        if key in found and found[key][1].difference.value is not None:
            return found[key]
    return groups[0], None


def _told(group: Group, figure: Figure) -> str:
    """B against A in words that fit gains and losses."""
    value = figure.difference.value or 0.0
    a, b = figure.a or 0.0, figure.b or 0.0
    size = amount(abs(value))
    if figure.kind == "bps":
        unit = "bps of what it traded"
        size = fixed(abs(value), 2)
    else:
        unit = group.unit
    if a >= 0 and b >= 0:
        told = f"B earned {size} {unit} {'more' if value >= 0 else 'less'} than A"
    elif a <= 0 and b <= 0:
        told = f"B lost {size} {unit} {'less' if value >= 0 else 'more'} than A"
    else:
        told = f"B ended {size} {unit} {'above' if value >= 0 else 'below'} A"
    return f"{told} over their common time" if figure.key == "common_net" else told


def notes(groups: list[Group], pairing: Pairing, money_comparable: bool) -> list[str]:
    """What the intervals are, and what they are not."""
    found = []
    if pairing.paired and pairing.same_period:
        found.append(
            f"Paired in time ({pairing.reason}): the interval is that of the difference moment by "
            "moment, so that what moved both runs alike does not widen it."
        )
    elif pairing.paired:
        found.append(
            f"Only the common time is paired ({pairing.reason}). The other tables are over each "
            "run's own time and take the runs as independent, which widens their intervals."
        )
    else:
        found.append(
            f"Not paired in time, because {pairing.reason}. The intervals take the runs as "
            "independent of each other."
        )
    if not money_comparable:
        found.append(
            "The runs are of different markets or currencies: amounts and sizes are not "
            "subtracted; basis points and shares are."
        )
    figures = [figure for group in groups for figure in group.figures]
    shown = sum(figure.difference.low is not None for figure in figures)
    outside = sum(figure.notable for figure in figures)
    if shown:
        found.append(
            f"{outside} of {shown} intervals leave out zero (marked ●). If nothing differed, about "
            f"one in twenty would by chance, here {fixed(shown / 20, 0 if shown >= 20 else 1)}; "
            "the rows are not independent of each other either. Differences of shares are in "
            "percentage points."
        )
    return found
