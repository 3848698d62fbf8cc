"""Queue-reactive and cascade worlds: presets, presentation, cascades, determinism."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from simmm.errors import ScenarioError
from simmm.records import (
    AGGRESSOR_END,
    BBO,
    BUY,
    CONTEXT,
    KIND_MASK,
    LIQUIDATION,
    OPEN_INTEREST,
    PACKET_END,
    SNAPSHOT,
    TRADE,
)
from simmm.tape.statistics import describe
from simmm.tape.synthetic import columns as columns_module
from simmm.tape.synthetic.comparison import compare
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.validation import validate
from simmm.tape.writer import TapeWriter
from tests.unit.synthetic_fixture import columns, made


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module", params=["hl_btc", "hl_wlfi"])
def calm(request, folder):
    path, truth = made(folder / request.param, "queue_reactive", request.param, hours=0.8, seed=5)
    return request.param, path, truth, columns(path)


@pytest.fixture(scope="module")
def cascade(folder):
    path, truth = made(folder / "cascade", "cascade", "hl_btc", hours=0.5, triggers_s=[600.0])
    return path, truth, columns(path)


@pytest.mark.parametrize("generator", ["poisson", "hawkes"])
def test_seeds_differ_and_repeat(generator, tmp_path):
    prices = []
    for number, seed in enumerate((1, 1, 2)):
        path, _ = made(tmp_path / f"{number}.parquet", generator, seed=seed, hours=0.2)
        prices.append(columns(path)["px"].tobytes())
    assert prices[0] == prices[1] != prices[2]


def test_preset_resembles_the_recording(calm):
    preset, path, _, _ = calm
    lines = compare(describe(path), preset)
    assert [line for line in lines if not line.holds] == []


def test_tapes_are_valid(calm, cascade):
    assert [str(finding) for finding in validate(calm[1])] == []
    assert [str(finding) for finding in validate(cascade[0])] == []


def test_blocks_and_channels(calm):
    preset, _, _, tape = calm
    kind = tape["tag"] & KIND_MASK
    assert np.all(tape["exch_ts"] % 1_000_000 == 0)
    if preset == "hl_btc":
        gaps = np.quantile(np.diff(np.unique(tape["exch_ts"])) / 1e6, [0.1, 0.5, 0.9])
        assert np.all(np.abs(np.log(gaps / [57, 105, 230])) < np.log(1.3))
    end = tape["tag"] & PACKET_END > 0
    for channel in (BBO, TRADE, SNAPSHOT, CONTEXT):
        seen = tape["local_ts"][end & (kind == channel)]
        assert np.all(np.diff(seen) >= 0)  # nothing overtakes on one channel
    bbo = dict(
        zip(
            tape["exch_ts"][end & (kind == BBO)], tape["local_ts"][end & (kind == BBO)], strict=True
        )
    )
    trades = [
        (e, s)
        for e, s in zip(
            tape["exch_ts"][end & (kind == TRADE)],
            tape["local_ts"][end & (kind == TRADE)],
            strict=True,
        )
        if e in bbo
    ]
    after = np.mean([seen >= bbo[exch] for exch, seen in trades])
    assert 0.82 <= after <= 1.0
    images = [
        (s - bbo[e]) / 1e6
        for e, s in zip(
            tape["exch_ts"][end & (kind == SNAPSHOT)],
            tape["local_ts"][end & (kind == SNAPSHOT)],
            strict=True,
        )
        if e in bbo
    ]
    assert 25.0 <= np.median(images) <= 65.0


def test_seq_numbers_arrivals(calm):
    _, _, _, tape = calm
    end = tape["tag"] & PACKET_END > 0
    seq, seen = tape["seq"][end], tape["local_ts"][end]
    assert np.array_equal(np.sort(seq), np.arange(len(seq)))
    assert np.all(np.diff(seen[np.argsort(seq)]) >= 0)


def test_trades_meet_the_book_of_the_block_before(calm):
    """No print is better than the best price shown before its block."""
    _, _, _, tape = calm
    kind, buy = tape["tag"] & KIND_MASK, tape["tag"] & BUY > 0
    asks, bids = (kind == BBO) & ~buy, (kind == BBO) & buy
    trade = kind == TRADE
    place = np.searchsorted(tape["exch_ts"][asks], tape["exch_ts"][trade], side="left") - 1
    known = place >= 0
    px, bought = tape["px"][trade][known], buy[trade][known]
    assert np.all(px[bought] >= tape["px"][asks][place[known]][bought])
    assert np.all(px[~bought] <= tape["px"][bids][place[known]][~bought])
    assert np.array_equal(tape["aux"][trade], np.arange(np.count_nonzero(trade)))


def test_reference_volatility_is_its_law(folder):
    """Without followers the reference moves by news alone, whose variance is known."""
    _, truth = made(
        folder / "law", "queue_reactive", "hl_btc", hours=2.0, follow=0.0, aggressors=1e-9
    )
    assert truth["sigma"] == pytest.approx(truth["sigma_news"], rel=0.15)


def test_trend_drifts(folder):
    path, _ = made(
        folder / "trend",
        "queue_reactive",
        "hl_btc",
        hours=1.0,
        drift_bps_per_hour=300.0,
        news=2.0,
        news_steps=2.0,
    )
    tape = columns(path)
    bid = tape["px"][(tape["tag"] & KIND_MASK == BBO) & (tape["tag"] & BUY > 0)]
    risen = 1e4 * (bid[-1] / bid[0] - 1.0)
    assert risen == pytest.approx(300.0, abs=3 * 0.22 * 60)  # 3 deviations of an hour's noise


def test_too_much_drift_is_refused():
    with pytest.raises(ScenarioError, match="drift_bps_per_hour"):
        parameters_of("queue_reactive", "hl_btc", {"drift_bps_per_hour": 1e6})


def test_a_cascade_feeds_on_itself(cascade, folder):
    _, truth, tape = cascade
    (told,) = truth["cascades"]
    start = int(tape["exch_ts"][0]) // 1_000_000_000 * 1_000_000_000 + 600_000_000_000
    assert 0 <= told["start_ts"] - start < 5_000_000_000
    assert told["fall_bps"] > 2 * 9.1  # more than twice the trigger's own fall of 100 steps
    assert truth["sigma_cascade"] > 2 * truth["sigma"]
    _, alone = made(
        folder / "alone", "cascade", "hl_btc", hours=0.5, triggers_s=[600.0], feedback=0.0
    )
    assert alone["liquidations"] < 0.7 * truth["liquidations"]


def test_liquidations_are_flagged_and_open_interest_falls_by_them(cascade):
    _, truth, tape = cascade
    (told,) = truth["cascades"]
    kind = tape["tag"] & KIND_MASK
    forced = (kind == TRADE) & (tape["tag"] & LIQUIDATION > 0)
    assert np.all(tape["tag"][forced] & BUY == 0)
    assert tape["exch_ts"][forced].min() >= told["start_ts"]
    assert tape["exch_ts"][forced].max() <= told["end_ts"]
    assert np.count_nonzero(forced & (tape["tag"] & AGGRESSOR_END > 0)) == truth["liquidations"]
    figure = (kind == CONTEXT) & (tape["qty"] == OPEN_INTEREST)
    ts, interest = tape["exch_ts"][figure], tape["px"][figure]
    sold = np.cumsum(tape["qty"][forced])
    before = np.searchsorted(tape["exch_ts"][forced], ts, side="right")
    expected = interest[0] - np.concatenate(([0], sold))[before]
    assert np.array_equal(interest, expected)  # at every context row, also those of the fall
    assert truth["open_interest_end"] == interest[0] - sold[-1]
    assert len(ts) > np.count_nonzero(np.diff(tape["exch_ts"][forced])) // 2


def test_no_cascade_is_the_queue_reactive_world(folder):
    calm_path, _ = made(folder / "calm", "queue_reactive", "hl_wlfi", hours=0.1)
    path, truth = made(folder / "none", "cascade", "hl_wlfi", hours=0.1, cascades=0)
    assert pq.read_table(calm_path).equals(pq.read_table(path))
    assert truth["cascades"] == []


def test_another_markets_selling_starts_a_cascade(folder):
    parameters = parameters_of(
        "cascade", "hl_wlfi", {"hours": 0.2, "follows": {"dataset": "other", "volume": 100.0}}
    )
    seconds = np.array([10.0, 100.0, 105.0, 108.0, 109.0, 400.0])
    sold = np.array([90.0, 60.0, -30.0, 50.0, 30.0, 99.0])
    with TapeWriter(folder / "follows", parameters.market) as writer:
        truth = generate_of("cascade")(parameters, 1, writer, None, (seconds, sold))
    (told,) = truth["cascades"]
    # 60 - 30 + 50 + 30 passes 100 at 109 s; the lag is 1.5 s
    assert 0.0 <= (told["start_ts"] - 1_735_689_600_000_000_000) / 1e9 - 110.5 < 5.0
    with TapeWriter(folder / "without", parameters.market) as writer:
        with pytest.raises(ScenarioError, match="other"):
            generate_of("cascade")(parameters, 1, writer)
        writer.append(*[np.array([1]) for _ in range(3)], np.array([BBO]), *[np.array([1])] * 2)


@pytest.mark.parametrize("slice_rows", [2_500, 10_000])
def test_slices_cannot_be_seen(folder, monkeypatch, slice_rows):
    whole, _ = made(folder / f"whole{slice_rows}", "cascade", "hl_btc", hours=0.1)
    monkeypatch.setattr(columns_module, "SLICE_ROWS", slice_rows)
    sliced, _ = made(folder / f"sliced{slice_rows}", "cascade", "hl_btc", hours=0.1)
    assert pq.read_table(whole).equals(pq.read_table(sliced))


SCRIPT = """
import json, sys
from pathlib import Path
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.writer import TapeWriter
found = []
for generator, preset, overrides in json.loads(sys.argv[2]):
    parameters = parameters_of(generator, preset, overrides)
    writer = TapeWriter(Path(sys.argv[1]), parameters.market, overwrite=True)
    generate_of(generator)(parameters, 1, writer)
    found.append(writer.close().digest)
print(json.dumps(found))
"""
CASES = [
    ["poisson", "", {"hours": 0.05}],
    ["cascade", "hl_btc", {"hours": 0.002, "triggers_s": [2.0]}],
]


def digests(folder, **environment):
    command = [sys.executable, "-c", SCRIPT, str(folder / "tape"), json.dumps(CASES)]
    output = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return json.loads(output.stdout)


def test_interpreted_is_compiled(folder):
    assert digests(folder, NUMBA_DISABLE_JIT="1") == digests(folder)


@pytest.mark.slow
def test_digest_is_the_same_on_a_plain_processor(folder):
    plain = digests(folder, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")
    assert plain == digests(folder)


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        ({"touch": {"limit": -1.0}}, "limit"),
        ({"touch": {"limits": 1.0}}, "limits"),
        ({"vacant": 1.5}, "vacant"),
        ({"news_steps": 0.5}, "news_steps"),
        ({"cascades": 100}, "cascades"),
        ({"triggers_s": [-1.0]}, "triggers_s"),
        ({"price": "1"}, "price"),
        ({"market": {"symbol": "X", "price_quantum": "0"}}, "price_quantum"),
    ],
)
def test_impossible_parameters_are_named(overrides, named):
    with pytest.raises(ScenarioError, match=named):
        parameters_of("cascade", "hl_btc", overrides)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ScenarioError, match="did you mean 'cascade'"):
        parameters_of("cascades", "", {})
    with pytest.raises(ScenarioError, match="did you mean 'hl_btc'"):
        parameters_of("cascade", "hl_btx", {})
