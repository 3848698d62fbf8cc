"""A strategy file bound to plain Python objects: how the oracle calls it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Bound:
    """`quote` of a strategy file with its own memory."""

    def __init__(self, path: Path, params: dict[str, Any]) -> None:
        spec = importlib.util.spec_from_file_location(f"swarm_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        given = {name: field.default for name, field in module.Params.fields.items()}
        self.params = SimpleNamespace(**{**given, **params})
        kept = {name: field.default for name, field in module.Memory.fields.items()}
        self.memory = SimpleNamespace(**kept)
        self._quote = module.quote

    def quote(self, wanted: Any, market: Any) -> None:
        """Ask the strategy."""
        self._quote(wanted, market, self.memory, self.params)
