"""The queue models of version 0.1.0 still give what they gave then, to the last fill.

The digests are `digest.fills_and_account` and `digest.intents` of reports/*.json at commit 9e34147,
the last before the rank law became the default.
"""

from typing import Any

import pytest

from tests.contract.cases import DATASETS
from tests.contract.runs import resolve, run
from tests.contract.tapes import dataset_file

BEFORE = {"venue.queue.model": "power", "venue.queue.levels": "changes"}
DIGESTS = {
    "cascade": ("f90b8ddfc7409c26", "8af494d48afe4cdf"),
    "poisson": ("e897d7e6535841d5", "f1d568247a2717bb"),
    "quiet": ("ca69dc62afd7e2c0", "77fcd1d31dab1b53"),
    "starved_altcoin": ("3549fa182a024051", "9f22215b22c4d752"),
    "trend": ("433e587a92990eff", "9224af0339eda4e9"),
}


def _digests(scenario: str, **more: Any) -> tuple[str, ...]:
    tape = dataset_file(DATASETS[scenario])
    simulation = run(resolve(scenario, [tape], {**BEFORE, **more})).simulation
    chains = (simulation.venues["chain"][0], simulation.makers["chain"][0])
    return tuple(f"{int(chain):016x}" for chain in chains)


@pytest.mark.parametrize("scenario", DIGESTS)
def test_power_gives_what_it_gave_before(scenario: str) -> None:
    assert _digests(scenario) == DIGESTS[scenario]


def test_the_digest_tells_models_apart() -> None:
    found = _digests("quiet", **{"venue.queue.model": "pessimistic"})
    assert found[0] != DIGESTS["quiet"][0]
