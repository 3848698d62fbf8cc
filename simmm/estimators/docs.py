"""The reference of estimators, made from their files: ``python -m simmm.estimators.docs``.

What was measured is added by hand in ``docs/estimators_measured.md``, which follows at the end.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType

from simmm.estimators import silence
from simmm.estimators.catalogue import ESTIMATORS, FAMILIES, Estimator
from simmm.estimators.declare import Belief, Parameter
from simmm.estimators.intensity import reach_window
from simmm.estimators.observation import KINDS
from simmm.estimators.outcomes import clusters, depth_fit, logistic, pending, share

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
`beta` are the laws with that mean and deviation, and with `posterior` the bounds are quantiles that
don't follow from value and deviation.

**Units and sizes.** A *fraction* is of the price: 0.0001 is 1 bp. A `sigma` of 0.00004 fraction/√s
is 0.4 bps over one second, and √t times that over t seconds: 3.1 bps a minute, about 22 % a year. A
`kappa` is 1/fraction: 17,000, usual on a liquid major, says that 1/17,000 of the price, 0.59 bps,
farther out arrivals have thinned by e (2.7); 2,000 says that of 5 bps. Prices are in quanta of the
market: times `market.quantum` they are money. Python's `run.estimates` has them in the quote
currency already.

**Before you trust one**, read its line *On tapes*: what recorded markets said, in words; the
figures stand under [On recorded tapes](#on-recorded-tapes). Theory and generated worlds say whether
an estimator finds what it is meant to find, tapes whether that is worth anything.

Parameters are set in a scenario, under `estimators.<name>`, or by
`--set estimators.<name>.<parameter>=<value>`. The name is the estimator's, not the belief's:
`sigma` is set in `estimators.ewma`. A belief's name or an E-number is answered by the section that
is meant, and settings that contradict each other are refused. A *source* tells where a default
comes from: a choice (`config`), mathematics (`derivation`), or a rule of the exchange
(`exchange fact`).

Estimators run all together or not at all (`estimators.enabled`), since they read each other; there
is no switch for one.

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
_ABOUT = {
    "volatility": """`sigma` is what strategies quote on; `sigma_effective` is the same with a
precaution after cascades. The others say something about it: of late, without jumps, against its
usual level. Volatility of the last buckets, `filtered_sigma`, is no forecast.""",
    "intensity": """How arrivals thin out with distance has several answers, since it is asked of
different data: what the market's aggressors reach beyond the touch (`market_kappa`,
`robust_kappa`), how the book's depth falls (`book_kappa`), and where own orders were filled
(`own_kappa`, `exposure_kappa`), which also know of the queue and are often far lower. `kappa` is
the blend.

Their priors differ as well. Those of reach (kappa and robust_kappa: 5,000, worth one aggressor)
are gone after a few aggressors that reach about as far as 1/5,000, 2 bps; where reach is a
hundredth of that, as on a future with a deep touch, they weigh as much as a hundred. Those of
fills (exposure, own_kappa where the market's kappa is unknown: 2,000) stay in force until own
fills come, so they are on the cautious side: with too low a kappa one quotes too wide and trades
little, with too high a one too near. kappa_blend's (2,000 for the same reason) holds only until
any source knows something. All are choices; a market whose kappa is known wants its own.""",
    "flow": """Where the price is likely to go, and how much is happening. Here most is no better
than the mid or a mean rate, as their lines *On tapes* say.""",
    "outcomes": """What came of own fills: nothing is known before some came.

*Adverse* has three meanings:

| estimator | beliefs | adverse is a move against the fill | within | noise |
|---|---|---|---|---|
| [markouts](#markouts) | `informed_share` | above 5 bps plus one \
deviation of noise | 0.5 s | taken out |
| [depth_decay](#depth_decay) | `adverse_touch`, `adverse_bucket_1` to `_4` | above 5 bps plus one \
deviation of noise | 5 s | taken out |
| [toxicity](#toxicity) | `toxicity_bid`, `toxicity_ask` | above one deviation of noise | 5 s | \
stays in: 16 % of fills without any toxicity |

A deviation of noise is sigma times the root of the time: with a sigma of 0.4 bps per √s it is
0.28 bps in 0.5 s and 0.9 bps in 5 s. There a move of 5 bps is far out, and the first two stay
near 0. The belief `adverse` of markouts is no share at all, but the mean loss within 5 s.""",
}
_SHARED = {  # parts that several estimators share, by file, as docstrings name them
    "reach_window.py": ("Window of reach", reach_window, "kappa and robust_kappa"),
    "silence.py": ("Silence", silence, "estimators whose beliefs hold while the market is unknown"),
    "pending.py": ("Fills that wait", pending, "markouts, depth_decay and toxicity"),
    "clusters.py": ("Bursts of fills", clusters, "markouts and toxicity"),
    "share.py": ("Share beyond noise", share, "markouts and depth_decay"),
    "depth_fit.py": ("Fit by depth", depth_fit, "depth_decay"),
    "logistic.py": ("Logistic regression", logistic, "toxicity"),
}
_ON_TAPES = re.compile(r"\nOn tapes: ((?:.+\n?)+)")  # a paragraph, shown where one decides


def reference() -> str:
    """Return the whole page, Markdown."""
    parts = [_HEAD, _FEEDS, _feeds(), "", _graph()]
    for family in FAMILIES:
        members = [entry for entry in ESTIMATORS if entry.family == family]
        if members:
            parts.append(f"\n## {_FAMILY[family]}\n\n{_ABOUT[family]}")
            parts += [_estimator(entry) for entry in members]
    parts.append("\n## Shared parts\n\nWhat several estimators do alike.")
    for title, module, users in _SHARED.values():
        first = (module.__doc__ or "").splitlines()[0]
        parts.append(f"\n### {title}\n\nOf {users}. {first}\n\n{_prose(module)}")
    if MEASURED.is_file():
        parts.append("\n" + MEASURED.read_text("utf-8").strip())
    return "\n".join(parts).rstrip() + "\n"


def anchor(heading: str) -> str:
    """Return what a link to a heading ends in."""
    return heading.lower().replace(" ", "-")


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
        f"Hears: {hears}. Reads: {reads}. {_silence(entry)}\n",
        f"**[On tapes](#on-recorded-tapes):** {_on_tapes(entry)}\n",
    ]
    if entry.approximate:
        parts.append(f"**Approximate.** {' '.join(entry.approximate.split())}\n")
    parts += [_beliefs(entry), "", _parameters(entry), "", _prose(entry.module)]
    return "\n".join(parts)


def _on_tapes(entry: Estimator) -> str:
    found = _ON_TAPES.search(inspect.cleandoc(entry.module.__doc__ or ""))
    return _linked(" ".join(found[1].split())) if found else "not scored."


def _linked(text: str) -> str:
    """The text with numbers of estimators as links."""
    for entry in ESTIMATORS:
        text = re.sub(rf"\b{entry.row}\b", f"[{entry.row}](#{entry.name})", text)
    return text


def _silence(entry: Estimator) -> str:
    """What becomes of its beliefs while the market is unknown."""
    if entry.silence == "prior":
        said = "While the market is unknown, beliefs go back to what was believed before any data."
    elif all(b.law == "code" or b.name in entry.timeless for b in entry.beliefs):
        said = "While the market is unknown, beliefs stay as they are and only their age grows."
    else:
        said = "While the market is unknown, values stay and intervals widen."
    for reason in dict.fromkeys(entry.timeless.values()):
        names = ", ".join(f"`{name}`" for name, why in entry.timeless.items() if why == reason)
        said += f" Intervals of {names} don't widen with time: {reason}."
    return said


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
    if entry.rules:
        rows += ["", f"Refused unless {' and '.join(rule.doc for rule in entry.rules)}."]
    return "\n".join(rows)


def _parameter(name: str, spec: Parameter) -> str:
    reach = f"{spec.low:g} to {spec.high:g}"
    return _row(f"`{name}`", f"`{spec.default:g}`", spec.unit, reach, spec.source, spec.doc)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _prose(module: ModuleType) -> str:
    """The docstring after its title; paragraphs that are indented there are shown as they stand.

    Files of shared parts become links to their sections.
    """
    text = inspect.cleandoc(module.__doc__ or "").partition("\n")[2]
    text = text.partition("\nThe state that is handed in")[0]
    for file, (title, _, _) in _SHARED.items():
        text = text.replace(f"`{file}`", f"[{title}](#{anchor(title)})")
    text = _ON_TAPES.sub("", text)
    paragraphs = text.strip("\n").split("\n\n")
    blocks = groupby(paragraphs, lambda part: all(x.startswith("    ") for x in part.splitlines()))
    shown = []
    for is_formula, parts in blocks:
        block = "\n\n".join(parts)
        shown.append(f"```\n{textwrap.dedent(block)}\n```" if is_formula else _linked(block))
    return "\n\n".join(shown)


if __name__ == "__main__":
    print(reference(), end="")
