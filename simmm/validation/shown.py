"""A validation's figures and findings as text, the same on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Sequence

from simmm.report.words import MINUS, duration, fixed, moment
from simmm.validation.result import SCORES, Bin, Estimate, Population, Row, Validation

#: Scores that may be trusted to tell models apart, by population.
JUDGED = {
    "R": ("position", "position_bias"),
    "RP": ("position", "position_bias", "time", "brier_5s", "brier_30s", "probability_error"),
    "V0": ("position", "position_bias", "time", "brier_5s", "brier_30s", "probability_error"),
    "own": ("time", "brier_5s", "brier_30s", "brier", "probability_error"),
}
#: The score whose ratio to other models is drawn, by population.
RATIO = {"R": "position", "RP": "time", "V0": "time", "own": "time"}
#: Scores that stand in the JSON file and the CSV only: they tell nothing beside the others.
_UNSHOWN = {
    "R": {"brier_1s"},
    "own": {"brier_1s"},
    "RP": {"brier_1s", "brier"},
    "V0": {"brier_1s", "brier"},
}
#: What the table of all models holds, as far as there is such a population.
_SUMMARY = {
    "R": ("position", "position_bias"),
    "RP": ("time", "brier_30s", "probability_error", "false", "exact"),
    "own": ("time", "brier_30s", "probability_error", "false", "exact"),
}
MARKOUTS = ("markout_1s", "markout_5s")
_ERRORS = {"time": "its error of the fill's time is", "position": "its error of the place is"}
_REAL = "real_"
#: Told once above a table, not in each row: the same for every model.
REAL_SCORES = ("real", "real_markout_1s", "real_markout_5s")
_CAVEATS = {
    "R": "Only the place in the queue judges models here. The other figures reward models that "
    "fill early: an order's life ends with its own fill, so a late fill counts as none, and a "
    "false fill after the real cancel is never seen.",
    "own": "An order's life ends with its own fill or cancel, so models that fill early look "
    "better here than they are, and those that fill late look worse.",
}


def model_name(row: Row) -> str:
    """The model's name, and whether it is one path or a probability from many."""
    if not row.drawn:
        return row.model
    return f"{row.model}, 1 path" if row.draws == 1 else row.model


def rows_of(result: Validation, population: str) -> list[Row]:
    """The rows of one population, in their order."""
    return [row for row in result.rows if row.population == population]


def judged(rows: Sequence[Row], population: str) -> list[str]:
    """Scores of a population that tell models apart, as far as any row has them."""
    wanted = JUDGED.get(population, tuple(SCORES))
    return [name for name in wanted if any(name in row.scores for row in rows)]


def looked_at(rows: Sequence[Row], population: str) -> list[str]:
    """Scores that are told but judge nothing, without those that all rows share."""
    taken = {*judged(rows, population), *REAL_SCORES, *_UNSHOWN.get(population, ())}
    return [name for name in SCORES if name not in taken and any(name in r.scores for r in rows)]


def summary(result: Validation) -> tuple[list[tuple[str, str]], list[tuple[str, list[str]]]]:
    """The table of all models: (population, score) of each column, and each model's figures."""
    columns = [
        (population, name)
        for population, names in _SUMMARY.items()
        for name in names
        if any(name in row.scores for row in rows_of(result, population))
    ]
    found: dict[str, dict[tuple[str, str], str]] = {}
    for row in result.rows:
        cells = found.setdefault(model_name(row), {})
        for population, name in columns:
            if row.population == population and name in row.scores:
                cells[population, name] = value(row.scores[name], name)
    return columns, [
        (model, [cells.get(column, "–") for column in columns])
        for model, cells in found.items()
        if cells
    ]


def value(estimate: Estimate | None, name: str) -> str:
    """A score as text, a dash where it can't be had."""
    score = SCORES[name]
    sign = score.best == "zero" or "markout" in name
    return fixed(None if estimate is None else estimate.value, score.digits, sign)


def between(estimate: Estimate | None, name: str) -> str:
    """Its 95 % interval, empty where there is none."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    score = SCORES[name]
    sign = score.best == "zero" or "markout" in name
    low, high = (fixed(edge, score.digits, sign) for edge in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def ratio(estimate: Estimate | None) -> str:
    """A ratio with its interval."""
    if estimate is None:
        return "–"
    text = fixed(estimate.value, 2)
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{fixed(estimate.low, 2)}, {fixed(estimate.high, 2)}]"


def label(name: str) -> str:
    """A score's name, with a true minus sign."""
    return SCORES[name].label.replace(" - ", f" {MINUS} ")


def heading(name: str) -> tuple[str, str]:
    """A score's name and its unit: heads of the columns of values and of intervals."""
    return label(name), SCORES[name].unit


def title(population: Population) -> str:
    """A population's heading."""
    return f"{population.name}: {population.meaning}"


def real_words(population: Population, rows: Sequence[Row]) -> str:
    """How many orders there were and what really happened to them."""
    said = (
        f"{population.orders:,} orders, {population.fills:,} of them filled, in "
        f"{population.blocks:,} blocks of time"
    )
    moves = []
    for name in MARKOUTS:
        found = next((r.scores[_REAL + name] for r in rows if _REAL + name in r.scores), None)
        if found is not None:
            moves.append(f"{value(found, name)} {between(found, name)}".strip())
    if moves:
        said += f"; {' and '.join(moves)} ticks 1 and 5 s after real fills"
    return f"{said}. Truth: {population.truth}."


def caveat(population: str) -> str:
    """What a population's figures must not be taken for."""
    return _CAVEATS.get(population, "")


def subject(result: Validation) -> list[str]:
    """What was scored, in lines."""
    seconds = (result.to_ts - result.from_ts) / 1e9
    kind = {
        "orders": "real orders",
        "market-by-order": "market-by-order rows",
        "fills": "an account's own orders and fills",
    }.get(result.truth_kind, result.truth_kind)
    return [
        f"{result.symbol}: {result.tape} ({result.feed}) against {kind}, {result.truth}",
        f"Orders that joined from {moment(result.from_ts)} to {moment(result.to_ts)} UTC "
        f"({duration(seconds)}); intervals: 95 %, {result.resamples:,} resamples of blocks of "
        f"{duration(result.block_ns / 1e9)}; seed {result.seed}",
    ]


def headline(result: Validation) -> str:
    """Which model comes nearest to what happened, in a sentence, by the scores that judge."""
    for population in ("RP", "V0", "own", "R"):
        score = RATIO[population]
        rows = [r for r in rows_of(result, population) if score in r.scores]
        if not rows:
            continue
        best = min(rows, key=lambda row: row.scores[score].value)
        found = best.scores[score]
        said = (
            f"Nearest to what happened: {model_name(best)}; {_ERRORS[score]} "
            f"{value(found, score)} {SCORES[score].unit} {between(found, score)}".rstrip()
        )
        parts = []
        for other, ratios in (("power 3", best.to_power), ("pessimistic", best.to_pessimistic)):
            if score in ratios and other != best.model:
                parts.append(f"{ratio(ratios[score])} of {other}'s")
        return f"{said}{', ' if parts else ''}{', '.join(parts)} ({population})."
    return "Nothing could be scored."


def sure(estimate: Estimate | None) -> bool:
    """Whether a ratio's interval leaves out one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return False
    return estimate.high < 1.0 or estimate.low > 1.0


def constants(pairs: dict[str, float]) -> str:
    """A model's constants as text."""
    return ", ".join(f"{name} {number:g}" for name, number in pairs.items()) or "none"


def bin_words(one: Bin) -> str:
    """Probability given and share that happened."""
    return f"{one.predicted:.2f}→{one.real:.2f}"
