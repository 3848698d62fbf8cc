"""Draws from the numbered streams of a world: its state holds a key and a counter for each."""

from simmm.jit import kernel
from simmm.math import exponential, normal, uniform


@kernel
def draw_uniform(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next uniform of a stream."""
    draw = uniform(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw


@kernel
def draw_exponential(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next exponential of mean 1 of a stream."""
    draw = exponential(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw


@kernel
def draw_normal(w, stream: int) -> float:  # type: ignore[no-untyped-def]
    """Return the next standard normal of a stream."""
    draw = normal(w.key[stream], w.draws[stream])
    w.draws[stream] += 1
    return draw
