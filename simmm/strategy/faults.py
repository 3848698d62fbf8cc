"""Turning what goes wrong in a strategy, when it compiles or runs, into one line with its place."""

from __future__ import annotations

import dis
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numba.core.errors import NumbaError

from simmm.errors import StrategyError
from simmm.jit import compiled, records
from simmm.records import Event, MarketRecord, Wanted
from simmm.strategy.load import Strategy

_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')
_NOISE = re.compile(r"\x1b\[[0-9;]*m")


def check_compiles(strategy: Strategy) -> None:
    """Compile `quote` and `observe` alone, and run them on empty records.

    An ordinary run does not need this: it compiles them as part of the whole, and `explain` tells
    the same about what went wrong.

    Raises
    ------
    StrategyError
        With file and line, if one of them does not compile.
    """
    market = np.zeros(1, MarketRecord)
    for verb, first in ((strategy.quote, Wanted), (strategy.observe, Event)):
        if verb is None:
            continue
        try:
            with np.errstate(all="ignore"):
                _entry(verb)(
                    records(np.zeros(1, first)),
                    records(market),
                    records(strategy.memory.filled()),
                    records(strategy.params.filled()),
                )
        except NumbaError as error:
            raise explain(error, strategy) from error
        except (ArithmeticError, IndexError, ValueError):
            pass  # empty records are no market; what matters is that it compiled


def _entry(verb: Any) -> Any:
    def compile_alone(first: Any, market: Any, memory: Any, params: Any) -> None:
        verb(first[0], market[0], memory[0], params[0])

    return compiled(compile_alone)


@contextmanager
def compiled_arithmetic() -> Iterator[None]:
    """While interpreted code runs, let NumPy's numbers behave as they do compiled.

    A division by zero raises `ZeroDivisionError`; overflow and results that are not a number pass
    silently. (An infinite number divided by zero is the one case NumPy doesn't tell.)
    """
    with np.errstate(divide="call", invalid="call", over="ignore", under="ignore", call=_met):
        yield


_DIVISIONS = frozenset({"/", "//", "%", "/=", "//=", "%="})


def _met(kind: str, _flag: int) -> None:
    """Raise for a division by zero, which NumPy calls invalid if the dividend is zero too."""
    frame = sys._getframe(1)
    if kind.startswith("invalid"):
        doing = [i.argrepr for i in dis.get_instructions(frame.f_code) if i.offset == frame.f_lasti]
        if not _DIVISIONS.intersection(doing):
            return
    raise ZeroDivisionError("division by zero")


def explain(error: BaseException, strategy: Strategy, now_ns: int | None = None) -> StrategyError:
    """Return the `StrategyError` that tells what went wrong in a strategy, and where.

    Parameters
    ----------
    error
        What numba raised while compiling, or what the strategy raised while running.
    strategy
        The strategy.
    now_ns
        The maker's time when it happened, if it was running.
    """
    if isinstance(error, StrategyError):
        return error
    if isinstance(error, NumbaError):
        place, line = _compiler_place(str(error), strategy)
        return StrategyError(f"{place}: does not compile: {_reason(str(error))}{line}")
    place = _running_place(error, strategy)
    when = "" if now_ns is None else f" at {now_ns} ns"
    return StrategyError(f"{place}: {_running_reason(error)}{when}", running=True)


def _compiler_place(message: str, strategy: Strategy) -> tuple[str, str]:
    """The last place in the strategy's files that a compiler's message names, and its source."""
    files = {str(file.resolve()): file for file in strategy.files}
    by_name = {file.name: file for file in strategy.files}
    for name, number in reversed(_PLACE.findall(_NOISE.sub("", message))):
        file = files.get(str(Path(name).resolve())) or by_name.get(Path(name).name)
        if file is not None:
            return f"{file}:{number}", _source_line(file, int(number))
    return str(strategy.path), ""


def _source_line(file: Path, number: int) -> str:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return f": `{lines[number - 1].strip()}`" if 0 < number <= len(lines) else ""


_REASONS = (
    (re.compile(r"Cannot unify (.+?) and (.+?) for '(\w+)[\w.]*'"),
     "`{2}` is {0} in one place and {1} in another"),
    (re.compile(r"Untyped global name '([^']+)'"), "`{0}` can't be used in a strategy"),
    (re.compile(r"NameError: name '([^']+)' is not defined"), "`{0}` is not defined"),
    (re.compile(r"variable '([^']+)' is (?:not defined|referenced before)"),
     "`{0}` may be used before it has a value"),
    (re.compile(r"Unknown attribute '([^']+)'"), "there is no attribute `{0}`"),
    (re.compile(r"No implementation of function Function\(<(?:built-in function|function) (\w+)[^>]*>\)"
                r" found for signature:\s+>>> \w+\((.*)\)"),
     "`{0}` does not work on ({1})"),
    (re.compile(r"(?:UnsupportedError|UnsupportedBytecodeError|Use of unsupported)[:\s]+(.+)"), "{0}"),
)


def _reason(message: str) -> str:
    text = _NOISE.sub("", message)
    for pattern, words in _REASONS:
        match = pattern.search(text)
        if match is not None:
            return words.format(*match.groups())
    skip = ("Failed in nopython", "During:", "File ", "<source", "- Resolution", "This error")
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith(skip):
            return line
    return "the compiler gives no reason"


def _running_place(error: BaseException, strategy: Strategy) -> str:
    files = {str(file.resolve()) for file in strategy.files}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).resolve()) in files:
            return f"{frame.filename}:{frame.lineno}"
    return str(strategy.path)


def _running_reason(error: BaseException) -> str:
    if isinstance(error, ZeroDivisionError | FloatingPointError):
        return "division by zero; test the divisor first"
    if isinstance(error, IndexError):
        return "an index is outside its array; wanted has 16 levels a side"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
