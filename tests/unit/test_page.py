"""The page of a run: packing, thinning, escaping, weight, and what it says without a fill."""

import base64
import json
import re

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from simmm.cli.report import report as command
from simmm.errors import RunError
from simmm.records import NEVER
from simmm.report import build, words, write
from simmm.report.files import PAGE_NAME
from simmm.report.page import course, pack, page, shell, write_page
from simmm.report.schema import Estimate, Late, OtherKnowledge, Session
from simmm.report.tables import read_run
from tests.page_fields import shown_fields, wrong_fields
from tests.unit.report_fixture import START, S, drawn_rows, drawn_run, write_run

_TYPES = {"u1": "<u1", "u2": "<u2", "u4": "<u4", "f4": "<f4", "f8": "<f8"}


def unpacked(column):
    raw = np.frombuffer(base64.b64decode(column["b"]), _TYPES[column["t"]])
    found = column["o"] + raw.astype(float) * column["k"]
    return np.where(raw == 0, np.nan, found) if column.get("z") else found


def data_of(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found.group(1))


def fills_of(text):
    panels = data_of(text)["charts"]["course"]["panels"]
    return next(s for p in panels for s in p["series"] if s["style"] == "fills")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = drawn_run(tmp_path_factory.mktemp("page") / "run", seconds=3000)
    write(made)
    return made


@pytest.mark.parametrize(
    "values",
    [
        np.array([5, 260, 7], np.int64),
        np.array([-3, 0, 2], np.int64),
        np.array([0, 1 << 40], np.int64),
        np.array([], np.int64),
        np.array([1.5, np.nan, -2.25]),
        np.array([1e300, -1e300]),
    ],
)
def test_packed_columns_keep_their_numbers(values):
    np.testing.assert_allclose(unpacked(pack.packed(values, 0.5)), values * 0.5, rtol=1e-12)


def test_missing_integers_are_told_apart_from_the_lowest():
    values, missing = np.array([7, 9, 7], np.int64), np.array([False, True, False])
    np.testing.assert_array_equal(unpacked(pack.packed(values, 1.0, missing)), [7, np.nan, 7])


def test_thinning_keeps_the_extremes_of_every_stretch():
    draw = np.random.Generator(np.random.PCG64(3))
    ts = np.cumsum(draw.integers(1, 10**9, 50_000))
    values = draw.normal(size=50_000).cumsum()
    values[12_345] = 1e6
    grid = pack.Thinning(ts, int(ts[0]), buckets=500)
    low, high = grid.low(values), grid.high(values)
    assert len(low) == len(high) == len(grid.ms) <= 500
    assert high.max() == 1e6
    assert low.min() == values.min()
    ends = np.append(grid.starts[1:], len(values))
    for k, (a, b) in enumerate(zip(grid.starts, ends, strict=True)):
        assert (low[k], high[k]) == (values[a:b].min(), values[a:b].max())
    whole = pack.Thinning(ts[:1000], int(ts[0]), buckets=500)
    assert whole.whole
    np.testing.assert_array_equal(whole.low(values[:1000]), values[:1000])


def test_parts_over_time_end_as_the_report_says_and_always_add_up(folder):
    run, report = read_run(folder), build(folder)
    instants = np.arange(START, START + 3000 * S + 1, 7 * S + 13)
    instants[-1] = run.info.period.end_ns
    parts = course.parts_at(run, instants)
    for part in report.profit.parts[:4]:
        assert parts[part.name][-1] == pytest.approx(part.amount, abs=1e-6)
    assert parts["net"][-1] == pytest.approx(report.profit.net.value, abs=1e-6)
    # by hand at one moment: each fill against the mid of its horizon, or of that moment if sooner
    now, fills = int(instants[200]), run.fills
    use = fills["ts"] <= now
    signed = (fills["side"] * fills["quantity"])[use]
    until = run.mid2_at(np.minimum(fills["ts"][use] + 5 * S, now))
    adverse = int((signed * (until - fills["mid2"][use])).sum()) * run.money_scale
    assert parts["adverse"][200] == pytest.approx(adverse * run.half_quantum, abs=1e-6)
    rest = int((signed * (run.mid2_at(np.array([now])) - until)).sum()) * run.money_scale
    assert parts["holding"][200] == pytest.approx(rest * run.half_quantum, abs=1e-6)


def test_every_fill_is_on_the_page(folder):
    run = read_run(folder)
    marks = fills_of((folder / PAGE_NAME).read_text())
    np.testing.assert_allclose(unpacked(marks["px"]), run.fills["px"] * 0.1)
    bought = unpacked(marks["marks"]).astype(int) & course.BUY_BIT != 0
    np.testing.assert_array_equal(bought, run.fills["side"] > 0)
    np.testing.assert_allclose(unpacked(marks["size"]), run.fills["quantity"] * 0.001)
    expected = run.fills["side"] * (run.fills["mid2"] / 2 / run.fills["px"] - 1) * 1e4
    np.testing.assert_allclose(unpacked(marks["edge"]), expected, atol=0.006)


def test_a_hundred_thousand_fills_stay_below_five_megabytes(tmp_path):
    count, fills = 100_000, []
    draw = np.random.Generator(np.random.PCG64(5))
    sides, sizes = draw.integers(0, 2, count) * 2 - 1, draw.integers(1, 3000, count)
    position, order = 0, np.cumsum(draw.integers(1, 1_700_000_000, count))
    for k in range(count):
        side, quantity = int(sides[k]), int(sizes[k])
        position += side * quantity
        fills.append({"ts": START + int(order[k]), "id": k + 1, "side": side, "quantity": quantity,
                      "px": 1_000_000 + k - side * 3, "mid2": 2_000_000 + 2 * k, "marks": k % 8,
                      "fee": 5, "position": position, "placed_ts": START + int(order[k]) - S,
                      "ahead_at_join": k * 1.5, "level_at_join": k})  # fmt: skip
    mids = [{"ts": START + k * S, "mid2": 2_000_000 + k} for k in range(0, 86_400, 2)]
    equity = [{"ts": START + k * S, "mid2": 2_000_000 + k, "own_bid": -1, "own_ask": 1 << 60,
               "best_bid": 999_999, "best_ask": 1_000_001} for k in range(86_400)]  # fmt: skip
    rows = {"fills": fills, "mids": mids, "equity": equity}
    write_run(tmp_path / "run", rows, mid2=2_086_400, seconds=86_400)
    write(tmp_path / "run")
    text = (tmp_path / "run" / PAGE_NAME).read_text()
    assert len(text.encode()) < 5_000_000, len(text)
    assert len(unpacked(fills_of(text)["px"])) == count


def test_the_page_asks_for_no_address(folder):
    text = (folder / PAGE_NAME).read_text()
    for forbidden in ("http://", "https://", "src=", "@import", "<link", "fetch(", "import("):
        assert forbidden not in text
    assert re.findall(r"url\((?!data:)", text) == []
    assert "default-src 'none'" in text


def test_names_from_files_cannot_break_out(tmp_path):
    bad = '</script><script>alert("x")</script><img onerror=1>'
    folder = drawn_run(
        tmp_path / "run", seconds=60, scenario_name=bad, strategy={"file": bad},
        origins={"maker.max_position": bad}, scenario={"description": bad},
    )  # fmt: skip
    write(folder)
    text = (folder / PAGE_NAME).read_text()
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert "&lt;/script&gt;" in text
    data = shell.embed({"name": bad, "line": "\u2028"})
    assert "<" not in data
    assert json.loads(data)["name"] == bad


def test_a_run_without_a_fill_has_a_page(tmp_path):
    equity = [{"ts": START + k * S, "mid2": 200_000, "own_bid": 99_990, "own_ask": 100_010,
               "best_bid": 99_995, "best_ask": 100_005} for k in range(100)]  # fmt: skip
    rows = {"equity": equity, "mids": [{"ts": START, "mid2": 200_000}]}
    folder = write_run(tmp_path / "run", rows, mid2=200_000, seconds=100)
    write(folder)
    text = (folder / PAGE_NAME).read_text()
    assert "Nothing was filled" in text
    assert "No fill, so there is no markout" in text
    assert "nan" not in text[: text.index("<script")].split("</style>")[1].lower()
    assert data_of(text)["charts"]["course"]["panels"][0]["title"] == "Price"


def test_empty_tables_have_a_page(tmp_path):
    folder = write_run(tmp_path / "run", {}, mid2=200_000, seconds=0, warm_up=0)
    write(folder)
    assert "nothing was quoted" in (folder / PAGE_NAME).read_text()


def test_figures_of_the_report_stand_in_the_page(folder):
    text = (folder / PAGE_NAME).read_text()
    report = json.loads((folder / "report.json").read_bytes())
    assert len({one.path for one in shown_fields(text)}) > 60
    assert wrong_fields(text, report) == []


def test_a_session_stands_beside_itself_under_the_tape(folder):
    report = build(folder)
    net = Estimate(report.profit.net.value + 1.5, None, None)
    session = Session(
        kind="paper", feed="tape:<b>", speed=60.0, hold_back_ms=250.0,
        late=Late(packets=3, packets_of=900, rows=7, rows_of=5000, ignored_rows=2, fills=1),
        answer_s={"median": 0.31, "p95": 0.6, "p99": None, "max": 1.2},
        step_us={"median": 12.5, "p99": 40.0, "max": 900.0}, resumed=2,
        journal={"records": 17, "bytes": 4096, "digest": "ee" * 8},
        under_tape=OtherKnowledge(net, report.profit.parts, 99, 1.25, "aa", "bb"),
        interrupted=True,
    )  # fmt: skip
    text = page(read_run(folder), msgspec.structs.replace(report, session=session))
    for told in ('data-field="session.late.rows" data-value="7">7<', "of 5,000; 2 of them",
                 "12.5 µs", "310 ms", "tape:&lt;b&gt;, speed 60", "250 ms had passed",
                 'data-field="session.under_tape.fills" data-value="99">99<',
                 f"net is {words.signed(-1.5)} USD beside", "journal: records",
                 "<b>A paper session on the feed tape:&lt;b&gt;, at 60 times its pace, interrupted "
                 "at 2023-11-14 23:03 UTC, taken up again 2 times</b>; without the wait for the "
                 f"feed net would be {words.signed(net.value)} USD",
                 "it was a paper session on the feed", "whose exchange is simulated; without the",
                 "simmm compare run/under_tape run"):  # fmt: skip
        assert told in text, told
    plain = page(read_run(folder), report)
    assert 'id="session"' not in plain
    assert "paper session" not in plain
    assert "Latency of orders and fills" in plain


def test_fills_that_nobody_was_told_of_are_left_out_of_latency_and_counted(tmp_path):
    rows, mid2 = drawn_rows(seconds=600)
    for fill in rows["fills"][-2:]:
        fill["known_ts"] = NEVER
    rows["orders"][0]["answered_ts"] = NEVER
    facts = {"kind": "backtest", "hold_back_ms": 250.0, "packets": 9, "rows": 90,
             "late_packets": 0, "late_rows": 0, "ignored_rows": 0}  # fmt: skip
    folder = write_run(tmp_path / "run", rows, mid2=mid2, seconds=600, session=facts)
    text = page(read_run(folder), build(folder))
    row = re.search(r"<tr><th[^>]*>fill to the maker</th>(.*?)</tr>", text)[1]
    count = f"{len(rows['fills']) - 2:,}"
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == ["100 ms"] * 6 + [count]
    assert "2 fills and 1 answer that never reached the maker before the end are left out" in text
    assert "<h3>Latency of orders and fills</h3>" in text
    assert "<h3>The session</h3>" in text
    assert "paper session" not in text  # a backtest behind a feed


def test_bars_of_the_queue_are_over_the_orders_that_the_words_are_over(tmp_path):
    rows, mid2 = drawn_rows(seconds=900)
    for order in rows["orders"][::7]:
        order["level_at_join"] = -1
    folder = write_run(tmp_path / "run", rows, mid2=mid2, seconds=900)
    report = build(folder)
    write(folder)
    rested, filled = data_of((folder / PAGE_NAME).read_text())["charts"]["queue"]["series"]
    assert rested["name"] == f"rested ({report.queue.known_joined:,})"
    assert filled["name"] == f"filled ({report.queue.known_filled:,})"
    assert rested["y"][0] == report.queue.alone_joined
    for series in (rested, filled):
        assert sum(series["y"]) == pytest.approx(1.0)


def test_ways_of_filling_add_up(folder):
    run = read_run(folder)
    shares = dict(data_of((folder / PAGE_NAME).read_text())["tables"]["flags"]["rows"])
    taker = np.mean(run.fills["marks"] & 8 != 0)
    assert 0 < shares["printed"] < 1
    both = np.mean((run.fills["marks"] & 8 != 0) & (run.fills["marks"] & 3 != 0))
    assert shares["printed"] + shares["crossed"] + shares["through"] + taker - both == (
        pytest.approx(1.0)
    )


def test_a_fall_of_the_whole_run_is_told_as_that(folder):
    report = build(folder)
    start, end = START, START + 3000 * S
    risk = msgspec.structs.replace(
        report.risk, drawdown=101.0, drawdown_peak_ns=start, drawdown_trough_ns=end
    )
    for net, told in ((-100.0, "is that of the whole run"), (-50.0, "ran from"), (5.0, "ran from")):
        profit = msgspec.structs.replace(report.profit, net=Estimate(net))
        fallen = msgspec.structs.replace(report, risk=risk, profit=profit)
        assert f"The deepest fall, 101.00 USD, {told}" in page(read_run(folder), fallen)


def test_the_page_is_written_whole_or_not_at_all(folder, monkeypatch):
    before = (folder / PAGE_NAME).read_bytes()
    report = build(folder)
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(RunError, match=r"report\.html: cannot be written"):
        write_page(read_run(folder), report)
    assert (folder / PAGE_NAME).read_bytes() == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_page_is_the_same_each_time(folder):
    run, report = read_run(folder), build(folder)
    assert page(run, report) == page(run, report)


@pytest.mark.parametrize("found", [True, False])
def test_the_command_opens_the_page_or_says_where_it_is(folder, monkeypatch, found):
    asked = []
    monkeypatch.setattr("webbrowser.open", lambda address: asked.append(address) or found)
    (folder / PAGE_NAME).unlink()
    told = CliRunner().invoke(command, [str(folder), "--open"]).output.strip()
    assert asked == [(folder / PAGE_NAME).as_uri()]
    assert (folder / PAGE_NAME).is_file()
    assert told.endswith(PAGE_NAME)
    assert told.startswith("no browser found") is not found
