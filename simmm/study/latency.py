"""Settings that make requests and answers slower by a fixed time, whatever their distribution."""

from __future__ import annotations

from typing import Any

from simmm.scenario.latency import Latency

_KINDS = ("new", "cancel", "modify")  # requests that may have a latency of their own


def slower(latency: Latency, extra_ms: float) -> dict[str, Any]:
    """Return field paths and values that add `extra_ms` to every request and every answer.

    The feed stays as it is: what a block shows was known as early as before.
    """
    if not extra_ms:
        return {}
    found = _shifted("venue.latency.entry", latency.entry, extra_ms)
    for kind in _KINDS:
        own = getattr(latency.entry, kind, None)
        if own is not None:
            found |= _shifted(f"venue.latency.entry.{kind}", own, extra_ms)
    return found | _shifted("venue.latency.response", latency.response, extra_ms)


def _shifted(path: str, delay: Any, extra_ms: float) -> dict[str, Any]:
    """Every draw of a distribution later by `extra_ms`; its cap moves along."""
    table = getattr(delay, "table_ms", None)
    if table is None:
        found: dict[str, Any] = {f"{path}.ms": delay.ms + extra_ms}
    else:  # read from a file or a sample when the scenario was loaded
        found = {
            f"{path}.file": None,
            f"{path}.sample_ms": None,
            f"{path}.table_ms": [value + extra_ms for value in table],
        }
    if delay.cap_ms is not None:
        found[f"{path}.cap_ms"] = delay.cap_ms + extra_ms
    return found
