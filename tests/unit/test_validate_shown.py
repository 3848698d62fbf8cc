"""A validation on the terminal and on the page: whole at every width, and the same figures."""

import io
import json
from html import unescape

import msgspec
import pytest
from rich.console import Console

from simmm.validation import page, shown, terminal
from simmm.validation.result import Validation, to_json
from tests.page_fields import shown_fields, value_at
from tests.unit.validation_fixture import validation


def _text(result: Validation, width: int) -> str:
    out = io.StringIO()
    terminal.render(result, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 160])
def test_nothing_is_cut_off(width: int) -> None:
    text = _text(validation(), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for row in validation().rows:
        assert shown.model_name(row) in text
    for words in ("0.128", "[0.115, 0.147]", "0.47 [0.42, 0.54]", "0.07→0.09", "✗ tracked"):
        assert words in text
    # it ends with what may be concluded, and what not
    assert text.rstrip().endswith("How many fills a quote gets on this venue.")


def test_all_models_stand_in_one_table() -> None:
    columns, rows = shown.summary(validation())
    assert [population for population, _ in columns] == ["R"] * 2 + ["RP"] * 5
    names = {shown.model_name(row) for row in validation().rows}
    assert {model for model, _ in rows} == names
    one_path = dict(rows)["rank, 1 path"]
    assert one_path[:2] == ["–", "–"]  # no such row in R
    assert one_path[2] == "0.128"


def test_what_rewards_early_models_is_not_shown_as_judging() -> None:
    rows = shown.rows_of(validation(), "R")
    assert shown.judged(rows, "R") == ["position", "position_bias"]
    assert "recall" in shown.looked_at(rows, "R")
    assert "brier" in shown.looked_at(rows, "R")
    assert "real" not in shown.looked_at(rows, "R")
    assert "reward models that fill early" in _text(validation(), 160)


def test_the_headline_names_the_best_by_a_score_that_judges() -> None:
    assert "rank_tracked refitted" in shown.headline(validation())
    assert "0.054 s" in shown.headline(validation())
    alone = validation(with_patient=False)
    assert shown.headline(alone).endswith("(R).")
    nothing = msgspec.structs.replace(alone, rows=[])
    assert shown.headline(nothing) == "Nothing could be scored."
    assert "2,396 orders" in _text(nothing, 80)


def test_figures_of_the_page_are_those_of_the_json_file() -> None:
    result = validation()
    whole = json.loads(to_json(result))
    text = page.page(result)
    found = shown_fields(text)
    assert len(found) > 200
    for path, exact, told in found:
        value = value_at(whole, path)
        assert float(exact) == value
        digits = unescape(told).replace("−", "-").replace(",", "")
        decimals = len(digits.partition(".")[2])
        assert float(digits) == pytest.approx(value, abs=0.5 * 10.0**-decimals + 1e-12)


def test_the_page_loads_nothing_and_escapes() -> None:
    text = page.page(validation())
    assert "http://" not in text
    assert "https://" not in text
    assert "<they>" not in text
    assert "&lt;they&gt;" in text
    for anchor in ("result", "scores", "ratios", "reliability", "markouts", "conclusions"):
        assert f'<section id="{anchor}">' in text
    # two drawn models, two populations
    assert text.count('class="found"') == 4
    assert "nan" not in text.lower().replace("nanosecond", "").replace("navigation", "")[:200]


def test_without_what_could_not_be_had_the_page_is_whole() -> None:
    result = validation(with_patient=False)
    text = page.page(result)
    assert 'id="reliability"' not in text
    assert 'id="markouts"' not in text
    assert "conclusions" in text
    assert page.default_name(result) == "validate-l2_h1.html"


def test_a_validation_survives_json() -> None:
    result = validation()
    assert msgspec.json.decode(to_json(result), type=Validation) == result
