"""The scenario's section on estimators, made from what each estimator declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from simmm.estimators.catalogue import ESTIMATORS, Estimator
from simmm.estimators.declare import Parameter
from simmm.scenario.section import DAY_MS, Section


def _field(name: str, spec: Parameter) -> tuple[str, Any, Any]:
    told = spec.doc[:1].upper() + spec.doc[1:] + "."
    extra = {"unit": spec.unit} if spec.unit else {}
    meta = Meta(description=told, ge=spec.low, le=spec.high, extra=extra)
    kind = int if isinstance(spec.default, int) else float
    return (name, Annotated[kind, meta], spec.default)


def _section(entry: Estimator) -> type[Section]:
    fields = [_field(name, spec) for name, spec in entry.parameters.fields.items()]
    made: Any = msgspec.defstruct(
        "".join(part.title() for part in entry.name.split("_")),
        fields,
        bases=(Section,),
        frozen=True,
        forbid_unknown_fields=True,
        module=__name__,
    )
    made.__doc__ = entry.title
    found: type[Section] = made
    return found


def _sections() -> list[tuple[str, Any, Any]]:
    found = []
    for entry in ESTIMATORS:
        if entry.parameters.fields:
            section = _section(entry)
            found.append((entry.name, section, section()))
    return found


class _Common(Section, frozen=True):
    enabled: Annotated[
        bool,
        Meta(
            description="Off: nothing is estimated, and beliefs stay what they are before any "
            "data, with an age of -1. They run all together or not at all, since they read "
            "each other.",
        ),
    ] = True
    clock_ms: Annotated[
        float,
        Meta(
            description="Interval at which estimators look at the book and do their long work.",
            ge=1.0,
            le=30_000.0,
            extra={"unit": "ms"},
        ),
    ] = 1000.0
    stale_s: Annotated[
        float,
        Meta(
            description="Silence of a feed after which estimators take its market for unknown.",
            gt=0.0,
            le=DAY_MS / 1000.0,
            extra={"unit": "s"},
        ),
    ] = 30.0
    record_s: Annotated[
        float,
        Meta(
            description="Interval at which all beliefs are written down (table `estimates`); "
            "rounded to whole `run.sample_s`.",
            ge=0.001,
            le=DAY_MS / 1000.0,
            extra={"unit": "s"},
        ),
    ] = 5.0


Estimators: Any = msgspec.defstruct(
    "Estimators",
    _sections(),
    bases=(_Common,),
    frozen=True,
    forbid_unknown_fields=True,
    module=__name__,
)
Estimators.__doc__ = "What the maker believes: one part an estimator, see docs/estimators.md."


def parameters_of(section: Any) -> dict[str, dict[str, float | int]]:
    """Return the values of all parameters by estimator."""
    return {
        entry.name: msgspec.structs.asdict(getattr(section, entry.name))
        for entry in ESTIMATORS
        if entry.parameters.fields
    }


def contradictions(section: Any) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Yield what settings contradict each other: the estimator, the parameters, what is wrong."""
    for entry in ESTIMATORS:
        for rule in entry.rules:
            values = getattr(section, entry.name)
            wrong = rule.broken(*(getattr(values, name) for name in rule.names))
            if wrong:
                yield entry.name, rule.names, wrong


def meant(name: str, below: str = "") -> str:
    """Say which section is meant by the name of a belief, of one of its fields, or a number.

    Parameters
    ----------
    name
        What stands where an estimator should: `sigma`, `sigma_low`, `E14`.
    below
        What was to be set there.

    Returns
    -------
    str
        In one line; empty if it is no such name.

    >>> meant("sigma", "half_life_s")
    'sigma is a belief of the estimator ewma; write estimators.ewma.half_life_s'
    """
    for entry in ESTIMATORS:
        names = {field: belief.name for belief in entry.beliefs for field in belief.fields}
        if name.casefold() == entry.row.casefold():
            told = f"{entry.row} is the estimator {entry.name}"
        elif name in names:
            told = f"{names[name]} is a belief of the estimator {entry.name}"
        else:
            continue
        if not entry.parameters.fields:
            return f"{told}, which has no settings"
        place = f"estimators.{entry.name}"
        if below in entry.parameters.fields:
            return f"{told}; write {place}.{below}"
        shown = ", ".join(entry.parameters.fields)
        return f"{told}; there are, in {place}: {shown}"
    return ""
