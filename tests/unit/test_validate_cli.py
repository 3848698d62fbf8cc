"""``simmm validate fills``: from rows to scores, and a clear line for each wrong call."""

import json
from pathlib import Path

import polars as pl
import pytest

from simmm.cli.main import main
from simmm.validation.result import read
from tests.unit.order_world import World

COLUMNS = ("ts", "action", "order_id", "side", "px", "size")
MODELS = "pessimistic, power 3"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "orders.csv"
    world = World(5).run(12_000)
    pl.DataFrame(world.rows, schema=COLUMNS, orient="row").write_csv(path)
    return path


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tapes that are made go into a folder of the tests; compiled code stays where it is."""
    folder = tmp_path_factory.getbasetemp() / "made"
    folder.mkdir(exist_ok=True)
    monkeypatch.setattr("simmm.validation.command.tapes_folder", lambda: folder)


def test_rows_of_orders_are_scored_in_one_command(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, html = tmp_path / "found.json", tmp_path / "page.html"
    call = ["validate", "fills", "--orders", str(rows), "--models", MODELS, "--width", "100",
            "--json", str(found), "--html", str(html)]  # fmt: skip
    assert main(call) == 0
    told = capsys.readouterr()
    assert "making tape and truth of orders.csv" in told.err
    assert "It may not be concluded:" in told.out
    assert told.out.rstrip().endswith(str(html))
    result = read(found)
    assert (result.truth_kind, result.tape) == ("market-by-order", str(rows))
    assert {row.population for row in result.rows} == {"R", "RP", "V0"}
    pessimistic = [row for row in result.rows if row.model == "pessimistic"]
    assert all(row.scores["false"].value == 0.0 for row in pessimistic)
    assert all(check.holds for check in result.checks if "no false fill" in check.name)
    # the same rows again: nothing is made anew, and every digit is the same
    again = tmp_path / "again.json"
    assert main([*call[:6], "--json", str(again)]) == 0
    assert "making" not in capsys.readouterr().err
    assert again.read_bytes() == found.read_bytes()


def test_tape_and_truth_can_be_kept_and_scored_again(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape, first, second = (tmp_path / name for name in ("t.parquet", "1.json", "2.json"))
    stretch = ["--models", "power 3", "--from", "0.2", "--to", "0.9", "--json"]
    call = ["validate", "fills", "--orders", str(rows), "--out", str(tape), *stretch]
    assert main([*call, str(first)]) == 0
    truth = tmp_path / "t-truth.parquet"
    call = ["validate", "fills", "--tape", str(tape), "--truth", str(truth), *stretch]
    assert main([*call, str(second)]) == 0
    one, two = (json.loads(path.read_bytes()) for path in (first, second))
    assert one["rows"] == two["rows"]
    assert one["from_ts"] == two["from_ts"]
    capsys.readouterr()
    call = ["validate", "fills", "--orders", str(rows), "--out", str(tape)]
    assert main(call) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_stood_out_in_the_rows_is_told(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    table = pl.read_csv(rows)
    # some prints are told beside the fill that they were
    fills = table.with_row_index().filter(pl.col("action") == "fill")
    same = (pl.col("ts").diff() > 0).fill_null(True) & (pl.col("ts").diff(-1) < 0)
    extra = fills.filter(same).head(40).with_columns(action=pl.lit("trade"))
    with_trades = pl.concat([table, extra.drop("index")]).sort("ts", maintain_order=True)
    path = tmp_path / "more.csv"
    with_trades.write_csv(path)
    call = ["validate", "fills", "--orders", str(path), "--models", "power 3", "--json", str(found)]
    assert main(call) == 0
    assert "40 rows `trade` were left out; the fills say the same." in read(found).remarks
    capsys.readouterr()


def test_an_account_within_the_market_is_scored_by_its_own_fills(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "t.parquet"
    assert main(["validate", "fills", "--orders", str(rows), "--out", str(tape),
                 "--models", "power 3"]) == 0  # fmt: skip
    truth = pl.read_parquet(tmp_path / "t-truth.parquet")
    own = truth.filter((pl.col("order_id") % 3 == 0) & (pl.col("kind") == "add"))
    own = own.filter(pl.col("order_id").is_unique(), pl.col("end") != "replace")
    own.select("order_id", "side", "px", "qty", "add_ts", "end_ts", "end").write_csv(
        tmp_path / "my_orders.csv"
    )
    fills = own.filter(pl.col("filled") > 0)
    fills.select(
        "order_id", "px", ts="first_fill_ts", size="filled"
    ).write_csv(tmp_path / "my_fills.csv")  # fmt: skip
    capsys.readouterr()
    found = tmp_path / "own.json"
    call = ["validate", "fills", "--tape", str(tape), "--models", MODELS, "--json", str(found),
            "--fills", str(tmp_path / "my_orders.csv"), "--fills",
            str(tmp_path / "my_fills.csv")]  # fmt: skip
    assert main(call) == 0
    assert "scores of places in the queue are left out" in " ".join(capsys.readouterr().out.split())
    result = read(found)
    assert {row.population for row in result.rows} == {"own"}
    assert result.populations[0].fills == fills.height
    by_model = {row.model: row for row in result.rows}
    assert "position" not in by_model["power 3"].scores
    assert by_model["pessimistic"].scores["false"].value == 0.0
    assert by_model["power 3"].scores["recall"].value > 0.8


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "what really happened is missing"),
        (["--truth", "f.parquet"], "--truth needs the --tape on which it happened"),
        (["--fills", "f.parquet"], "--fills needs the --tape on which it happened"),
        (["--tape", "t", "--orders", "o.csv"], "--orders makes the tape itself"),
        (["--tape", "t", "--truth", "f", "--fills", "g"], "--truth and --fills are two truths"),
        (["--tape", "t", "--truth", "f", "--tick", "1"], "--tick is for --orders"),
        (["--orders", "nowhere.csv"], "nowhere.csv: cannot be read (no such file)"),
        (["--tape", "nowhere.parquet", "--truth", "f"], "nowhere.parquet"),
        (["--orders", "o.csv", "--columns", "px"], "give FIELD=NAME"),
        (["--orders", "o.csv", "--columns", "pric=Price"], "pric is no field; there are: action"),
        (["--tape", "t", "--truth", "f", "--models", ","], "--models: names no model"),
        (["--tape", "t", "--truth", "f", "--refit", "2"], "--refit: '2' must be a share"),
        (["--tape", "t", "--truth", "f", "--draws", "0"], "--draws"),
        (["--tape", "t", "--truth", "f", "--images", "0"], "--images"),
    ],
)
def test_a_wrong_call_is_one_line(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "fills", *words]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_truth_of_another_time_or_market_is_refused(
    rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tape = tmp_path / "t.parquet"
    call = ["validate", "fills", "--orders", str(rows), "--out", str(tape), "--models", "power 3"]
    assert main(call) == 0
    truth = pl.read_parquet(tmp_path / "t-truth.parquet")
    late = [pl.col(name) + 10**13 for name in ("add_ts",)]
    for changed, words in (
        (truth.with_columns(late), "lies outside the tape"),
        (truth.with_columns(pl.col("px") + 0.1), "is it the truth of another market?"),
        (truth.with_columns(pl.col("px") + 7.0), "does not fit the tape"),
        (truth.with_columns(pl.lit(1.0).alias("px")), "is it another market or time?"),
        (truth.drop("ahead_canc"), "column ahead_canc is missing"),
        (truth.head(0), "holds no orders"),
        (truth.head(30), "of what the tape traded"),
        (truth.with_columns(end=pl.lit("gone")), "'gone' is unknown"),
    ):
        path = tmp_path / "changed.parquet"
        changed.write_parquet(path)
        capsys.readouterr()
        code = main(["validate", "fills", "--tape", str(tape), "--truth", str(path)])
        err = capsys.readouterr().err
        assert code in (1, 2), words
        assert words in err
        assert err.count("\n") == 1
