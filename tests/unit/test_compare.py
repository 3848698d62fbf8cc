"""Two runs side by side: configuration, where they part, figures, pairing, and the words."""

import json
import shutil

import numpy as np
import pytest

from simmm.errors import RunError
from simmm.report import build
from simmm.report.compare import compare
from tests.unit.report_fixture import START, S, drawn_rows, drawn_run, rules, write_run

SECONDS = 1800


def thinned(rows, dropped):
    """The same market with some fills less: positions and samples of equity follow."""
    kept = [dict(fill) for at, fill in enumerate(rows["fills"]) if not dropped(at)]
    samples = [dict(sample) for sample in rows["equity"]]
    position, cash, fees, done, chain = 0, 0, 0, 0, 1
    for fill in kept:
        position += fill["side"] * fill["quantity"]
        fill["position"] = position
    position = 0
    for sample in samples:
        while done < len(kept) and kept[done]["ts"] <= sample["ts"]:
            fill = kept[done]
            position += fill["side"] * fill["quantity"]
            cash -= fill["side"] * fill["quantity"] * fill["px"] * rules().money_scale
            cash -= fill["fee"]
            fees += fill["fee"]
            chain = (chain * 31 + fill["id"]) % 2**63
            done += 1
        sample |= {"position": position, "cash": cash, "fees": fees, "chain": chain}
    return rows | {"fills": kept, "equity": samples}


def twins(folder, dropped=lambda at: at % 5 == 2, seconds=SECONDS, **changes):
    """Write a run and another on the same market that misses some of its fills."""
    rows, mid2 = drawn_rows(seconds)
    best = ((mid2 - 1) // 2, (mid2 + 2) // 2)
    paths = []
    for name, own in (("one", thinned(rows, lambda at: False)), ("two", thinned(rows, dropped))):
        own["equity"].insert(0, {"ts": START, "mid2": 200_001, "chain": 1})
        more = changes if name == "two" else {}
        final = {"chain_venue": f"{own['equity'][-1]['chain']:016x}", "best_bid": best[0],
                 "best_ask": best[1], "mid2": mid2,
                 "position": own["equity"][-1]["position"]}  # fmt: skip
        more = {**more, "final": final | more.get("final", {})}
        paths.append(write_run(folder / name, own, mid2=mid2, seconds=seconds, best=best, **more))
    return paths


def edit(folder, change):
    path = folder / "run.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))
    return folder


def figure(found, key):
    return next(one for group in found.groups for one in group.figures if one.key == key)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return twins(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def found(pair):
    return compare(*pair)


def test_values_are_those_of_the_two_reports(pair, found):
    a, b = (build(folder) for folder in pair)
    for key, of in (
        ("net", lambda r: r.profit.net.value),
        ("spread", lambda r: r.profit.parts[0].amount),
        ("holding_bps", lambda r: r.profit.parts[2].bps),
        ("sharpe", lambda r: r.risk.sharpe_day),
        ("drawdown", lambda r: r.risk.drawdown),
        ("fills", lambda r: r.fills.per_hour),
        ("edge_5s", lambda r: r.markouts[6].edge.value),
        ("move_30s", lambda r: r.markouts[9].move.value),
        ("position_size", lambda r: r.inventory.mean_absolute),
        ("touch_bid", lambda r: r.quoting.touch_bid),
        ("fill_ratio", lambda r: r.orders.fill_ratio),
        ("requests_per_fill", lambda r: r.orders.order_to_trade),
        ("ahead_filled", lambda r: r.queue.ahead_filled["mean"]),
        ("alone_rested", lambda r: r.queue.alone_joined),
    ):
        one = figure(found, key)
        assert (one.a, one.b) == (of(a), of(b)), key
        assert one.difference.value == pytest.approx(of(b) - of(a), rel=1e-12, abs=1e-12), key


def test_every_figure_has_an_interval_around_its_difference_or_says_why_not(found):
    figures = [one for group in found.groups for one in group.figures]
    assert len(figures) > 40
    for one in figures:
        assert (one.difference.low is None) == bool(one.why), one.key
        if one.difference.low is not None:
            assert one.difference.low < one.difference.value < one.difference.high
    told = {one.key for one in figures if one.why}
    assert {"drawdown", "ahead_filled_median", "final"} <= told
    assert not {"net", "spread", "sharpe", "fills", "edge_0.5s", "edge_30s"} & told


def test_swapped_runs_give_the_same_differences_the_other_way_round(pair, found):
    back = compare(pair[1], pair[0])
    for one, other in zip(
        (f for g in found.groups for f in g.figures),
        (f for g in back.groups for f in g.figures),
        strict=True,
    ):
        if one.difference.low is not None:
            assert other.difference.low == pytest.approx(-one.difference.high, rel=1e-9, abs=1e-9)
    assert {found.verdict.outcome, back.verdict.outcome} in (
        {"undecided"},
        {"better", "worse"},
    )


def test_a_copy_is_the_same_run_and_has_no_difference(pair, tmp_path):
    copied = shutil.copytree(pair[0], tmp_path / "copy")
    found = compare(pair[0], copied)
    assert found.verdict.outcome == "same"
    assert "to the last bit" in found.verdict.sentences[0]
    assert found.configuration == []
    assert not found.same_folder
    assert all(agreement.agree for agreement in found.agreements)
    for group in found.groups:
        for one in group.figures:
            assert one.difference.value == 0.0
            assert one.difference.low is None


def test_one_folder_named_twice_is_said_and_shown(pair):
    found = compare(pair[0], pair[0].parent / "." / "one")
    assert found.same_folder
    assert "one run" in found.verdict.sentences[0]
    assert found.groups


def test_results_that_differ_without_a_reason_are_told(pair, found):
    from simmm.report.compare.shown import configuration_words

    assert found.configuration == []
    assert "made otherwise than it says" in configuration_words(found)


def test_configuration_tells_every_value_that_differs_with_both_origins(pair, tmp_path):
    a, b = pair[0], shutil.copytree(pair[1], tmp_path / "two")

    def change(info):
        info["scenario"]["maker"] |= {"max_position": 0.6, "requote_ms": 500.0}
        info["origins"]["maker.max_position"] = "--set"
        info["queue"] = {"model": "pessimistic", "n": 3.0}
        info["origins"]["venue.queue.model"] = "other.yaml:9"
        info["latency"]["entry"] = {"form": "constant", "ms": 5.0}
        info["origins"]["venue.latency.entry"] = "other.yaml:11"
        info["market"]["maker_fee"] = "0.00002"
        info["seed"]["run"] = 7
        info["strategy"] |= {"digest": "ee" * 32, "params": {"gamma": 0.2}}
        info["code_digest"] = "ff" * 32
        info["wall"]["seconds"] = 99.0
        info["created"] = "later"

    found = {value.path: value for value in compare(a, edit(b, change)).configuration}
    assert set(found) == {
        "seed.run", "market.maker_fee", "strategy.gamma", "strategy.digest", "venue.queue.model",
        "venue.latency.entry.ms", "maker.max_position", "code.digest",
    }  # fmt: skip
    told = found["maker.max_position"]
    assert (told.a, told.a_origin) == (0.5, "made_up.yaml:4")
    assert (told.b, told.b_origin) == (0.6, "--set")
    assert found["venue.queue.model"].b_origin == "other.yaml:9"
    assert found["market.maker_fee"].a_origin == "market rules of the tape"
    latency = found["venue.latency.entry.ms"]
    assert (latency.a_origin, latency.b, latency.b_origin) == (None, 5.0, "other.yaml:11")


def test_the_first_sample_and_the_first_fill_that_differ_are_named(pair, found):
    venue, maker = found.agreements
    assert not venue.agree
    rows = thinned(drawn_rows(SECONDS)[0], lambda at: False)["fills"]
    gone = rows[2]["ts"]  # the first fill that the second run misses
    assert venue.until_ns is not None
    assert venue.after_ns is not None
    assert venue.after_ns < gone <= venue.until_ns
    assert venue.until_ns - venue.after_ns == S
    assert venue.first_row is not None
    assert venue.first_row.row == 2
    assert f"order {rows[2]['id']}" in venue.first_row.a
    assert f"order {rows[3]['id']}" in venue.first_row.b
    assert maker.agree


def test_a_run_that_merely_goes_on_is_alike_as_long_as_both_last(tmp_path):
    rows, _ = drawn_rows(600)
    paths = []
    for seconds in (300, 600):
        own = {
            name: [row for row in table if row["ts"] <= START + seconds * S]
            for name, table in rows.items()
            if name != "orders"
        }
        mid2 = own["mids"][-1]["mid2"]
        chain = f"{own['equity'][-1]['chain']:016x}"
        final = {"mid2": mid2, "chain_venue": chain,
                 "position": own["fills"][-1]["position"]}  # fmt: skip
        paths.append(
            write_run(tmp_path / f"{seconds}", own, mid2=mid2, seconds=seconds, final=final)
        )
    found = compare(*paths)
    assert "alike as long as both runs last" in found.agreements[0].note
    assert [value.path for value in found.configuration] == ["period.end"]
    assert found.groups[0].title == "P&L over the common time"
    for one in found.groups[0].figures:
        assert one.difference.value == 0.0
        assert one.why == "the same throughout"


def test_other_sampling_is_said_and_still_paired(pair, tmp_path):
    import polars as pl

    other = shutil.copytree(pair[1], tmp_path / "two")
    for name in ("equity", "beliefs"):
        path = other / f"{name}.parquet"
        pl.read_parquet(path)[4::5].write_parquet(path)
    found = compare(pair[0], other)
    assert found.pairing.paired
    assert found.pairing.step_s == 5.0
    assert "not sampled at the same times" in found.agreements[0].note
    assert found.agreements[0].first_row is not None
    assert figure(found, "net").difference.low is not None


@pytest.mark.parametrize(
    "change",
    [{"quote": "EUR"}, {"symbol": "OTHER"}],
)
def test_other_money_is_not_subtracted_but_basis_points_are(pair, tmp_path, change):
    other = shutil.copytree(pair[1], tmp_path / "two")
    edit(other, lambda info: (info["market"].update(change), info["tape"].update(digest="9" * 64)))
    found = compare(pair[0], other)
    assert not found.money_comparable
    for key in ("net", "spread", "drawdown", "traded"):
        one = figure(found, key)
        assert one.difference.value is None
        assert one.why == "other money"
        assert one.a is not None
    assert figure(found, "net_bps").difference.low is not None
    assert "bps of what it traded" in found.verdict.sentences[0]
    assert (figure(found, "position").difference.value is None) == ("symbol" in change)


def test_runs_without_common_time_are_taken_as_independent(tmp_path):
    rows, mid2 = drawn_rows(600)
    late = {
        name: [
            row | {key: row[key] + 900 * S for key in row if key == "ts" or key.endswith("_ts")}
            for row in table
        ]
        for name, table in rows.items()
    }
    a = write_run(tmp_path / "a", rows, mid2=mid2, seconds=600)
    period = {"t0_ns": START + 890 * S, "quote_start_ns": START + 900 * S,
              "end_ns": START + 1500 * S}  # fmt: skip
    b = write_run(tmp_path / "b", late, mid2=mid2, seconds=600, period=period)
    found = compare(a, b)
    assert not found.pairing.paired
    assert "no time in common" in found.notes[0]
    assert found.curves.axis == "elapsed"
    assert found.curves.difference == []
    assert found.curves.a == found.curves.b
    assert figure(found, "net").difference.value == 0.0
    assert figure(found, "net").difference.low < 0 < figure(found, "net").difference.high


def test_runs_of_other_lengths_are_told_by_the_hour_and_paired_where_they_overlap(tmp_path):
    rows, mid2 = drawn_rows(1200)
    best = ((mid2 - 1) // 2, (mid2 + 2) // 2)
    a = write_run(tmp_path / "a", rows, mid2=mid2, seconds=1200, best=best)
    # quoting begins later, and flat: only what comes after counts
    first = next(at for at, fill in enumerate(rows["fills"]) if fill["ts"] > START + 400 * S)
    own = thinned(rows, lambda at: at < first or at % 7 == 0)
    period = {"quote_start_ns": START + 400 * S}
    final = {"chain_venue": "another"}
    b = write_run(
        tmp_path / "b", own, mid2=mid2, seconds=1200, best=best, period=period, final=final
    )
    found = compare(a, b)
    assert found.pairing.paired
    assert not found.pairing.same_period
    common, own_time = found.groups[:2]
    assert common.title == "P&L over the common time"
    assert common.intervals == "paired"
    assert own_time.unit == "USD an hour"
    assert own_time.intervals == "unpaired"
    report = build(b)
    assert common.figures[0].b == pytest.approx(report.profit.net.value, rel=1e-9)
    assert own_time.figures[0].b == pytest.approx(report.profit.net.value * 1.5 * 3)
    assert sum(f.a for f in common.figures[1:]) == pytest.approx(common.figures[0].a)
    assert "common time" in found.verdict.sentences[0]


def test_curves_end_at_net_and_show_the_difference(pair, found):
    reports = [build(folder) for folder in pair]
    curves = found.curves
    assert curves.axis == "utc"
    assert len(curves.ts) == len(curves.a) == len(curves.b) == len(curves.difference)
    assert curves.a[-1] == pytest.approx(reports[0].profit.net.value)
    assert curves.b[-1] == pytest.approx(reports[1].profit.net.value)
    apart = np.array(curves.b) - np.array(curves.a)
    np.testing.assert_allclose(curves.difference, apart - apart[0])


def test_seeds_that_differ_are_told_beside_the_pairing(pair, tmp_path):
    other = shutil.copytree(pair[1], tmp_path / "two")
    edit(other, lambda info: info["seed"].update(run=2))
    assert "seeds of the runs differ" in compare(pair[0], other).notes[0]


def test_empty_and_short_runs_have_no_made_up_interval(tmp_path):
    empty = write_run(tmp_path / "empty", {}, mid2=200_000, seconds=3600)
    short = drawn_run(tmp_path / "short", seconds=12, final={"chain_venue": "another"})
    for a, b in ((empty, short), (short, empty), (empty, empty)):
        found = compare(a, b)
        assert figure(found, "net").difference.low is None
        assert figure(found, "edge_5s").difference.value is None
    assert "nothing can be concluded" in compare(empty, short).verdict.sentences[0]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: None, "no such run folder"),
        (lambda path: path.mkdir(), "no run.json"),
        (lambda path: path.with_name("b.partial").mkdir(), "has not finished"),
        (lambda path: (path.mkdir(), (path / "run.json").write_text("{")), "run.json"),
    ],
)
def test_a_folder_that_is_no_finished_run_is_told_in_one_line(pair, tmp_path, make, told):
    make(tmp_path / "b")
    with pytest.raises(RunError, match=told) as caught:
        compare(pair[0], tmp_path / "b")
    assert len(str(caught.value).splitlines()) == 1


def test_a_partial_folder_is_refused(pair, tmp_path):
    shutil.copytree(pair[0], tmp_path / "run.partial")
    with pytest.raises(RunError, match="has not finished"):
        compare(tmp_path / "run.partial", pair[0])
