"""All tapes beside each other as a Markdown table, for the docs."""

from __future__ import annotations

from simmm.study.estimates.found import Comparison, EstimatesStudy
from simmm.study.estimates.words import FAMILIES, ahead, gain_words

_MARKS = {"better": "▲", "worse": "▼", "no better": "·", "too few": ""}
Key = tuple[str, str, float, str, str]


def _key(one: Comparison) -> Key:
    return one.family, one.belief, one.ahead_s, one.baseline, one.unit


def markdown(found: EstimatesStudy) -> str:
    """One line a comparison, one column a tape; marked is what an interval bears out.

    Reach looks ahead as far as the tape's length allows, so those share a line.
    """
    cells: dict[Key, dict[str, str]] = {}
    for tape in found.tapes:
        for one in tape.comparisons:
            key = _key(one)
            if one.family == "reach":
                key = (key[0], key[1], -1.0, *key[3:])
            cells.setdefault(key, {})[tape.name] = f"{gain_words(one)[0]} {_MARKS[one.verdict]}"
    names = [tape.name for tape in found.tapes]
    lines = [
        "| belief | ahead | against | " + " | ".join(_short(name) for name in names) + " |",
        "|---|---|---|" + "---:|" * len(names),
    ]
    for family in FAMILIES:
        for key, values in cells.items():
            if key[0] == family:
                shown = " | ".join(values.get(name, "").strip() for name in names)
                lines.append(f"| `{key[1]}` | {_ahead(key, found)} | {key[3]} | {shown} |")
    return "\n".join(lines)


def _ahead(key: Key, found: EstimatesStudy) -> str:
    if key[2] < 0:
        return "minutes"
    every = (one for tape in found.tapes for one in tape.comparisons)
    return next(ahead(one) for one in every if _key(one) == key)


def _short(name: str) -> str:
    """The tape's name without its date.

    >>> _short("hl_BTC_20250904")
    'hl_BTC'
    """
    parts = [part for part in name.split("_") if not part.isdigit()]
    return "_".join(parts)
