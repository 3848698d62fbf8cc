"""Which cases there are: found by looking into the folder, so a new file is in no list."""

from __future__ import annotations

import ast
import hashlib
import pkgutil
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from simmm.estimators.catalogue import ESTIMATORS, estimator
from simmm.study.names import named
from simmm.study.recovery import cases as folder
from simmm.study.recovery.case import Case

_ROOT = "simmm"


def tried() -> list[str]:
    """Names of the estimators that have cases, in the order of the catalogue."""
    files = {info.name for info in pkgutil.iter_modules(folder.__path__)}
    return [entry.name for entry in ESTIMATORS if entry.name in files]


def chosen(wanted: Sequence[str]) -> list[str]:
    """Return the names asked for, in the order of the catalogue; all without any.

    Raises
    ------
    ScenarioError
        There is no such estimator, or it has no cases.
    """
    return named(wanted, tried())


@cache
def cases_of(name: str) -> tuple[Case, ...]:
    """Return the cases of an estimator.

    Raises
    ------
    TypeError
        The file has none, two have one name, or one judges what the estimator doesn't believe.
    """
    module = import_module(f"{folder.__name__}.{name}")
    cases: tuple[Case, ...] = tuple(getattr(module, "CASES", ()))
    if not cases or len({case.name for case in cases}) < len(cases):
        raise TypeError(f"{module.__name__}: CASES must hold cases of different names")
    beliefs = {belief.name for belief in estimator(name).beliefs}
    for case in cases:
        strange = {*case.beliefs, *filter(None, [case.alarm])} - beliefs
        if strange:
            raise TypeError(f"{module.__name__}: {case.name}: no belief {', '.join(strange)}")
    return cases


@cache
def digest_of(name: str) -> str:
    """SHA-256, in hex, of all code that decides what an estimator's cases give."""
    starts = (
        f"{folder.__name__}.{name}",
        estimator(name).module.__name__,
        "simmm.study.recovery.sample",
    )
    files = {module: _file(module) for module in sorted(_reached(starts))}
    versions = f"{sys.version}\0{np.__version__}\0"
    digest = hashlib.sha256(versions.encode())
    for module, path in files.items():
        if path is not None:
            digest.update(f"{module}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _reached(starts: Sequence[str]) -> set[str]:
    """Return these modules of simmm and those that they import, directly or not."""
    reached: set[str] = set()
    waiting = list(starts)
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        path = _file(module)
        if path is not None:
            waiting += _imported(path)
    return reached


@cache
def _imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
    return [name for name in found if name.partition(".")[0] == _ROOT]


@cache
def _file(module: str) -> Path | None:
    try:
        spec = find_spec(module)
    except ModuleNotFoundError:  # a name in a module, not a module
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None
