"""How an estimator says what it believes and what can be set.

Declarations are data: the record that strategies read, the scenario's section and the docs are made
from them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from simmm.errors import ScenarioError
from simmm.nearest import suggestion

#: How value, sd and bounds belong together: with z the normal quantile, `normal` is value + z sd,
#: `lognormal` value exp(z sd / value), `gamma` and `beta` are the laws with that mean and sd.
#: `posterior` has bounds of its own, which value and sd don't give: they are quantiles.
#: `code` has no uncertainty: a count, a flag, or a state whose probability is another belief.
Law = Literal["normal", "lognormal", "gamma", "beta", "posterior", "code"]
Source = Literal["config", "derivation", "exchange fact"]


@dataclass(frozen=True)
class Belief:
    """One quantity: fields ``name``, ``name_sd``, ``name_low``, ``name_high``, ``name_age_ns``.

    ``low`` and ``high`` hold 95 %. An age of -1 says that no data spoke yet: the value is then a
    prior's, or 0 where there is none. A `code` has only ``name`` and ``name_age_ns``.

    Parameters
    ----------
    name
        Of the field that strategies read.
    unit
        In words or symbols; empty for a pure number.
    doc
        What it is, in one line.
    law
        Of the interval.
    time_power, price_power
        How the value scales if all times, or all prices in quanta, are multiplied by ten: sigma per
        root second has a time power of -0.5.
    """

    name: str
    unit: str
    doc: str
    law: Law = "normal"
    time_power: float = 0.0
    price_power: float = 0.0

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of its fields of the record."""
        name = self.name
        if self.law == "code":
            return (name, f"{name}_age_ns")
        return (name, f"{name}_sd", f"{name}_low", f"{name}_high", f"{name}_age_ns")

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The same with their types."""
        return [(field, "i8" if field.endswith("_age_ns") else "f8") for field in self.fields]


@dataclass(frozen=True)
class Parameter:
    """One number that can be set.

    Parameters
    ----------
    default
        An integer default makes an integer parameter.
    unit
        In words or symbols.
    doc
        What it means, in one line.
    low, high
        Values outside are refused.
    source
        Where the default comes from: a choice (``config``), mathematics (``derivation``, the doc
        names it) or a rule of the venue (``exchange fact``).
    time_power
        How it has to scale if all times are multiplied by ten: 1 for seconds.
    """

    default: float | int
    unit: str
    doc: str
    low: float
    high: float
    source: Source = "config"
    time_power: float = 0.0

    def check(self, path: str, value: object) -> float | int:
        """Return `value` as it is stored.

        Raises
        ------
        ScenarioError
            Starting with `path`, if type or value does not fit.
        """
        unit = f" {self.unit}" if self.unit else ""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScenarioError(f"{path}: {value!r} must be a number")
        if isinstance(self.default, int) and (not math.isfinite(value) or value != int(value)):
            raise ScenarioError(f"{path}: {value!r} must be a whole number")
        if not self.low <= value <= self.high:
            raise ScenarioError(
                f"{path}: {value!r} must be between {self.low:g} and {self.high:g}{unit}"
            )
        return int(value) if isinstance(self.default, int) else float(value)


@dataclass(frozen=True)
class Parameters:
    """The parameters of one estimator by name."""

    fields: Mapping[str, Parameter]

    @property
    def dtype(self) -> np.dtype:
        """Record that kernels read; without fields it holds one unused number."""
        columns = [
            (name, "i8" if isinstance(spec.default, int) else "f8")
            for name, spec in self.fields.items()
        ]
        return np.dtype(columns or [("unused", "i8")], align=True)

    def filled(self, overrides: Mapping[str, Any] | None = None, path: str = "") -> np.ndarray:
        """Return an array of one record: the defaults, or `overrides` instead.

        Raises
        ------
        ScenarioError
            For an unknown name, a wrong type or a value out of range.
        """
        overrides = overrides or {}
        for name in overrides:
            if name not in self.fields:
                hint = suggestion(str(name), self.fields)
                raise ScenarioError(f"{path}.{name}: unknown parameter{hint}")
        array = np.zeros(1, self.dtype)
        for name, spec in self.fields.items():
            array[name] = spec.check(f"{path}.{name}", overrides.get(name, spec.default))
        return array


def parameters(**fields: Parameter) -> Parameters:
    """Declare the parameters of an estimator."""
    return Parameters(fields)


@dataclass(frozen=True)
class Rule:
    """What some parameters of an estimator have to fulfil together.

    A file's `RULES`, if it has any, is a tuple of these; a scenario that breaks one is refused.

    Parameters
    ----------
    names
        Of the parameters.
    broken
        From their values, in that order, to what is wrong in one line; empty if nothing is.
    doc
        What has to hold, for the docs.
    """

    names: tuple[str, ...]
    broken: Callable[..., str]
    doc: str


def rising(*names: str, strictly: bool = False) -> Rule:
    """Return the rule that no value of these is above (or `strictly`: as high as) the next."""

    def broken(*values: float) -> str:
        for (lower, value), (upper, bound) in pairwise(zip(names, values, strict=True)):
            if value > bound:
                return f"{lower} ({value:g}) is more than {upper} ({bound:g})"
            if strictly and value == bound:
                return f"{lower} ({value:g}) must be less than {upper} ({bound:g})"
        return ""

    sign = " < " if strictly else " ≤ "
    return Rule(names, broken, sign.join(f"`{name}`" for name in names))
