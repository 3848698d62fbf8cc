"""The schema describes every field, and the reference page is made from it."""

from pathlib import Path

import pytest

from simmm.market import MarketRules
from simmm.scenario import load_scenario
from simmm.scenario.docs import reference
from simmm.scenario.fields import leaves, plain
from simmm.scenario.schema import Scenario
from simmm.scenario.show import lines

PAGE = Path(__file__).parents[2] / "docs" / "scenarios.md"


def test_page_is_up_to_date() -> None:
    assert PAGE.read_text() == reference(), "run: python -m simmm.scenario.docs > docs/scenarios.md"


@pytest.mark.parametrize(
    ("path", "field"), list(leaves(Scenario)), ids=lambda value: str(value)[:40]
)
def test_every_field_is_described(path: str, field: object) -> None:
    assert getattr(field, "description", "").endswith("."), path
    assert f"`{path}`" in reference() or ".latency." in path


def test_units_stand_where_names_have_them() -> None:
    for path, field in leaves(Scenario):
        for ending, unit in (("_ms", "ms"), ("_s", "s"), (".ms", "ms")):
            if path.endswith(ending):
                assert field.unit == unit, path


def test_show_lists_every_value_once() -> None:
    drawn = "{form: uniform, ms: 1, scale_ms: 2, burst: 0.5}"
    entry = [f"entry.{kind}" for kind in ("new", "cancel", "modify")]
    optional = [f"venue.latency.{name}" for name in ("feed", "entry", "response", *entry)]
    sets = [f"{path}={drawn}" for path in optional]
    resolved = load_scenario("cascade", sets=[*sets, "tape.streams=block"])
    shown = [line.path for line in lines(resolved)]
    assert len(shown) == len(set(shown))
    told_by_what_is_in_them = {
        *(f"{path}{part}" for path in optional for part in ("", ".burst")),
        "tape.streams",
    }
    assert {path for path, _ in leaves(Scenario)} - told_by_what_is_in_them <= set(shown)
    assert {f"strategy.{name}" for name in resolved.scenario.strategy.params} <= set(shown)


def test_show_fills_in_the_rules_of_the_tape() -> None:
    rules = MarketRules(symbol="BTC", maker_fee="0.00015", taker_fee="0.00045")
    found = {line.path: line for line in lines(load_scenario("cascade"), rules)}
    assert found["market.taker_fee"].value == "0.00045"
    assert found["market.taker_fee"].origin == "market rules of the tape"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (3.0, "3"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (-2.5e-5, "-0.000025"),
        (86_400_000.0, "86400000"),
    ],
)
def test_plain_numbers(value: float, text: str) -> None:
    assert plain(value) == text
