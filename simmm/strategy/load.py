"""Finding out what a strategy file holds, and marking its functions for compilation."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from simmm.errors import SimmmError, StrategyError
from simmm.jit import load_kernels
from simmm.loading import beside
from simmm.nearest import suggestion
from simmm.strategy.fields import Record, from_dtype
from simmm.strategy.lint import OBSERVE, QUOTE, check

Verb = Callable[[Any, Any, Any, Any], None]


@dataclass(frozen=True)
class Strategy:
    """One loaded strategy.

    Attributes
    ----------
    path : Path
        Its file, absolute.
    name : str
        The file's name without ``.py``.
    params, memory : Record
    quote : callable
        ``quote(wanted, market, memory, params)`` on `maker_records.Wanted`,
        `maker_records.MarketRecord`, ``memory.dtype`` and ``params.dtype``: a kernel.
    observe : callable or None
        ``observe(event, market, memory, params)``: a kernel, if the file has it.
    files : tuple of Path
        The file and those beside it that it imports.
    digest : str
        SHA-256 of all their source, in hex.
    doc : str
        First line of the file's docstring.
    """

    path: Path
    name: str
    params: Record
    memory: Record
    quote: Verb
    observe: Verb | None
    files: tuple[Path, ...]
    digest: str
    doc: str

    @property
    def has_observe(self) -> bool:
        """True if the file has `observe`."""
        return self.observe is not None

    @property
    def recorded(self) -> tuple[str, ...]:
        """Names of the memory fields that are written at each recording interval."""
        return self.memory.recorded


def load_strategy(path: Path) -> Strategy:
    """Load a strategy file, check it, and mark all its functions as kernels.

    Raises
    ------
    StrategyError
        With file and line: if the file is missing, does not parse, fails when it is run, lacks
        `quote`, has wrong arguments or fields, or uses what would not compile to the same result.
    """
    path = Path(path).absolute()
    module = _load(path)
    modules = [module, *beside(module)]
    quote = _verb(module, path, "quote", QUOTE)
    observe = _verb(module, path, "observe", OBSERVE) if hasattr(module, "observe") else None
    if quote is None:
        functions = [name for name, v in vars(module).items() if isinstance(v, FunctionType)]
        hint = suggestion("quote", functions) if functions else ""
        raise StrategyError(f"{path}: has no function quote({', '.join(QUOTE)}){hint}")
    params, memory = _record(module, path, "Params"), _record(module, path, "Memory")
    for name, spec in params.fields.items():
        if spec.shape or spec.recorded:
            raise StrategyError(f"{path}: Params.{name}: arrays and recording are for Memory")
    check(modules, quote, observe, params.dtype, memory.dtype)
    files = tuple(sorted({Path(m.__file__ or path) for m in modules}, key=str))
    return Strategy(
        path=path,
        name=path.stem,
        params=params,
        memory=memory,
        quote=quote,
        observe=observe,
        files=files,
        digest=_digest(path, files),
        doc=(module.__doc__ or "").strip().partition("\n")[0],
    )


def _load(path: Path) -> ModuleType:
    try:
        # Indices are checked, unlike in simmm's own kernels: a ladder written past its end must
        # stop the run, not the process.
        return load_kernels(path, boundscheck=True)
    except FileNotFoundError as error:
        raise StrategyError(f"{path}: there is no such strategy file") from error
    except OSError as error:
        raise StrategyError(f"{path}: can't be read ({error.strerror or error})") from error
    except SyntaxError as error:
        where = f"{error.filename or path}:{error.lineno or 1}"
        text = f": {error.text.strip()}" if error.text else ""
        raise StrategyError(f"{where}: does not parse: {error.msg}{text}") from error
    except SimmmError as error:
        raise StrategyError(f"{_raised_at(error, path)}: {error}") from error
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise StrategyError(
            f"{_raised_at(error, path)}: fails when it is loaded: {type(error).__name__}: {reason}"
        ) from error


def _raised_at(error: BaseException, path: Path) -> str:
    """File and line of the innermost frame that lies in the strategy's folder."""
    place, frame = str(path), error.__traceback__
    folder = path.resolve().parent
    while frame is not None:
        file = Path(frame.tb_frame.f_code.co_filename)
        if file.parent == folder:
            place = f"{file}:{frame.tb_lineno}"
        frame = frame.tb_next
    return place


def _verb(module: ModuleType, path: Path, name: str, wanted: tuple[str, ...]) -> Verb | None:
    function = getattr(module, name, None)
    if function is None:
        return None
    if not isinstance(function, FunctionType):
        raise StrategyError(f"{path}: {name} is a {type(function).__name__}, not a plain function")
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != len(wanted) or len(positional) != len(parameters):
        line = function.__code__.co_firstlineno
        found = ", ".join(str(p) for p in parameters)
        raise StrategyError(
            f"{path}:{line}: {name}({found}) must take {len(wanted)} arguments: "
            f"{name}({', '.join(wanted)})"
        )
    return function


def _record(module: ModuleType, path: Path, name: str) -> Record:
    value = getattr(module, name, None)
    if value is None:
        return Record({})
    if isinstance(value, Record):
        return value
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = None
    if dtype is None or dtype.names is None:
        kind = type(value).__name__
        raise StrategyError(f"{path}: {name} must be made by record(...), it is a {kind}")
    try:
        return from_dtype(dtype)
    except StrategyError as error:
        raise StrategyError(f"{path}: {name}: {error}") from error


def _digest(path: Path, files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda f: (f != path, f.name)):
        content = file.read_bytes()
        digest.update(f"{file.name} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
