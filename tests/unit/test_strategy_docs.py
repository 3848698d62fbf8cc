"""docs/strategies.md says what the code says, and its examples work."""

import re
import textwrap
from pathlib import Path

import pytest

import simmm.math
from simmm import maker_records
from simmm.estimators.catalogue import belief_columns
from simmm.strategy.faults import check_compiles
from simmm.strategy.load import load_strategy
from simmm.strategy.rules import BUILTINS, RULES

TEXT = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")


def table(marker):
    """Rows of the table that follows a marker, as lists of cells."""
    after = TEXT.partition(f"<!-- {marker}:")[2]
    lines = after.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("name", ["MarketRecord", "Wanted", "Event"])
def test_fields_are_those_of_the_record(name):
    dtype = getattr(maker_records, name)
    beliefs = {field for field, _ in belief_columns()}  # docs/estimators.md has these
    kinds = {"f8": "float", "i8": "int"}
    expected = []
    for field in dtype.names:
        if field in beliefs:
            continue
        base, shape = dtype[field].base, dtype[field].shape
        kind = kinds[base.str[1:]] + (f"[{shape[0]}]" if shape else "")
        expected.append([f"`{field}`", kind])
    assert [row[:2] for row in table(name)] == expected


def test_rules_and_builtins_are_those_of_the_check():
    assert table("rules") == [[f"`{name}`", *rule] for name, rule in RULES.items()]
    assert table("builtins") == [[f"`{name}`", instead] for name, instead in BUILTINS.items()]


def test_functions_exist():
    section = TEXT.partition("## Functions")[2].partition("From `simmm.quoting")[0]
    names = re.findall(r"`([a-z_0-9]+)`", section.partition("`simmm.math`:")[2])
    assert len(names) > 12
    assert [name for name in names if not callable(getattr(simmm.math, name, None))] == []


def _python_blocks():
    blocks = re.findall(r"^( *)```python\n(.*?)^\1```", TEXT, re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(body) for _, body in blocks]


def test_the_tutorial_compiles(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(_python_blocks()[0])
    strategy = load_strategy(path)
    assert strategy.recorded == ("shift",)
    check_compiles(strategy)


def test_the_observe_example_compiles(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from simmm.strategy import record\nMemory = record(flow=0.0, fills=0)\n"
        + _python_blocks()[1]
        + "\ndef quote(wanted, market, memory, params):\n    wanted.bids = 0\n"
    )
    check_compiles(load_strategy(path))


def test_the_refusals_are_told_as_shown(tmp_path):
    from simmm.errors import StrategyError

    head = "import math\n\ndef quote(wanted, market, memory, params):\n"
    shown = re.findall(r"^mine\.py:\d+: (.*)$", TEXT, re.MULTILINE)
    assert len(shown) == 2
    for k, (line, text) in enumerate(zip(("math.exp(1.0)", "market.sgima"), shown, strict=True)):
        path = tmp_path / f"mine_{k}.py"
        path.write_text(head + f"    x = {line}\n")
        with pytest.raises(StrategyError) as caught:
            load_strategy(path)
        assert str(caught.value).endswith(f":4: {text}")
