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
#: By tape. `glft` quotes by other estimates since, so what runs is `quiet`, whose
#: strategy looks at none; on other tapes than its own as of commit 1b8e14b, which gave the rest.
DIGESTS = {
    "quiet": ("ca69dc62afd7e2c0", "77fcd1d31dab1b53"),
    "cascade": ("3db8f4f5d3dadcd6", "619b40673f7d7d63"),
    "trend": ("6400c9630007ad21", "9e8dd2ccda3c4260"),
    "poisson": ("929e7bc2abf805d4", "5aa4c61d5df062e1"),
}


def _digests(of: str, **more: Any) -> tuple[str, ...]:
    tape = dataset_file(DATASETS[of])
    simulation = run(resolve("quiet", [tape], {**BEFORE, **more})).simulation
    chains = (simulation.venues["chain"][0], simulation.makers["chain"][0])
    return tuple(f"{int(chain):016x}" for chain in chains)


@pytest.mark.parametrize("of", DIGESTS)
def test_power_gives_what_it_gave_before(of: str) -> None:
    assert _digests(of) == DIGESTS[of]


def test_the_digest_tells_models_apart() -> None:
    found = _digests("quiet", **{"venue.queue.model": "pessimistic"})
    assert found[0] != DIGESTS["quiet"][0]
