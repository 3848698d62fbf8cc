"""What is made of a generated stream: told twice, and followed by silence."""

from __future__ import annotations

import numpy as np

from simmm.estimators.observation import CLOCK, Observation
from simmm.study.generated_observations import NS


def doubled(observations: np.ndarray) -> np.ndarray:
    """Return a stream in which each observation comes twice."""
    return np.repeat(observations, 2)


def silence(last: np.void, seconds: int) -> np.ndarray:
    """Return clock ticks at which nothing is known, once a second after an observation."""
    seen = np.zeros(seconds, Observation)
    seen["kind"] = CLOCK
    seen["now"] = int(last["now"]) + NS * np.arange(1, seconds + 1)
    seen["exch_ts"] = seen["now"]
    seen["lot"], seen["step"] = last["lot"], last["step"]
    return seen
