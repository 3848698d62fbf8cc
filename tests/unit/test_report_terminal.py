"""The page: it fits its width, says what report.json says, and needs no colour."""

import io
import re

import pytest
from rich.console import Console

from simmm.report import build, write
from simmm.report.terminal import render
from simmm.report.terminal.parts import spark, waterfall
from simmm.report.words import MINUS
from tests.unit.report_fixture import START, S, drawn_run, write_run

WIDTHS = (80, 160)


def shown(run, width):
    console = Console(width=width, record=True, file=io.StringIO())
    render(run, console)
    return console.export_text()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return build(drawn_run(tmp_path_factory.mktemp("runs") / "run", seconds=3600))


@pytest.mark.parametrize("width", WIDTHS)
def test_every_section_fits_its_width(report, width):
    text = shown(report, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for title in ("P&L, split", "Course", "Markouts", "Queue", "Fills and orders", "Beliefs",
                  "Inventory and quoting", "Hour by hour", "What the simulation doesn't know",
                  "Configuration", "Digests"):  # fmt: skip
        assert title in text
    assert "…" not in text  # nothing was cut off


@pytest.mark.parametrize("width", WIDTHS)
def test_numbers_of_the_page_are_those_of_the_report(report, width):
    text = shown(report, width).replace(MINUS, "-")
    for part in report.profit.parts[:4]:
        name = {"adverse": "adverse moves"}.get(part.name, part.name)
        row = re.search(rf"^{name} .*?([+-][\d.,]+) +([+-][\d.,]+)", text, re.MULTILINE)
        assert row is not None
        assert float(row[1].replace(",", "")) == pytest.approx(part.amount, abs=0.006)
        assert float(row[2]) == pytest.approx(part.bps, abs=0.006)
    for column in ("spread", "net"):
        assert text.count(f"\n{column} ") >= 1


def test_queue_tells_base_units_multiples_and_times(report):
    rows = shown(report, 80).splitlines()
    at = next(k for k, row in enumerate(rows) if row.startswith("rested"))
    place = report.queue
    for row, ahead, times in ((at, place.ahead_joined, place.times_joined),
                              (at + 2, place.ahead_filled, place.times_filled)):  # fmt: skip
        keys = ("p05", "p25", "p50", "p75", "p95", "mean")
        units = [float(cell) for cell in rows[row].split()[1:7]]
        assert units == pytest.approx([ahead[key] for key in keys], abs=0.006)
        multiples = [float(cell) for cell in rows[row + 1].split()[2:8]]
        assert multiples == pytest.approx([times[key] for key in keys], abs=0.006)
    assert rows[at + 2].startswith("filled")


def test_points_of_a_column_stand_in_line(report):
    lines = shown(report, 80).splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("0.5 s"))
    points = [[m.start() for m in re.finditer(r"(?<=\d)\.(?=\d)", line)][-8:]
              for line in lines[first : first + 4]]  # fmt: skip
    assert points[0] == points[1] == points[2] == points[3]


def test_an_empty_run_is_shown_without_a_made_up_number(tmp_path):
    folder = write_run(tmp_path / "run", {}, mid2=200_000, seconds=3600)
    for width in WIDTHS:
        text = shown(folder, width)
        assert "Nothing was filled" in text
        assert "nan" not in text.lower()
        assert "None" not in text


def test_a_long_run_shows_its_best_and_worst_hours(tmp_path):
    fills, position = [], 0
    for hour in range(40):
        side = 1 if hour % 2 == 0 else -1
        position += side
        fills.append({"ts": START + hour * 3600 * S + S, "side": side, "px": 100_000 - side * hour,
                      "quantity": 1, "mid2": 200_000, "position": position})  # fmt: skip
    rows = {"fills": fills, "mids": [{"ts": START, "mid2": 200_000}]}
    text = shown(write_run(tmp_path / "run", rows, mid2=200_000, seconds=40 * 3600), 80)
    assert "12 of 40 hours" in text


def test_waterfall_ends_where_the_sum_is():
    gain, loss, net = waterfall([10.0, -4.0], 21)
    assert gain.plain.count("█") >= 19
    assert "▒" in loss.plain
    assert "█" not in loss.plain
    assert net.plain.rstrip().count("█") == pytest.approx(12, abs=1)
    assert {len(bar.plain) for bar in waterfall([-1.0, -2.0, 0.5], 33)} == {33}
    assert all(bar.plain.strip() == "│" for bar in waterfall([0.0, 0.0], 10))


def test_spark_shows_low_and_high():
    assert spark([0, 1, 2, 3], 4)[0] == "▁"
    assert spark([0, 1, 2, 3], 4)[-1] == "█"
    assert len(spark(list(range(100)), 17)) == 17
    assert spark([5, 5], 2) == "▄▄"
    assert spark([], 5) == ""


def test_a_folder_is_shown_with_its_path(tmp_path):
    folder = drawn_run(tmp_path / "run", seconds=60)
    write(folder)
    assert "report.json" in shown(folder, 160)
