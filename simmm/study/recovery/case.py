"""What an estimator is tried on: a world of known truth, and how to judge what was believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

#: `assumed`: the model's own world, in which its interval must cover as often as it says.
#: `changing`: the truth jumps once; lag is measured, coverage is told. `quiet`: nothing happens,
#: alarms are false. `violated`: the model is wrong there, and how wrong is told.
Kind = Literal["assumed", "changing", "quiet", "violated"]


@dataclass(frozen=True)
class World:
    """One drawn world.

    Parameters
    ----------
    observations
        Array of `estimators.observation.Observation`.
    truth
        By belief: a number, or one per observation. NaN: not judged there.
    given
        Fields of the record that other estimators would have written; a number, or one each.
    ideal_sd
        By belief: the standard deviation of the best possible estimator at the last observation,
        by the Cramér-Rao bound or the exact posterior.
    ideal
        By belief: what the best possible estimator believes at the last observation, where it is
        known exactly (a posterior mean); RMSE is then also told against it.
    change
        Index of the observation at which the truth changed.
    """

    observations: np.ndarray
    truth: Mapping[str, float | np.ndarray]
    given: Mapping[str, float | np.ndarray] = field(default_factory=dict)
    ideal_sd: Mapping[str, float] = field(default_factory=dict)
    ideal: Mapping[str, float] = field(default_factory=dict)
    change: int | None = None


@dataclass(frozen=True)
class Case:
    """One kind of world for one estimator.

    Parameters
    ----------
    name
        Of the world, in words: ``"constant"``, ``"heavy tails"``.
    kind
        What is asked of the estimator there.
    draw
        Seed in, world out; equal seeds give equal worlds.
    beliefs
        Which beliefs are judged, at the last observation.
    parameters
        Other than the defaults.
    doc
        The world in one line, with its figures.
    alarm
        A `code` belief that is 1 in an alarm, for `changing` and `quiet`.
    within
        `changing`: by belief, the relative distance from the new truth that counts as arrived.
    """

    name: str
    kind: Kind
    draw: Callable[[int], World]
    beliefs: tuple[str, ...]
    doc: str
    parameters: Mapping[str, float | int] = field(default_factory=dict)
    alarm: str = ""
    within: float = 0.2
