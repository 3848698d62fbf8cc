"""Raw Binance USD-M captures: the chain of depth messages, images, trades, mark price."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simmm.cli.main import main
from simmm.errors import TapeError
from simmm.tape import Conversion, convert, scan, validate
from simmm.tape.sources import SourceOptions, detect

MS = 1_000_000
START = 1_700_000_000_000  # ms

Message = tuple[int, dict[str, Any]]  # received, ms since START; frame
Level = tuple[float, float]


def framed(stream: str, data: dict[str, Any], symbol: str = "BTCUSDT") -> dict[str, Any]:
    return {"stream": f"{symbol.lower()}@{stream}", "data": {**data, "s": symbol}}


def texts(levels: Iterable[Level]) -> list[list[str]]:
    return [[f"{px:.2f}", f"{size:.3f}"] for px, size in levels]


def depth(
    at: int, ids: tuple[int, int, int], bids: Iterable[Level] = (), asks: Iterable[Level] = (),
    stream: str = "depth@0ms",
) -> dict[str, Any]:  # fmt: skip
    """Return a message; `ids`: the last update before it, its first and its last."""
    before, first, last = ids
    numbers = {"U": first, "u": last, "pu": before}
    times = {"E": START + at + 2, "T": START + at}
    event = {"e": "depthUpdate", **times, **numbers, "b": texts(bids), "a": texts(asks)}
    return framed(stream, event)


def image(at: int, last: int, bids: Iterable[Level], asks: Iterable[Level]) -> dict[str, Any]:
    return {"lastUpdateId": last, "E": START + at + 8, "T": START + at,
            "bids": texts(bids), "asks": texts(asks)}  # fmt: skip


def ticker(at: int, bid: Level, ask: Level, symbol: str = "BTCUSDT") -> dict[str, Any]:
    (b, bb), (a, aa) = texts([bid, ask])
    fields = {"e": "bookTicker", "u": 1, "b": b, "B": bb, "a": a, "A": aa}
    return framed("bookTicker", {**fields, "T": START + at, "E": START + at + 3}, symbol)


def trade(at: int, number: int, px: float, size: float, sold: bool, **more: Any) -> dict[str, Any]:
    fields = {"e": "trade", "t": number, "p": f"{px:.2f}", "q": f"{size:.3f}", "X": "MARKET"}
    times = {"T": START + at, "E": START + at}
    return framed("trade", {**fields, **times, "m": sold, **more})


def usual() -> list[Message]:
    return [
        (5, depth(0, (90, 91, 100), [(99.9, 1.0)], [(100.1, 2.0)])),
        (20, image(2, 100, [(99.9, 1.0), (99.8, 3.0)], [(100.1, 2.0), (100.3, 4.0)])),
        (25, ticker(20, (99.9, 1.0), (100.1, 1.5))),
        (27, trade(20, 1, 100.1, 0.25, sold=False)),
        (28, trade(20, 2, 100.1, 0.25, sold=False)),
        (60, depth(50, (100, 101, 110), [(99.8, 0.0)], [(100.1, 1.5), (100.2, 1.0)])),
        (66, trade(60, 3, 99.9, 0.5, sold=True)),
        (110, depth(100, (110, 112, 120), [(99.9, 0.5)])),
        (160, depth(150, (120, 121, 130), [(99.7, 0.125)])),
    ]


def save(path: Path, messages: Iterable[Message]) -> Path:
    lines = [f"{(START + received) * MS} {json.dumps(frame)}\n" for received, frame in messages]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    return path


def converted(tmp_path: Path, messages: Iterable[Message], **options: Any) -> Conversion:
    source = save(tmp_path / "capture.gz", messages)
    return convert(
        source, tmp_path / "tape.parquet", options=SourceOptions(**options), overwrite=True
    )


def rows_of(done: Conversion, kind: str) -> pl.DataFrame:
    return scan(done.target).filter(pl.col("kind") == kind).collect()


def test_channels_become_rows(tmp_path: Path) -> None:
    done = converted(tmp_path, usual())
    assert done.source_kind == "binance_usdm_ws"
    assert done.counts == {}
    market = done.info.market
    assert (market.symbol, market.venue, market.quote) == ("BTCUSDT", "binance_usdm", "USDT")
    assert (market.price_quantum, market.lot_size) == ("0.1", "0.001")
    assert done.assumed["exch_ts"].startswith("T, the time of the transaction (E, of sending, is")
    assert "up to 3 ms later" in done.assumed["exch_ts"]
    assert done.assumed["price_quantum"] == "0.1, from the prices seen"
    rows = scan(done.target).collect()
    assert rows["kind"].to_list() == [
        *["depth"] * 2, *["snapshot"] * 4, *["trade"] * 2, *["bbo"] * 2, *["depth"] * 3, "trade",
        *["depth"] * 2,
    ]  # fmt: skip
    assert rows["exch_ts"].to_list()[-1] == (START + 150) * MS  # T, not E
    traded = rows_of(done, "trade")
    assert traded["side"].to_list() == [1, 1, -1]
    assert traded["trade_id"].to_list() == [1, 2, 3]
    assert traded["aggressor_end"].to_list() == [False, True, True]
    shown = rows_of(done, "snapshot")
    assert shown["price"].to_list() == [99.9, 99.8, 100.1, 100.3]
    assert validate(done.target) == []


def test_lost_depth_is_a_gap(tmp_path: Path) -> None:
    messages = usual()
    del messages[5]
    done = converted(tmp_path, messages)
    assert done.counts == {"gaps_marked": 1}
    (gap,) = rows_of(done, "gap").to_dicts()
    # It stands at once before the first message that doesn't follow on the one before.
    assert gap["exch_ts"] == (START + 100) * MS
    assert gap["local_ts"] == (START + 110) * MS
    assert gap["px"] == (START + 60) * MS
    assert gap["qty"] == 44 * MS
    kinds = scan(done.target).collect()["kind"].to_list()
    assert kinds[-3:] == ["gap", "depth", "depth"]


def test_first_depth_after_an_image_must_connect(tmp_path: Path) -> None:
    messages = usual()[1:]
    messages.insert(0, (1, ticker(0, (99.9, 1.0), (100.1, 2.0))))
    assert converted(tmp_path, messages).counts == {}
    del messages[5]
    done = converted(tmp_path, messages)
    assert done.counts == {"gaps_marked": 1}
    (gap,) = rows_of(done, "gap").to_dicts()
    assert gap["exch_ts"] == (START + 100) * MS


def test_duplicates_and_order(tmp_path: Path) -> None:
    expected = scan(converted(tmp_path, usual()).target).drop("seq", "local_ts").collect()
    messages = usual()
    messages[7:9] = [
        (112, messages[8][1] | {"data": messages[8][1]["data"] | {"T": START + 101}}),
        (113, messages[7][1]),
        (114, messages[5][1]),  # long known
        (115, messages[4][1]),
    ]
    done = converted(tmp_path, messages)
    # What came late is not lost: there is no gap.
    assert done.counts == {
        "duplicate_depth_dropped": 1,
        "depth_out_of_order": 1,
        "duplicate_trades_dropped": 1,
    }
    rows = scan(done.target).drop("seq", "local_ts").collect()
    assert rows.drop("exch_ts").equals(expected.drop("exch_ts"))
    messages = usual()
    messages[2], messages[3] = messages[3], messages[2]
    done = converted(tmp_path, messages)
    assert done.counts == {"messages_put_in_order_of_arrival": 1}
    assert scan(done.target).drop("seq", "local_ts").collect().equals(expected)


def test_image_older_than_what_arrived(tmp_path: Path) -> None:
    messages = usual()
    bids, asks = [(99.9, 1.0), (99.8, 3.0)], [(100.1, 2.0), (100.3, 4.0)]
    messages[1] = (70, image(2, 100, bids, asks))  # arrives after the update up to 110
    messages.sort(key=lambda message: message[0])
    done = converted(tmp_path, messages)
    assert done.counts == {"images_brought_up_to_date": 1}
    shown = rows_of(done, "snapshot")
    assert shown.select("price", "size").rows() == [
        (99.9, 1.0), (100.1, 1.5), (100.2, 1.0), (100.3, 4.0)
    ]  # fmt: skip
    assert shown["exch_ts"].unique().to_list() == [(START + 50) * MS]
    messages[0] = (0, depth(0, (80, 81, 95)))
    # Between 95 and 100 something is missing, but nothing that the image doesn't know.
    done = converted(tmp_path, messages)
    assert done.counts == {"images_brought_up_to_date": 1, "gaps_marked": 1}
    messages = [m for m in messages if "lastUpdateId" not in m[1]]
    messages.insert(5, (70, image(2, 97, bids, asks)))
    done = converted(tmp_path, messages)
    assert done.counts == {"images_not_connected_dropped": 1, "gaps_marked": 1}


def test_depth_older_than_the_image_is_dropped(tmp_path: Path) -> None:
    messages = usual()
    messages[0] = (22, messages[0][1])
    messages[0], messages[1], messages[2] = (10, messages[2][1]), messages[1], messages[0]
    messages[0][1]["data"]["T"] = START + 1
    done = converted(tmp_path, messages)
    assert done.counts == {"depth_older_than_image_dropped": 1}
    assert len(rows_of(done, "depth")) == 5


def test_silence_is_a_gap_unless_the_chain_goes_on(tmp_path: Path) -> None:
    beats = [(10 * n + 2, depth(10 * n, (n, n + 1, n + 1), [(99.0, n + 1.0)])) for n in range(40)]
    late = [(60_000, depth(59_990, (40, 41, 41), [(99.0, 7.0)]))]
    assert converted(tmp_path, [*beats, *late]).counts == {}
    late = [(60_000, depth(59_990, (45, 46, 46), [(99.0, 7.0)]))]
    assert converted(tmp_path, [*beats, *late]).counts == {"gaps_marked": 1}
    tickers = [(10 * n + 2, ticker(10 * n, (99.0, n + 1.0), (99.1, 1.0))) for n in range(40)]
    late = [(60_000, ticker(59_990, (99.0, 1.0), (99.1, 2.0)))]
    done = converted(tmp_path, [*tickers, *late])
    assert done.counts == {"gaps_marked": 1}
    (gap,) = rows_of(done, "gap").to_dicts()
    assert (gap["exch_ts"], gap["px"]) == ((START + 59_990) * MS, (START + 390) * MS)


def test_trades_of_other_kinds(tmp_path: Path) -> None:
    def aggregate(number: int) -> dict[str, Any]:
        data = {"e": "aggTrade", "a": number, "p": "100.10", "q": "0.500", "f": 1, "l": 2,
                "T": START + 20, "E": START + 20, "m": False}  # fmt: skip
        return framed("aggTrade", data)

    messages = usual()
    messages.insert(6, (61, trade(55, 4, 0.0, 0.0, sold=True, X="NA")))
    messages.insert(7, (62, trade(55, 5, 98.0, 1.0, sold=True, X="INSURANCE_FUND")))
    messages.insert(8, (63, aggregate(77)))
    messages.append((170, trade(160, 9, 99.9, 0.5, sold=True)))
    done = converted(tmp_path, messages)
    assert done.counts == {
        "trades_off_the_book_dropped": 2,
        "aggregate_trades_dropped": 1,
        "trade_ids_missing": 3,
    }
    assert rows_of(done, "trade")["trade_id"].to_list() == [1, 2, 3, 9]
    only = [m for m in usual() if m[1].get("data", {}).get("e") != "trade"]
    done = converted(tmp_path, [*only, (200, aggregate(77)), (210, aggregate(78))])
    assert rows_of(done, "trade")["trade_id"].to_list() == [77, 78]


def test_mark_price_is_context(tmp_path: Path) -> None:
    data = {"e": "markPriceUpdate", "E": START + 30, "p": "100.05432100", "i": "100.06000000",
            "P": "100.1", "r": "0.00010000", "T": START + 10_000_000}  # fmt: skip
    done = converted(tmp_path, [*usual()[:5], (40, framed("markPrice@1s", data)), *usual()[5:]])
    rows = rows_of(done, "context")
    assert rows["context"].to_list() == ["mark", "oracle", "funding"]
    assert rows["price"].to_list() == pytest.approx([100.1, 100.1, 0.0001 / 8])
    assert rows["exch_ts"].to_list() == [(START + 30) * MS] * 3
    assert done.assumed["funding"] == "per hour: the rate divided by 8"
    assert done.info.market.price_quantum == "0.1"


def test_partial_depth_is_an_image(tmp_path: Path) -> None:
    top = depth(120, (110, 112, 120), [(99.9, 1.0), (99.8, 1.0)], [(100.1, 1.0)], "depth5@100ms")
    done = converted(tmp_path, [*usual()[:8], (125, top), usual()[8]])
    assert done.counts == {}
    shown = rows_of(done, "snapshot").filter(pl.col("exch_ts") == (START + 120) * MS)
    assert shown["price"].to_list() == [99.9, 99.8, 100.1]


def test_other_messages_are_counted(tmp_path: Path) -> None:
    others = [
        (161, framed("forceOrder", {"e": "forceOrder", "E": START + 1, "o": {}})),
        (162, {"result": None, "id": 1}),
        (163, ticker(160, (20.0, 1.0), (20.1, 1.0), "SOLUSDT")),
    ]
    done = converted(tmp_path, [*usual(), *others], symbol="btcusdt")
    assert done.counts == {
        "ignored_forceOrder": 1,
        "ignored_answers": 1,
        "messages_of_other_markets_ignored": 1,
        "images_of_unknown_market_dropped": 1,  # an image doesn't say whose it is
    }
    assert len(rows_of(done, "snapshot")) == 0
    with pytest.raises(TapeError, match=r"BTCUSDT \(8 messages\), SOLUSDT \(1 messages\); choose"):
        converted(tmp_path, [*usual(), *others])
    with pytest.raises(TapeError, match=r"nothing of ETHUSDT; it holds BTCUSDT"):
        converted(tmp_path, usual(), symbol="ETHUSDT")


# ------------------------------------------------------------------------------------- damage


def test_damage(tmp_path: Path) -> None:
    text = gzip.decompress(save(tmp_path / "a.gz", usual()).read_bytes()).decode()
    path = tmp_path / "capture.txt"
    path.write_text(text[:-30])
    done = convert(path, tmp_path / "tape.parquet")
    assert done.counts == {"unfinished_last_lines_dropped": 1}
    lines = text.splitlines()
    for bad, message in (
        ("rubbish", r"capture\.txt: line 4: expected `<receive time> <json>`"),
        (lines[3].replace('"100.10"', '"high"'), r"line 4: no message of Binance's.*float"),
        (lines[3][:-9], r"line 4: no message of Binance's"),
    ):
        path.write_text("\n".join([*lines[:3], bad, *lines[4:]]))
        with pytest.raises(TapeError, match=message):
            convert(path, tmp_path / "tape.parquet", overwrite=True)
        options = SourceOptions(skip_bad_lines=True)
        done = convert(path, tmp_path / "tape.parquet", options=options, overwrite=True)
        assert done.counts["bad_lines_dropped"] == 1
    path.write_text("")
    with pytest.raises(TapeError, match="the file is empty"):
        convert(path, tmp_path / "b.parquet", importer="binance_usdm_ws")
    path.write_text(f"{START * MS} " + '{"result": null, "id": 1}\n')
    with pytest.raises(TapeError, match="no market data in it"):
        convert(path, tmp_path / "b.parquet", importer="binance_usdm_ws")


def test_other_venues_and_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = save(tmp_path / "mine.gz", usual())
    assert detect(source) == "binance_usdm_ws"
    spot = {"stream": "btcusdt@trade", "data": {"e": "trade", "s": "BTCUSDT", "M": True}}
    assert detect(save(tmp_path / "spot.gz", [(1, spot)])) == "unknown"
    with pytest.raises(TapeError, match=r"BTCUSD_PERP is a coin-margined"):
        converted(tmp_path, [(1, ticker(0, (1.0, 1.0), (2.0, 1.0), "BTCUSD_PERP"))])
    call = ["tape", "convert", str(source), str(tmp_path / "t.parquet")]
    assert main([*call, "--sz-decimals", "3"]) == 2
    assert "size_decimals means nothing for this format" in capsys.readouterr().err
    rules = ["--tick", "0.05", "--lot", "0.0005", "--min-notional", "100", "--maker-fee", "0"]
    assert main([*call, *rules, "--taker-fee", "0.0004"]) == 0
    assert "assumed lot" not in capsys.readouterr().out
    market = converted(tmp_path, usual(), price_quantum="0.05", min_notional="100").info.market
    assert (market.price_quantum, market.min_notional, market.lot_size) == ("0.05", "100", "0.001")
    with pytest.raises(TapeError, match=r"is no multiple of 0\.2; are --tick"):
        converted(tmp_path, usual(), price_quantum="0.2")
