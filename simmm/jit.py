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

import builtins
import enum
import hashlib
import importlib.abc
import importlib.machinery
import itertools
import os
import pickle
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, TypeVar

OPTIMISATION_LEVEL = "2"
# LLVM 20 at level 3 produces faulty code for long replay loops on some processors. The variable is
# set besides the attribute because numba re-reads its environment whenever that has changed.
os.environ["NUMBA_OPT"] = OPTIMISATION_LEVEL

import llvmlite  # noqa: E402
import numba  # noqa: E402
import numpy as np  # noqa: E402
from numba.core import types as numba_types  # noqa: E402
from numba.core.bytecode import FunctionIdentity  # noqa: E402
from numba.core.caching import _Cache  # noqa: E402
from numba.core.compiler import CompileResult  # noqa: E402
from numba.core.config import _OptLevel  # noqa: E402
from numba.core.dispatcher import Dispatcher  # noqa: E402
from numba.core.serialize import dumps  # noqa: E402
from numba.extending import overload, register_jitable  # noqa: E402

numba.config.OPT = _OptLevel(OPTIMISATION_LEVEL)

INTERPRETED: bool = bool(numba.config.DISABLE_JIT)
"""True where kernels run as ordinary Python (``NUMBA_DISABLE_JIT=1``)."""

Function = TypeVar("Function", bound=Callable[..., Any])

_SUFFIX = ".kernel"
_FORMAT = 1  # of an artefact; part of its name
_FOREIGN = frozenset(sys.stdlib_module_names) | {"numba", "numpy", "llvmlite", "scipy"}
_SETTINGS = ("OPT", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "SLP_VECTORIZE",
             "ENABLE_AVX", "DISABLE_INTEL_SVML", "LLVM_REFPRUNE_PASS", "CPU_NAME", "CPU_FEATURES")


def _renumber_functions() -> None:
    """Start numba's function numbers at a place of this process's own.

    The numbers are part of symbol names. Two processes that compile one closure over different
    functions would give both results the same symbol, and a third process that loads both
    artefacts would run the first one's code for either.
    """
    FunctionIdentity._unique_ids = itertools.count(int.from_bytes(os.urandom(6), "big"))


_renumber_functions()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renumber_functions)


# ------------------------------------------------------------------------------ what others call


def kernel(function: Function) -> Function:
    """Mark a plain function as callable from compiled code; return it unchanged."""
    return function if INTERPRETED else register_jitable(function)


def compiled_as(function: Callable[..., Any]) -> Callable[[Function], Function]:
    """Decorator: the decorated body is what compiled code runs for `function`.

    For the few functions whose plain Python body can't be compiled to the same result, such as
    64-bit arithmetic that wraps. `function` itself stays what Python calls. The two must agree;
    that is for a test to show.
    """

    def register(implementation: Function) -> Function:
        function.__compiled_as__ = implementation  # type: ignore[attr-defined]
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
    entry = numba.njit(nogil=True)(function)
    entry._cache = _Store(entry.py_func)
    return entry


def records(array: np.ndarray) -> np.ndarray:
    """Return a view of a structured array whose elements have fields as attributes.

    Compiled code reads ``state[0].field`` of any structured array; plain Python needs a record
    array for it.
    """
    return array.view(np.recarray) if INTERPRETED else array


def code_digest(function: Callable[..., Any]) -> str:
    """SHA-256, in hex, of all that `function` is compiled from, wherever the files lie.

    Comments and layout don't count; the Python version does, since bytecode is what is read.
    """
    return _digest(function, located=False)


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
            try:
                reduced = pickle.loads(path.read_bytes())
                result = CompileResult._rebuild(target_context, *reduced)
                os.utime(path)  # `prune` goes by last use
            except FileNotFoundError:
                pass
            except OSError as error:
                if result is None:
                    _notice(f"kernel cache: can't read {path.parent} ({error.strerror})")
            except Exception as error:  # a damaged file can raise anything
                _notice(f"kernel cache: {path.name} is damaged ({type(error).__name__}), compiling")
        if result is None and _Callbacks.compiling is not None:
            _Callbacks.compiling(self._function.__name__)
        return result

    def save_overload(self, sig: Any, data: Any) -> None:
        path = self._path(sig, data.codegen)
        if path is None or data.library.has_dynamic_globals or any(
            not lifted.can_cache for lifted in data.lifted
        ):
            _notice(f"kernel cache: {self._function.__name__} can't be kept, compiled in memory")
            return
        content = dumps(data._reduce())
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(".tmp", path.name + ".", path.parent)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            _notice(
                f"kernel cache: can't write to {path.parent} ({error.strerror}), compiled in "
                "memory; set SIMMM_CACHE to a writable folder"
            )

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        arguments = sig.args if hasattr(sig, "args") else sig
        if not self._enabled or not all(map(_is_data, arguments)):
            return None
        # Late, because this is when numba freezes the globals.
        self._fingerprint = self._fingerprint or _digest(self._function, located=True)
        name = re.sub(r"\W+", "_", f"{self._function.__module__}.{self._function.__qualname__}")
        digest = hashlib.sha256(
            repr((self._fingerprint, str(arguments), codegen.magic_tuple())).encode()
        )
        return cache_folder() / f"{name[-60:]}-{digest.hexdigest()[:40]}{_SUFFIX}"


def _is_data(kind: Any) -> bool:
    """True where a type's text says all of it: no functions or classes, which print an address."""
    if isinstance(kind, numba_types.BaseTuple):
        return all(map(_is_data, kind))
    if isinstance(kind, numba_types.Array):
        return _is_data(kind.dtype)
    return isinstance(
        kind, numba_types.Number | numba_types.Boolean | numba_types.Record
        | numba_types.NoneType | numba_types.Omitted
    )


# --------------------------------------------------------------------------------- fingerprint


def _digest(function: Callable[..., Any], located: bool) -> str:
    digest = hashlib.sha256()
    if located:
        settings = [(name, str(getattr(numba.config, name, None))) for name in _SETTINGS]
        versions = (_FORMAT, sys.version, numba.__version__, llvmlite.__version__, np.__version__)
        digest.update(repr((versions, settings)).encode())
    for part in _Walk(located).function(_plain(function)):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _plain(function: Callable[..., Any]) -> FunctionType:
    return getattr(function, "py_func", function)  # type: ignore[return-value]


class _Walk:
    """Text of all that a function is compiled from, each function once, in a fixed order.

    With `located`, names of modules and places in files are part of it: artefacts hold them.
    """

    def __init__(self, located: bool) -> None:
        self.located = located
        self.seen: dict[int, int] = {}

    def function(self, function: FunctionType) -> Iterator[str]:
        if id(function) in self.seen:
            yield f"function {self.seen[id(function)]}"
            return
        self.seen[id(function)] = len(self.seen)
        code = function.__code__
        yield f"function {function.__qualname__}"
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
        if hasattr(function, "__compiled_as__"):
            yield from self.function(function.__compiled_as__)

    def code(self, code: CodeType) -> Iterator[str]:
        yield repr((code.co_name, code.co_code, code.co_names, code.co_varnames, code.co_freevars,
                    code.co_cellvars, code.co_flags, code.co_argcount, code.co_kwonlyargcount,
                    code.co_posonlyargcount, getattr(code, "co_exceptiontable", b"")))
        if self.located:
            yield repr((code.co_firstlineno, code.co_linetable))
        for constant in code.co_consts:
            yield from self.code(constant) if isinstance(constant, CodeType) else self.value(
                constant
            )

    def reference(self, value: Any, names: Sequence[str]) -> Iterator[str]:
        """Follow a global or closure cell; of a module only what `names` may reach."""
        if isinstance(value, ModuleType):
            yield f"module {value.__name__ if self.located or _foreign(value) else ''}"
            if id(value) not in self.seen and not _foreign(value):
                self.seen[id(value)] = len(self.seen)
                for name in names:
                    if name in vars(value):
                        yield f"attribute {name}"
                        yield from self.reference(vars(value)[name], names)
                del self.seen[id(value)]  # other functions reach other attributes
        else:
            yield from self.value(value)

    def value(self, value: Any) -> Iterator[str]:
        function = _plain(value)
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
        elif isinstance(value, list | tuple):
            yield f"{type(value).__qualname__} {getattr(value, '_fields', len(value))}"
            for item in value:
                yield from self.value(item)
        elif isinstance(value, set | frozenset | dict):
            yield f"{type(value).__qualname__} {len(value)}"
            for item in sorted(value, key=repr):
                yield from self.value(item)
                if isinstance(value, dict):
                    yield from self.value(value[item])
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


_REPRESENTED = (bool, int, complex, str, bytes, type(None), type(Ellipsis), range, slice,
                np.dtype, numba_types.Type)


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


# ------------------------------------------------------------------------------ a file's module


def load_module(path: Path) -> ModuleType:
    """Load a Python file, from any folder, as a module whose name depends on its path alone.

    Source is always read anew, never from bytecode files, and a changed file gives a new module.
    Files beside it can be imported by their plain names; they become modules of their own kind,
    so that equally named files of two folders don't meet.

    Raises
    ------
    OSError
        Where the file can't be read.
    Exception
        Whatever the file raises when it runs, `SyntaxError` among it.
    """
    path = Path(path).resolve()
    siblings = _Siblings(path.parent)
    sys.meta_path.insert(0, siblings)
    try:
        return siblings.load(path)
    finally:
        sys.meta_path.remove(siblings)


class _Siblings(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the files of one folder under names of their own, while a module of it loads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loaded: dict[Path, ModuleType] = {}

    def load(self, path: Path) -> ModuleType:
        if path in self.loaded:
            return self.loaded[path]
        source = path.read_bytes()
        name = f"simmm_file_{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__spec__ = importlib.machinery.ModuleSpec(name, self, origin=str(path))
        before = sys.modules.get(name)
        self.loaded[path] = sys.modules[name] = module
        try:
            exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
        except BaseException:
            if before is None:
                del sys.modules[name]
            else:
                sys.modules[name] = before
            del self.loaded[path]
            raise
        return module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        file = self.folder / f"{fullname}.py"
        if path is not None or fullname in sys.stdlib_module_names or not file.is_file():
            return None
        return self.load(file).__spec__

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return sys.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to do: `load` ran it."""
