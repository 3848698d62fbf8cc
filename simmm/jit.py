"""Compilation has one owner: this module sets how kernels compile and where they are kept.

A *kernel* is a plain function that compiled code may call; an *entry* is what Python calls. An
entry's machine code is kept on disk under a name that is a digest of everything it was compiled
from: its bytecode, its closure, the functions, constants and dtypes it reaches, the compiler's
version and settings. So code that no longer matches its source can't be found, let alone run, and
undoing an edit finds the older artefact again. Nothing here knows of markets.

With ``NUMBA_DISABLE_JIT=1`` in the environment everything runs as ordinary Python, slowly and with
the same results; breakpoints work.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import pickle
import re
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, TypeVar

OPTIMISATION_LEVEL = "2"
# LLVM 20 at level 3 makes faulty code of long replay loops on some processors. The variable is set
# besides the attribute because numba reads its environment anew whenever that has changed.
os.environ["NUMBA_OPT"] = OPTIMISATION_LEVEL
# ruff: noqa: E402

import numba
import numpy as np
from numba.core import types as numba_types
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.config import _OptLevel
from numba.core.serialize import dumps
from numba.extending import overload, register_jitable

from simmm import linking, pointers
from simmm.fingerprint import BOUNDS_CHECKED, COMPILED_AS, fingerprint
from simmm.loading import beside, load_module
from simmm.record_views import record_view

__all__ = [
    "INTERPRETED",
    "Pruned",
    "announce",
    "cache_folder",
    "code_digest",
    "compiled",
    "compiled_as",
    "direct",
    "is_kept",
    "kernel",
    "load_kernels",
    "load_module",
    "on_compile",
    "on_notice",
    "prune",
    "records",
]

numba.config.OPT = _OptLevel(OPTIMISATION_LEVEL)  # type: ignore[attr-defined]
linking.install()

INTERPRETED: bool = bool(numba.config.DISABLE_JIT)  # type: ignore[attr-defined]
"""True where kernels run as ordinary Python (``NUMBA_DISABLE_JIT=1``)."""

Function = TypeVar("Function", bound=Callable[..., Any])

_SUFFIX = ".kernel"


def _renumber_functions() -> None:
    """Start numba's function numbers at a place of this process's own.

    The numbers are part of symbol names. Two processes that compile one closure over different
    functions would otherwise give both results the same symbols, and a third process that loads
    both artefacts could run the code of one, or use its constants, for the other.
    """
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6), "big"))


_renumber_functions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renumber_functions)


# ------------------------------------------------------------------------------ what others call


# Only entries need wrappers. No kernel allocates, so nothing it is given needs counting.
_CALLEE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
_kernels: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()


def kernel(function: Function, boundscheck: bool = False) -> Function:
    """Mark a plain function as callable from compiled code; return it unchanged.

    With `boundscheck` its compiled code raises `IndexError` where an index is outside an array, as
    Python does; else such an index reads or overwrites whatever lies there. The first marking of a
    function counts.
    """
    if INTERPRETED or function in _kernels:
        return function
    _kernels.add(function)
    if not boundscheck:
        return register_jitable(**_CALLEE)(function)
    setattr(function, BOUNDS_CHECKED, True)
    return register_jitable(boundscheck=True, **_CALLEE)(function)


def load_kernels(path: Path, boundscheck: bool = False) -> ModuleType:
    """`load_module`, with every plain function of the file, and of files beside it, a kernel."""
    with global_compiler_lock:  # it changes `sys.meta_path` and what numba knows
        module = load_module(path)
        for part in (module, *beside(module)):
            for value in list(vars(part).values()):
                if isinstance(value, FunctionType) and value.__globals__ is vars(part):
                    kernel(value, boundscheck)
    return module


def compiled_as(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorator: the decorated body is what compiled code runs for `function`.

    For the few functions whose plain Python body can't be compiled to the same result, such as
    64-bit arithmetic that wraps. `function` itself stays what Python calls. The two must agree;
    that is for a test to show.
    """

    def register(implementation: Function) -> Function:
        setattr(function, COMPILED_AS, implementation)
        if not INTERPRETED:
            overload(function, strict=False)(_constant(implementation))
        return implementation

    return register


def _constant(implementation: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of the same parameters as `implementation` that returns it."""
    names = ", ".join(implementation.__code__.co_varnames[: implementation.__code__.co_argcount])
    return eval(f"lambda {names}: implementation", {"implementation": implementation})


def compiled(function: Function) -> Function:
    """Compile `function` as an entry from Python, with its machine code kept on disk.

    The entry releases the interpreter lock. It is compiled, or fetched, at the first call with a
    new combination of argument types. It may be a closure over kernels and plain constants. In
    interpreted mode the function itself is returned.
    """
    if INTERPRETED:
        return function
    options: dict[str, Any] = {"nogil": True, "_nrt": False}
    entry: Any = numba.njit(**options)(function)
    entry._cache = _Store(entry.py_func)
    return entry


def direct(entry: Function, *arguments: Any) -> Function:
    """Return an entry's machine code for arguments of these very types.

    It doesn't look at what it is given, which costs most of a short call: whoever calls it
    answers for types, layout and number of the arguments. In interpreted mode it is the function.
    """
    dispatcher: Any = entry
    if not hasattr(dispatcher, "overloads"):
        return entry
    types = tuple(numba.typeof(argument) for argument in arguments)
    with global_compiler_lock:
        dispatcher.compile(types)
        return dispatcher.overloads[types].entry_point


def is_kept(entry: Any, types: tuple[Any, ...]) -> bool:
    """Return whether an entry's machine code for these types is at hand or on disk.

    Also true where nothing can be kept, so that nobody compiles for others in vain.
    """
    with global_compiler_lock:
        if types in entry.overloads:
            return True
        path = entry._cache._path(types, entry.targetctx.codegen())
    return path is None or path.exists() or not _is_writable(path.parent)


def announce(name: str) -> None:
    """Say that an entry of that name is being compiled."""
    if _Callbacks.compiling is not None:
        _Callbacks.compiling(name)


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def records(array: np.ndarray) -> np.ndarray:
    """Return a view of a structured array whose elements have fields as attributes.

    Compiled code reads ``state[0].field`` of any structured array; plain Python needs a record
    array for it.
    """
    return record_view(array) if INTERPRETED else array


def code_digest(function: Callable[..., Any]) -> str:
    """SHA-256, in hex, of all that `function` is compiled from, wherever the files lie.

    Comments and layout don't count; the Python version does, since bytecode is what is read.
    """
    return fingerprint(function, located=False)


class _Callbacks:
    compiling: Callable[[str], None] | None = None
    notice: Callable[[str], None] | None = None


def on_compile(callback: Callable[[str], None] | None) -> None:
    """Call `callback(name)` just before an entry compiles because no artefact of it was found."""
    _Callbacks.compiling = callback


def on_notice(callback: Callable[[str], None] | None) -> None:
    """Call `callback(line)` when the cache can't be used; by default the line goes to stderr."""
    _Callbacks.notice = callback


_noticed: set[str] = set()


def _notice(line: str) -> None:
    if line in _noticed:
        return
    _noticed.add(line)
    if _Callbacks.notice is not None:
        _Callbacks.notice(line)
    else:
        print(line, file=sys.stderr)


# -------------------------------------------------------------------------------- files on disk


def cache_folder() -> Path:
    """Folder of the compiled artefacts: under ``$SIMMM_CACHE``, else the user's cache folder."""
    own = os.environ.get("SIMMM_CACHE")
    if own:
        return Path(own).expanduser() / "kernels"
    shared = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(shared) if os.path.isabs(shared) else Path("~/.cache").expanduser()
    return base / "simmm" / "kernels"


class Pruned(NamedTuple):
    """What `prune` removed."""

    files: int
    bytes: int


def prune(older_than_days: float = 30.0, now_s: float | None = None) -> Pruned:
    """Remove the artefacts that nothing has used for `older_than_days` days."""
    limit_s = (time.time() if now_s is None else now_s) - older_than_days * 86_400.0
    files = size = 0
    try:
        entries = sorted(os.scandir(cache_folder()), key=lambda e: e.name)
    except OSError:
        return Pruned(0, 0)
    for entry in entries:
        if not re.search(rf"{re.escape(_SUFFIX)}(\.\w+\.tmp)?$", entry.name):
            continue
        try:
            status = entry.stat()
            if status.st_mtime <= limit_s:
                os.unlink(entry.path)
                files, size = files + 1, size + status.st_size
        except OSError:
            continue  # another process was quicker
    return Pruned(files, size)


class _Store(_Cache):
    """One entry's artefacts: a file for each combination of argument types and processor."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._fingerprint = ""
        self._enabled = True

    @property
    def cache_path(self) -> str:
        return str(cache_folder())

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        """Nothing to do: an artefact's name says what it is, so none is ever out of date."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        result = None
        if path is not None:
            with contextlib.suppress(OSError):  # `save_overload` tells what is wrong with a folder
                result = _rebuilt(path, target_context)
                os.utime(path)  # `prune` goes by last use
        if result is None:
            announce(self._function.__name__)
        return result

    def save_overload(self, sig: Any, data: Any) -> None:
        path = self._path(sig, data.codegen)
        if not self._enabled:
            return
        if (
            path is None
            or data.library.has_dynamic_globals
            or any(not lifted.can_cache for lifted in data.lifted)
        ):
            _notice(f"kernel cache: {self._function.__name__} can't be kept, compiled in memory")
            return
        content = dumps(data._reduce())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_whole(path, hashlib.sha256(content).digest() + content)
        except OSError as error:
            _notice(
                f"kernel cache: can't write to {path.parent} ({error.strerror}); compiled code is "
                "kept in memory only. Set SIMMM_CACHE to a writable folder."
            )

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        arguments = sig.args if hasattr(sig, "args") else sig
        if not self._enabled or not all(map(_is_data, arguments)):
            return None
        # Late, because this is when numba freezes the globals.
        self._fingerprint = self._fingerprint or fingerprint(self._function, located=True)
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        digest = hashlib.sha256(
            repr((_made_by(), self._fingerprint, str(arguments), codegen.magic_tuple())).encode()
        )
        name = re.sub(r"\W+", "_", name, flags=re.ASCII)[-60:]
        return cache_folder() / f"{name}-{digest.hexdigest()[:40]}{_SUFFIX}"


@functools.cache
def _made_by() -> tuple[str, ...]:
    """What this module does to a function, so that artefacts made otherwise aren't found."""
    own = (fingerprint(f, located=False) for f in (kernel, compiled, _Store.save_overload))
    return (*own, hashlib.sha256(Path(pointers.__file__).read_bytes()).hexdigest())


def _rebuilt(path: Path, target_context: Any) -> Any:
    """Load an artefact; None where it is damaged, since it can be made again."""
    stored = path.read_bytes()
    if hashlib.sha256(stored[32:]).digest() == stored[:32]:
        try:
            return CompileResult._rebuild(target_context, *pickle.loads(stored[32:]))
        except Exception as error:  # noqa: BLE001  it imports modules, so anything
            reason = f"{type(error).__name__}: {error}"
    else:
        reason = "its checksum is wrong"
    _notice(f"kernel cache: {path} can't be used ({reason}); it is made again")
    return None


def _write_whole(path: Path, content: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}{os.urandom(4).hex()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _is_data(kind: Any) -> bool:
    """True where a type's text says all of it: no functions or classes, which print an address."""
    if isinstance(kind, numba_types.BaseTuple):
        return all(_is_data(item) for item in kind.types)  # type: ignore[attr-defined]
    if isinstance(kind, numba_types.Array):
        return _is_data(kind.dtype)
    return isinstance(
        kind,
        numba_types.Number
        | numba_types.Boolean
        | numba_types.Record
        | numba_types.NoneType
        | numba_types.Omitted,
    )
