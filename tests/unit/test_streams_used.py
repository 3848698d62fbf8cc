"""Emulated streams from the command line and in a scenario."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from simmm import tape
from simmm.cli.tape import tape_group
from simmm.errors import ScenarioError
from simmm.run_tapes import tape_specs
from simmm.scenario import Resolved, load_scenario
from simmm.tape.streams import emulate as write_streams
from simmm.tape.streams import emulated_tape, streams_of
from tests.swarm.adapter import write_tape
from tests.swarm.draw import draw


@pytest.fixture
def fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("simmm.tape.streams.cached.tapes_folder", lambda: tmp_path / "kept")
    write_tape(draw(3, 200), tmp_path / "drawn.parquet")  # its messages overtake one another
    write_streams(tmp_path / "drawn.parquet", tmp_path / "fine.parquet", streams="block")
    return tmp_path / "fine.parquet"


def emulate(*words: Any) -> Result:
    return CliRunner().invoke(tape_group, ["emulate", *map(str, words)])


def test_the_command_writes_a_valid_tape(fine: Path, tmp_path: Path) -> None:
    target = tmp_path / "coarse.parquet"
    done = emulate(fine, target, "--streams", "hyperliquid", "--levels", 3, "--every-ms", 100)
    assert done.exit_code == 0, done.output
    info = tape.info(target)
    assert done.output.startswith(f"{target}: {info.rows:,} rows; ")
    assert info.source["streams"] == {
        "preset": "hyperliquid", "levels": 3, "every_ms": 100.0, "bbo": True, "block_ms": 80.0,
    }  # fmt: skip
    assert [one for one in tape.validate(target) if one.severity == "error"] == []
    assert emulate(fine, target, "--no-bbo", "--overwrite").exit_code == 0
    assert tape.info(target).source["streams"]["bbo"] is False


def test_latency_may_be_a_number_or_a_file(fine: Path, tmp_path: Path) -> None:
    constant = tmp_path / "constant.parquet"
    assert emulate(fine, constant, "--latency", 7.5).exit_code == 0
    rows = pl.read_parquet(constant)
    assert (rows["local_ts"] - rows["exch_ts"]).unique().to_list() == [7_500_000]
    file = tmp_path / "waits.csv"
    file.write_text("5\n9\n70\n")
    digests = set()
    for seed in (1, 1, 2):
        drawn = tmp_path / "drawn.parquet"
        done = emulate(fine, drawn, "--latency", file, "--seed", seed, "--overwrite")
        assert done.exit_code == 0, done.output
        rows = pl.read_parquet(drawn)
        assert int((rows["local_ts"] - rows["exch_ts"]).min()) >= 5_000_000
        digests.add(tape.info(drawn).digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--levels", "0"], "streams: levels: 0 must lie in 1..1000"),
        (["--block-ms", "-3"], "streams: block_ms: -3 must be 0 or lie in"),
        (["--latency", "0"], "a latency in ms lies above 0"),
        (["--latency", "nan"], "a latency in ms lies above 0"),
        (["--latency", "none.json"], "--latency: "),
        (["--streams", "fast"], "'fast' is not one of"),
    ],
)
def test_wrong_calls(fine: Path, tmp_path: Path, words: list[str], message: str) -> None:
    done = emulate(fine, tmp_path / "coarse.parquet", *words)
    assert done.exit_code != 0
    assert message in f"{done.output} {done.exception}"
    assert not (tmp_path / "coarse.parquet").exists()


# ------------------------------------------------------------------------------ scenarios


def load(fine: Path, *sets: str) -> Resolved:
    return load_scenario("recorded", tape=fine, sets=sets)


def shown(resolved: Resolved) -> Path:
    told: list[str] = []
    (spec,) = tape_specs(resolved, None, told.append)
    paths = spec.paths
    assert isinstance(paths, list)
    return Path(paths[0])


def test_a_scenario_sees_its_tape_through_streams(fine: Path) -> None:
    assert shown(load(fine)) == fine
    coarse = shown(load(fine, "tape.streams=hyperliquid_fast"))
    about = tape.info(coarse)
    assert about.source["of"]["digests"] == [tape.info(fine).digest]
    assert about.source["streams"]["preset"] == "hyperliquid_fast"
    made = coarse.stat().st_mtime_ns
    assert shown(load(fine, "tape.streams.preset=hyperliquid_fast")).stat().st_mtime_ns == made
    other = shown(load(fine, "tape.streams={preset: every, every_ms: 50, levels: 2}"))
    assert other != coarse
    assert tape.info(other).source["streams"]["levels"] == 2


def test_a_damaged_tape_is_made_anew(fine: Path) -> None:
    streams = streams_of("block")
    kept = emulated_tape(fine, streams)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:1000])
    assert emulated_tape(fine, streams) == kept
    assert tape.validate(kept) == tape.validate(kept)
    assert kept.read_bytes() == whole


def test_streams_are_part_of_the_configuration(fine: Path, tmp_path: Path) -> None:
    plain, coarse = load(fine), load(fine, "tape.streams=block")
    assert plain.digest() != coarse.digest()
    assert coarse.origins["tape.streams.preset"] == "--set"
    kept = tmp_path / "kept.yaml"
    kept.write_text(coarse.to_yaml_anywhere())
    assert load_scenario(kept).digest() == coarse.digest()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("fast", "tape.streams.preset: 'fast' isn't one of the choices"),
        ("{levels: 0}", "tape.streams.levels: 0 must be at least 1"),
        ("{every: 5}", "tape.streams.every: unknown field; did you mean 'every_ms'?"),
        ("{block_ms: -1}", "tape.streams.block_ms: -1 must be at least 0 ms"),
        ("5", "tape.streams"),
    ],
)
def test_streams_that_cannot_be(fine: Path, given: str, message: str) -> None:
    with pytest.raises(ScenarioError) as told:
        load(fine, f"tape.streams={given}")
    assert message in str(told.value)
