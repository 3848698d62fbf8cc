"""Figures of a page that say where they come from: ``data-field`` and ``data-value``."""

from __future__ import annotations

import re
from typing import Any, NamedTuple


class Shown(NamedTuple):
    """One figure of a page."""

    path: str  # in what the page was made of, names and numbers divided by dots
    exact: str
    text: str  # as it is read; empty where something else follows


def shown_fields(page: str) -> list[Shown]:
    """Return the figures of a page in their order."""
    pattern = r'data-field="([^"]+)" data-value="([^"]*)"(?:[^>]*>([^<]*)<)?'
    return [Shown(*found) for found in re.findall(pattern, page)]


def value_at(values: Any, path: str, dots: int = -1) -> Any:
    """Return what lies at a path, of which only the first `dots` dots divide names."""
    for name in path.split(".", dots):
        values = values[int(name)] if isinstance(values, list) else values[name]
    return values


def exactly(value: Any) -> str:
    """Return how a page writes a value exactly."""
    return "" if value is None else repr(value)


def wrong_fields(page: str, values: Any) -> list[Shown]:
    """Return the figures of a page that aren't those of what it was made of."""
    return [one for one in shown_fields(page) if one.exact != exactly(value_at(values, one.path))]
