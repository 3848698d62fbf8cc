"""The importer of hftbacktest's event arrays."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simmm.cli.main import main
from simmm.errors import TapeError
from simmm.tape import scan, validate
from simmm.tape.sources import Conversion, SourceOptions, convert, detect
from simmm.tape.sources.hftbacktest_file import EVENT
from tests.unit.tape_fixture import MS, START
from tests.unit.test_tape_tardis_streams import made_tape

DEPTH, TRADE, CLEAR, SNAPSHOT, BBO, ADD = 1, 2, 3, 4, 5, 10
BUY, SELL = 1 << 29, 1 << 28
EXCH, LOCAL = 1 << 31, 1 << 30
BOTH = EXCH | LOCAL

Event = tuple[int, int | None, int, float, float]  # ev, exch and local ms, px, qty


def events(rows: Sequence[Event], flags: int = BOTH) -> np.ndarray:
    """Return events of rows with times in ms since the start; None: no exchange time."""
    made = np.zeros(len(rows), EVENT)
    for place, (ev, exch, local, px, qty) in enumerate(rows):
        ts = 0 if exch is None else START + exch * MS
        made[place] = (ev | flags, ts, START + local * MS, px, qty, 0, 0, 0.0)
    return made


def save(path: Path, array: np.ndarray, *, packed: bool = False) -> Path:
    (np.savez_compressed if packed else np.savez)(path, data=array)
    return path


def image(exch: int, local: int, mid: float = 100.0, *, clear: bool = True) -> list[Event]:
    rows: list[Event] = []
    for side, sign in ((BUY, -1), (SELL, 1)):
        prices = [round(mid + sign * (0.1 + 0.1 * level), 1) for level in range(2)]
        if clear:
            rows.append((CLEAR | side, exch, local, prices[-1], 0.0))
        rows += [(SNAPSHOT | side, exch, local, px, 1.0 + n) for n, px in enumerate(prices)]
    return rows


ROWS: list[Event] = [
    *image(1, 3),
    (TRADE | BUY, 5, 9, 100.1, 0.25),
    (TRADE | BUY, 5, 9, 100.2, 0.5),
    (DEPTH | BUY, 10, 13, 99.8, 0.0),
    (DEPTH | BUY, 10, 13, 99.7, 0.125),
    (BBO | BUY, 12, 14, 99.9, 2.0),
    (BBO | SELL, 12, 14, 100.1, 3.0),
    (DEPTH | SELL, 20, 23, 100.1, 0.5),
]


def converted(folder: Path, *arrays: np.ndarray, **options: Any) -> Conversion:
    options.setdefault("price_quantum", "0.1")
    options.setdefault("lot_size", "0.001")
    paths = [save(folder / f"BTC{place}.npz", array) for place, array in enumerate(arrays)]
    return convert(paths, folder / "tape.parquet", options=SourceOptions(**options), overwrite=True)


def rows_of(done: Conversion) -> pl.DataFrame:
    return scan(done.target).collect()


def test_events_become_a_tape(tmp_path: Path) -> None:
    done = converted(tmp_path, events(ROWS))
    assert done.source_kind == "hftbacktest_npz"
    assert done.counts == {}
    assert done.assumed == {
        "symbol": "BTC0, from the file's name",
        "seq": "neighbours of one kind with equal clocks are one message",
        "fees": "none",
        "contract": "linear; a size of 1 is one unit of the base currency",
    }
    back = rows_of(done)
    found = back.select(
        (pl.col("exch_ts", "local_ts") - START) // MS,
        "seq",
        pl.col("kind").cast(pl.String),
        "side",
        "price",
        "size",
        "packet_end",
    )
    assert found.rows() == [
        (1, 3, 0, "snapshot", 1, 99.9, 1.0, False),
        (1, 3, 0, "snapshot", 1, 99.8, 2.0, False),
        (1, 3, 0, "snapshot", -1, 100.1, 1.0, False),
        (1, 3, 0, "snapshot", -1, 100.2, 2.0, True),
        (5, 9, 1, "trade", 1, 100.1, 0.25, False),
        (5, 9, 1, "trade", 1, 100.2, 0.5, True),
        (10, 13, 2, "depth", 1, 99.8, 0.0, False),
        (10, 13, 2, "depth", 1, 99.7, 0.125, True),
        (12, 14, 3, "bbo", 1, 99.9, 2.0, False),
        (12, 14, 3, "bbo", -1, 100.1, 3.0, True),
        (20, 23, 4, "depth", -1, 100.1, 0.5, True),
    ]
    assert validate(done.target) == []


def test_steps_and_symbol(tmp_path: Path) -> None:
    done = converted(tmp_path, events(ROWS), price_quantum="", lot_size="", symbol="ETH")
    market = done.info.market
    assert (market.symbol, market.price_quantum, market.lot_size) == ("ETH", "0.1", "0.001")
    assert done.assumed["lot_size"] == "0.001, from the sizes seen"
    assert "symbol" not in done.assumed
    with pytest.raises(TapeError, match=r"BTC0\.npz: row 1, px: 99\.9 is no multiple of 0\.5"):
        converted(tmp_path, events(ROWS), price_quantum="0.5")


def test_an_image_after_changes_is_a_lost_connection(tmp_path: Path) -> None:
    rows = [
        *ROWS,
        *image(900, 905, 101.0),
        *image(950, 955, 102.0),
        (DEPTH | BUY, 960, 961, 101, 1),
    ]
    done = converted(tmp_path, events(rows))
    assert done.counts == {"book_restarts_marked": 1}  # the second image follows an image
    (gap,) = rows_of(done).filter(pl.col("kind") == "gap").rows(named=True)
    assert (gap["exch_ts"], gap["local_ts"]) == (START + 900 * MS, START + 905 * MS)
    assert (gap["px"], gap["qty"]) == (START + 20 * MS, 882 * MS)
    assert validate(done.target) == []


def test_a_file_of_a_first_image_may_stand_before(tmp_path: Path) -> None:
    done = converted(tmp_path, events(image(1, 3, clear=False)), events(ROWS[6:]))
    assert done.counts == {}
    assert done.info.digest == converted(tmp_path, events(ROWS)).info.digest


def test_a_first_image_without_times_gets_those_of_the_next_file(tmp_path: Path) -> None:
    # As hftbacktest writes the book at the end of a day, for the next one.
    snapshot = events(image(1, 3, clear=False))
    snapshot["exch_ts"] = snapshot["local_ts"] = 0
    done = converted(tmp_path, snapshot, events(ROWS[6:]))
    assert done.assumed["initial_snapshot"] == "BTC0.npz shows the first moment of BTC1.npz"
    back = rows_of(done).filter(pl.col("kind") == "snapshot")
    assert ((back["exch_ts"] - START) // MS).to_list() == [5] * 4
    assert validate(done.target) == []
    with pytest.raises(TapeError, match=r"row 0, local_ts: 0 is no time in nanoseconds"):
        converted(tmp_path, snapshot)


def test_files_follow_one_another(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match=r"BTC1\.npz: begins before BTC0\.npz ends; give files"):
        converted(tmp_path, events(ROWS), events(ROWS))


@pytest.mark.parametrize("price", [np.nan, 0.0])
def test_clears(tmp_path: Path, price: float) -> None:
    rows: list[Event] = [*ROWS, (CLEAR, 30, 31, price, 0.0), (TRADE | BUY, 40, 41, 100.1, 1.0)]
    rows += [(CLEAR | BUY, 50, 51, price, 0.0)]
    done = converted(tmp_path, events(rows))
    assert done.counts == {"empty_sides_added": 3, "book_restarts_marked": 1}
    images = rows_of(done).filter(pl.col("kind") == "snapshot").tail(3)
    assert images.select("side", "px", "qty").rows() == [(1, 0, 0), (-1, 0, 0), (1, 0, 0)]
    assert validate(done.target) == []


def test_an_image_of_one_side_leaves_the_other(tmp_path: Path) -> None:
    bids = [(ev, 30, 31, px, qty) for ev, _, _, px, qty in image(1, 3) if ev & BUY]
    done = converted(tmp_path, events([*ROWS, *bids]))
    images = rows_of(done).filter(pl.col("kind") == "snapshot", pl.col("seq") == 5)
    assert images["side"].to_list() == [1, 1]


def test_a_clear_up_to_a_price_alone_is_a_gap(tmp_path: Path) -> None:
    rows = [*ROWS, (CLEAR | BUY, 30, 31, 99.8, 0.0), (CLEAR | SELL, 40, 41, 0.0, 0.0)]
    done = converted(tmp_path, events(rows))
    assert done.counts == {
        "partial_clears_as_gaps": 1,
        "book_restarts_marked": 1,
        "levels_without_price_or_size_dropped": 1,  # asks up to nothing
    }
    assert rows_of(done)["kind"].to_list()[-2:] == ["gap", "depth"]
    assert validate(done.target) == []


def test_rows_that_stand_twice_are_one(tmp_path: Path) -> None:
    # As hftbacktest writes events whose order differs between exchange and recorder.
    late: list[Event] = [*ROWS[:6], (TRADE | SELL, 6, 30, 99.9, 1.0), *ROWS[6:]]
    whole = events(late)
    exch = whole[np.argsort(whole["exch_ts"], kind="stable")]
    local = whole[np.argsort(whole["local_ts"], kind="stable")]
    exch["ev"] &= np.uint64(0xFFFFFFFF ^ LOCAL)
    local["ev"] &= np.uint64(0xFFFFFFFF ^ EXCH)
    done = converted(tmp_path, np.concatenate((exch, local)))
    assert done.counts == {"rows_of_exchange_and_recorder_joined": len(late)}
    expected = converted(tmp_path, whole[np.argsort(whole["local_ts"], kind="stable")])
    assert done.info.digest == expected.info.digest
    content = rows_of(done)
    assert content.filter(pl.col("side") == -1, pl.col("kind") == "trade")["seq"].item() == 5
    done = converted(tmp_path, np.concatenate((exch[:-1], local)))
    assert done.counts["rows_of_recorder_alone_kept"] == 1
    done = converted(tmp_path, np.concatenate((exch, local[:-1])))
    assert done.counts["rows_of_exchange_alone_dropped"] == 1
    assert rows_of(done).height == content.height - 1


def test_flags(tmp_path: Path) -> None:
    done = converted(tmp_path, events(ROWS, flags=0))
    assert done.assumed["flags"] == "BTC0.npz: no row says who processes it; both do"
    assert done.info.digest == converted(tmp_path, events(ROWS)).info.digest
    some = events(ROWS)
    some["ev"][-1] &= np.uint64(0x3FFFFFFF)
    assert converted(tmp_path, some).counts == {"rows_of_nobody_dropped": 1}


def test_what_means_nothing_is_dropped_and_counted(tmp_path: Path) -> None:
    rows: list[Event] = [
        *ROWS,
        (TRADE, 30, 31, 100.0, 1.0),
        (DEPTH, 30, 31, 100.0, 1.0),
        (TRADE | BUY, 30, 31, 100.0, 0.0),
        (TRADE | BUY, 30, 31, np.nan, 1.0),
        (DEPTH | BUY, 30, 31, 100.0, -1.0),
        (DEPTH | BUY, 30, 31, 0.0, 1.0),
        (99 | BUY, 30, 31, 100.0, 1.0),
        (DEPTH | SELL, 20, 32, 100.1, 0.5),  # the newest change of the book again
    ]
    done = converted(tmp_path, events(rows))
    assert done.counts == {
        "unknown_events_dropped": 1,
        "trades_without_side_dropped": 1,
        "levels_without_side_dropped": 1,
        "trades_without_price_or_size_dropped": 2,
        "levels_without_price_or_size_dropped": 2,
        "duplicate_messages_dropped": 1,
    }
    assert done.info.digest == converted(tmp_path, events(ROWS)).info.digest


def test_values_beyond_what_can_be_counted(tmp_path: Path) -> None:
    tiny: Event = (TRADE | BUY, 30, 31, 100.0, 1e-300)
    done = converted(tmp_path, events([*ROWS, tiny]), lot_size="")
    assert done.counts == {"qty_rounded": 1}
    assert rows_of(done)["size"][-1] == 1e-10
    with pytest.raises(TapeError, match=r"row 13, qty: 1e\+200 is too large"):
        converted(tmp_path, events([*ROWS, (TRADE | BUY, 30, 31, 100.0, 1e200)]))
    far = events([*ROWS, (TRADE | BUY, 3_000_000_000_000, 3_000_000_000_001, 100.0, 1.0)])
    done = converted(tmp_path, far)  # 95 years later
    assert rows_of(done)["kind"].to_list()[-2:] == ["gap", "trade"]


def test_clocks_are_mended_and_counted(tmp_path: Path) -> None:
    rows: list[Event] = [
        (TRADE | BUY, 5, 4, 100.0, 1.0),  # seen before it happened
        (TRADE | BUY, 6, 9, 100.0, 1.0),
        (TRADE | BUY, 7, 8, 100.0, 1.0),  # out of order
        (TRADE | BUY, None, 12, 100.0, 1.0),
        (TRADE | BUY, 20, 21, 100.0, 1.0),
    ]
    done = converted(tmp_path, events(rows))
    assert done.counts == {"exch_ts_assumed": 1, "local_ts_raised": 2}
    back = rows_of(done)
    assert ((back["local_ts"] - START) // MS).to_list() == [5, 9, 9, 12, 21]
    assert ((back["exch_ts"] - START) // MS).to_list() == [5, 6, 7, 10, 20]
    shifted = converted(tmp_path, events(ROWS), clock_shift_ns=MS)
    assert (rows_of(shifted)["local_ts"][0] - START) == 4 * MS


# ----------------------------------------------------------------------------- bad files


def refused(path: Path, **options: Any) -> str:
    with pytest.raises(TapeError) as error:
        convert(
            path,
            path.with_name("tape.parquet"),
            importer="hftbacktest_npz",
            options=SourceOptions(**options),
        )
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    line = str(error.value)
    assert "\n" not in line
    return line.replace(str(path), "FILE")


@pytest.mark.parametrize("code", [10, 11, 12, 13])
def test_orders_are_refused(tmp_path: Path, code: int) -> None:
    path = save(tmp_path / "a.npz", events([*ROWS, (code | BUY, 50, 51, 100.0, 1.0)]))
    line = refused(path)
    assert line.startswith("FILE: row 13: an event of a single order; data by order (L3) is not")


def test_older_formats_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", np.ones((5, 6)))
    assert detect(path) == "hftbacktest_npz"
    assert "written for hftbacktest 1; convert it first with" in refused(path)
    older = np.dtype([(name, EVENT[name]) for name in ("ev", "exch_ts", "local_ts", "px", "qty")])
    save(path, np.zeros(3, older))
    assert detect(path) == "hftbacktest_npz"
    assert refused(path) == "FILE: no events of hftbacktest 2: the field 'order_id' is missing"


def test_other_arrays_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, price=np.ones(3), size=np.ones(3))
    assert detect(path) == "columns"
    assert refused(path) == "FILE: no array `data`; found price, size"
    np.savez(path, data=np.ones(3))
    assert detect(path) == "columns"
    assert "the field 'ev' is missing" in refused(path)
    save(path, events([]))
    assert refused(path) == "FILE: no rows"
    save(path, events(ROWS))
    assert "skip_bad_lines means nothing" in refused(path, skip_bad_lines=True)


def test_times_are_nanoseconds(tmp_path: Path) -> None:
    array = events(ROWS)
    array["local_ts"][2] //= 1000
    line = refused(save(tmp_path / "a.npz", array))
    assert line == "FILE: row 2, local_ts: 1700000000003000 is no time in nanoseconds"


@pytest.mark.parametrize("packed", [False, True])
def test_damaged_files(tmp_path: Path, packed: bool) -> None:
    rng = np.random.default_rng(3)
    rows = [(DEPTH | BUY, n, n, 100.0, float(rng.integers(1, 99))) for n in range(5_000)]
    path = save(tmp_path / "a.npz", events(rows), packed=packed)
    whole = path.read_bytes()
    assert detect(path) == "hftbacktest_npz"
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path).startswith("FILE: truncated or damaged file (")
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 255
    path.write_bytes(broken)
    assert refused(path).startswith("FILE: truncated or damaged file (")
    path.write_bytes(b"")
    assert refused(path).startswith("FILE: truncated or damaged file (")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", b"nonsense")
    assert refused(path).startswith("FILE: truncated or damaged file (")


# --------------------------------------------------------------------- round trip, backtest


def as_events(tape: Path) -> tuple[pl.DataFrame, np.ndarray]:
    """Return a tape's rows, and the same as hftbacktest has them, by exchange and by recorder."""
    frame = scan(tape).filter(pl.col("kind") != "context").collect()
    arrived = frame.sort("local_ts", "seq", maintain_order=True)
    codes = {"depth": DEPTH, "trade": TRADE, "snapshot": SNAPSHOT, "bbo": BBO}
    code = arrived["kind"].cast(pl.String).replace_strict(codes, return_dtype=pl.Int64)
    made = np.zeros(arrived.height, EVENT)
    side = np.where(arrived["side"].to_numpy() > 0, BUY, SELL)
    made["ev"] = code.to_numpy() | side
    made["ev"][(code == SNAPSHOT).to_numpy() & (arrived["px"] == 0).to_numpy()] ^= CLEAR ^ SNAPSHOT
    for name, column in (("px", "price"), ("qty", "size")):
        made[name] = arrived[column].to_numpy()
    made["exch_ts"], made["local_ts"] = arrived["exch_ts"], arrived["local_ts"]
    happened = made[np.argsort(made["exch_ts"], kind="stable")]
    happened["ev"] |= np.uint64(EXCH)
    made["ev"] |= np.uint64(LOCAL)
    return frame, np.concatenate((happened, made))


CONTENT = ["exch_ts", "local_ts", "kind", "side", "price", "size"]


@pytest.mark.parametrize(
    ("generator", "preset", "hours"), [("queue_reactive", "hl_btc", 0.03), ("poisson", "", 0.05)]
)
def test_a_generated_tape_comes_back(
    tmp_path: Path, generator: str, preset: str, hours: float
) -> None:
    expected, array = as_events(made_tape(tmp_path, generator, preset, hours=hours))
    done = converted(tmp_path, array, price_quantum="", lot_size="")
    joined = done.counts.pop("rows_of_exchange_and_recorder_joined")
    assert joined == expected.height
    back = rows_of(done).filter(pl.col("kind") != "gap")
    # The Poisson world shows images among its changes, as after a lost connection.
    gaps = rows_of(done).height - back.height
    assert done.counts == ({"book_restarts_marked": gaps} if gaps else {})
    assert (gaps > 0) == (generator == "poisson")
    assert back.select(CONTENT).sort(CONTENT).equals(expected.select(CONTENT).sort(CONTENT))


def test_a_backtest_runs_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, array = as_events(made_tape(tmp_path, "queue_reactive", "hl_btc", hours=0.05))
    source, tape = save(tmp_path / "BTC.npz", array, packed=True), tmp_path / "tape.parquet"
    words = ["tape", "convert", str(source), str(tape), "--tick", "0.1", "--lot", "0.00001"]
    assert main(words) == 0
    assert "rows of exchange and recorder joined" in capsys.readouterr().out
    words = ["backtest", "recorded", "--tape", str(tape), "--out", str(tmp_path / "run")]
    words += ["--set", "run.warm_up_s=20", "--set", "strategy.order_size=0.001", "--quiet"]
    assert main(words) == 0
    assert (tmp_path / "run" / "report.json").is_file()
