"""A digest of all that a function is compiled from, which is how machine code is named on disk.

A function is compiled from its bytecode, defaults and closure, and from what its names reach:
functions and their names in turn, constants, arrays, dtypes, enumerations. Names that only match
an attribute by chance do no harm. Libraries count by version, and so do the compiler's settings.

Not seen: attributes fetched by `getattr`, and implementations of numba overloads other than those
made by `simmm.jit.compiled_as`. Neither belongs in a kernel.
"""

from __future__ import annotations

import builtins
import enum
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import types as numba_types

COMPILED_AS = "__compiled_as__"
"""Attribute of a function that holds the body which compiled code runs in its place."""

BOUNDS_CHECKED = "__bounds_checked__"
"""Attribute, true, of a function that is compiled with its indices checked."""

_FOREIGN = frozenset(sys.stdlib_module_names) | {"numba", "numpy", "llvmlite", "scipy"}
_SETTINGS = (
    "OPT",
    "BOUNDSCHECK",
    "DEBUGINFO_DEFAULT",
    "LOOP_VECTORIZE",
    "SLP_VECTORIZE",
    "ENABLE_AVX",
    "DISABLE_INTEL_SVML",
    "CPU_NAME",
    "CPU_FEATURES",
)


def fingerprint(function: Callable[..., Any], located: bool) -> str:
    """SHA-256, in hex, of all that `function` is compiled from.

    With `located` it also covers what machine code holds of its origin (names of modules, places
    in files) and what compiled it (versions, settings); without, it depends on the code alone.
    """
    digest = hashlib.sha256()
    if located:
        settings = [(name, str(getattr(numba.config, name, None))) for name in _SETTINGS]
        versions = (
            sys.version,
            numba.__version__,
            llvmlite.__version__,
            np.__version__,
        )
        digest.update(repr((versions, settings)).encode())
    for part in _Walk(located).function(plain(function)):
        digest.update(part.encode("utf-8", "surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()


def plain(function: Any) -> Any:
    """The Python function behind an entry; anything else is returned as it is."""
    return getattr(function, "py_func", function)


class _Walk:
    """Text of all that a function is compiled from, each function once, in a fixed order.

    With `located`, names of modules and places in files are part of it: artefacts hold them.
    """

    def __init__(self, located: bool) -> None:
        self.located = located
        self.seen: dict[int, int] = {}
        self.open: set[int] = set()  # modules and containers that are being walked

    def function(self, function: FunctionType) -> Iterator[str]:
        if id(function) in self.seen:
            yield f"function {self.seen[id(function)]}"
            return
        self.seen[id(function)] = len(self.seen)
        code = function.__code__
        yield f"function {function.__qualname__} {hasattr(function, BOUNDS_CHECKED)}"
        if self.located:
            yield f"{function.__module__} {code.co_filename}"
        yield from self.code(code)
        yield from self.value((function.__defaults__, function.__kwdefaults__))
        names = sorted(set(_names(code)))
        for name in names:
            if name in function.__globals__:
                yield f"global {name}"
                yield from self.reference(function.__globals__[name], names)
            elif not hasattr(builtins, name):
                yield f"name {name}"
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            yield f"cell {name}"
            try:
                content = cell.cell_contents
            except ValueError:
                continue  # not assigned yet; numba will say so
            yield from self.reference(content, names)
        if hasattr(function, COMPILED_AS):
            yield from self.function(getattr(function, COMPILED_AS))

    def code(self, code: CodeType) -> Iterator[str]:
        yield repr(
            (
                code.co_name,
                code.co_code,
                code.co_names,
                code.co_varnames,
                code.co_freevars,
                code.co_cellvars,
                code.co_flags,
                code.co_argcount,
                code.co_kwonlyargcount,
                code.co_posonlyargcount,
                getattr(code, "co_exceptiontable", b""),
            )
        )
        if self.located:
            yield repr((code.co_firstlineno, code.co_linetable))
        for constant in code.co_consts:
            yield from (
                self.code(constant) if isinstance(constant, CodeType) else self.value(constant)
            )

    def reference(self, value: Any, names: Sequence[str]) -> Iterator[str]:
        """Follow a global or closure cell; of a module only what `names` may reach."""
        if isinstance(value, ModuleType):
            yield f"module {value.__name__ if self.located or _foreign(value) else ''}"
            if id(value) not in self.open and not _foreign(value):
                self.open.add(id(value))
                for name in names:
                    if name in vars(value):
                        yield f"attribute {name}"
                        yield from self.reference(vars(value)[name], names)
                self.open.remove(id(value))  # other functions reach other attributes
        else:
            yield from self.value(value)

    def value(self, value: Any) -> Iterator[str]:
        function = plain(value)
        if isinstance(function, FunctionType) and not _foreign(function):
            yield from self.function(function)
        elif isinstance(value, np.ndarray):
            yield f"array {value.dtype!r} {value.shape}"
            yield hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        elif isinstance(value, np.generic):
            yield f"scalar {value.dtype!r} {value.tobytes().hex()}"
        elif isinstance(value, float):
            yield f"float {value.hex()}"
        elif isinstance(value, enum.Enum):
            yield f"member {type(value).__qualname__}.{value.name}"
            yield from self.value(value.value)
        elif isinstance(value, list | tuple | set | frozenset | dict):
            yield f"{type(value).__qualname__} {getattr(value, '_fields', len(value))}"
            if id(value) not in self.open:
                self.open.add(id(value))
                ordered = isinstance(value, list | tuple)
                for item in value if ordered else sorted(value, key=repr):
                    yield from self.value(item)
                    if isinstance(value, dict):
                        yield from self.value(value[item])
                self.open.remove(id(value))
        elif isinstance(value, type):
            yield from self.type(value)
        elif isinstance(value, _REPRESENTED):
            yield f"{type(value).__qualname__} {value!r}"
        else:  # nothing that numba would freeze; a name like an attribute's, by chance
            yield f"object {type(value).__module__}.{type(value).__qualname__}"
            if isinstance(value, BuiltinFunctionType | np.ufunc):
                yield value.__name__

    def type(self, value: type) -> Iterator[str]:
        yield f"type {value.__qualname__}"
        if self.located or _foreign(value):
            yield value.__module__
        if issubclass(value, enum.Enum):
            for name, member in value.__members__.items():
                yield name
                yield from self.value(member.value)
        elif issubclass(value, tuple) and hasattr(value, "_fields"):
            yield from self.value((value._fields, getattr(value, "_field_defaults", {})))


_REPRESENTED = (
    bool,
    int,
    complex,
    str,
    bytes,
    type(None),
    type(Ellipsis),
    range,
    slice,
    np.dtype,
    numba_types.Type,
)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _foreign(thing: Any) -> bool:
    """True for what the versions of Python, numba and NumPy already speak for."""
    if isinstance(thing, FunctionType):
        name = thing.__globals__.get("__name__")
    else:
        name = thing.__name__ if isinstance(thing, ModuleType) else thing.__module__
    return str(name).partition(".")[0] in _FOREIGN
