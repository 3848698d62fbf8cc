"""All estimators there are, found by looking into the families' folders.

A new file is found without touching a list. `ESTIMATORS` is in an order in which each comes after
those whose beliefs it reads; where that leaves a choice, by family, then name.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

import simmm.estimators as room
from simmm.estimators.declare import Belief, Parameters, Rule

FAMILIES = ("volatility", "intensity", "flow", "outcomes")


@dataclass(frozen=True)
class Estimator:
    """One estimator: what its file declares."""

    name: str  # of the file, the scenario's section and the field in the stack's state
    family: str
    row: str
    module: ModuleType
    state: np.dtype
    parameters: Parameters
    rules: tuple[Rule, ...]  # that its parameters have to fulfil together
    beliefs: tuple[Belief, ...]
    reads: tuple[str, ...]
    hears: tuple[int, ...]
    silence: str
    approximate: str
    timeless: Mapping[str, str]  # by belief: why its interval doesn't widen while nothing is known
    start: Callable[..., None]
    update: Callable[..., None]
    read: Callable[..., None]

    @property
    def title(self) -> str:
        """First line of its docstring."""
        return (self.module.__doc__ or "").strip().splitlines()[0]


def _of(name: str, family: str, module: ModuleType) -> Estimator:
    def stated(field: str) -> Any:
        if not hasattr(module, field):
            raise TypeError(f"{module.__name__} has no {field}; simmm/estimators/__init__.py")
        return getattr(module, field)

    return Estimator(
        name,
        family,
        stated("ROW"),
        module,
        stated("State"),
        stated("PARAMETERS"),
        tuple(getattr(module, "RULES", ())),
        tuple(stated("BELIEFS")),
        tuple(stated("READS")),
        tuple(stated("HEARS")),
        stated("SILENCE"),
        stated("APPROXIMATE"),
        getattr(module, "TIMELESS", {}),
        stated("start"),
        stated("update"),
        stated("read"),
    )


def _found() -> list[Estimator]:
    found = []
    for family in FAMILIES:
        package = import_module(f"{room.__name__}.{family}")
        names = sorted(info.name for info in pkgutil.iter_modules(package.__path__))
        for name in names:
            module = import_module(f"{package.__name__}.{name}")
            if hasattr(module, "ROW"):  # else a part that several share
                found.append(_of(name, family, module))
    return found


def _ordered(found: list[Estimator]) -> tuple[Estimator, ...]:
    writer = {belief.name: entry.name for entry in found for belief in entry.beliefs}
    if len(writer) != sum(len(entry.beliefs) for entry in found):
        raise TypeError("two estimators write one belief")
    waiting, done, ordered = list(found), set[str](), list[Estimator]()
    while waiting:
        for entry in waiting:
            unknown = [name for name in entry.reads if name not in writer]
            if unknown:
                raise TypeError(f"{entry.name} reads {unknown[0]}, which no estimator writes")
            if all(writer[name] in done or writer[name] == entry.name for name in entry.reads):
                break
        else:
            raise TypeError(f"in a circle: {', '.join(entry.name for entry in waiting)}")
        waiting.remove(entry)
        done.add(entry.name)
        ordered.append(entry)
    return tuple(ordered)


ESTIMATORS: tuple[Estimator, ...] = _ordered(_found())
BELIEFS: dict[str, Belief] = {b.name: b for entry in ESTIMATORS for b in entry.beliefs}


def estimator(name: str) -> Estimator:
    """Return the estimator of that name; raises `KeyError`."""
    return next(entry for entry in ESTIMATORS if entry.name == name)


def belief_columns(names: tuple[str, ...] | None = None) -> list[tuple[str, str]]:
    """Fields of the record that strategies read, of all beliefs or of those named."""
    chosen = BELIEFS.values() if names is None else [BELIEFS[name] for name in names]
    return [column for belief in chosen for column in belief.columns]
