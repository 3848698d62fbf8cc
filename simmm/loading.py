"""Loading a Python file that lies anywhere as a module of its own, and the files beside it."""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


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


def beside(module: ModuleType) -> list[ModuleType]:
    """The other modules that were loaded along with one that `load_module` returned."""
    loader = getattr(module.__spec__, "loader", None)
    loaded = loader.loaded.values() if isinstance(loader, _Siblings) else ()
    return [other for other in loaded if other is not module]


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
            exec(  # running the user's file is the purpose
                compile(source, str(path), "exec", dont_inherit=True), module.__dict__
            )
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
