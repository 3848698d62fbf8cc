"""The comparison on the terminal, on its page, as JSON, and the command."""

import html
import io
import json
import re
import shutil

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

from simmm.cli.compare import compare as command
from simmm.cli.main import main
from simmm.report.compare import compare, write_json
from simmm.report.compare.page import default_name, page
from simmm.report.compare.schema import Comparison
from simmm.report.compare.terminal import render
from simmm.report.words import MINUS
from tests.page_fields import exactly, shown_fields, value_at
from tests.unit.report_fixture import drawn_run, write_run
from tests.unit.test_compare import edit, figure, twins

WIDTHS = (80, 160)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    a, b = twins(folder)

    def change(info):
        info["queue"]["model"] = "pessimistic"
        info["origins"]["venue.queue.model"] = "--set"
        info["scenario"]["maker"]["note"] = "</script><b>&"

    return a, edit(b, change)


@pytest.fixture(scope="module")
def found(pair):
    return compare(*pair)


def text_of(found, width):
    console = Console(width=width, record=True, file=io.StringIO())
    render(found, console)
    return console.export_text()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_of_text_fits_and_comes_in_order(found, width):
    text = text_of(found, width)
    assert max(len(line) for line in text.splitlines()) <= width
    order = ["Configuration ──", "venue.queue.model", "Digests ──", "first differing fill",
             "P&L (paired in time)", "How to read it ──", "not distinguishable"]  # fmt: skip
    if found.verdict.outcome != "undecided":
        order[-1] = "more than chance"
    at = [text.rindex(words) for words in order]
    assert at == sorted(at)
    assert "…" not in text
    assert "None" not in text
    for title in ("Course", "Risk and activity", "Markouts", "Orders", "Queue at the join",
                  "Inventory", "Quoting"):  # fmt: skip
        assert f"{title} " in text


def test_both_origins_stand_beside_their_values(found):
    wide = text_of(found, 160)
    row = next(line for line in wide.splitlines() if line.startswith("venue.queue.model"))
    assert row.split() == ["venue.queue.model", "power", "default", "pessimistic", "--set"]


def test_numbers_of_the_text_are_those_of_the_comparison(found):
    text = text_of(found, 80).replace(MINUS, "-").replace(",", "")
    rows = [line.split() for line in text.splitlines() if re.match(r"net +[+-]?\d", line)]
    for key, row in zip(("net", "net_bps"), rows, strict=True):
        one = figure(found, key)
        d = one.difference
        told = [float(cell) for cell in (*row[1:5], row[6])]
        expected = [one.a, one.b, d.value, d.low, d.high]
        assert told == pytest.approx(expected, abs=0.06 if key == "net" else 0.006)


def test_a_difference_beyond_chance_is_marked(found):
    marked = [line for line in text_of(found, 80).splitlines() if line.rstrip().endswith("●")]
    notable = [one for group in found.groups for one in group.figures if one.notable]
    assert len(marked) == len(notable) > 0
    assert f"{len(notable)} of " in found.notes[-1]


def test_runs_without_fills_or_samples_are_shown(tmp_path):
    empty = write_run(tmp_path / "empty", {}, mid2=200_000, seconds=3600)
    short = drawn_run(tmp_path / "short", seconds=12)
    for a, b in ((empty, short), (empty, empty)):
        for width in WIDTHS:
            text = text_of(compare(a, b), width)
            assert "nan" not in text.lower()
            assert "None" not in text
        assert "<!doctype html>" in page(compare(a, b))


def test_the_html_page_loads_nothing_and_holds_the_numbers(found):
    content = page(found)
    assert not re.search(r"""(?:src|href)=["'](?!#)""", content)
    assert "https://" not in content
    assert "</script><b>" not in content
    fields = shown_fields(content)
    plain = msgspec.to_builtins(found)
    for path, shown, _ in fields:
        assert html.unescape(shown) == exactly(value_at(plain, path)), path
    assert len(fields) == 3 * sum(len(group.figures) for group in found.groups)
    for words in (*found.verdict.sentences, *found.notes, found.agreements[0].first_row.a):
        assert html.escape(words) in content
    order = [content.index(f'id="{name}"') for name in
             ("verdict", "configuration", "digests", "course", "results", "reading")]  # fmt: skip
    assert order == sorted(order)


def test_both_curves_and_their_difference_share_one_axis(found):
    data = json.loads(re.search(r'id="data">(.*?)</script>', page(found), re.DOTALL)[1])
    panels = data["charts"]["course"]["panels"]
    names = [[series["name"] for series in panel["series"]] for panel in panels]
    assert names == [["A", "B"], ["B − A"]]
    assert len({json.dumps(s["x"]) for panel in panels for s in panel["series"]}) == 1


def test_json_holds_everything(found, tmp_path):
    write_json(tmp_path / "c.json", found)
    assert msgspec.json.decode((tmp_path / "c.json").read_bytes(), type=Comparison) == found


def run_command(capsys, *words):
    code = main(["compare", *map(str, words)])
    return code, *capsys.readouterr()


def test_the_command_shows_and_writes(pair, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(pair[0], "runs/one")
    code, out, err = run_command(
        capsys, "one", pair[1], "--json", "c.json", "--width", 80, "--html"
    )
    assert (code, err) == (0, "")
    assert "Configuration ──" in out
    assert (tmp_path / "c.json").is_file()
    assert "<!doctype html>" in (tmp_path / "compare-one-two.html").read_text("utf-8")
    assert out.splitlines()[-1] == "compare-one-two.html"
    code, _, _ = run_command(capsys, "one", pair[1], "--html", "page.html")
    assert code == 0
    assert (tmp_path / "page.html").is_file()


def test_files_are_there_when_the_reader_of_the_text_stops(pair, tmp_path, monkeypatch):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr("simmm.report.compare.terminal.render", closed)
    files = [tmp_path / "c.html", tmp_path / "c.json"]
    words = [*map(str, pair), "--html", str(files[0]), "--json", str(files[1])]
    found = CliRunner().invoke(command, words)
    assert isinstance(found.exception, (BrokenPipeError, SystemExit))
    assert [file.is_file() for file in files] == [True, True]


def test_narrow_pages_keep_both_values_and_their_origins_apart(found):
    content = page(found)
    assert '<table class="configuration both">' in content
    for rule in (
        'td:nth-child(2)::before { content: "A\\2002"',
        'td:nth-child(4)::before { content: "\\A B\\2002"; white-space: pre',
    ):
        assert rule in content


def test_results_that_differ_are_no_failure(pair, capsys):
    assert run_command(capsys, pair[0], pair[1])[0] == 0
    code, out, _ = run_command(capsys, pair[0], pair[0])
    assert code == 0
    assert "named twice" in out


def test_what_cannot_be_read_is_one_line_and_code_1(pair, tmp_path, capsys):
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "file").write_text("")
    for name, told in (("none", "no such run folder"), ("b", "has not finished"),
                       ("b.partial", "has not finished"), ("file", "is a file")):  # fmt: skip
        code, out, err = run_command(capsys, pair[0], tmp_path / name)
        assert (code, out) == (1, "")
        assert told in err
        assert len(err.splitlines()) == 1
    code, _, err = run_command(capsys, pair[0], pair[1], "--html", tmp_path / "no" / "p.html")
    assert code == 1
    assert "cannot be written" in err


def test_the_name_of_the_page_is_safe_for_a_file(found):
    odd = msgspec.structs.replace(
        found, a=msgspec.structs.replace(found.a, folder="/runs/a b:c?"),
        b=msgspec.structs.replace(found.b, folder=".."),
    )  # fmt: skip
    assert re.fullmatch(r"compare-[\w.-]+\.html", default_name(odd))
