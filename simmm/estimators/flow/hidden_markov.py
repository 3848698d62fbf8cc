"""Forward filter of a hidden Markov chain, and expectations carried along; for `flow_regime`.

Kernels but `forward` work on a state with the fields of `CHAIN`.

Source: Rabiner (1989); Cappe (2011), section 2.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simmm.jit import kernel

STATES = 3

_VECTOR, _MATRIX, _CUBE = (STATES,), (STATES, STATES), (STATES, STATES, STATES)
CHAIN = [
    # The filter
    ("probability", "f8", _VECTOR),
    ("transition", "f8", _MATRIX),
    ("rate", "f8", _VECTOR),  # per second
    ("joint", "f8", _MATRIX),  # room to work
    ("likelihood", "f8", _VECTOR),
    # The pass: what was expected so far, by the state now (last index)
    ("past", "f8", _VECTOR),  # its filter
    ("moves", "f8", _CUBE),  # transitions from, to
    ("events", "f8", _MATRIX),  # aggressors in
    ("squares", "f8", _MATRIX),  # of the intervals' aggressors, less these
    ("seconds", "f8", _MATRIX),  # spent in
    # What the last pass expected
    ("moved", "f8", _MATRIX),
    ("spent", "f8", _VECTOR),  # s
]


@kernel
def forward(
    probability: np.ndarray,
    transition: np.ndarray,
    likelihood: np.ndarray,
    joint: np.ndarray,
    states: int,
) -> float:
    """One step of the forward filter.

    Parameters
    ----------
    probability
        Of each state before; then after.
    transition
        Probability from a state (row) to another (column).
    likelihood
        Of the observation in each state, times any constant.
    joint
        Filled with the probability of each pair of states, before and after.
    states
        How many there are.

    Returns
    -------
    float
        Probability of the observation, times that constant; 0 if no state allows it, and then the
        observation counts for nothing.
    """
    total = 0.0
    for i in range(states):
        for j in range(states):
            joint[i, j] = probability[i] * transition[i, j] * likelihood[j]
            total += joint[i, j]
    over = 1.0 / total if total > 0.0 else 0.0
    for i in range(states):
        for j in range(states):
            moved = probability[i] * transition[i, j]
            joint[i, j] = joint[i, j] * over if total > 0.0 else moved
    for j in range(states):
        after = 0.0
        for i in range(states):
            after += joint[i, j]
        likelihood[j] = after
    for j in range(states):
        probability[j] = likelihood[j]
    return total


@kernel
def remember(s: Any, count: float, seconds: float) -> None:
    """Carry what was expected so far over to the states now, and add this interval."""
    for i in range(STATES):  # joint becomes the backward kernel
        for j in range(STATES):
            certain = s.past[j] > 1e-300
            s.joint[i, j] = s.joint[i, j] / s.past[j] if certain else 1.0 / STATES
    for a in range(STATES):
        _carry(s, s.events[a])
        _carry(s, s.squares[a])
        _carry(s, s.seconds[a])
        s.events[a, a] += count
        s.squares[a, a] += count * (count - 1.0)
        s.seconds[a, a] += seconds
        for c in range(STATES):
            _carry(s, s.moves[a, c])
            s.moves[a, c, c] += s.joint[a, c]


@kernel
def _carry(s: Any, values: np.ndarray) -> None:
    """From a vector by the state before to one by the state now."""
    for j in range(STATES):
        s.likelihood[j] = 0.0
        for i in range(STATES):
            s.likelihood[j] += values[i] * s.joint[i, j]
    for j in range(STATES):
        values[j] = s.likelihood[j]


@kernel
def expected(s: Any, values: np.ndarray) -> float:
    """Mean of a vector by the state now."""
    total = 0.0
    for j in range(STATES):
        total += values[j] * s.past[j]
    return total


@kernel
def order(s: Any) -> None:
    """Keep the states in order of rate."""
    for _ in range(STATES - 1):
        for a in range(STATES - 1):
            if s.rate[a] > s.rate[a + 1]:
                _exchange(s, a, a + 1)


@kernel
def _exchange(s: Any, a: int, c: int) -> None:
    """Give two states each other's number."""
    s.rate[a], s.rate[c] = s.rate[c], s.rate[a]
    s.spent[a], s.spent[c] = s.spent[c], s.spent[a]
    s.probability[a], s.probability[c] = s.probability[c], s.probability[a]
    for i in range(STATES):
        s.transition[a, i], s.transition[c, i] = s.transition[c, i], s.transition[a, i]
        s.moved[a, i], s.moved[c, i] = s.moved[c, i], s.moved[a, i]
    for i in range(STATES):
        s.transition[i, a], s.transition[i, c] = s.transition[i, c], s.transition[i, a]
        s.moved[i, a], s.moved[i, c] = s.moved[i, c], s.moved[i, a]
