"""The list of queue models, and each model's share of cancels behind us."""

from __future__ import annotations

import json
import math
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

import simmm
from simmm.cli.main import main
from simmm.errors import ScenarioError
from simmm.scenario.exchange import Queue
from simmm.venue.queue import MODELS, published, queue_model, queue_models

#: Lots ahead, lots behind, exponent: the share of cancels behind, as in the literature.
SHARES: dict[str, Callable[[float, float, float], float]] = {
    "pessimistic": lambda a, b, n: 1.0,
    "optimistic": lambda a, b, n: 0.0,
    "proportional": lambda a, b, n: b / (b + a),
    "power": lambda a, b, n: b**n / (b**n + a**n),
    "power2": lambda a, b, n: b**n / (b + a) ** n,
    "power3": lambda a, b, n: 1.0 - (a / (a + b)) ** n,
    "log": lambda a, b, n: math.log(1 + b) / (math.log(1 + b) + math.log(1 + a)),
    "log2": lambda a, b, n: math.log(1 + b) / math.log(1 + b + a),
}
LOTS = (0.0, 0.25, 1.0, 7.0, 1e3, 1e9)


@pytest.mark.parametrize("name", published.FORMS)
def test_shares_are_those_of_the_literature(name: str) -> None:
    form = queue_model(name).form
    for n in (0.5, 1.0, 2.5, 3.0, 16.0):
        for ahead in LOTS:
            for behind in LOTS:
                share = published.probability_behind(form, n, ahead, behind)
                if ahead + behind > 0.0:
                    expected = SHARES[name](ahead, behind, n)
                    assert share == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", [name for name in published.FORMS if name != "optimistic"])
@pytest.mark.parametrize("ahead", [0.0, -0.0, -3e-17, -0.4])
@pytest.mark.parametrize("behind", [0.0, -1e-12])
def test_where_nobody_stands_the_share_is_one(name: str, ahead: float, behind: float) -> None:
    """What rounding leaves below zero is nobody, never a root or logarithm without a value."""
    for n in (0.5, 2.5, 3.0):
        assert published.probability_behind(queue_model(name).form, n, ahead, behind) == 1.0


def test_the_first_five_forms_keep_their_numbers() -> None:
    """Scenarios and journals name models, but a run's state holds the number."""
    assert published.FORMS[:5] == ("pessimistic", "proportional", "optimistic", "power", "log")


def test_all_published_forms_share_one_state_and_one_set_of_verbs() -> None:
    models = [queue_model(name) for name in published.FORMS]
    assert len({model.verbs for model in models}) == 1
    assert {model.state for model in models} == {published.State}
    assert [model.form for model in models] == list(range(len(published.FORMS)))


def test_every_model_is_listed_and_can_be_chosen() -> None:
    listed = [model.name for model in queue_models()]
    assert listed == list(MODELS)
    assert len(set(listed)) == len(listed)
    model_type = typing.get_type_hints(Queue, include_extras=True)["model"]
    choices = set(typing.get_args(typing.get_args(model_type)[0]))
    assert set(published.FORMS) <= choices <= set(listed)
    for model in queue_models():
        assert queue_model(model.name).name == model.name
        assert (Path(simmm.__file__).parents[1] / model.file).is_file(), model.file
        if model.name in choices:
            assert set(model.parameters) <= set(Queue.__struct_fields__)


def test_an_unknown_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(ScenarioError, match="'powr' is unknown; did you mean 'power'"):
        queue_model("powr")


def test_simmm_queues_prints_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["queues"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines if line[:1].isalpha()][1 : 1 + len(MODELS)] == list(
        MODELS
    )
    assert main(["queues", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in found] == list(MODELS)
    assert set(found[0]) == {"name", "assumes", "formula", "parameters", "cost", "file"}
