"""What estimators declare is what their code does: read from the code itself."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from simmm.estimators import stack
from simmm.estimators.catalogue import BELIEFS, ESTIMATORS, Estimator
from simmm.estimators.observation import KINDS

PARTS = ("_age_ns", "_low", "_high", "_sd")
each = pytest.mark.parametrize("entry", ESTIMATORS, ids=lambda entry: entry.name)


class Uses(NamedTuple):
    """Fields of a record that a function, and those it calls, read and write."""

    loaded: set[str]
    stored: set[str]


def uses(function: Callable[..., Any], at: int) -> Uses:
    """Follow a function's parameter at place `at`."""
    found = Uses(set(), set())
    _follow(function, at, found, set())
    return found


def _follow(function: Callable[..., Any], at: int, found: Uses, seen: set[tuple[str, int]]) -> None:
    mark = (f"{function.__module__}.{function.__qualname__}", at)
    if mark in seen:
        return
    seen.add(mark)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    body = tree.body[0]
    assert isinstance(body, ast.FunctionDef)
    name = body.args.args[at].arg
    for node in ast.walk(body):
        if isinstance(node, ast.Attribute) and _is(node.value, name):
            kept = found.stored if isinstance(node.ctx, ast.Store) else found.loaded
            kept.add(node.attr)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
            if _is(node.target.value, name):
                found.loaded.add(node.target.attr)
        elif isinstance(node, ast.Call):
            for place, argument in enumerate(node.args):
                if _is(argument, name):
                    called = eval(ast.unparse(node.func), vars(inspect.getmodule(function)))
                    _follow(called, place, found, seen)


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def belief_of(field: str) -> str:
    """Name of the belief whose field it is."""
    if field in BELIEFS:
        return field
    for part in PARTS:
        if field.endswith(part) and field.removesuffix(part) in BELIEFS:
            return field.removesuffix(part)
    return field


@each
def test_read_writes_all_fields_of_its_beliefs_and_no_other(entry: Estimator) -> None:
    assert uses(entry.read, 3).stored == {f for belief in entry.beliefs for f in belief.fields}
    assert not uses(entry.update, 3).stored
    assert not uses(entry.read, 0).stored, "reading changes the memory"


@each
def test_it_reads_the_beliefs_that_it_says(entry: Estimator) -> None:
    loaded = uses(entry.update, 3).loaded | uses(entry.read, 3).loaded
    own = {belief.name for belief in entry.beliefs}
    assert {belief_of(field) for field in loaded} - own == set(entry.reads) - own
    assert set(entry.reads) <= set(BELIEFS)


@each
def test_it_uses_all_its_parameters_and_all_its_memory(entry: Estimator) -> None:
    parts = [(entry.start, 1, 0), (entry.update, 1, 0), (entry.read, 1, 0)]
    parameters, memory = set[str](), set[str]()
    for function, p, s in parts:
        parameters |= uses(function, p).loaded
        memory |= uses(function, s).loaded
    assert sorted(set(entry.parameters.fields) ^ parameters) == []
    unused = set(entry.state.names or ()) - memory
    assert sorted(unused - _loaded_by_the_stack()) == []


def _loaded_by_the_stack() -> set[str]:
    """Fields that the stack reads: of the volume clock it makes observations for the others."""
    nodes = ast.walk(ast.parse(inspect.getsource(stack)))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


@each
def test_fields_have_names_that_records_leave_free(entry: Estimator) -> None:
    """Interpreted, ``s.size`` or ``s.item`` would be NumPy's own."""
    names = {*(entry.state.names or ()), *entry.parameters.fields}
    assert sorted(names & set(dir(np.record))) == []


@each
def test_it_is_documented(entry: Estimator) -> None:
    text = entry.module.__doc__ or ""
    assert text.startswith(f"{entry.row}: ")
    assert "Source:" in text
    assert set(entry.hears) <= set(range(len(KINDS)))
    assert len(set(entry.hears)) == len(entry.hears) > 0
    assert entry.silence in ("hold", "prior")
    for name, spec in entry.parameters.fields.items():
        assert spec.doc, name
        assert spec.low <= spec.default <= spec.high, name
    for belief in entry.beliefs:
        assert belief.doc, belief.name


def test_rows_are_told_once() -> None:
    rows = [entry.row for entry in ESTIMATORS]
    assert len(set(rows)) == len(rows)


@each
def test_rules_are_about_its_parameters_and_the_defaults_keep_them(entry: Estimator) -> None:
    defaults = {name: spec.default for name, spec in entry.parameters.fields.items()}
    for rule in entry.rules:
        assert len(set(rule.names)) == len(rule.names) > 1
        assert not rule.broken(*(defaults[name] for name in rule.names))
