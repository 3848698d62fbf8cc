"""``simmm scenario`` and ``simmm cache``."""

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from simmm.cli.backtest import backtest
from simmm.cli.cache import cache
from simmm.cli.scenario import scenario_group
from simmm.scenario import load_scenario


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_names_all_and_where() -> None:
    output = CliRunner().invoke(scenario_group, ["list"], catch_exceptions=False).output
    for name in ("quiet", "trend", "cascade", "starved_altcoin", "recorded", "poisson"):
        assert f"\n  {name} " in output


def test_list_tells_of_a_broken_one() -> None:
    Path("scenarios").mkdir()
    Path("scenarios/good.yaml").write_text("strategy: {file: glft}\n")
    Path("scenarios/bad.yaml").write_text("maker: [\n")
    output = CliRunner().invoke(scenario_group, ["list"], catch_exceptions=False).output
    assert "bad" in output
    assert "can't be read: " in output


def test_check() -> None:
    result = CliRunner().invoke(scenario_group, ["check", "recorded"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "fine (tape: none, needs --tape; strategy: " in result.output


def test_show_says_what_and_from_where() -> None:
    words = ["show", "cascade", "--set", "venue.queue.n=2", "--seed", "9"]
    output = CliRunner().invoke(scenario_group, words, catch_exceptions=False).output
    rows = {line.split()[0]: line for line in output.splitlines() if line}
    assert rows["venue.queue.n"].split()[1:] == ["2", "--set"]
    assert rows["seed.tape"].split()[1:] == ["9", "--seed"]
    assert rows["tape.dataset"].split()[1] == "cascade_hl_btc"
    assert rows["tape.dataset"].split()[2].startswith("cascade.yaml:")
    assert rows["maker.reconcile"].split()[1:] == ["keep", "default"]
    assert rows["market.min_notional"].endswith("market rules of the tape")


def test_show_yaml_is_a_scenario() -> None:
    words = ["show", "cascade", "--set", "maker.max_position=3", "--yaml"]
    output = CliRunner().invoke(scenario_group, words, catch_exceptions=False).output
    assert yaml.safe_load(output)["maker"]["max_position"] == 3.0
    Path("mine.yaml").write_text(output)
    again = load_scenario("mine.yaml")
    assert again.scenario.maker.max_position == 3.0
    assert again.digest() == load_scenario("cascade", sets=["maker.max_position=3"]).digest()


def test_time_options_are_numbers_or_texts() -> None:
    words = ["show", "cascade", "--from", "10", "--to", "00:01:00"]
    output = CliRunner().invoke(scenario_group, words, catch_exceptions=False).output
    rows = {line.split()[0]: line.split()[1:] for line in output.splitlines() if line}
    assert rows["run.from"] == ["10", "--from"]
    assert rows["run.to"] == ["00:01:00", "--to"]


def test_orders_larger_than_the_position_may_be_are_told() -> None:
    words = ["check", "cascade", "--set", "maker.max_position=0.005"]
    result = CliRunner().invoke(scenario_group, words, catch_exceptions=False)
    assert "strategy.order_size, 0.01, is more than maker.max_position, 0.005" in result.stderr
    words[-1] = "maker.max_position=0.01"
    assert CliRunner().invoke(scenario_group, words, catch_exceptions=False).stderr == ""


def test_notes_go_to_stderr() -> None:
    Path("strategies").mkdir()
    Path("strategies/plain.py").write_text(
        "def quote(wanted, market, memory, params):\n    wanted.bids = 0\n"
    )
    words = ["check", "cascade", "--strategy", "plain"]
    result = CliRunner().invoke(scenario_group, words, catch_exceptions=False)
    assert "strategy.order_size of cascade.yaml left out" in result.stderr
    assert "left out" not in result.stdout


def test_cache_shows_and_prunes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIMMM_CACHE", str(tmp_path / "cache"))
    assert "0 files" in CliRunner().invoke(cache, [], catch_exceptions=False).output
    kernels = tmp_path / "cache" / "kernels"
    kernels.mkdir(parents=True)
    (kernels / "x-0.kernel").write_bytes(b"0" * 1000)
    assert "compiled code: 1 file," in CliRunner().invoke(cache, [], catch_exceptions=False).output
    words = ["--prune", "--older-than-days", "0"]
    removed = CliRunner().invoke(cache, words, catch_exceptions=False).output
    assert "removed compiled code: 1 file," in removed
    assert not list(kernels.iterdir())


def test_backtest_help_names_every_option() -> None:
    output = CliRunner().invoke(backtest, ["--help"], catch_exceptions=False).output
    options = [
        "--set",
        "--seed",
        "--from",
        "--to",
        "--tape",
        "--strategy",
        "--out",
        "--quiet",
        "--no-progress",
    ]
    assert [option for option in options if option not in output] == []
