"""The reference of estimators, made from their files: ``python -m simmm.estimators.docs``.

What was measured is added by hand in ``docs/estimators_measured.md``, which follows at the end.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from simmm.estimators.catalogue import ESTIMATORS, FAMILIES, Estimator
from simmm.estimators.declare import Belief, Parameter
from simmm.estimators.observation import KINDS

MEASURED = Path(__file__).parents[2] / "docs" / "estimators_measured.md"

_HEAD = """# Estimators

<!-- Made from simmm/estimators/ by `python -m simmm.estimators.docs`; don't edit. -->

What the maker believes: each estimator with what it believes, from what, how sure it is, and when
not to trust it.

An estimator hears what the maker sees and writes *beliefs*. Strategies read them by name. Each
belief has five fields:

| field | meaning |
|---|---|
| `name` | the value, in the unit below |
| `name_sd` | its standard deviation |
| `name_low`, `name_high` | an interval that holds the truth with 95 % probability |
| `name_age_ns` | time since the newest data that informed it; -1: no data spoke yet |

With an age of -1 the value is a prior's where there is one, else 0. A `code` (a count, a flag, a
state) has only `name` and `name_age_ns`. The *law* says how value, deviation and interval belong
together: `normal` is value ± 1.96 deviations, `lognormal` is that of the logarithm, `gamma` and
`beta` are the laws with that mean and deviation.

Parameters are set in a scenario, under `estimators.<name>`, or by
`--set estimators.<name>.<parameter>=<value>`. A *source* tells where a default comes from: a choice
(`config`), mathematics (`derivation`), or a rule of the exchange (`exchange fact`).

`simmm study recovery` shows how well each finds the truth of generated worlds, and how often its
intervals hold it; `simmm study cost` what each costs.
"""

_FEEDS = """
## What feeds what

Read from the code: what each estimator hears, whose beliefs it reads, and who reads its own. All
run in this order, so that each comes after those that it reads.
"""

_HEARD = {
    "CLOCK": "a tick of the estimators' clock, with mid and book",
    "AGGRESSOR": "an aggressor, whole, with its reach",
    "TOUCH": "a change of the best bid or ask",
    "BUCKET": "the volume clock has closed a bucket",
    "FILL": "a fill of one's own resting order",
    "CONTEXT": "mark, oracle, funding, open interest",
    "GAP": "an interruption of the feed",
}
_FAMILY = {
    "volatility": "Volatility",
    "intensity": "Intensity",
    "flow": "Price and flow",
    "outcomes": "Outcomes of own fills",
}
_SILENCE = {
    "hold": "While nothing is heard, beliefs stay as they are and only their age grows.",
    "prior": "While nothing is heard, beliefs go back to what was believed before any data.",
}


def reference() -> str:
    """Return the whole page, Markdown."""
    parts = [_HEAD, _FEEDS, _feeds(), "", _graph()]
    for family in FAMILIES:
        members = [entry for entry in ESTIMATORS if entry.family == family]
        if members:
            parts.append(f"\n## {_FAMILY[family]}")
            parts += [_estimator(entry) for entry in members]
    if MEASURED.is_file():
        parts.append("\n" + MEASURED.read_text("utf-8").strip())
    return "\n".join(parts).rstrip() + "\n"


def feeds() -> Iterator[tuple[Estimator, Estimator, list[str]]]:
    """Yield who reads whom, and which beliefs."""
    for reader in ESTIMATORS:
        for writer in ESTIMATORS:
            names = [b.name for b in writer.beliefs if b.name in reader.reads]
            if names and writer is not reader:
                yield writer, reader, names


def _feeds() -> str:
    rows = ["| row | estimator | hears | reads | is read by |", "|---|---|---|---|---|"]
    edges = list(feeds())
    for entry in ESTIMATORS:
        hears = ", ".join(KINDS[kind] for kind in entry.hears)
        reads = ", ".join(
            f"`{name}` ({writer.name})"
            for writer, reader, names in edges
            if reader is entry
            for name in names
        )
        readers = ", ".join(reader.name for writer, reader, _ in edges if writer is entry)
        rows.append(
            f"| {entry.row} | [{entry.name}](#{entry.name}) | {hears} | {reads} | {readers} |"
        )
    heard = "\n".join(f"- `{kind}`: {_HEARD[kind]}" for kind in KINDS)
    return "\n".join([heard, "", *rows])


def _graph() -> str:
    """The same as a picture: arrows go from who writes a belief to who reads it."""
    lines = ["```mermaid", "graph LR"]
    for entry in ESTIMATORS:
        lines.append(f'  {entry.name}["{entry.row} {entry.name}"]')
    for writer, reader, names in feeds():
        lines.append(f'  {writer.name} -->|"{", ".join(names)}"| {reader.name}')
    return "\n".join([*lines, "```"])


def _estimator(entry: Estimator) -> str:
    title = entry.title.partition(":")[2].strip().rstrip(".")
    hears = "; ".join(_HEARD[KINDS[kind]] for kind in entry.hears)
    reads = ", ".join(f"`{name}`" for name in entry.reads) or "no other's beliefs"
    parts = [
        f"\n### {entry.name}\n",
        f"**{entry.row}**: {title}.\n",
        f"Hears: {hears}. Reads: {reads}. {_SILENCE[entry.silence]}\n",
    ]
    if entry.approximate:
        parts.append(f"**Approximate.** {' '.join(entry.approximate.split())}\n")
    parts += [_beliefs(entry), "", _parameters(entry), "", _prose(entry)]
    return "\n".join(parts)


def _beliefs(entry: Estimator) -> str:
    rows = ["| belief | unit | law | what it is |", "|---|---|---|---|"]
    rows += [_belief(belief) for belief in entry.beliefs]
    return "\n".join(rows)


def _belief(belief: Belief) -> str:
    return _row(f"`{belief.name}`", belief.unit, belief.law, belief.doc)


def _parameters(entry: Estimator) -> str:
    if not entry.parameters.fields:
        return "It has no parameters."
    rows = [
        "| parameter | default | unit | range | source | meaning |",
        "|---|---|---|---|---|---|",
    ]
    rows += [_parameter(name, spec) for name, spec in entry.parameters.fields.items()]
    return "\n".join(rows)


def _parameter(name: str, spec: Parameter) -> str:
    reach = f"{spec.low:g} to {spec.high:g}"
    return _row(f"`{name}`", f"`{spec.default:g}`", spec.unit, reach, spec.source, spec.doc)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(entry: Estimator) -> str:
    """The docstring after its title; paragraphs that are indented there are shown as they stand."""
    text = inspect.cleandoc(entry.module.__doc__ or "").partition("\n")[2]
    paragraphs = text.strip("\n").split("\n\n")
    blocks = groupby(paragraphs, lambda part: all(x.startswith("    ") for x in part.splitlines()))
    shown = []
    for is_formula, parts in blocks:
        block = "\n\n".join(parts)
        shown.append(f"```\n{textwrap.dedent(block)}\n```" if is_formula else block)
    return "\n\n".join(shown)


if __name__ == "__main__":
    print(reference(), end="")
