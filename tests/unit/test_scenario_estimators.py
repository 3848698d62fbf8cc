"""Settings of estimators: those that contradict each other, and names that lead elsewhere."""

from __future__ import annotations

import pytest

from simmm.errors import ScenarioError
from simmm.estimators.catalogue import BELIEFS, ESTIMATORS
from simmm.estimators.declare import rising
from simmm.scenario import Resolved, load_scenario
from simmm.scenario.estimators import meant

CONTRADICTIONS = {
    "jump": [
        ("lowest_ratio=9 highest_ratio=2", "lowest_ratio (9) is more than highest_ratio (2)"),
        ("window=50 minimum_returns=1024", "minimum_returns (1024) is more than window (50)"),
    ],
    "volume_clock": [("shortest_s=100", "shortest_s (100) is more than longest_s (60)")],
    "volatility_regime": [
        ("normal_up=0.5 low_down=0.9", "low_down (0.9) is more than normal_up (0.5)"),
        ("high_up=1.2", "normal_down (1.35) is more than high_up (1.2)"),
        ("high_down=4", "high_down (4) is more than extreme_up (3)"),
    ],
    "cascade": [("burst_s=500", "burst_s (500) is more than burst_level_s (300)")],
    "changepoint": [("recent=128", "recent (128) must be less than longest (128)")],
    "flow_regime": [("warm_up=800", "warm_up (800) is more than window (720)")],
    "lead_lag": [
        (
            "lags=60",
            "60 lags in a window of 820 leave p-values no lower than 1/12, above significance "
            "(0.05): no lead would ever be believed",
        )
    ],
    "depth_decay": [
        ("bucket_2_bps=50", "bucket_2_bps (50) is more than bucket_3_bps (5)"),
        ("touch_low=0.2 prior_touch=0.1", "touch_low (0.2) is more than prior_touch (0.1)"),
    ],
    "markouts": [("horizon_1s=60", "horizon_1s (60) is more than horizon_5s (5)")],
}
CASES = [(name, *case) for name, cases in CONTRADICTIONS.items() for case in cases]


def load(*sets: str) -> Resolved:
    """Load a bundled scenario with overrides."""
    return load_scenario("cascade", sets=sets)


def refused(*sets: str) -> str:
    """Return what the refused scenario is told, which is one line."""
    with pytest.raises(ScenarioError) as caught:
        load(*sets)
    told = str(caught.value)
    assert "\n" not in told
    return told


def test_all_rules_are_tried() -> None:
    assert set(CONTRADICTIONS) == {entry.name for entry in ESTIMATORS if entry.rules}


@pytest.mark.parametrize(("name", "settings", "wrong"), CASES)
def test_what_contradicts_itself_is_refused(name: str, settings: str, wrong: str) -> None:
    sets = [f"estimators.{name}.{one}" for one in settings.split()]
    told = refused(*sets)
    assert told.startswith(f"--set: estimators.{name}.")
    assert told.partition(": ")[2].partition(": ")[2] == wrong
    assert told.split(": ")[1].rpartition(".")[2] in settings, "it points at what was not given"


def test_what_is_equal_is_fine() -> None:
    found = load("estimators.jump.minimum_returns=60", "estimators.jump.window=60")
    assert found.scenario.estimators.jump.minimum_returns == 60


def test_several_are_compared_in_their_order() -> None:
    rule = rising("a", "b", "c")
    assert [rule.broken(1, 1, 2), rule.broken(1, 3, 2)] == ["", "b (3) is more than c (2)"]
    assert rising("a", "b", strictly=True).broken(1, 1)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            "sigma.half_life_s=300",
            "estimators.sigma: sigma is a belief of the estimator ewma; "
            "write estimators.ewma.half_life_s",
        ),
        (
            "market_kappa.window_s=300",
            "estimators.market_kappa: market_kappa is a belief of the estimator kappa; "
            "write estimators.kappa.window_s",
        ),
        ("e6.window_s=9", "estimators.e6: E6 is the estimator kappa; write estimators.kappa.windo"),
        ("kappa_low.own_strength=9", "kappa is a belief of the estimator kappa_blend; write"),
        (
            "warm.minutes=3",
            "warm is a belief of the estimator warm_up; there are, in estimators.warm_up: "
            "volume_ticks, trades, max_warm_up_s",
        ),
        ("E6=3", "E6 is the estimator kappa; there are, in estimators.kappa: window_s"),
        ("kappa.own_strength=9", "did you mean 'estimators.kappa_blend.own_strength'?"),
        ("ewmaa.half_life_s=9", "did you mean 'ewma'?"),
    ],
)
def test_other_names_lead_to_the_section(setting: str, told: str) -> None:
    assert told in refused(f"estimators.{setting}")


def test_every_belief_and_number_leads_to_its_estimator() -> None:
    sections = {entry.name for entry in ESTIMATORS}
    writer = {belief.name: entry for entry in ESTIMATORS for belief in entry.beliefs}
    for name in set(BELIEFS) - sections:
        for field in BELIEFS[name].fields:
            assert meant(field).startswith(
                f"{name} is a belief of the estimator {writer[name].name}"
            )
    for entry in ESTIMATORS:
        assert meant(entry.row).startswith(f"{entry.row} is the estimator {entry.name}")
    assert meant("nonsense") == ""
