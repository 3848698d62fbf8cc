"""Checking a strategy's functions before they are compiled, so that errors name line and remedy.

Only what `quote` and `observe` reach is checked; a file may hold other code, for its author.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from simmm.errors import StrategyError
from simmm.jit import INTERPRETED
from simmm.maker_records import Event, MarketRecord, Wanted
from simmm.nearest import suggestion
from simmm.strategy.findings import Finding, finding, module_of, text_of
from simmm.strategy.flow import used_too_early
from simmm.strategy.rules import (
    BUILTINS,
    DEBUGGING,
    EXACT,
    PLAIN,
    REDUCTIONS,
    REPLACEMENTS,
    RULES,
    SYNTAX,
)

QUOTE = ("wanted", "market", "memory", "params")
OBSERVE = ("event", "market", "memory", "params")
_WRITABLE = ("wanted", "memory")


class Bound(NamedTuple):
    """What a name in a function stands for: one of the engine's records."""

    name: str
    dtype: np.dtype


def check(
    modules: Sequence[ModuleType],
    quote: Callable[..., Any],
    observe: Callable[..., Any] | None,
    params: np.dtype,
    memory: np.dtype,
) -> None:
    """Raise a `StrategyError` for the first thing in the strategy that is refused."""
    found = findings(modules, quote, observe, params, memory)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise StrategyError(f"{found[0]}{more}")


def findings(
    modules: Sequence[ModuleType],
    quote: Callable[..., Any],
    observe: Callable[..., Any] | None,
    params: np.dtype,
    memory: np.dtype,
) -> list[Finding]:
    """Return all that is refused in what `quote` and `observe` reach, by file and line."""
    walk = _Walk(modules)
    own = {"market": MarketRecord, "memory": memory, "params": params}
    walk.function(quote, _bind(quote, QUOTE, own | {"wanted": Wanted}))
    if observe is not None:
        walk.function(observe, _bind(observe, OBSERVE, own | {"event": Event}))
    for source in walk.sources.values():
        walk.found.update(source.star_imports())
    main = str(modules[0].__file__)
    return sorted(walk.found, key=lambda f: (f.file != main, f.file, f.line, f.rule, f.message))


def _bind(
    function: Callable[..., Any], names: Sequence[str], dtypes: Mapping[str, np.dtype]
) -> dict[str, Bound]:
    arguments = function.__code__.co_varnames[: len(names)]
    return {a: Bound(n, dtypes[n]) for a, n in zip(arguments, names, strict=True)}


@dataclass
class _Source:
    """One file of the strategy."""

    module: ModuleType
    tree: ast.Module

    @property
    def file(self) -> str:
        return str(self.module.__file__)

    def definition(self, function: FunctionType) -> ast.FunctionDef | None:
        first = function.__code__.co_firstlineno
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == function.__code__.co_name:
                lines = [node.lineno, *(d.lineno for d in node.decorator_list)]
                if min(lines) == first:
                    return node
        return None

    def star_imports(self) -> Iterable[Finding]:
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                yield finding(self.file, node, "star", ast.unparse(node))


class _Walk:
    """Follows calls from function to function, each once for each way its arguments are bound."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self.sources: dict[int, _Source] = {}
        for module in modules:
            text = Path(str(module.__file__)).read_bytes()
            self.sources[id(vars(module))] = _Source(module, ast.parse(text))
        self.names = {module.__name__ for module in modules}
        self.found: set[Finding] = set()
        self.seen: set[tuple[int, tuple[tuple[str, str], ...]]] = set()

    def owns(self, function: object) -> bool:
        return isinstance(function, FunctionType) and id(function.__globals__) in self.sources

    def function(self, function: Any, bound: Mapping[str, Bound]) -> None:
        key = (id(function), tuple(sorted((name, b.name) for name, b in bound.items())))
        if key in self.seen:
            return
        self.seen.add(key)
        source = self.sources[id(function.__globals__)]
        node = source.definition(function)
        if node is not None:
            _Function(self, source, node, vars(source.module), dict(bound)).run()


class _Function(ast.NodeVisitor):
    """Checks the body of one function."""

    def __init__(
        self,
        walk: _Walk,
        source: _Source,
        node: ast.FunctionDef,
        names: Mapping[str, Any],
        bound: dict[str, Bound],
    ) -> None:
        self.walk, self.source, self.node = walk, source, node
        self.globals, self.bound = names, bound
        arguments = node.args
        given = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        self.local = {a.arg for a in given}
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                self.local.add(inner.id)

    def run(self) -> None:
        for decorator in self.node.decorator_list:
            self.refuse(decorator, "decorator", "@" + ast.unparse(decorator))
        if self.node.args.vararg or self.node.args.kwarg:
            text = f"def {self.node.name}({ast.unparse(self.node.args)})"
            self.refuse(self.node, "arguments", text)
        self._follow_aliases()
        for name in used_too_early(self.node):
            self.refuse(name, "unset", name.id)
        for statement in self.node.body:
            self.visit(statement)

    def refuse(self, node: ast.AST, rule: str, text: str, why: str = "", instead: str = "") -> None:
        self.walk.found.add(finding(self.source.file, node, rule, text, why, instead))

    def _follow_aliases(self) -> None:
        """`m = market` makes `m` the market, unless `m` is also something else."""
        targets: dict[str, list[ast.expr | None]] = {}
        for node in ast.walk(self.node):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target = node.targets[0]
                if isinstance(target, ast.Name):
                    targets.setdefault(target.id, []).append(node.value)
        for name, values in targets.items():
            for value in values:
                if isinstance(value, ast.Name) and value.id in self.bound and len(values) == 1:
                    self.bound[name] = self.bound[value.id]
                else:
                    self.bound.pop(name, None)

    # ------------------------------------------------------------------------------- what a name is

    def value(self, node: ast.expr) -> tuple[bool, Any]:
        """Return whether an expression is a fixed object of the module, and that object."""
        if isinstance(node, ast.Name) and node.id not in self.local:
            if node.id in self.globals:
                return True, self.globals[node.id]
            if hasattr(builtins, node.id):
                return True, getattr(builtins, node.id)
        if isinstance(node, ast.Attribute):
            known, owner = self.value(node.value)
            if known and isinstance(owner, ModuleType) and hasattr(owner, node.attr):
                return True, getattr(owner, node.attr)
        return False, None

    # ------------------------------------------------------------------------------------- syntax

    def visit(self, node: ast.AST) -> Any:
        rule = SYNTAX.get(type(node))
        if rule is not None:
            self.refuse(node, rule, text_of(node))
            return None
        return super().visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for operator in node.ops:
            if type(operator) in (ast.Is, ast.IsNot):
                self.refuse(node, "identity", text_of(node))
        for operand in (node.left, *node.comparators):
            self.visit(operand)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._operator(node, node.op)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._operator(node, node.op)
        self._target(node.target)
        self.generic_visit(node)

    def _operator(self, node: ast.AST, operator: ast.operator) -> None:
        if isinstance(operator, ast.Pow):
            self.refuse(node, "power", text_of(node))
        elif isinstance(operator, ast.MatMult):
            self.refuse(node, "matrix", text_of(node))

    # ---------------------------------------------------------------------------------- assignment

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._target(node.target)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def _target(self, target: ast.expr) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for element in target.elts:
                self._target(element)
            return
        if isinstance(target, ast.Name):
            return
        indexed = False
        owner = target
        attribute = None
        while isinstance(owner, ast.Attribute | ast.Subscript):
            indexed = indexed or isinstance(owner, ast.Subscript)
            attribute = owner
            owner = owner.value
        if not isinstance(owner, ast.Name):
            return
        if owner.id in self.bound:
            record = self.bound[owner.id]
            if record.name not in _WRITABLE:
                self.refuse(target, "read_only", text_of(target))
            elif isinstance(attribute, ast.Attribute) and not indexed:
                names = record.dtype.names or ()
                if attribute.attr in names and record.dtype[attribute.attr].shape:
                    self.refuse(target, "whole_array", text_of(target))
        elif owner.id not in self.local and owner.id in self.globals:
            self.refuse(target, "global", text_of(target))

    # ------------------------------------------------------------------------------ names and calls

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name) and node.value.id in self.bound:
            record = self.bound[node.value.id]
            names = record.dtype.names or ()
            if node.attr not in names:
                fields = [] if names == ("unused",) else names
                hint = suggestion(node.attr, fields)
                why = f"{record.name} has no field '{node.attr}'{hint}"
                self.refuse(node, "field", text_of(node), why, " ")
            return
        known, value = self.value(node)
        if known:
            self._fixed(node, value, called=False)
        else:
            self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        known, value = self.value(node)
        if known:
            self._fixed(node, value, called=False)
        elif node.id not in self.local:
            hint = suggestion(node.id, self.local)
            self.refuse(
                node,
                "undefined",
                node.id,
                "" if hint.startswith("; there") else f"it is not defined{hint}",
            )

    def visit_Call(self, node: ast.Call) -> None:
        for keyword in node.keywords:
            if keyword.arg is None:
                self.refuse(node, "arguments", text_of(node))
        function = node.func
        known, value = self.value(function)
        if known:
            self._fixed(function, value, called=True)
            if self.walk.owns(value):
                self.walk.function(value, self._passed(value, node))
        elif isinstance(function, ast.Attribute):
            if function.attr in REDUCTIONS:
                self.refuse(node, "reduction", text_of(node))
            elif function.attr == "format":
                self.refuse(node, "text", text_of(node))
            self.visit(function)
        else:
            self.visit(function)
        for argument in (*node.args, *(k.value for k in node.keywords)):
            self.visit(argument)

    def _passed(self, function: FunctionType, call: ast.Call) -> dict[str, Bound]:
        """Which of the called function's arguments are records."""
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        pairs = [*zip(names, call.args, strict=False), *((k.arg, k.value) for k in call.keywords)]
        return {
            name: self.bound[value.id]
            for name, value in pairs
            if name is not None and isinstance(value, ast.Name) and value.id in self.bound
        }

    def _fixed(self, node: ast.expr, value: Any, called: bool) -> None:
        """Check the use of an object that is not local to the function."""
        text = text_of(node)
        name = getattr(value, "__name__", text.rpartition(".")[2])
        module = module_of(value)
        home = module.partition(".")[0]
        if self.walk.owns(value):
            if not called:
                self.walk.function(value, {})
        elif "random" in module.split(".") or home in ("secrets", "uuid"):
            self.refuse(node, "random", text)
        elif home in ("math", "numpy"):
            self._library(node, text, text.rpartition(".")[2] if "." in text else name, home)
        elif home in ("time", "datetime"):
            self.refuse(node, "time", text)
        elif home == "builtins":
            refused = name in BUILTINS and getattr(builtins, name, None) is value
            if refused and not (INTERPRETED and name in DEBUGGING):
                self.refuse(node, "builtin", text, instead=BUILTINS[name])
        elif module in self.walk.names:
            self.refuse(node, "decorator", text)
        elif home and home != "simmm" and not isinstance(value, ModuleType):
            self.refuse(node, "outside", text, f"{RULES['outside'].why} but of {module}")

    def _library(self, node: ast.expr, text: str, name: str, home: str) -> None:
        if name in EXACT or text in ("math", "np", "numpy"):
            return
        rule = "math" if home == "math" else "numpy"
        if name in REPLACEMENTS:
            better = REPLACEMENTS[name]
            instead = f"`from simmm.math import {better}`, then {better}(...)"
            self.refuse(node, rule, text, instead=instead)
        elif name in PLAIN:
            self.refuse(node, rule, text, instead=f"write {PLAIN[name]}")
        elif name in REDUCTIONS:
            self.refuse(node, "reduction", text)
        else:
            self.refuse(node, rule, text)
