"""Loading scenarios: what is in force, where it came from, and what is refused how."""

from pathlib import Path

import pytest

from simmm.errors import ScenarioError
from simmm.market import MarketRules
from simmm.scenario import (
    Delay,
    Entry,
    Resolved,
    apply_market,
    find_dataset,
    load_scenario,
    tape_rules,
)
from simmm.strategy import Field

PARAMETERS = {
    "gamma": Field(0.5, low=0.0, high=10.0),
    "levels": Field(1, low=1, high=16),
    "skewed": Field(True),
}
BASE = """\
description: a test
tape:
  dataset: poisson
venue:
  latency:
    entry: 20
maker:
  max_position: 2
strategy:
  file: glft
  gamma: 1
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with one scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(BASE)
    return tmp_path


def load(text_or_sets: str | tuple[str, ...] = (), **options: object) -> Resolved:
    """Load BASE with overrides, or another text."""
    sets: tuple[str, ...] = ()
    if isinstance(text_or_sets, str):
        Path("base.yaml").write_text(text_or_sets)
    else:
        sets = text_or_sets
    options.setdefault("parameters", lambda path: PARAMETERS)
    return load_scenario("base.yaml", **{"sets": sets, **options})  # type: ignore[arg-type]


def message(text_or_sets: str | tuple[str, ...] = (), **options: object) -> str:
    """Return what a refused scenario is told."""
    with pytest.raises(ScenarioError) as caught:
        load(text_or_sets, **options)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_values_and_origins(folder: Path) -> None:
    resolved = load(("venue.queue.n=2", "strategy.levels=3"), seed=7)
    scenario, origins = resolved.scenario, resolved.origins
    assert scenario.name == "base"
    assert scenario.venue.latency.entry == Entry(ms=20.0)
    assert (scenario.seed.tape, scenario.seed.run) == (7, 7)
    assert scenario.strategy.params == {"gamma": 1.0, "levels": 3, "skewed": True}
    assert origins["name"] == "name of base.yaml"
    assert origins["tape.dataset"] == "base.yaml:3"
    assert origins["venue.latency.entry.ms"] == "base.yaml:6"
    assert origins["venue.latency.entry.form"] == "default"
    assert origins["venue.latency.feed"] == "the tape's own"
    assert origins["venue.queue.n"] == "--set"
    assert origins["seed.run"] == "--seed"
    assert origins["market.maker_fee"] == "market rules of the tape"
    assert origins["strategy.gamma"] == "base.yaml:11"
    assert origins["strategy.skewed"] == "default of the strategy"


def test_set_wins_over_options_and_seeds_can_be_set_apart(folder: Path) -> None:
    scenario = load(("seed.run=3",), seed=7).scenario
    assert (scenario.seed.tape, scenario.seed.run) == (7, 3)


def test_sets_may_be_a_mapping(folder: Path) -> None:
    resolved = load_scenario(
        "base.yaml", sets={"maker.max_position": 5}, parameters=lambda path: PARAMETERS
    )
    assert resolved.scenario.maker.max_position == 5.0


def test_number_for_a_latency_and_fields_below_it(folder: Path) -> None:
    entry = load(("venue.latency.entry.ms=50",)).scenario.venue.latency.entry
    assert entry == Entry(ms=50.0)
    drawn = load(("venue.latency.entry={form: uniform, ms: 1, scale_ms: 2}",))
    assert drawn.scenario.venue.latency.entry == Entry(form="uniform", ms=1.0, scale_ms=2.0)
    feed = load(("venue.latency.feed=0.000001",)).scenario.venue.latency.feed
    assert feed == Delay(ms=0.000001)


def test_tape_option_replaces_the_dataset(folder: Path) -> None:
    (folder / "scenarios").mkdir()
    resolved = load(tape=["a.parquet", "b"])
    assert resolved.scenario.tape.dataset is None
    assert resolved.tape_paths == (folder / "a.parquet", folder / "b")
    assert resolved.origins["tape.file"] == "--tape"
    assert load(("tape.file=a.parquet",)).scenario.tape.file == ("a.parquet",)


def test_tape_is_needed_to_run_but_not_to_show(folder: Path) -> None:
    text = BASE.replace("tape:\n  dataset: poisson\n", "")
    assert message(text) == "base.yaml: tape: the scenario names none; add --tape FILE"
    assert load(text, need_tape=False).tape_paths == ()


def test_references(folder: Path) -> None:
    (folder / "eth.parquet").touch()
    text = BASE.replace(
        "  dataset: poisson\n",
        "  dataset: poisson\n  references: [{file: eth.parquet}, {dataset: quiet_hl_btc}]\n",
    )
    resolved = load(text)
    assert resolved.reference_paths == ((folder / "eth.parquet",), ())
    assert resolved.scenario.tape.references[1].dataset == "quiet_hl_btc"


def test_other_strategy_leaves_out_parameters_it_does_not_have(folder: Path) -> None:
    only = {"levels": PARAMETERS["levels"]}
    resolved = load(strategy="symmetric", parameters=lambda path: only)
    assert resolved.strategy_path.stem == "symmetric"
    assert resolved.scenario.strategy.params == {"levels": 1}
    assert resolved.notes == (
        "strategy.gamma of base.yaml left out: symmetric.py has no such parameter",
    )
    told = message(("strategy.gamma=2",), strategy="symmetric", parameters=lambda path: only)
    assert told.startswith("--set: strategy.gamma: strategy symmetric has no such parameter")


def test_dump_loads_back_to_the_same(folder: Path) -> None:
    resolved = load(
        (
            "market.maker_fee='1e-5'",
            "venue.latency.feed={form: lognormal, ms: 1, scale_ms: 2, shape: 0.5, cap_ms: 9}",
            "run.from=00:00:10",
            "run.to=3600.5",
            "maker.quote_on=[fill, packet]",
        )
    )
    (folder / "again.yaml").write_text(resolved.to_yaml())
    again = load_scenario("again.yaml", parameters=lambda path: PARAMETERS)
    assert again.scenario == resolved.scenario
    assert again.digest() == resolved.digest()


def test_digest_counts_what_decides_results(folder: Path) -> None:
    digest = load().digest()
    assert load(("name=other", "description=x")).digest() == digest
    changes = ("venue.queue.n=2", "seed.run=2", "strategy.gamma=2", "maker.quote_on=fill")
    assert len({digest, *(load((change,)).digest() for change in changes)}) == 5
    here = load(tape=["x/a.parquet"]).digest()
    assert here == load(tape=["y/a.parquet"]).digest() != load(tape=["b.parquet"]).digest()


def test_market_rules_are_overridden_exactly(folder: Path) -> None:
    rules = MarketRules(symbol="BTC", maker_fee="0.00015", min_notional="10")
    market = load(("market.maker_fee=-0.00001", "market.modify=in_place")).scenario.market
    merged = apply_market(market, rules)
    assert (merged.maker_fee, merged.modify, merged.min_notional) == (
        "-0.00001",
        "in_place",
        "10",
    )
    assert merged.symbol == "BTC"


REFUSED = {
    "venue.queue.modle=power": "--set: venue.queue.modle: unknown field; did you mean 'model'?",
    "venue.queue.model=powr": "'powr' isn't one of the choices; did you mean 'power'?",
    "queue.model=log": "--set: queue: unknown field; did you mean 'venue.queue'?",
    "maker.max_position=0": "--set: maker.max_position: 0 must be above 0 base units",
    "maker.max_position=.nan": "must be a finite number",
    "maker.max_position=1e400": "must be a finite number",
    "maker.max_position=": "expected a number, found nothing",
    "venue.latency.entry=-1": "venue.latency.entry.ms: -1 must be at least 0.000001 ms",
    "venue.latency.entry=0": "venue.latency.entry.ms: 0 must be at least 0.000001 ms",
    "venue.latency.entry.form=uniform": "venue.latency.entry: uniform needs a scale_ms above 0",
    "venue.latency.entry.scale_ms=3": "a constant has neither scale_ms nor shape",
    "venue.latency.entry={form: uniform, scale_ms: 1, shape: 1}": "uniform has no shape",
    "venue.latency.entry.cap_ms=1": "venue.latency.entry.cap_ms: 1 is below ms, 20",
    "venue.latency.feed.form=lognormal": "--set: venue.latency.feed: lognormal needs a scale_ms",
    "run.to=0": "run.to: 0.0 is not after the tape's start",
    "run.from=yesterday": "run.from: 'yesterday' is no time",
    "run.from=-1": "run.from: -1 is negative",
    "run.warm_up_s=-1": "run.warm_up_s: -1 must be at least 0 s",
    "run.sample_s=0": "run.sample_s: 0 must be at least 0.001 s",
    "seed.run=1.5": "seed.run: expected a whole number, found 1.5",
    "seed.run=true": "seed.run: expected a whole number, found true",
    "seed.tape=-1": "seed.tape: -1 must be at least 0",
    "seed=3": "seed: expected fields below it, found 3",
    "market.maker_fee=0.9": "market.maker_fee: 0.9 is a fraction of notional",
    "market.maker_fee=free": "market.maker_fee: 'free' is no decimal number",
    "market.min_notional=-5": "market.min_notional: -5 must not be negative",
    "market.modify=keep": "market.modify: 'keep' isn't one of the choices; there are: in_place",
    "market.max_open_orders=0": "market.max_open_orders: 0 must be at least 1",
    "maker.quote_on=[fills]": "maker.quote_on: 'fills' isn't one of the choices; did you mean",
    "maker.quote_on=[fill, fill]": "maker.quote_on: an event is listed twice",
    "estimators.enabled=1": "expected true or false, found 1",
    "tape.dataset=quiet_hl_bct": "did you mean 'quiet_hl_btc'?",
    "tape.references=[{dataset: nothing_like_it}]": "no dataset 'nothing_like_it' in",
    "tape.file=[]": "tape.file: the list is empty",
    "tape.references=[{}]": "entry 1 names neither `dataset` nor `file`",
    "tape.references=[{datset: a}]": "tape.references.datset: unknown field; did you mean",
    "strategy.gama=1": "strategy glft has no such parameter; did you mean 'gamma'?",
    "strategy.gamma=11": "--set: strategy.gamma: 11 must be between 0 and 10",
    "strategy.gamma=high": "strategy.gamma: expected a number, true or false, found 'high'",
    "strategy.levels=1.5": "strategy.levels: 1.5 must be a whole number",
    "strategy.params={a: 1}": "strategy.params: expected a number, true or false, found fields",
    "name=a b": "name: 'a b' may hold letters, digits",
    "venue.queue.n": "write --set path=value",
    "venue..n=1": "'venue..n' is no field path",
    'venue.queue.n="3': "not valid YAML",
    "venue.queue.n=&a [*a]": "nested too deeply or in a circle",
    "venue.queue.n=!!python/object:os.system {}": "venue.queue.n",
}


@pytest.mark.parametrize("override", REFUSED)
def test_refused_with_path_and_hint(folder: Path, override: str) -> None:
    told = message((override,))
    assert REFUSED[override] in told
    assert told.startswith(("--set", "base.yaml:"))


def test_refused_in_the_file_names_the_line(folder: Path) -> None:
    told = message(BASE.replace("entry: 20", "entri: 20"))
    assert told == ("base.yaml:6: venue.latency.entri: unknown field; did you mean 'entry'?")
    told = message(BASE + "  levels: none\n")
    assert told.startswith("base.yaml:12: strategy.levels: expected a number")
    told = message(BASE.replace("  max_position: 2\n", "  requote_ms: 5\n"))
    assert told.startswith("base.yaml: maker.max_position: missing; Position, long or short")
    told = message(BASE.replace("  file: glft\n", ""))
    assert told.startswith("base.yaml: strategy.file: missing")


def test_file_and_dataset_exclude_each_other(folder: Path) -> None:
    told = message(BASE.replace("dataset: poisson", "dataset: poisson\n  file: a.parquet"))
    assert told == "base.yaml:2: tape: names a dataset and a file; leave one of them out"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "base.yaml: empty"),
        ("# nothing\n", "base.yaml: empty"),
        ("- a\n- b\n", "base.yaml:1: expected `name: value` lines, found a list"),
        ("just words\n", "base.yaml:1: expected `name: value` lines, found 'just words'"),
        ("maker:\n\tmax_position: 1\n", "base.yaml:2: not valid YAML"),
        ("maker: [1, 2\n", "base.yaml:2: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        (BASE + "maker:\n  max_position: 3\n", "base.yaml:12: maker: given twice, first on line 7"),
        (BASE + "? [a]\n: 1\n", "base.yaml:12: top level: a name is expected before ':'"),
        (BASE + "seed: &x\n  run: *x\n", "nested too deeply or in a circle"),
        (BASE + "name: !secret x\n", "base.yaml:12: name: tag !secret isn't known here"),
        (BASE + "name: \x07\n", "not valid YAML"),
        ("a: " + "[" * 3000 + "]" * 3000, "nested too deeply"),
    ],
)
def test_text_that_is_no_scenario(folder: Path, text: str, expected: str) -> None:
    assert expected in message(text)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "base.yaml").write_bytes(b"name: \xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"base\.yaml: byte 6 is no UTF-8"):
        load_scenario("base.yaml")
    (folder / "base.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(ScenarioError, match="too large for a scenario"):
        load_scenario("base.yaml")


def test_scalars_are_those_of_yaml_1_2(folder: Path) -> None:
    text = BASE.replace("gamma: 1", "gamma: 1e-3") + "name: on\nrun:\n  to: 10:30:00\n"
    resolved = load(text)
    assert resolved.scenario.strategy.params["gamma"] == 0.001
    assert resolved.scenario.name == "on"
    assert resolved.end is not None
    assert resolved.end.ns == 37_800 * 10**9


def test_seed_out_of_range(folder: Path) -> None:
    assert message(seed=-1).startswith("--seed -1: must lie in 0..")


def test_project_has_datasets_of_its_own(folder: Path) -> None:
    (folder / "datasets").mkdir()
    (folder / "datasets" / "manifest.yaml").write_text(
        "datasets:\n  own:\n    generator: poisson\n    parameters: {hours: 0.1}\n"
    )
    (folder / "simmm.yaml").touch()
    resolved = load(("tape.dataset=own",))
    assert find_dataset("own", resolved.path).folder == folder / "datasets"
    assert find_dataset("poisson", resolved.path).folder != folder / "datasets"
    rules = tape_rules(resolved)
    assert rules is not None
    assert rules.maker_fee


@pytest.mark.parametrize(
    "name", ["quiet", "trend", "cascade", "starved_altcoin", "recorded", "poisson"]
)
def test_packaged_scenarios_load_with_their_strategies(name: str) -> None:
    resolved = load_scenario(name, need_tape=name != "recorded")
    assert resolved.scenario.name == name
    assert resolved.scenario.description
    assert resolved.scenario.strategy.params
