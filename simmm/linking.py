"""Makes compiling one large entry linear in its size.

numba finishes each callee as if it were an entry of its own: links all that the callee calls,
optimises the whole, and makes machine code of it, at every level of nesting again. For an entry
of a few hundred kernels that is most of the time. Here a callee that is compiled because an entry
needs it keeps to its own functions; the entry links each once, optimises once, and makes the only
machine code. The result is the same program, seen whole by the optimiser.

It rests on the pinned numba's internals (`numba.core`'s `codegen`, `ir`, `targetconfig` and
`types`), which `install` replaces; nothing else of simmm touches them.
"""

import gc
import threading
from typing import Any

import numba.core.event as events
from numba.core import ir
from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen
from numba.core.targetconfig import TargetConfig
from numba.core.types import Record

_TEXT = "_simmm_text"  # attribute of a record type that holds its text
_DEFAULTS = "_simmm_defaults"  # attribute of a class of flags that holds their defaults
_NO_VARIABLES = frozenset({str, int, bool, type(None), ir.Loc})
_MARK = "_simmm_callee"  # attribute of a library that holds only its own functions


class _Depth(threading.local):
    """How many compilations are open in this thread, one inside another."""

    value = 0
    collects = False  # whether the garbage collector was on before the outermost


_depth = _Depth()


class _Watch(events.Listener):
    """Follows numba's own announcements of compilations."""

    def on_start(self, event: Any) -> None:
        if _depth.value == 0:
            # A compilation makes millions of objects that live to its end; looking for garbage
            # among them again and again is a tenth of its time.
            _depth.collects = gc.isenabled()
            gc.disable()
        _depth.value += 1

    def on_end(self, event: Any) -> None:
        _depth.value -= 1
        if _depth.value == 0 and _depth.collects:
            gc.enable()


def install() -> None:
    """Put the replacements in place, once per process."""
    if getattr(CPUCodeLibrary.finalize, "__module__", "") == __name__:
        return
    events.register("numba:compile", _Watch())
    finalize = CPUCodeLibrary.finalize
    optimize_functions = CPUCodeLibrary._optimize_functions
    record_text = Record.__repr__
    set_env = JITCPUCodegen.set_env

    def finalize_once(self: Any) -> None:
        if _depth.value > 1:
            self._raise_if_finalized()
            for library in self._linking_libraries:
                self._reload_init.update(library._reload_init)
            self._finalize_dynamic_globals()
            setattr(self, _MARK, True)
            self._finalized = True
            return
        self._linking_libraries = _callers_first(self)
        finalize(self)

    def set_env_if_there(self: Any, env_name: str, env: Any) -> None:
        # A callee has no machine code and so no place for its environment.
        if self._engine.get_global_value_address(env_name):
            set_env(self, env_name, env)

    def optimize_functions_of_entries(self: Any, ll_module: Any) -> None:
        # The entry optimises what it links in again.
        if _depth.value > 1:
            ll_module.data_layout = self._codegen._data_layout
        else:
            optimize_functions(self, ll_module)

    def record_text_once(self: Any) -> str:
        # numba writes a record type out at each use: tens of thousands of times for an entry.
        text = self.__dict__.get(_TEXT)
        if text is None:
            text = record_text(self)
            setattr(self, _TEXT, text)
        return text

    def values_of(self: Any) -> dict[str, Any]:
        # Flags are compared at every call of a callee; each option used to be a property's answer.
        defaults = type(self).__dict__.get(_DEFAULTS)
        if defaults is None:
            defaults = {name: option.default for name, option in self.options.items()}
            setattr(type(self), _DEFAULTS, defaults)
        return {**defaults, **self._values}

    def variables_in(self: Any, value: Any) -> list[ir.Var]:
        # Asked of each statement ten times over; most of what it holds is text, places and lists.
        if isinstance(value, ir.Var):
            return [value]
        if isinstance(value, ir.Inst):
            return value.list_vars()
        found: list[ir.Var] = []
        if isinstance(value, dict):
            value = value.values()
        elif not isinstance(value, list | tuple):
            return found
        for part in value:
            if type(part) is ir.Var:
                found.append(part)
            elif type(part) not in _NO_VARIABLES:
                found += variables_in(self, part)
        return found

    TargetConfig.values = values_of  # type: ignore[method-assign]
    ir.Inst._rec_list_vars = variables_in  # type: ignore[method-assign]
    finalize_once.__module__ = __name__
    CPUCodeLibrary._optimize_functions = (  # type: ignore[method-assign]
        optimize_functions_of_entries
    )
    Record.__repr__ = record_text_once  # type: ignore[method-assign]
    CPUCodeLibrary.finalize = finalize_once  # type: ignore[method-assign]
    JITCPUCodegen.set_env = set_env_if_there  # type: ignore[method-assign]


def _callers_first(entry: Any) -> list[Any]:
    """Return the libraries `entry` needs, each before those it calls.

    The linker takes a callee's function only if something linked before refers to it.
    """
    done: set[int] = set()
    order: list[Any] = []
    stack = [(library, False) for library in reversed(entry._linking_libraries)]
    while stack:
        library, is_left = stack.pop()
        if is_left:
            order.append(library)
        elif id(library) not in done:
            done.add(id(library))
            stack.append((library, True))
            if getattr(library, _MARK, False):
                stack += [(callee, False) for callee in reversed(library._linking_libraries)]
    return order[::-1]
