"""Loading strategy files: what they declare, and one clear line where they are wrong."""

import functools
import math
import textwrap
from pathlib import Path

import numpy as np
import pytest

from simmm.errors import ScenarioError, StrategyError
from simmm.jit import INTERPRETED, compiled
from simmm.maker_records import MarketRecord, Wanted
from simmm.math import mix
from simmm.records import LADDER
from simmm.strategy import Field, record
from simmm.strategy.faults import check_compiles, compiled_arithmetic, explain
from simmm.strategy.load import load_strategy

ROOT = Path(__file__).parents[2]
BUNDLED = ("symmetric", "glft")
GOOD = """
    '''Joins the touch.'''
    from simmm.strategy import Field, record
    from beside import half

    Params = record(order_size=Field(2.0, unit="lots", low=0.0), levels=3, eager=True)
    Memory = record(
        seen=0,
        skew=Field(0.5, unit="quanta", recorded=True),
        past=Field(1.0, shape=(4,)),
    )

    def quote(wanted, market, memory, params):
        wanted.bids = 1
        wanted.bid_px[0] = market.bid_px - half(2.0)
        wanted.bid_qty[0] = params.order_size
        memory.seen += 1

    def observe(event, market, memory, params):
        memory.past[event.kind] = event.px
"""


def write(folder, text, name="mine.py"):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture
def good(tmp_path):
    write(tmp_path, "def half(x):\n    return 0.5 * x\n", "beside.py")
    return write(tmp_path, GOOD)


def test_what_a_strategy_holds(good):
    strategy = load_strategy(good)
    assert (strategy.name, strategy.doc, strategy.has_observe) == ("mine", "Joins the touch.", True)
    assert list(strategy.params.fields) == ["order_size", "levels", "eager"]
    assert strategy.params.dtype == np.dtype(
        [("order_size", "f8"), ("levels", "i8"), ("eager", "i8")], align=True
    )
    assert strategy.memory.dtype["past"] == np.dtype(("f8", (4,)))
    assert strategy.recorded == ("skew",)
    start = strategy.memory.filled()[0]
    assert (start["seen"], start["skew"], start["past"].tolist()) == (0, 0.5, [1.0] * 4)
    assert [file.name for file in strategy.files] == ["beside.py", "mine.py"]
    check_compiles(strategy)


def test_digest_follows_the_source_of_every_file(good):
    first = load_strategy(good).digest
    assert load_strategy(good).digest == first
    helper = good.with_name("beside.py")
    helper.write_text(helper.read_text().replace("0.5", "0.25"))
    assert load_strategy(good).digest != first


def test_plain_dtypes_and_no_declarations_work(tmp_path):
    path = write(
        tmp_path,
        """
        import numpy as np
        Params = np.dtype([("gamma", "f8")], align=True)
        def quote(wanted, market, memory, params):
            wanted.bids = 0
            x = params.gamma
        """,
    )
    strategy = load_strategy(path)
    assert list(strategy.params.fields) == ["gamma"]
    assert not strategy.memory.fields
    assert strategy.memory.zeros().nbytes == 8
    assert not strategy.has_observe
    check_compiles(strategy)


def test_overrides_are_checked_against_the_fields(good):
    params = load_strategy(good).params
    assert params.filled({"order_size": 3, "eager": False})[0].tolist() == (3.0, 3, 0)
    for overrides, message in (
        ({"levles": 1}, "strategy.levles: unknown parameter; did you mean 'levels'?"),
        ({"levels": 1.5}, "strategy.levels: 1.5 must be a whole number"),
        ({"order_size": -1.0}, r"strategy.order_size: -1.0 must be at least 0 lots"),
        ({"order_size": "big"}, "strategy.order_size: 'big' must be a number"),
        ({"order_size": float("nan")}, "strategy.order_size: nan must be finite"),
        ({"eager": 2}, "strategy.eager: 2 must be true or false"),
        ({"levels": 2**63}, "does not fit 64 bits"),
        ({"levels": True}, "must be a whole number"),
    ):
        with pytest.raises(ScenarioError, match=message):
            params.filled(overrides)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: record(size=1.0), "NumPy has taken that name, call it 'order_size'"),
        (lambda: record(_x=1.0), "starts with a letter"),
        (lambda: record(x="a"), "must be a number, True or False"),
        (lambda: Field(float("inf")), "not finite"),
        (lambda: Field(1.0, low=2.0), r"must be at least 2"),
        (lambda: Field(0.0, shape=(0,)), "positive whole numbers"),
    ],
)
def test_impossible_fields(make, message):
    with pytest.raises(StrategyError, match=message):
        make()


QUOTE = "def quote(wanted, market, memory, params):\n    wanted.bids = 0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def quote(wanted:\n", r"mine\.py:1: does not parse"),
        ("x = 1\nx = y\n" + QUOTE, r"mine\.py:2: fails when it is loaded: NameError: name 'y'"),
        ("import nowhere_at_all\n" + QUOTE, r"mine\.py:1: fails .*nowhere_at_all"),
        (
            "def qoute(wanted, market, memory, params):\n    pass\n",
            r"mine\.py: has no function quote\(wanted, .*params\); did you mean 'qoute'",
        ),
        ("", r"mine\.py: has no function quote"),
        ("quote = 3\n", r"mine\.py: quote is a int, not a plain function"),
        (
            "\ndef quote(wanted, market):\n    pass\n",
            r"mine\.py:2: quote\(wanted, market\) must take 4 arguments",
        ),
        ("def quote(wanted, market, memory, params, *rest):\n    pass\n", "must take 4 arguments"),
        (QUOTE + "def observe(event):\n    pass\n", r"mine\.py:3: observe\(event\) must take 4"),
        ("Params = 3\n" + QUOTE, r"mine\.py: Params must be made by record"),
        (
            "import numpy as np\nMemory = np.dtype([('x', 'i4')])\n" + QUOTE,
            r"Memory: field 'x' has type int32; it must be f8 or i8",
        ),
        (
            "from simmm.strategy import Field, record\nParams = record(\n  x=Field(1.0, low=2.0))\n"
            + QUOTE,
            r"mine\.py:3: Field: default 1\.0 must be at least 2",
        ),
        (
            "from simmm.strategy import Field, record\nParams = record(x=Field(1.0, shape=(2,)))\n"
            + QUOTE,
            r"Params\.x: arrays and recording are for Memory",
        ),
    ],
)
def test_files_that_are_no_strategy(tmp_path, text, message):
    with pytest.raises(StrategyError, match=message) as caught:
        load_strategy(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_file_or_a_folder(tmp_path):
    with pytest.raises(StrategyError, match=r"gone\.py: there is no such strategy file"):
        load_strategy(tmp_path / "gone.py")
    with pytest.raises(StrategyError, match="can't be read"):
        load_strategy(tmp_path)


def test_a_file_that_is_not_text(tmp_path):
    (tmp_path / "mine.py").write_bytes(b"\xff\xfe\x00quote")
    with pytest.raises(StrategyError, match=r"mine\.py"):
        load_strategy(tmp_path / "mine.py")


# --------------------------------------------------------------------------------------- compiling


@pytest.mark.skipif(INTERPRETED, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("x = market.mid.nothing", r"mine\.py:4: does not compile: there is no attribute `noth"),
        ("x = exp(1.0, 2.0)", r"mine\.py:4: does not compile: too many positional arguments"),
        ("x = wanted.bid_px[market.mid]", r"mine\.py:4: does not compile: `getitem` does not work"),
        ("wanted.bids = market.mid > 3 and 'a'", r"mine\.py:4: does not compile: a value would be"),
    ],
)
def test_what_the_compiler_refuses_names_the_line(tmp_path, line, message):
    text = "from simmm.math import exp\n\ndef quote(wanted, market, memory, params):\n"
    strategy = load_strategy(write(tmp_path, text + f"    {line}\n"))
    with pytest.raises(StrategyError, match=message) as caught:
        check_compiles(strategy)
    assert "\n" not in str(caught.value)
    assert line in str(caught.value)


@functools.cache
def _entry(quote):
    @compiled
    def entry(wanted, market, memory, params):
        quote(wanted[0], market[0], memory[0], params[0])

    return entry


def _run(strategy, market, memory, params, interpreted):
    """One call of `quote`, compiled or not; returns wanted."""
    arrays = (np.zeros(1, Wanted), market, memory, params)
    if interpreted:
        with compiled_arithmetic():
            strategy.quote(*(array.view(np.recarray)[0] for array in arrays))
    else:
        _entry(strategy.quote)(*arrays)
    return arrays[0]


both = pytest.mark.parametrize(
    "interpreted", [True] if INTERPRETED else [True, False], ids=lambda b: "plain" if b else "jit"
)


@both
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wanted.bid_px[0] = market.mid / market.sigma", "division by zero"),
        ("wanted.bid_px[0] = market.sigma / market.kappa", "division by zero"),
        ("wanted.bids = market.gaps // market.gaps", "division by zero"),
        ("wanted.bid_px[market.gaps + 16] = 1.0", "index is outside its array"),
        ("for k in range(1_000_000): wanted.bid_px[k] = 1.0", "index is outside its array"),
    ],
)
def test_what_breaks_while_running_is_told(tmp_path, line, message, interpreted):
    text = f"def quote(wanted, market, memory, params):\n    {line}\n"
    strategy = load_strategy(write(tmp_path, text))
    market = np.zeros(1, MarketRecord)
    market["mid"] = 100.0
    memory, params = strategy.memory.filled(), strategy.params.filled()
    with pytest.raises((ArithmeticError, LookupError)) as caught:
        _run(strategy, market, memory, params, interpreted)
    error = explain(caught.value, strategy, now_ns=1_700_000_000_017_000_000)
    assert message in str(error)
    assert "at 2023-11-14 22:13:20.017 UTC" in str(error)
    assert "mine.py:2" in str(error) or not interpreted
    assert error.exit_code == 1


def test_values_that_are_no_number_pass_alike(tmp_path):
    """Overflow and not-a-number are no error in either mode; what leaves is checked elsewhere."""
    text = """
        def quote(wanted, market, memory, params):
            big = market.mid * 1e308
            wanted.bid_px[0] = big * 10.0
            wanted.bid_px[1] = wanted.bid_px[0] - wanted.bid_px[0]
    """
    strategy = load_strategy(write(tmp_path, text))
    market = np.zeros(1, MarketRecord)
    market["mid"] = 10.0
    found = [
        _run(strategy, market, strategy.memory.filled(), strategy.params.filled(), interpreted)
        for interpreted in {True, INTERPRETED}
    ]
    for wanted in found:
        assert np.isinf(wanted["bid_px"][0, 0])
        assert np.isnan(wanted["bid_px"][0, 1])


# ------------------------------------------------------------------------------- what simmm ships


def _market(k):
    """A drawn but sensible market record."""
    u = [mix(k, n) / 2**63 for n in range(12)]
    market = np.zeros(1, MarketRecord)
    step = 10.0 ** (k % 2)
    bid = step * (1000 + int(9000 * u[0]))
    ask = bid + step * (1 + int(6 * u[1]))
    values = {
        "bid_px": bid,
        "ask_px": ask,
        "mid": 0.5 * (bid + ask),
        "step": step,
        "lot": 1e-5,
        "quantum": 0.1,
        "bid_qty": 1.0,
        "ask_qty": 1.0,
        "position": float(int(800 * u[2]) - 400),
        "maker_fee": 3e-4 * (u[3] - 0.5),
        "sigma": 2e-4 * u[4],
        "kappa": 20_000 * u[5],
        "sigma_effective": 2e-4 * u[4],
        "sigma_effective_sd": 2e-5 * u[8],
        "kappa_sd": 5_000 * u[7],
        "aggressor_rate": 2.0 * u[6],
        "starved_spread_factor": 1.0 + u[9],
        "sigma_age_ns": 5,
        "kappa_age_ns": 5,
        "aggressor_rate_age_ns": 5,
    }
    for name, value in values.items():
        market[name] = value
    return market


@pytest.mark.skipif(INTERPRETED, reason="there is nothing compiled to compare with")
@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_strategies_compile_to_what_they_say(name):
    strategy = load_strategy(ROOT / "strategies" / f"{name}.py")
    params = strategy.params.filled({"levels": 4} if name == "symmetric" else {})
    quotes = 0
    for k in range(60):
        results = []
        for interpreted in (True, False):
            memory = strategy.memory.filled()
            wanted = _run(strategy, _market(k), memory, params, interpreted)
            results.append(wanted.tobytes() + memory.tobytes())
            quotes += int(wanted["bids"][0])
        assert results[0] == results[1]
    assert quotes > 0


def test_symmetric_quotes_a_ladder_behind_the_touch():
    strategy = load_strategy(ROOT / "strategies" / "symmetric.py")
    overrides = {"order_size": 0.003, "offset_steps": 2, "levels": 3, "spacing_steps": 4}
    market = _market(1)  # steps of 10 quanta
    params = strategy.params.filled(overrides)
    wanted = _run(strategy, market, strategy.memory.filled(), params, True)
    assert (wanted["bids"][0], wanted["asks"][0]) == (3, 3)
    assert wanted["bid_px"][0, :3].tolist() == [market["bid_px"][0] - 10 * d for d in (2, 6, 10)]
    assert wanted["ask_px"][0, :3].tolist() == [market["ask_px"][0] + 10 * d for d in (2, 6, 10)]
    assert wanted["bid_qty"][0, :3].tolist() == [300.0] * 3
    assert strategy.params.fields["levels"].high == LADDER


#: What a rate of 0.5 a side at the mid leaves at a touch 1 % away, both sides, for kappa 2,000.
ARRIVAL_SEEN = 2.0 * 0.5 * math.exp(-2_000.0 * 0.01)


def _glft(**changes):
    strategy = load_strategy(ROOT / "strategies" / "glft.py")
    market = _market(0)
    values = {
        "bid_px": 99_000.0,
        "ask_px": 101_000.0,
        "mid": 100_000.0,
        "step": 1.0,
        "position": 0.0,
        "maker_fee": 0.0,
        "sigma_effective": 1e-4,
        "kappa": 2_000.0,
        "aggressor_rate": ARRIVAL_SEEN,
        "starved_spread_factor": 1.0,
        "kappa_sd": 0.0,
        "sigma_effective_sd": 0.0,
    }
    for field, value in {**values, **changes}.items():
        market[field] = value
    params = strategy.params.filled({"gamma": 50.0, "order_size": 0.001, "improve_steps": 5_000})
    wanted = _run(strategy, market, strategy.memory.filled(), params, True)
    return market, wanted[0]


def test_glft_quotes_the_closed_form():
    """In fractions, gamma 50 and kappa 2,000 are the published case of 0.005 and 0.2 per bps."""
    _, wanted = _glft()
    assert wanted["bid_px"][0] == pytest.approx(100_000.0 * (1 - 5.069675826132792e-4), abs=1e-4)
    assert wanted["ask_px"][0] == pytest.approx(100_000.0 * (1 + 5.069675826132792e-4), abs=1e-4)
    assert wanted["bid_qty"][0] == 100.0
    _, long = _glft(position=300.0)  # three orders
    assert long["bid_px"][0] == pytest.approx(100_000.0 * (1 - 5.856595674483744e-4), abs=1e-4)
    assert long["ask_px"][0] == pytest.approx(100_000.0 * (1 + 4.282755977781839e-4), abs=1e-4)


def test_glft_earns_the_fee_back():
    """With nothing to fear from inventory the fee moves both quotes by itself, and no more."""
    for fee in (-1e-4, 2e-4):
        _, free = _glft(sigma_effective=0.0)
        _, wanted = _glft(sigma_effective=0.0, maker_fee=fee)
        assert free["bid_px"][0] - wanted["bid_px"][0] == pytest.approx(100_000.0 * fee, abs=1e-6)
        assert wanted["ask_px"][0] - free["ask_px"][0] == pytest.approx(100_000.0 * fee, abs=1e-6)


@pytest.mark.parametrize("field", ["sigma_age_ns", "kappa_age_ns", "aggressor_rate_age_ns"])
def test_glft_wants_nothing_until_all_is_known(field):
    _, wanted = _glft(**{field: -1})
    assert (wanted["bids"], wanted["asks"]) == (0, 0)
    _, late = _glft(**{field: -1, "warm": 1.0})  # the time-out passed: priors have to do
    assert late["bids"] == (0 if field == "sigma_age_ns" else 1)


def test_glft_quotes_wider_for_what_is_uncertain():
    market, sure = _glft(sigma_effective=0.0)
    _, unsure = _glft(sigma_effective=0.0, kappa_sd=1_000.0)  # variation 1/2: kappa counts 3/4
    _, starved = _glft(sigma_effective=0.0, starved_spread_factor=1.5)
    distance = market["mid"][0] - sure["bid_px"][0]
    assert market["mid"][0] - starved["bid_px"][0] == pytest.approx(1.5 * distance)
    expected = math.log1p(50.0 / 1_500.0) / 50.0 * 100_000.0
    assert market["mid"][0] - unsure["bid_px"][0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("position", [-1e6, -5e3, 0.0, 5e3, 1e6])
def test_glft_never_crosses(position):
    market, wanted = _glft(position=position, bid_px=99_999.0, ask_px=100_001.0)
    assert wanted["bid_px"][0] < market["ask_px"][0]
    assert wanted["ask_px"][0] > market["bid_px"][0]
    assert wanted["bid_px"][0] > 0.0
