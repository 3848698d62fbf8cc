"""Turning what goes wrong in a strategy, when it compiles or runs, into one line with its place."""

from __future__ import annotations

import dis
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numba.core.errors import NumbaError

from simmm.errors import StrategyError
from simmm.jit import INTERPRETED
from simmm.strategy.load import Strategy
from simmm.strategy.native import Native

_PLACE = re.compile(r'File "([^"\n]+)", line (\d+)')
_NOISE = re.compile(r"\x1b\[[0-9;]*m")


def check_compiles(strategy: Strategy) -> None:
    """Compile `quote` and `observe` alone, without running them.

    An ordinary run does not need this: it compiles them before it begins, and `explain` tells the
    same about what went wrong. Where nothing is compiled there is nothing to check.

    Raises
    ------
    StrategyError
        With file and line, if one of them does not compile.
    """
    if INTERPRETED:
        return
    try:
        Native(strategy)
    except Exception as error:
        raise explain(error, strategy) from error


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
        return StrategyError(f"{place}: does not compile: {_reason(str(error), strategy)}{line}")
    from simmm.report.words import moment  # late: the report needs data frames

    place, line_known = _running_place(error, strategy)
    known = line_known or INTERPRETED
    hint = "" if known else "; NUMBA_DISABLE_JIT=1 in the environment names the line"
    when = "" if now_ns is None else f" at {moment(now_ns)} UTC"
    return StrategyError(f"{place}: {_running_reason(error)}{when}{hint}", running=True)


def _compiler_place(message: str, strategy: Strategy) -> tuple[str, str]:
    """The last place in the strategy's files that a compiler's message names, and its source."""
    files = {str(file.resolve()): file for file in strategy.files}
    by_name = {file.name: file for file in strategy.files}
    for name, number in reversed(_PLACE.findall(_NOISE.sub("", message))):
        file = files.get(str(Path(name).resolve())) or by_name.get(Path(name).name)
        if file is not None:
            return f"{file}:{number}", _source_line(file, int(number))
    return str(strategy.path), ""


def _source(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _source_line(file: Path, number: int) -> str:
    lines = _source(file).splitlines()
    return f": `{lines[number - 1].strip()}`" if 0 < number <= len(lines) else ""


_REASONS = (
    (
        r"Cannot unify ([^\n]+?) and ([^\n]+?) for '([^'\n]+)'",
        "{2} would be {0} in one place and {1} in another",
    ),
    (r"Untyped global name '([^'\n]+)'", "`{0}` can't be used in a strategy"),
    (r"NameError: name '([^'\n]+)' is not defined", "`{0}` is not defined"),
    (r"Unknown attribute '([^'\n]+)'", "there is no attribute `{0}`"),
    (
        r"No implementation of function Function\(<[\w -]*?(\w+)(?: at 0x\w+)?>\) "
        r"found for signature:"
        r"\s+>>> \w+\(([^\n]*)\)",
        "`{0}` does not work on ({1})",
    ),
    (
        r"Invalid use of \w+\(([\w.]+)[^\n]*\) with parameters \(([^\n]*)\)",
        "`{0}` does not work on ({1})",
    ),
    (r"Cannot bind '[^\n]+' due to \"TypeError: ([^\"\n]+)\"", "{0}"),
    (r"Unsupported\w*Error: ([^\n]+)", "{0}"),
    (r"Use of unsupported ([^\n]+)", "unsupported {0}"),
)
_OWN = re.compile(r"^def (\w+)", re.MULTILINE)


def _reason(message: str, strategy: Strategy) -> str:
    """The innermost reason in a compiler's message, in fewer words."""
    text = _without_records(_NOISE.sub("", message))
    own = {name for file in strategy.files for name in _OWN.findall(_source(file))}
    best, words = -1, ""
    for pattern, template in _REASONS:
        for match in re.finditer(pattern, text):
            groups = list(match.groups())
            if match.start() > best and not ("does not work" in template and groups[0] in own):
                if "would be" in template:
                    groups[2] = _variable(groups[2])
                best, words = match.start(), template.format(*groups)
    if words:
        return words
    skip = ("Failed in nopython", "During:", "File ", "<source", "- Resolution", "This error")
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith(skip):
            return line
    return "the compiler gives no reason"


def _variable(name: str) -> str:
    """A variable as its author knows it; the compiler numbers them, and names what has no name."""
    return "a value" if name.startswith("$") else f"`{name.partition('.')[0]}`"


def _without_records(text: str) -> str:
    """The text with each record type, which tells all its fields, cut down to one word."""
    while (start := text.find("Record(")) >= 0:
        depth, end = 0, start
        for end in range(start + 6, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = text[:start] + "record" + text[end + 1 :]
    return text


def _running_place(error: BaseException, strategy: Strategy) -> tuple[str, bool]:
    """Where it broke, and whether that names the line; compiled code doesn't tell it."""
    files = {str(file.resolve()) for file in strategy.files}
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if str(Path(frame.filename).resolve()) in files:
            return f"{frame.filename}:{frame.lineno}", True
    return str(strategy.path), False


def _running_reason(error: BaseException) -> str:
    if isinstance(error, ZeroDivisionError | FloatingPointError):
        return "division by zero; test the divisor first"
    if isinstance(error, IndexError):
        return "an index is outside its array; wanted has 16 levels a side"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
