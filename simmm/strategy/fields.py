"""Fields of a strategy's parameters and memory: default, unit, range, and how they are stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simmm.errors import ScenarioError, StrategyError
from simmm.nearest import suggestion

Value = float | int | bool

#: Names that NumPy's scalars already use: as fields they would read wrong in a debugger.
TAKEN = frozenset(name for name in dir(np.record) if not name.startswith("_"))
_INSTEAD = {"size": "order_size", "min": "lowest", "max": "highest", "mean": "average"}


@dataclass(frozen=True)
class Field:
    """One number, or a fixed array of numbers, of `Params` or `Memory`.

    Parameters
    ----------
    default
        Its value if nothing else is said, and its type: a float, an integer, or a truth value
        (stored as 0 or 1). Every element of an array starts with it.
    unit
        Unit in words or symbols, such as ``"base"`` or ``"1 / fraction of price"``.
    doc
        What it means, in one line.
    low, high
        Values outside are refused. For `Params` only.
    recorded
        For `Memory`: written at each recording interval and plotted later.
    shape
        For `Memory`: an array of this shape, such as ``(16,)``.
    """

    default: Value = 0.0
    unit: str = ""
    doc: str = ""
    low: float | None = None
    high: float | None = None
    recorded: bool = False
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.default, float | int):
            raise StrategyError(f"Field: default {self.default!r} must be a number, True or False")
        if not math.isfinite(self.default) or abs(self.default) >= 2**63:
            raise StrategyError(f"Field: default {self.default!r} is not finite or too large")
        shape = self.shape if isinstance(self.shape, tuple) else (self.shape,)
        if not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape):
            raise StrategyError(f"Field: shape {self.shape!r} must be positive whole numbers")
        object.__setattr__(self, "shape", shape)
        if not self._inside(self.default):
            raise StrategyError(f"Field: default {self.default!r} must be {self.range_text()}")

    @property
    def kind(self) -> str:
        """``"float"``, ``"int"`` or ``"bool"``."""
        return type(self.default).__name__

    @property
    def code(self) -> str:
        """NumPy's code of the stored type."""
        return "f8" if isinstance(self.default, float) else "i8"

    def range_text(self) -> str:
        """The allowed values in words, empty if all are."""
        if self.low is not None and self.high is not None:
            return f"between {self.low:g} and {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        return "" if self.high is None else f"at most {self.high:g}"

    def check(self, path: str, value: object) -> Value:
        """Return `value` as this field stores it.

        Raises
        ------
        ScenarioError
            Starting with `path`, if the type or the value does not fit.
        """
        if self.kind == "bool":
            if not (isinstance(value, bool) or (isinstance(value, int) and value in (0, 1))):
                raise ScenarioError(f"{path}: {value!r} must be true or false")
            return bool(value)
        if isinstance(value, bool) or not isinstance(value, float | int):
            wanted = "a whole number" if self.kind == "int" else "a number"
            raise ScenarioError(f"{path}: {value!r} must be {wanted}")
        if not math.isfinite(value):
            raise ScenarioError(f"{path}: {value!r} must be finite")
        if self.kind == "int":
            if value != int(value):
                raise ScenarioError(f"{path}: {value!r} must be a whole number")
            value = int(value)
            if abs(value) >= 2**63:
                raise ScenarioError(f"{path}: {value!r} does not fit 64 bits")
        if not self._inside(value):
            unit = f" {self.unit}" if self.unit else ""
            raise ScenarioError(f"{path}: {value!r} must be {self.range_text()}{unit}")
        return float(value) if self.kind == "float" else value

    def _inside(self, value: Value) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True)
class Record:
    """Named fields and the record they are stored in.

    Attributes
    ----------
    fields : dict of str to Field
    dtype : numpy.dtype
        8 bytes a number, aligned. A record without fields holds one unused number.
    """

    fields: Mapping[str, Field]
    dtype: np.dtype = field(init=False)

    def __post_init__(self) -> None:
        columns = [(name, spec.code, spec.shape) for name, spec in self.fields.items()]
        object.__setattr__(self, "dtype", np.dtype(columns or [("unused", "i8", ())], align=True))

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the fields marked for recording."""
        return tuple(name for name, f in self.fields.items() if f.recorded)

    def zeros(self) -> np.ndarray:
        """Return an array of one record, all zero."""
        return np.zeros(1, self.dtype)

    def filled(
        self, overrides: Mapping[str, Any] | None = None, path: str = "strategy"
    ) -> np.ndarray:
        """Return an array of one record that holds the defaults, or `overrides` instead.

        Raises
        ------
        ScenarioError
            For an unknown name, a wrong type or a value out of range; the message starts with
            `path` and the name.
        """
        overrides = overrides or {}
        for name in overrides:
            if name not in self.fields:
                hint = suggestion(str(name), self.fields)
                raise ScenarioError(f"{path}.{name}: unknown parameter{hint}")
        array = self.zeros()
        for name, spec in self.fields.items():
            value = overrides.get(name, spec.default)
            array[name] = spec.check(f"{path}.{name}", value)
        return array


def record(**fields: Field | Value) -> Record:
    """Declare the fields of `Params` or `Memory`; a bare number is a field with that default.

    >>> record(order_size=Field(0.001, unit="base"), levels=1).dtype.names
    ('order_size', 'levels')

    Raises
    ------
    StrategyError
        If a name is taken by NumPy or starts with an underscore, or a value is no field.
    """
    specs: dict[str, Field] = {}
    for name, value in fields.items():
        _check_name(name)
        specs[name] = value if isinstance(value, Field) else Field(value)
    return Record(specs)


def from_dtype(dtype: np.dtype) -> Record:
    """Return the record of a plain structured dtype; all defaults are zero.

    Raises
    ------
    StrategyError
        If a field is neither ``f8`` nor ``i8`` nor an array of them.
    """
    specs: dict[str, Field] = {}
    for name in dtype.names or ():
        base, shape = dtype[name].base, dtype[name].shape
        _check_name(name)
        if base == np.dtype("f8"):
            specs[name] = Field(0.0, shape=shape)
        elif base == np.dtype("i8"):
            specs[name] = Field(0, shape=shape)
        else:
            raise StrategyError(f"field '{name}' has type {dtype[name]}; it must be f8 or i8")
    return Record(specs)


def _check_name(name: str) -> None:
    if name in TAKEN:
        instead = _INSTEAD.get(name, f"{name}_value")
        raise StrategyError(f"field '{name}': NumPy has taken that name, call it '{instead}'")
    if name.startswith("_") or not name.isidentifier():
        raise StrategyError(f"field '{name}': a name starts with a letter and holds no blanks")
