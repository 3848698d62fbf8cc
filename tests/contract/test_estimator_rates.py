"""Where nothing is forgotten, intervals narrow with the root of the number of observations.

In these cases the memory is longer than the world and the prior weak beside it; elsewhere the
width goes to that of the memory (`shrinks` in `simmm study recovery` tells it of every case).
"""

from __future__ import annotations

import numpy as np
import pytest

from simmm.study.recovery.found import cases_of
from simmm.study.recovery.run import Samples
from simmm.study.recovery.sample import sample
from simmm.study.recovery.scores import scored

SEEDS = 10
ROOM = 0.15
#: Estimator, case, belief.
UNFORGOTTEN = (
    ("ewma", "uneven clock", "sigma"),
    ("volume_clock", "constant", "volume_rate"),
    ("exposure", "ladder", "exposure_kappa"),
    ("exposure", "ladder", "exposure_arrival"),
    ("arrival", "Poisson, nothing forgotten", "arrival"),
    ("arrival", "Poisson, nothing forgotten", "aggressor_rate"),
    ("hawkes", "half excited", "hawkes_base"),
    ("hawkes", "half excited", "hawkes_decay"),
    ("markouts", "sparse fills", "markout_1s"),
    ("markouts", "sparse fills", "adverse"),
    ("own_kappa", "around the market", "own_kappa"),
    ("toxicity", "logistic", "toxicity_bid"),
)


@pytest.mark.parametrize(("estimator", "case", "belief"), UNFORGOTTEN)
def test_width_goes_by_the_root_of_what_was_heard(estimator: str, case: str, belief: str) -> None:
    chosen = next(one for one in cases_of(estimator) if one.name == case)
    worlds = [sample(estimator, chosen, seed) for seed in range(SEEDS)]
    figures = {name: np.array([one[name] for one in worlds]) for name in worlds[0]}
    score = scored([Samples(estimator, chosen, figures)], SEEDS).scores[0]
    (found,) = (one for one in score.beliefs if one.belief == belief)
    assert found.shrinks == pytest.approx(-0.5, abs=ROOM)
