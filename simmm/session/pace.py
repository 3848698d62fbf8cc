"""How fast a session goes, and who watches it: without effect on what it decides."""

from __future__ import annotations

import math
import time
from types import TracebackType
from typing import NamedTuple, Protocol

from simmm.errors import ScenarioError
from simmm.session.snapshot import Snapshot


class Watcher(Protocol):
    """What shows a running session while its context lasts."""

    def due(self) -> bool:
        """Return whether a new snapshot is wanted now."""

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""

    def __enter__(self) -> object: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Unwatched:
    """Shows nothing."""

    def due(self) -> bool:
        """Return False."""
        return False

    def update(self, snapshot: Snapshot) -> None:
        """Do nothing."""

    def __enter__(self) -> Unwatched:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Pace(NamedTuple):
    """How a session goes, without effect on what it decides."""

    speed: float | None = 1.0  # feed seconds a second; None: as fast as it goes
    checkpoint_s: float = 300.0  # of the feed's time


REAL_TIME = Pace()
_SHORTEST_H, _LONGEST_H = 1 / 3600, 24.0 * 366


def check_pace(pace: Pace, hours: float | None) -> None:
    """Reject a speed, a length or an interval that makes no sense."""
    speed = pace.speed
    if speed is not None and not (math.isfinite(speed) and 0.001 <= speed <= 1e9):
        raise ScenarioError(
            f"--speed: {speed:g} is no speed; give feed seconds a second (1, 60, 0.5) or max"
        )
    if hours is not None and not (math.isfinite(hours) and _SHORTEST_H <= hours <= _LONGEST_H):
        raise ScenarioError(
            f"--hours: {hours:g} is no length; give hours of the feed's time, at least a second"
        )
    if not (math.isfinite(pace.checkpoint_s) and 1.0 <= pace.checkpoint_s <= 86_400.0):
        raise ScenarioError(
            f"--checkpoint-minutes: {pace.checkpoint_s / 60:g} must be between 1 second and a day"
        )


class Clock:
    """The feed's time by the wall's, from the first packet on."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._zero_ts: int | None = None
        self._zero_s = 0.0

    def missing_s(self, due_ts: int) -> float:
        """Return how long to wait until `due_ts`."""
        if self._speed is None:
            return 0.0
        if self._zero_ts is None:
            self._zero_ts, self._zero_s = due_ts, time.monotonic()
        due_s = self._zero_s + (due_ts - self._zero_ts) / 1e9 / self._speed
        return due_s - time.monotonic()

    def now_ts(self) -> int:
        """Return the feed's time now, ns."""
        assert self._zero_ts is not None
        assert self._speed is not None
        elapsed_s = time.monotonic() - self._zero_s
        return self._zero_ts + math.floor(elapsed_s * self._speed * 1e9)
