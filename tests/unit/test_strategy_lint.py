"""What a strategy may not use is refused with its line and what to write instead."""

import textwrap

import pytest

from simmm.errors import StrategyError
from simmm.jit import INTERPRETED
from simmm.strategy.load import load_strategy
from simmm.strategy.rules import BUILTINS, DEBUGGING, REPLACEMENTS, RULES

HEAD = """\
import math
import random
import time
import json
import numpy as np
from math import exp as c_exp
from simmm.math import exp
from simmm.strategy import Field, record

Params = record(order_size=1.0, levels=2)
Memory = record(skew=0.0, count=0, past=Field(0.0, shape=(4,)))
STATE = np.zeros(3)
dump = json.dumps

def twice(x):
    return 2.0 * x

def quote(wanted, market, memory, params):
"""
FIRST = HEAD.count("\n") + 1  # line of the first statement of quote


def load(folder, body, tail="", head=HEAD):
    path = folder / "mine.py"
    path.write_text(head + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n" + tail)
    return load_strategy(path)


def refusal(folder, body, tail="", head=HEAD):
    with pytest.raises(StrategyError) as caught:
        load(folder, body, tail, head)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder}/mine.py:")


@pytest.mark.parametrize(
    ("body", "rule", "remedy"),
    [
        ("x = market.mid ** 2", "power", "from simmm.math import power"),
        ("x = market.mid\nx **= 0.5", "power", "x * x"),
        ("x = market.reference_mid @ market.reference_mid", "matrix", "loop"),
        ("x = math.exp(market.mid)", "math", "`from simmm.math import exp`"),
        ("x = c_exp(market.mid)", "math", "`from simmm.math import exp`"),
        ("x = math.sqrt(market.mid)", "math", "`from simmm.math import sqrt`"),
        ("x = math.floor(market.mid)", "math", "`from simmm.math import floor_int`"),
        ("x = math.pow(market.mid, 2.0)", "math", "`from simmm.math import power`"),
        ("x = math.fabs(market.mid)", "math", "write abs(x)"),
        ("x = math.gamma(market.mid)", "math", "use simmm.math"),
        ("x = np.log(market.mid)", "numpy", "`from simmm.math import log`"),
        ("x = np.linalg.norm(market.reference_mid)", "numpy", "a loop"),
        ("x = np.random.normal()", "random", "uniform(key, counter)"),
        ("x = np.sum(market.reference_mid)", "reduction", "loop"),
        ("x = wanted.bid_px.sum()", "reduction", "loop"),
        ("x = (2.0 * market.reference_mid).mean()", "reduction", "loop"),
        ("x = sum([market.mid, 1.0])", "builtin", "write a loop"),
        ("x = round(market.mid)", "builtin", "round_int"),
        ("x = int(market.mid)", "builtin", "floor_int"),
        ("x = pow(market.mid, 2)", "builtin", "power(x, y)"),
        ("x = hash(market.mid)", "builtin", "chain(h, x)"),
        ("x = isinstance(market.mid, float)", "builtin", "one type"),
        ("x = getattr(market, 'mid')", "builtin", "record.field"),
        ("x = dump(1)", "outside", "files beside it"),
        ("x = random.random()", "random", "counter in Memory"),
        ("x = time.time()", "time", "market.now_ns"),
        ("x = {1, 2}", "collection", "arrays in Memory"),
        ("x = {1: 2}", "collection", "arrays in Memory"),
        ("for x in {1, 2}:\n    memory.count += x", "collection", "arrays in Memory"),
        ("x = f'{market.mid}'", "text", "numbers in Memory"),
        ("x = '{}'.format(1)", "text", "numbers in Memory"),
        ("try:\n    x = 1\nexcept Exception:\n    pass", "try", "`if`"),
        ("with open('x'):\n    pass", "with", "remove"),
        ("def inner(x):\n    return x", "nested", "top of the file"),
        ("x = lambda y: y", "nested", "top of the file"),
        ("class X:\n    pass", "nested", "top of the file"),
        ("x = max(y for y in market.reference_mid)", "generator", "loop"),
        ("global STATE\nSTATE = 1", "global", "Memory"),
        ("STATE[0] = market.mid", "global", "Memory"),
        ("STATE[0] += market.mid", "global", "Memory"),
        ("import os", "import", "top of the file"),
        ("x = market is memory", "identity", "=="),
        ("x = market.mid is not None", "identity", "!="),
        ("x = 1\ndel x", "delete", "remove"),
        ("x = twice(*[1.0])", "arguments", "each argument"),
        ("x = twice(**memory)", "arguments", "each argument"),
        ("market.mid = 1.0", "read_only", "memory or to wanted"),
        ("params.levels += 1", "read_only", "memory or to wanted"),
        ("market.reference_mid[0] = 1.0", "read_only", "memory or to wanted"),
        ("m = market\nm.mid = 1.0", "read_only", "memory or to wanted"),
        ("wanted.bid_px = 1.0", "whole_array", "name[k] = x"),
        ("memory.past = market.reference_mid", "whole_array", "name[k] = x"),
        ("x = sgima", "undefined", "define or import"),
        ("if market.mid > 0.0:\n    x = 1.0\nmemory.skew = x", "unset", "before the `if`"),
        ("for k in range(params.levels):\n    x = k\nmemory.count = x", "unset", "or the loop"),
        ("memory.count = x\nx = 1", "unset", "give it one"),
        ("x = market.sgima", "field", "did you mean 'sigma'?"),
        ("wanted.bid_prices[0] = 1.0", "field", "did you mean 'bid_px'?"),
        ("memory.skw += 1.0", "field", "did you mean 'skew'?"),
        ("x = params.level", "field", "did you mean 'levels'?"),
        ("m = market\nx = m.sgima", "field", "did you mean 'sigma'?"),
    ],
)
def test_refused_with_line_and_remedy(tmp_path, body, rule, remedy):
    """The first line that is wrong is named; each of these has its fault on its last wrong line."""
    message = refusal(tmp_path, body)
    line = int(message.partition(":")[0])
    assert FIRST <= line <= FIRST + body.count("\n")
    assert remedy in message
    reason = RULES[rule].why
    assert rule == "field" or reason in message


def test_every_rule_is_tested():
    tested = {
        mark.args[1][k][1]
        for mark in test_refused_with_line_and_remedy.pytestmark
        for k in range(len(mark.args[1]))
    }
    assert set(RULES) - tested == {"decorator", "star"}  # below


def test_a_decorator_and_a_star_import_are_refused(tmp_path):
    head = HEAD.replace("def twice", "@np.vectorize\ndef nothing(x):\n    return x\n\ndef twice")
    load(tmp_path, "x = twice(1.0)", head=head)  # not reached from quote
    head = "import functools\n" + HEAD.replace(
        "def quote", "@functools.cache\ndef other(x):\n    return x\n\ndef quote"
    )
    assert "`other`: functions of a strategy take no decorators" in refusal(
        tmp_path, "x = other(1.0)", head=head
    )
    tail = "\n\ndef same(function):\n    return function\n\n\n@same\ndef late(x):\n    return x\n"
    assert "`@same`: functions of a strategy take no decorators" in refusal(
        tmp_path, "x = late(1.0)", tail
    )
    assert "1: `from simmm.math import *`" in refusal(
        tmp_path, "x = 1", head="from simmm.math import *\n" + HEAD
    )


@pytest.mark.parametrize(
    "body",
    [
        "x = exp(market.mid) + twice(market.mid) % 3.0 // 2.0",
        "x = min(market.mid, 1.0) + max(1, 2) + abs(-market.mid) + float(params.levels)",
        "for k in range(params.levels):\n    wanted.bid_px[k] = k\nelse:\n    memory.count = 1",
        "x = [2.0 * y for y in market.reference_mid]\nmemory.skew = x[0]",
        "if market.mid > 0.0:\n    x = 1.0\nelse:\n    return\nmemory.skew = x",
        "while True:\n    x = 1.0\n    break\nmemory.skew = x",
        "x = math.pi + math.inf + np.pi + len(market.reference_mid)",
        "x = np.zeros(4)\nx[0] = market.mid\nmemory.past[0] = x[0]",
        "(x := market.mid)\nmemory.skew = x",
        "x, y = 1.0, 2.0\nmemory.skew, memory.count = y, 2",
        "memory.past[0], wanted.bid_px[1] = 1.0, 2.0",
        "assert market.mid >= 0.0\nwanted.bids = 0 if STATE[0] > 0.0 else 1",
        "match params.levels:\n  case 2:\n    x = 1\n  case _:\n    x = 2\nmemory.count = x",
        "m = memory\nm.skew = 1.0",
        "x = market.mid\nmemory.skew = x if 0.0 < x < 3.0 and x != 2.0 else -x",
    ],
)
def test_ordinary_code_is_left_alone(tmp_path, body):
    assert load(tmp_path, body).quote is not None


def test_helpers_are_checked_wherever_they_are(tmp_path):
    """Through calls, into files beside the strategy, with the records they are given."""
    (tmp_path / "beside.py").write_text(
        "import math\n\ndef lean(m, memory):\n    return m.positoin + deep(1.0)\n\n"
        "def deep(x):\n    return math.exp(x)\n\ndef unused(x):\n    return x ** 2\n"
    )
    head = "from beside import lean\n" + HEAD
    message = refusal(tmp_path, "memory.skew = lean(market, memory=memory)", head=head)
    assert "beside.py:4: `m.positoin`: market has no field 'positoin'; did you" in message
    assert "(and 1 more)" in message
    message = refusal(tmp_path, "x = beside.deep(1.0)", head="import beside\n" + HEAD)
    assert "beside.py:7: `math.exp`" in message


def test_code_that_quote_does_not_reach_is_not_checked(tmp_path):
    tail = "\ndef plot(path):\n    with open(path) as f:\n        return f.read() ** 2\n"
    load(tmp_path, "wanted.bids = 0", tail)


def test_observe_is_checked_with_its_own_records(tmp_path):
    tail = "\ndef observe(event, market, memory, params):\n    memory.skew = event.price\n"
    assert "event has no field 'price'" in refusal(tmp_path, "wanted.bids = 0", tail)
    tail = "\ndef observe(event, market, memory, params):\n    event.px = 1.0\n"
    assert "not the strategy's to change" in refusal(tmp_path, "wanted.bids = 0", tail)


def test_all_findings_are_counted(tmp_path):
    message = refusal(tmp_path, "x = market.mid ** 2\ny = market.mdi\nz = round(x)")
    assert message.startswith(f"{FIRST}: `market.mid ** 2`")
    assert message.endswith("(and 2 more)")


@pytest.mark.skipif(INTERPRETED, reason="printing is allowed there")
@pytest.mark.parametrize("name", sorted(DEBUGGING))
def test_debugging_is_for_interpreted_runs(tmp_path, name):
    assert "NUMBA_DISABLE_JIT=1" in refusal(tmp_path, f"{name}()")


def test_remedies_exist():
    import simmm.math

    for name in REPLACEMENTS.values():
        assert callable(getattr(simmm.math, name)), name
    for remedy in BUILTINS.values():
        for word in ("floor_int", "ceil_int", "round_int", "power", "chain"):
            assert word not in remedy or hasattr(simmm.math, word)
