"""Queue place at fills, predictions, and the account in the report: figures, page, terminal."""

import json
import os
import re

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from simmm.errors import RunError
from simmm.records import BACKSTOP, CROSSED, TAKER, THROUGH
from simmm.report import build, load, write
from simmm.report.compare import compare
from simmm.report.page import page
from simmm.report.page.counted import latency_chart
from simmm.report.tables import read_run
from simmm.report.terminal import render
from tests.page_fields import exactly, shown_fields, value_at
from tests.unit.account_fixture import DEPOSIT, DRAWS, LATENCY, account_run
from tests.unit.report_fixture import drawn_run, rules

MONEY = rules().money_quantum


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = account_run(tmp_path_factory.mktemp("account") / "run")
    write(made)
    return made


@pytest.fixture(scope="module")
def report(folder):
    return build(folder)


def text_of(report, width=80, folder=None):
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    render(report, console, folder)
    console.file.close()
    return console.export_text()


def edit(folder, change):
    path = folder / "run.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def frame(folder, name):
    return pl.read_parquet(folder / f"{name}.parquet")


# ---------------------------------------------------------------- money


def test_funding_is_a_part_and_the_parts_add_up(folder, report):
    parts = {part.name: part for part in report.profit.parts}
    paid = frame(folder, "funding")["payment"].sum()
    assert paid != 0
    assert parts["funding"].half_quanta == -2 * paid
    assert parts["funding"].modelled
    info = json.loads((folder / "run.json").read_text())
    account, final = info["account"], info["final"]
    worth = 2 * account["cash"] + account["position"] * final["mid2"] * rules().money_scale
    assert sum(part.half_quanta for part in report.profit.parts) == worth


def test_hours_and_the_curve_know_funding(report):
    assert sum(hour.net for hour in report.hours) == pytest.approx(report.profit.net.value)
    assert report.curve["net"][-1] == pytest.approx(report.profit.net.value)


def test_a_payment_that_is_missing_is_told(tmp_path):
    folder = account_run(tmp_path / "run", 4000)
    table = frame(folder, "funding")
    table[1:].write_parquet(folder / "funding.parquet")
    with pytest.raises(RunError, match=r"its payments add up to .* a payment is missing"):
        build(folder)
    (folder / "funding.parquet").unlink()
    with pytest.raises(RunError, match="a payment is missing"):
        build(folder)


def test_what_a_backstop_took_is_a_part(tmp_path):
    folder = account_run(tmp_path / "run", 4000, liquidated=True)
    fills = frame(folder, "fills")
    marks = fills["marks"].to_numpy().copy()
    marks[-1] = 64 | BACKSTOP
    fills.with_columns(marks=pl.Series(marks)).write_parquet(folder / "fills.parquet")
    taken = 1_234_567_890

    def change(info):
        info["account"]["forfeited"] = taken
        info["account"]["cash"] -= taken
        info["liquidation"] |= {"kind": "backstop", "forfeited": taken}

    edit(folder, change)
    found = build(folder)
    part = found.profit.parts[-1]
    assert (part.name, part.half_quanta) == ("forfeited", -2 * taken)
    assert sum(hour.net for hour in found.hours) == pytest.approx(found.profit.net.value)
    assert found.curve["net"][-1] == pytest.approx(found.profit.net.value)
    shown = text_of(found)
    assert "was liquidated" in shown
    assert "backstop" in shown
    held = int(np.count_nonzero((marks & (TAKER | BACKSTOP)) == 0))
    assert found.fills.maker == held  # what the venue took over is no maker's fill
    assert "liquidated (backstop)" in page(read_run(folder), found)


def test_two_runs_with_funding_are_compared_part_by_part(tmp_path):
    one = account_run(tmp_path / "one", 4000)
    two = account_run(tmp_path / "two", 4000, funded=False)
    found = compare(one, two)
    rows = {row.name: row for row in found.groups[0].figures}
    assert rows["funding"].a == pytest.approx(-frame(one, "funding")["payment"].sum() * MONEY)
    apart = rows["net"].difference.value
    assert apart == pytest.approx(-rows["funding"].a)
    assert rows["holding"].difference.value == pytest.approx(0.0)


# ---------------------------------------------------------------- queue place at the fill


def test_place_at_the_fill_against_the_table(folder, report):
    fills = frame(folder, "fills")
    maker = fills.filter((pl.col("marks") & (TAKER | BACKSTOP)) == 0, pl.col("level_at_join") >= 0)
    found = report.place
    assert found.fills == maker.height
    lot = float(rules().lot_size)
    ahead = maker["ahead"].sort().to_numpy() * lot
    assert found.at_fill["p50"] == ahead[((len(ahead) - 1) * 50 + 50) // 100]
    assert found.at_fill["mean"] == pytest.approx(ahead.mean())
    assert found.alone_at_fill == pytest.approx((ahead == 0).mean())
    assert found.at_fill["p95"] < found.at_join["p95"]


def test_ways_are_apart_and_whole(tmp_path):
    folder = account_run(tmp_path / "run", 4000)
    fills = frame(folder, "fills")
    marks = fills["marks"].to_numpy().copy()
    clean = np.flatnonzero((marks & (TAKER | CROSSED)) == 0)
    marks[clean[:7]] |= THROUGH
    marks[np.flatnonzero((marks & CROSSED) != 0)[:1]] |= THROUGH  # crossed says more
    fills.with_columns(marks=pl.Series(marks)).write_parquet(folder / "fills.parquet")
    ways = {way.name: way for way in build(folder).place.ways}
    assert ways["through"].fills == 7
    assert ways["crossed"].fills == np.count_nonzero(
        ((marks & CROSSED) != 0) & (marks & TAKER == 0)
    )
    assert sum(way.share for way in ways.values()) == pytest.approx(1.0)
    assert sum(way.volume_share for way in ways.values()) == pytest.approx(1.0)


# ---------------------------------------------------------------- predictions


def test_predictions_that_are_kept_agree(report):
    found = report.reliability
    assert found.predictions == 3000
    assert found.draws == DRAWS
    assert found.apart.low < 0 < found.apart.high
    assert found.brier < found.brier_constant
    assert sum(one.predictions for one in found.bins) == found.predictions
    inside = [one for one in found.bins if one.filled.low is not None]
    kept = [one.filled.low <= one.predicted <= one.filled.high for one in inside]
    assert sum(kept) >= len(kept) - 2
    assert all(0 <= one.filled.low <= one.filled.high <= 1 for one in inside)
    assert "they agree" in text_of(report)


def test_predictions_that_are_too_high_are_told(tmp_path):
    folder = account_run(tmp_path / "run", 4000, off=0.1)
    found = build(folder)
    assert found.reliability.apart.low > 0
    assert "they disagree" in text_of(found)
    table = frame(folder, "predictions")
    brier = ((table["filled"] - table["probability"]) ** 2).mean()
    assert found.reliability.brier == pytest.approx(brier)


def test_the_page_says_what_predictions_can_not_say(folder):
    text = (folder / "report.html").read_text()
    assert "This checks the simulator against itself" in text
    assert "simmm validate fills" in text


# ---------------------------------------------------------------- account


def test_margin_funding_and_budget_against_the_tables(folder, report):
    equity = frame(folder, "equity")
    margin = report.margin
    assert margin.deposit == pytest.approx(DEPOSIT * MONEY)
    assert margin.value_least == pytest.approx(equity["value"].min() * MONEY)
    assert margin.used_most == pytest.approx(equity["margin_used"].max() * MONEY)
    held = equity.filter(pl.col("maintenance") > 0)
    cover = held["value"] / held["maintenance"]
    assert margin.cover_least == pytest.approx(cover.min())
    assert margin.cover_least_ns == held["ts"][cover.arg_min()]
    table = frame(folder, "funding")["payment"]
    assert report.funding.net == pytest.approx(table.sum() * MONEY)
    assert report.funding.paid == pytest.approx(table.filter(table > 0).sum() * MONEY)
    assert report.budget.used == 9_990
    assert report.budget.exhausted_ns is None


def test_fees_of_periods_and_kinds_add_up(report):
    found = report.fees
    paid = sum(line.paid for line in found.lines)
    assert paid == pytest.approx(report.fills.fees_paid)
    assert sum(one.maker + one.taker for one in found.periods) == pytest.approx(paid)
    assert [line.fills for line in found.lines] == [report.fills.maker, report.fills.taker]


def test_an_exhausted_budget_is_told_with_its_time(tmp_path):
    when = 1_700_001_000 * 10**9
    folder = account_run(tmp_path / "run", 4000, budget={
        "used": 10_000, "cap": 10_000, "refused": 17, "exhausted_ts": when,
    })  # fmt: skip
    found = build(folder)
    assert "used up at 2023-11-14 22:30:00 UTC; 17 requests were refused" in " ".join(
        text_of(found).split()
    )
    shades = charts(page(read_run(folder), found))["account"]["shades"]
    assert "request budget used up" in [shade["text"] for shade in shades]


def charts(text):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(found.group(1))["charts"]


def test_the_page_has_a_panel_for_each_part(folder):
    found = charts((folder / "report.html").read_text())
    titles = [panel["title"] for panel in found["account"]["panels"]]
    assert titles == ["Margin", "Maintenance", "Funding received", "Rate", "Requests"]
    assert {"fees", "place", "latency", "account"} <= set(found)


def test_figures_of_the_page_are_those_of_the_report(folder):
    values = json.loads((folder / "report.json").read_text())
    text = (folder / "report.html").read_text()
    names = ("place", "reliability", "fees", "orders.refusals")
    fields = [one for one in shown_fields(text) if one.path.startswith(names)]
    sections = {one.path.split(".")[0] for one in fields}
    assert sections == {"place", "reliability", "fees", "orders"}
    for path, exact, _ in fields:
        value = value_at(values, path, dots=2 if "refusals" in path else -1)
        assert exact == exactly(value), path


def test_a_run_without_any_of_it_says_so_in_a_line_each(tmp_path):
    folder = drawn_run(tmp_path / "run", 2000)
    for name, gone in (("fills", ["ahead", "closed_pnl"]), ("orders", ["ahead_at_end"]),
                       ("equity", ["mark", "value", "maintenance", "requests_cap"])):  # fmt: skip
        frame(folder, name).drop(gone).write_parquet(folder / f"{name}.parquet")
    found = write(folder)  # as a version without an account left it
    assert (found.place, found.reliability, found.funding, found.margin, found.budget) == (
        None,
    ) * 5
    text = (folder / "report.html").read_text()
    for words in ("Margin: not modelled", "Funding: it counts as zero", "Request budget: none",
                  "Predicted fills: none", "Place at the fill: not recorded",
                  "Latency by kind of request: not counted"):  # fmt: skip
        assert words in text, words
    assert "account" not in charts(text)
    assert "not modelled" in text_of(found)


def test_a_report_of_an_earlier_version_is_still_shown(tmp_path):
    folder = drawn_run(tmp_path / "run", 2000)
    write(folder)
    path = folder / "report.json"
    told = json.loads(path.read_text())
    for name in ("place", "reliability", "fees", "funding", "margin", "budget", "latency_drawn"):
        del told[name]
    path.write_text(json.dumps(told))
    old = load(folder)
    assert "use --rebuild" in page(read_run(folder), old)
    assert "use --rebuild" in text_of(old)


# ---------------------------------------------------------------- latency and refusals


def test_latency_as_drawn_by_kind(report):
    chart, words = latency_chart(report)
    names = [series["name"] for series in chart["series"]]
    assert names == ["new (40)", "cancel (8)", "response (30)"]
    for series in chart["series"]:
        assert sum(series["y"]) == pytest.approx(1.0)
    assert "new 55 ms (99 %: 150 ms)" in words
    assert report.latency_drawn == LATENCY


def test_refusals_are_bars_with_the_most_frequent_first(report):
    text = text_of(report)
    assert text.index("post-only would cross   █") < text.index("not enough margin   ")


@pytest.mark.parametrize("width", [80, 160])
def test_the_terminal_page_fits(report, width):
    text = text_of(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for words in ("Predicted fills", "Account", "Latency as drawn", "at the fill"):
        assert words in text
