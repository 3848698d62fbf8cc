"""What the check of a strategy finds, and how it is told."""

from __future__ import annotations

import ast
from types import BuiltinFunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from simmm.strategy.rules import RULES


class Finding(NamedTuple):
    """One thing that is refused."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


def module_of(value: Any) -> str:
    """Return the name of the module a function, class or module is from; empty for plain data."""
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, np.ufunc):
        return "numpy"
    owner = getattr(value, "__self__", None)
    if isinstance(value, BuiltinFunctionType) and not isinstance(owner, ModuleType | type(None)):
        value = type(owner)  # a method of an object, such as random.random
    return str(getattr(value, "__module__", None) or "builtins") if callable(value) else ""


def text_of(node: ast.AST) -> str:
    """Return the first line of a piece of source, cut to 60 characters."""
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= 60 else text[:57] + "..."


def finding(
    file: str, node: ast.AST, rule: str, text: str, why: str = "", instead: str = ""
) -> Finding:
    """Return what to say of `node`, in the words of its rule unless others are given."""
    reason = RULES[rule]
    message = f"`{text}`: {why or reason.why}"
    remedy = (instead or reason.instead).strip()
    if remedy:
        message += f"; {remedy}"
    return Finding(file, getattr(node, "lineno", 1), rule, message)
