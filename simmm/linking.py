"""Makes compiling one large entry linear in its size.

numba finishes each callee as if it were an entry of its own: links all that the callee calls,
optimises the whole, and makes machine code of it, at every level of nesting again. For an entry
of a few hundred kernels that is most of the time. Here a callee that is compiled because an entry
needs it keeps to its own functions; the entry links each once, optimises once, and makes the only
machine code. The result is the same program, seen whole by the optimiser.

It rests on the pinned numba's internals (`numba.core.codegen`), which `install` replaces at two
places; nothing else of simmm touches them.
"""

import threading
from typing import Any

import numba.core.event as events
from numba.core.codegen import CPUCodeLibrary, JITCPUCodegen

_MARK = "_simmm_callee"  # attribute of a library that holds only its own functions


class _Depth(threading.local):
    """How many compilations are open in this thread, one inside another."""

    value = 0


_depth = _Depth()


class _Watch(events.Listener):
    """Follows numba's own announcements of compilations."""

    def on_start(self, event: Any) -> None:
        _depth.value += 1

    def on_end(self, event: Any) -> None:
        _depth.value -= 1


def install() -> None:
    """Put the replacements in place, once per process."""
    if getattr(CPUCodeLibrary.finalize, "__module__", "") == __name__:
        return
    events.register("numba:compile", _Watch())
    finalize = CPUCodeLibrary.finalize
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

    finalize_once.__module__ = __name__
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
