"""The importer of Tardis CSV files, and the streaming repairs that it rests on."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simmm.errors import TapeError
from simmm.market import MarketRules
from simmm.tape import scan, validate
from simmm.tape.sources import Conversion, SourceOptions, convert, detect, summary
from simmm.tape.sources.tardis_files import COLUMNS
from tests.unit.tape_fixture import START

US = START // 1000
MS = 1000  # µs
L2, TRADES, QUOTES = "incremental_book_L2", "trades", "book_ticker"


def text(kind: str, rows: Sequence[Sequence[Any]], symbol: str = "BTCUSDT") -> str:
    """Return a CSV file of rows without exchange and symbol, times in µs since the start."""
    lines = [",".join(COLUMNS[kind])]
    for exch, local, *others in rows:
        times = ["" if ts is None else "0" if ts == 0 else str(US + ts) for ts in (exch, local)]
        lines.append(",".join(["binance", symbol, *times, *(str(value) for value in others)]))
    return "\n".join(lines) + "\n"


def save(folder: Path, kind: str, rows: Sequence[Sequence[Any]], name: str = "") -> Path:
    path = folder / (name or f"binance_{kind}_2023-11-14_BTCUSDT.csv.gz")
    content = text(kind, rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def image(exch: int, local: int, mid: float = 100.0, levels: int = 2) -> list[list[Any]]:
    bids = [["true", "bid", round(mid - 0.1 * n, 1), 1 + n] for n in range(levels)]
    asks = [["true", "ask", round(mid + 0.1 + 0.1 * n, 1), 2 + n] for n in range(levels)]
    return [[exch, local, *row] for row in (*bids, *asks)]


def change(exch: int, local: int, side: str, price: float, amount: Any) -> list[Any]:
    return [exch, local, "false", side, price, amount]


BOOK = [
    *image(1 * MS, 3 * MS),
    change(10 * MS, 13 * MS, "bid", 99.9, 0),
    change(10 * MS, 13 * MS, "bid", 99.8, 0.125),
    change(20 * MS, 23 * MS, "ask", 100.1, 0.5),
]
PRINTS = [
    [5 * MS, 9 * MS, 71, "buy", 100.1, 0.25],
    [5 * MS, 9 * MS, 72, "buy", 100.2, 0.5],
    [20 * MS, 22 * MS, 73, "sell", 100.0, 1],
]
TOUCH = [[4 * MS, 6 * MS, 2, 100.1, 100.0, 1], [21 * MS, 26 * MS, 0.5, 100.1, 100.0, 0.75]]


def converted(folder: Path, *paths: Path, **options: Any) -> Conversion:
    return convert(paths, folder / "tape.parquet", options=SourceOptions(**options), overwrite=True)


def rows_of(done: Conversion) -> pl.DataFrame:
    return scan(done.target).collect()


def test_three_data_types_become_one_tape(tmp_path: Path) -> None:
    files = [
        save(tmp_path, L2, BOOK),
        save(tmp_path, TRADES, PRINTS),
        save(tmp_path, QUOTES, TOUCH),
    ]
    done = converted(tmp_path, *files)
    assert done.source_kind == "tardis_csv"
    assert done.counts == {}
    assert done.info.source["files"] == [files[1].name, files[2].name, files[0].name]
    market = done.info.market
    assert (market.symbol, market.venue) == ("BTCUSDT", "binance")
    assert (market.price_quantum, market.lot_size) == ("0.1", "0.001")
    assert done.assumed == {
        "order": "trades before quotes before book changes where they arrived at one time",
        "fees": "none",
        "price_quantum": "0.1, from the prices seen",
        "lot_size": "0.001, from the sizes seen",
        "contract": "linear; a size of 1 is one unit of the base currency",
    }
    assert "assumed price quantum: 0.1, from the prices seen" in summary(done)
    back = rows_of(done)
    expected = [
        # exch, local (ms), seq, kind, side, price, size, end of message
        *[(1, 3, 0, "snapshot", 1, 100.0 - n / 10, 1.0 + n, False) for n in range(2)],
        (1, 3, 0, "snapshot", -1, 100.1, 2.0, False),
        (1, 3, 0, "snapshot", -1, 100.2, 3.0, True),
        (4, 6, 1, "bbo", 1, 100.0, 1.0, False),
        (4, 6, 1, "bbo", -1, 100.1, 2.0, True),
        (5, 9, 2, "trade", 1, 100.1, 0.25, False),
        (5, 9, 2, "trade", 1, 100.2, 0.5, True),
        (10, 13, 3, "depth", 1, 99.9, 0.0, False),
        (10, 13, 3, "depth", 1, 99.8, 0.125, True),
        (20, 22, 4, "trade", -1, 100.0, 1.0, True),
        (20, 23, 5, "depth", -1, 100.1, 0.5, True),
        (21, 26, 6, "bbo", 1, 100.0, 0.75, False),
        (21, 26, 6, "bbo", -1, 100.1, 0.5, True),
    ]
    found = back.select(
        (pl.col("exch_ts", "local_ts") - START) // 1_000_000,
        "seq",
        pl.col("kind").cast(pl.String),
        "side",
        "price",
        "size",
        "packet_end",
    )
    assert found.rows() == expected
    assert back["first"].to_list() == [True, False, True] + [False] * 11
    trades = back.filter(pl.col("kind") == "trade")
    assert trades["trade_id"].to_list() == [71, 72, 73]
    assert trades["aggressor_end"].to_list() == [False, True, True]
    assert validate(done.target) == []


def test_the_order_of_files_and_their_packing_do_not_matter(tmp_path: Path) -> None:
    book, prints, touch = (
        save(tmp_path, kind, rows, f"{kind}.csv")
        for kind, rows in ((L2, BOOK), (TRADES, PRINTS), (QUOTES, TOUCH))
    )
    digest = converted(tmp_path, book, prints, touch).info.digest
    assert converted(tmp_path, touch, book, prints).info.digest == digest
    days = tmp_path / "days"
    days.mkdir()
    for kind, rows in ((L2, BOOK), (TRADES, PRINTS), (QUOTES, TOUCH)):
        save(days, kind, rows)
    assert detect(days) == "tardis_csv"
    assert converted(tmp_path, days).info.digest == digest
    save(days, TRADES, PRINTS[2:], "trades_later.csv")
    (days / f"binance_{TRADES}_2023-11-14_BTCUSDT.csv.gz").unlink()
    save(days, TRADES, PRINTS[:2], "trades_first.csv")
    assert converted(tmp_path, days).info.digest == digest


def test_a_lost_connection_is_a_gap_and_an_image(tmp_path: Path) -> None:
    rows = [*BOOK, *image(900 * MS, 905 * MS, mid=101.0), change(950 * MS, 951 * MS, "bid", 101, 3)]
    done = converted(tmp_path, save(tmp_path, L2, rows))
    assert done.counts == {"book_restarts_marked": 1}
    (gap,) = rows_of(done).filter(pl.col("kind") == "gap").rows(named=True)
    assert (gap["exch_ts"], gap["local_ts"]) == (START + 900_000_000, START + 905_000_000)
    assert (gap["px"], gap["qty"]) == (START + 20_000_000, 882_000_000)
    after = rows_of(done).filter(pl.col("seq") == gap["seq"])["kind"].to_list()
    assert after == ["gap"] + ["snapshot"] * 4
    assert validate(done.target) == []


def test_the_image_that_begins_a_day_is_no_gap(tmp_path: Path) -> None:
    first = save(tmp_path, L2, BOOK, "day1.csv")
    second = [*image(30 * MS, 31 * MS), change(40 * MS, 41 * MS, "bid", 100.0, 0.5)]
    done = converted(tmp_path, first, save(tmp_path, L2, second, "day2.csv"))
    assert done.counts == {}
    assert rows_of(done).height == len(BOOK) + 5


def test_images_alone_are_one_a_message(tmp_path: Path) -> None:
    # Hyperliquid's channel: every message is a whole image.
    rows = [row for n in range(5) for row in image(n * MS, n * MS + 2, mid=100.0 + n)]
    back = rows_of(converted(tmp_path, save(tmp_path, L2, rows)))
    assert back["first"].sum() == 10
    assert back["seq"].n_unique() == 5
    assert "gap" not in back["kind"].to_list()


def test_images_are_made_whole(tmp_path: Path) -> None:
    bids, asks = image(MS, 2 * MS)[:2], image(MS, 2 * MS)[2:]
    late = [[row[0], row[1] + MS, *row[2:]] for row in asks]  # the sides come one by one
    rows = [*bids, *late, change(5 * MS, 6 * MS, "bid", 100.0, 2)]
    rows += [*bids[:1], [MS, 8 * MS, "true", "bid", 99.9, 0], [MS, 8 * MS, "true", "bid", 99.8, 1]]
    rows[-3] = [MS, 8 * MS, *bids[0][2:]]
    rows += [[MS, 8 * MS, "true", "bid", 99.8, 4]]
    done = converted(tmp_path, save(tmp_path, L2, rows))
    assert done.counts == {
        "halves_of_images_joined": 1,
        "repeated_levels_dropped": 1,
        "empty_levels_dropped": 1,
        "empty_sides_added": 1,
        "book_restarts_marked": 1,
    }
    back = rows_of(done)
    first = back.filter(pl.col("seq") == 0)
    assert first["local_ts"].unique().to_list() == [START + 3_000_000]
    assert first["price"].to_list() == [100.0, 99.9, 100.1, 100.2]
    last = back.filter((pl.col("seq") == 2) & (pl.col("kind") == "snapshot"))
    assert last.select("side", "px", "qty").rows() == [(1, 1000, 1), (1, 998, 4), (-1, 0, 0)]


def test_changes_before_the_first_image_are_of_an_older_book(tmp_path: Path) -> None:
    early = [change(0, MS // 2, "bid", 90.0, 1), change(0, MS // 2, "ask", 91.0, 1)]
    early = [[1, *row[1:]] for row in early]
    done = converted(tmp_path, save(tmp_path, L2, [*early, *BOOK]))
    assert done.counts == {"changes_before_first_image_dropped": 2}
    assert rows_of(done)["price"].min() > 99
    done = converted(tmp_path, save(tmp_path, L2, early))
    assert done.counts == {}
    assert "holds no image; the book builds up from changes" in done.assumed["book"]
    assert rows_of(done).height == 2


def test_what_means_nothing_is_dropped_and_counted(tmp_path: Path) -> None:
    prints = [
        *PRINTS,
        [30 * MS, 31 * MS, 80, "unknown", 100.0, 1],
        [30 * MS, 31 * MS, 81, "", 100.0, 1],
        [30 * MS, 31 * MS, 82, "buy", 100.1, 0],
        [30 * MS, 31 * MS, 83, "buy", "", 1],
        [30 * MS, 31 * MS, 84, "buy", 100.1, -1],
        [30 * MS, 31 * MS, "6d2c-a1", "buy", 100.1, 1],
    ]
    book = [
        *BOOK,
        change(30 * MS, 31 * MS, "bid", 99.5, -1),
        change(30 * MS, 31 * MS, "bid", 0, 1),
        change(30 * MS, 31 * MS, "bid", 99.5, "nan"),
    ]
    touch = [*TOUCH, [30 * MS, 31 * MS, "", "", "", ""], [30 * MS, 32 * MS, 1, 100.0, 100.1, 1]]
    touch += [[31 * MS, 33 * MS, "", "", 100.0, 3], [32 * MS, 34 * MS, 0.5, 100.1, 100.0, 0]]
    files = (
        save(tmp_path, TRADES, prints),
        save(tmp_path, L2, book),
        save(tmp_path, QUOTES, touch),
    )
    done = converted(tmp_path, *files)
    assert done.counts == {
        "textual_trade_ids_dropped": 1,
        "trades_without_price_or_size_dropped": 3,
        "trades_without_side_dropped": 2,
        "negative_sizes_dropped": 1,
        "levels_without_price_or_size_dropped": 2,
        "quotes_of_nothing_dropped": 1,
        "crossed_quotes_dropped": 1,
        "empty_sides_of_quotes": 2,
    }
    back = rows_of(done)
    assert back.filter(pl.col("kind") == "trade")["trade_id"].to_list() == [71, 72, 73, None]
    quotes = back.filter(pl.col("kind") == "bbo").tail(4)
    assert quotes.select("side", "px", "qty").rows() == [
        (1, 1000, 3000),
        (-1, 1001, 0),  # an empty side has a price beyond the other one
        (1, 1000, 0),
        (-1, 1001, 500),
    ]
    assert validate(done.target) == []


def test_duplicates_are_dropped_and_counted(tmp_path: Path) -> None:
    prints = [*PRINTS, *PRINTS, [40 * MS, 41 * MS, 73, "buy", 100.1, 9]]
    prints[3:6] = [[row[0], 23 * MS, *row[2:]] for row in PRINTS]
    book = [*BOOK, *[[row[0], row[1] + 9 * MS, *row[2:]] for row in BOOK[-1:]]]
    done = converted(tmp_path, save(tmp_path, TRADES, prints), save(tmp_path, L2, book))
    assert done.counts == {
        "duplicate_trades_dropped": 3,
        "repeated_trade_ids_dropped": 1,
        "duplicate_messages_dropped": 1,
    }
    trades = rows_of(done).filter(pl.col("kind") == "trade")
    assert trades["trade_id"].to_list() == [71, 72, 73, None]


def test_clocks_are_mended_and_counted(tmp_path: Path) -> None:
    prints = [
        [5 * MS, 4 * MS, 1, "buy", 100.1, 1],  # seen before it happened
        [6 * MS, 9 * MS, 2, "buy", 100.1, 1],
        [7 * MS, 8 * MS, 3, "buy", 100.1, 1],  # out of order
        [None, 12 * MS, 4, "buy", 100.1, 1],  # no exchange time
        [0, 13 * MS, 5, "buy", 100.1, 1],
        [20 * MS, 21 * MS, 6, "buy", 100.1, 1],
    ]
    done = converted(tmp_path, save(tmp_path, TRADES, prints))
    assert done.counts == {"exch_ts_assumed": 2, "local_ts_raised": 2}
    back = rows_of(done)
    assert ((back["local_ts"] - START) // 1_000_000).to_list() == [5, 9, 9, 12, 13, 21]
    # They run on from the newest known time, by the recorder's clock.
    assert ((back["exch_ts"] - START) // 1_000_000).to_list() == [5, 6, 7, 10, 11, 20]


def test_a_clock_that_runs_behind_is_named(tmp_path: Path) -> None:
    done = converted(tmp_path, save(tmp_path, L2, BOOK), clock_shift_ns=-4_250_000)
    assert done.counts == {"local_ts_raised": 7}
    assert done.assumed["local_ts"].startswith(
        "exch_ts in 100.0% of the rows, which were seen before they happened, by up to 2.250 ms; "
    )


def test_files_of_one_type_follow_one_another(tmp_path: Path) -> None:
    first = save(tmp_path, TRADES, PRINTS, "first.csv")
    again = save(tmp_path, TRADES, PRINTS[1:], "again.csv")
    with pytest.raises(TapeError, match=r"again\.csv: begins before first\.csv ends; give each"):
        converted(tmp_path, first, again)


def test_a_venue_without_a_clock_is_named(tmp_path: Path) -> None:
    done = converted(tmp_path, save(tmp_path, L2, [[row[1], *row[1:]] for row in BOOK]))
    assert done.assumed["exch_ts"].startswith("the recorder's clock in every row")


def test_the_clock_can_be_shifted(tmp_path: Path) -> None:
    path = save(tmp_path, L2, BOOK)
    plain, moved = (
        rows_of(converted(tmp_path, path, clock_shift_ns=shift))["local_ts"] for shift in (0, 7)
    )
    assert (moved - plain).unique().to_list() == [7]


def test_symbols(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    other = text(TRADES, [[row[0], row[1], row[2], "sell", 5, 1] for row in PRINTS], "ETHUSDT")
    path.write_text(text(TRADES, PRINTS) + other.split("\n", 1)[1])
    with pytest.raises(TapeError, match=r"holds the symbols BTCUSDT, ETHUSDT; choose .* --symbol"):
        converted(tmp_path, path)
    for symbol, price in (("BTCUSDT", 100.1), ("ETHUSDT", 5.0)):
        done = converted(tmp_path, path, symbol=symbol)
        assert done.info.market.symbol == symbol
        assert done.counts == {"rows_of_other_symbols_ignored": 3}
        assert rows_of(done).height == 3
        assert rows_of(done)["price"][0] == price
    with pytest.raises(TapeError, match=r"no rows of 'BTC'; .*BTCUSDT, ETHUSDT"):
        converted(tmp_path, path, symbol="BTC")
    second = tmp_path / "other.csv"
    second.write_text(text(L2, BOOK, "ETHUSDT"))
    with pytest.raises(TapeError, match="holds the symbols BTCUSDT, ETHUSDT"):
        converted(tmp_path, save(tmp_path, TRADES, PRINTS), second)
    second.write_text(text(L2, BOOK).replace("binance", "bybit"))
    with pytest.raises(TapeError, match="exchange 'bybit' beside 'binance'"):
        converted(tmp_path, save(tmp_path, TRADES, PRINTS), second)


def test_steps_are_inferred_or_given(tmp_path: Path) -> None:
    path = save(
        tmp_path, TRADES, [[n, n, n, "buy", 100 + 2.5 * n, 10 * (n + 1)] for n in range(1, 9)]
    )
    market = converted(tmp_path, path).info.market
    assert (market.price_quantum, market.lot_size) == ("0.5", "1")
    done = converted(tmp_path, path, price_quantum="0.25", lot_size="0.1", maker_fee="0.0001")
    assert done.info.market.price_quantum == "0.25"
    assert done.assumed["fees"] == "only maker fee given"
    assert "price_quantum" not in done.assumed
    with pytest.raises(TapeError, match=r"line 2: price: 102\.5 is no multiple of 1$"):
        converted(tmp_path, path, price_quantum="1")
    with pytest.raises(TapeError, match=r"line 2: amount: 20\.0 is no multiple of 3$"):
        converted(tmp_path, path, lot_size="3")
    with pytest.raises(TapeError, match="--tick: 'x' is no number above zero"):
        converted(tmp_path, path, price_quantum="x")
    rules = MarketRules(symbol="X", price_quantum="0.01", lot_size="1")
    done = convert(path, tmp_path / "tape.parquet", market=rules, overwrite=True)
    assert done.info.market == rules


def test_hyperliquid_has_its_own_rules(tmp_path: Path) -> None:
    path = tmp_path / "trades.csv"
    path.write_text(text(TRADES, PRINTS, "BTC").replace("binance", "hyperliquid"))
    market = converted(tmp_path, path, taker_fee="0.0003").info.market
    assert (market.price_quantum, market.lot_size) == ("0.1", "0.00001")
    assert (market.significant_figures, market.min_notional) == (5, "10")
    assert (market.maker_fee, market.taker_fee) == ("0.00015", "0.0003")
