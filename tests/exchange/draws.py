"""Where a world's choices come from: a seed, or hypothesis."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Draw(Protocol):
    """What a world asks for."""

    def whole(self, low: int, high: int) -> int: ...

    def pick(self, choices: Sequence[T]) -> T: ...


class Seeded:
    """Choices from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def whole(self, low: int, high: int) -> int:
        return self.random.randint(low, high)

    def pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)


class Drawn:
    """Choices that hypothesis makes, and makes simpler when something fails."""

    def __init__(self, data: Any) -> None:
        self.data = data

    def whole(self, low: int, high: int) -> int:
        return int(self.data.draw(st.integers(low, high)))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.whole(0, len(choices) - 1)]


def chance(draw: Draw, one_in: int) -> bool:
    """Return True about once in `one_in`; the simplest case is False."""
    return draw.whole(1, one_in) == one_in
