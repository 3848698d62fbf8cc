"""`simmm fit latency` finds what latencies were made with; a scenario takes what it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from simmm.cli.fit import fit_group
from simmm.errors import RunError, ScenarioError, TapeError
from simmm.fitting.latency import fit_latency, lognormal_of
from simmm.fitting.latency_tape import fit_tape, write_fit
from simmm.latency import delay_feed
from simmm.latency_settings import LatencySettings, table_of
from simmm.records import BBO, BUY, GAP, PACKET_END, TRADE, Latency
from simmm.scenario import Burst, load_scenario
from simmm.scenario.latency_files import read_latencies
from simmm.tape import TapeWriter
from tests.hand import MS, START
from tests.unit.tape_fixture import RULES

S = 1_000_000_000
TRUE = LatencySettings(
    "lognormal",
    2 * MS,
    8e6,
    0.5,
    share=0.5,
    mean_ns=0.4 * S,
    slow_share=0.25,
    slow_mean_ns=15.0 * S,
)


def latencies(settings: LatencySettings, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return times and latencies; messages so far apart that none waits for another."""
    rng = np.random.default_rng(seed)
    sent = START + np.cumsum(rng.integers(60 * MS, 200 * MS, count))
    lines = np.zeros(1, Latency)
    settings.write(lines[0], seed)
    local = np.empty_like(sent)
    delay_feed(lines, sent, local)
    return sent, local - sent


@pytest.mark.parametrize("seed", [1, 2])
def test_parameters_are_found_again(seed: int) -> None:
    fit = fit_latency(*latencies(TRUE, 60_000, seed))
    assert fit.burst is not None
    found = {
        "lognormal.ms": (fit.lognormal.ms, 2.0, 0.5),
        "lognormal.scale_ms": (fit.lognormal.scale_ms, 8.0, 0.6),
        "lognormal.shape": (fit.lognormal.shape, 0.5, 0.05),
        "burst.share": (fit.burst.share, 0.5, 0.06),
        "burst.mean_ms": (fit.burst.mean_ms, 400.0, 80.0),
        "burst.slow_share": (fit.burst.slow_share, 0.25, 0.08),
        "burst.slow_mean_ms": (fit.burst.slow_mean_ms, 15_000.0, 6_000.0),
    }
    for name, (value, true, tolerance) in found.items():
        assert value == pytest.approx(true, abs=tolerance), name
        assert abs(value - true) < 4 * fit.errors[name], name
        assert 0 < fit.errors[name] < true, name


def test_the_fit_is_the_same_each_time() -> None:
    sent, waits = latencies(TRUE, 3_000, 1)
    assert fit_latency(sent, waits) == fit_latency(sent, waits)


def test_one_spell_is_found_as_one_and_none_as_none() -> None:
    single = LatencySettings("exponential", 2 * MS, 8e6, share=0.6, mean_ns=2.0 * S)
    burst = fit_latency(*latencies(single, 40_000, 3)).burst
    assert burst is not None
    assert burst.share == pytest.approx(0.6, abs=0.06)
    assert burst.mean_ms == pytest.approx(2_000, rel=0.2)
    assert burst.slow_share == 0.0
    alone = LatencySettings("lognormal", 2 * MS, 8e6, 0.5)
    assert fit_latency(*latencies(alone, 20_000, 4)).burst is None
    constant = LatencySettings(low_ns=5 * MS)
    fit = fit_latency(*latencies(constant, 500, 4))
    assert (fit.burst, fit.lognormal.shape) == (None, 0.0)
    assert fit.table_ms == [5.0] * 129


def test_the_table_stands_for_the_sample() -> None:
    sent, waits = latencies(TRUE, 20_000, 5)
    fit = fit_latency(sent, waits)
    assert fit.table_ms == table_of(waits / 1e6).tolist()
    assert fit.quantiles_ms["p50"] == pytest.approx(np.median(waits) / 1e6)
    assert fit.mean_ms == pytest.approx(waits.mean() / 1e6)


def test_a_lognormal_is_told_by_three_quantiles() -> None:
    z = 1.6448536269514722
    low, median, high = (3 + 10 * np.exp(0.7 * x) for x in (-z, 0.0, z))
    found = lognormal_of(low, median, high, least=3.5)
    assert (found.ms, found.scale_ms, found.shape) == pytest.approx((3.0, 10.0, 0.7))
    left = lognormal_of(1.0, 5.0, 8.0, least=0.5)  # the long tail is on the wrong side
    assert left.ms == 0.0


# ------------------------------------------------------------------------------ from a tape


def write_tape(path: Path, count: int = 4_000) -> Path:
    """Write a tape of bbo and trades, of which the trades are 100 ms later."""
    sent, waits = latencies(TRUE, count, 6)
    trade = np.arange(count) % 4 == 3
    local = sent + waits + np.where(trade, 100 * MS, 0)
    seq = np.empty(count, np.int64)
    seq[np.lexsort((sent, local))] = np.arange(count)
    tag = np.where(trade, TRADE | BUY, BBO | BUY) | PACKET_END
    with TapeWriter(path, RULES) as tape:
        tape.append(sent, local, seq, tag.astype(np.uint8), np.full(count, 1000), np.full(count, 5))
    return path


def test_kinds_of_packets_are_fitted_apart(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape.parquet")
    counts = {kind: fit_tape([tape], kind)[0].packets for kind in ("feed", "bbo", "trade")}
    assert counts == {"feed": 4_000, "bbo": 3_000, "trade": 1_000}
    assert fit_tape([tape], "trade")[0].least_ms > 102.0
    with pytest.raises(
        TapeError, match=r"tape\.parquet: of kind 'book' 0 packets; .* at least 200"
    ):
        fit_tape([tape], "book")


def test_what_was_fetched_after_a_gap_does_not_count(tmp_path: Path) -> None:
    """Prints of the time without a feed come with its first message, seconds late."""
    sent = START + np.arange(1_000) * 10 * MS
    late = (sent > sent[500]) & (sent < sent[600])
    local = np.where(late, sent[600] + 5 * MS, sent + 5 * MS)
    tag = np.full(1_000, TRADE | BUY | PACKET_END)
    tag[600] = GAP | PACKET_END
    px, qty = np.full(1_000, 1000), np.full(1_000, 5)
    with TapeWriter(tmp_path / "gap.parquet", RULES) as tape:
        tape.append(sent, local, np.arange(1_000), tag.astype(np.uint8), px, qty)
    fit = fit_tape([tmp_path / "gap.parquet"])[0]
    assert (fit.packets, fit.most_ms) == (1_000 - 1 - 99, 5.0)


def test_a_scenario_takes_what_the_command_wrote(tmp_path: Path) -> None:
    tape, out = write_tape(tmp_path / "tape.parquet"), tmp_path / "latency.json"
    done = CliRunner().invoke(fit_group, ["latency", "--tape", str(tape), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "4,000 packets of tape.parquet" in done.output
    assert "burst.share" in done.output
    written = json.loads(out.read_text())
    assert written["source"]["kind"] == "feed"
    sets = [f"venue.latency.entry={{form: empirical, file: {out}}}"]
    loaded = load_scenario("cascade", sets=sets)
    entry = loaded.scenario.venue.latency.entry
    assert list(entry.table_ms or ()) == written["table_ms"]
    assert (entry.file, entry.ms) == (None, written["table_ms"][0])
    assert entry.burst == Burst(**written["burst"])
    assert loaded.origins["venue.latency.entry.table_ms"] == "latency.json (--set)"
    own = load_scenario("cascade", sets=[*sets, "venue.latency.entry.burst=0.1"])
    assert own.scenario.venue.latency.entry.burst == Burst(share=0.1)


def test_a_run_does_not_depend_on_what_becomes_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "waits.csv"
    file.write_text("latency_ms\n5\n7\n30\n")
    loaded = load_scenario(
        "cascade", sets=[f"venue.latency.feed={{form: empirical, file: {file}}}"]
    )
    kept = tmp_path / "kept.yaml"
    kept.write_text(loaded.to_yaml_anywhere())
    file.write_text("latency_ms\n50\n70\n300\n")
    again = load_scenario(kept)
    assert again.scenario.venue == loaded.scenario.venue
    assert again.digest() == loaded.digest()
    slower = [ms + 10 for ms in loaded.scenario.venue.latency.feed.table_ms]
    changed = load_scenario(kept, sets={"venue.latency.feed.table_ms": slower})
    assert changed.scenario.venue.latency.feed.ms == slower[0]


def test_the_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    fit, source = fit_tape([write_tape(tmp_path / "tape.parquet", 500)])
    out = tmp_path / "latency.json"
    write_fit(out, fit, source)
    with pytest.raises(RunError, match=r"latency\.json: exists already; .* --overwrite"):
        write_fit(out, fit, source)
    write_fit(out, fit, source, overwrite=True)
    with pytest.raises(RunError, match="cannot be written"):
        write_fit(tmp_path / "nowhere" / "latency.json", fit, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latency.json", "tape.parquet"]


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet", ".txt"])
def test_files_of_latencies_in_many_forms(tmp_path: Path, suffix: str) -> None:
    import polars as pl

    values = [12.5, 3.0, 7.25, 90.0]
    file = tmp_path / f"waits{suffix}"
    if suffix == ".json":
        file.write_text(json.dumps(values))
    elif suffix == ".parquet":
        pl.DataFrame({"n": [1, 2, 3, 4], "latency_ms": values}).write_parquet(file)
    elif suffix == ".csv":
        file.write_text("n,latency_ms\n" + "".join(f"1,{value}\n" for value in values))
    else:
        file.write_text("".join(f"{value}\n" for value in values))
    assert read_latencies(file).table_ms == table_of(np.array(values)).tolist()


BAD_FILES: dict[str, tuple[Any, str]] = {
    "gone.json": (None, "no such file"),
    "object.json": ({"a": 1}, "neither a list of latencies in ms nor what `simmm fit latency`"),
    "text.json": (["a"], "a list of numbers is expected"),
    "broken.json": ("{", "not valid JSON"),
    "newer.json": ({"simmm_latency": 9}, "format 9 isn't that of this simmm"),
    "short.json": ({"simmm_latency": 1, "table_ms": [1.0, 2.0]}, "was altered"),
    "down.json": ({"simmm_latency": 1, "table_ms": list(range(129, 0, -1))}, "was altered"),
    "burst.json": (
        {"simmm_latency": 1, "table_ms": list(range(129)), "burst": {"share": 3}},
        "was altered",
    ),
    "one.csv": ("latency_ms\n4\n", "1 latencies; at least 2"),
    "negative.csv": ("latency_ms\n4\n-5\n6\n", r"value 2 \(-5\) is no latency in ms"),
    "words.csv": ("latency_ms\nfast\nslow\n", "its column holds string, not numbers"),
    "many.csv": ("a,b\n1,2\n3,4\n", "has columns a, b; name that of the latencies latency_ms"),
    "holes.csv": ("n,latency_ms\n1,4\n2,\n3,5\n", "1 of its values are missing"),
    "empty.csv": ("", "no table of latencies"),
    "no.parquet": ("PAR1", "no table of latencies"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_files_that_hold_no_latencies(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    file = tmp_path / name
    if content is not None:
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(ScenarioError, match=message) as told:
        load_scenario("cascade", sets=[f"venue.latency.entry={{form: empirical, file: {file}}}"])
    assert str(told.value).startswith("--set: venue.latency.entry.file: ")
    assert name in str(told.value)


BAD_FIELDS = {
    "{form: empirical}": "entry: empirical needs one of file, sample_ms and table_ms; none given",
    "{form: empirical, sample_ms: [1]}": "entry.sample_ms: 1 latency; at least 2 are needed",
    "{form: empirical, sample_ms: [1, 2], ms: 3}": "entry.ms: empirical has no ms",
    "{form: empirical, sample_ms: [1, 2], scale_ms: 3}": "entry.scale_ms: empirical has no scale",
    "{form: empirical, sample_ms: [1, -2]}": "entry.sample_ms: -2 must be at least 0 ms",
    "{form: empirical, sample_ms: [1, 2], file: a.csv}": "file and sample_ms given",
    "{form: empirical, sample_ms: [4, 5], cap_ms: 3}": "entry.cap_ms: 3 is below ms, 4",
    "{form: empirical, table_ms: [1, 2]}": "entry.table_ms: 2 values, not 129",
    "{sample_ms: [1, 2]}": "entry.sample_ms: constant has no sample_ms; set form: empirical",
    "{ms: 5, burst: 0.5}": "entry.burst: a constant has no bursts",
    "{form: uniform, scale_ms: 1, burst: {share: 0.8, slow_share: 0.3}}": "up to 1.1; at most 1",
    "{form: uniform, scale_ms: 1, burst: {length: 3}}": "entry.burst.length: unknown field",
    "{new: {form: uniform}}": "entry.new: uniform needs a scale_ms above 0",
    "{cancle: 5}": "entry.cancle: unknown field; did you mean 'cancel'?",
    "{cancel: {new: 5}}": "entry.cancel.new: unknown field",
}


@pytest.mark.parametrize("given", BAD_FIELDS)
def test_latencies_that_cannot_be(given: str) -> None:
    with pytest.raises(ScenarioError) as told:
        load_scenario("cascade", sets=[f"venue.latency.entry={given}"])
    assert BAD_FIELDS[given] in str(told.value)


def test_a_descending_table_is_refused() -> None:
    table = ", ".join(map(str, range(129, 0, -1)))
    with pytest.raises(ScenarioError, match="table_ms: its values must ascend"):
        load_scenario(
            "cascade", sets=[f"venue.latency.feed={{form: empirical, table_ms: [{table}]}}"]
        )
