"""Raw Hyperliquid captures: channels, several coins, new connections, market rules."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from simmm.errors import TapeError
from simmm.tape import Conversion, convert, info, scan, validate
from simmm.tape.sources import SourceOptions

MS = 1_000_000
START = 1_700_000_000_000  # ms

Message = tuple[int, dict[str, Any] | str]  # received, ms since START; frame or text


def book(at: int, bid: float, ask: float, coin: str = "BTC", levels: int = 3) -> dict[str, Any]:
    sides = [
        [{"px": f"{px + sign * n:.1f}", "sz": f"{0.5 + n}", "n": n + 1} for n in range(levels)]
        for px, sign in ((bid, -1), (ask, 1))
    ]
    return {"channel": "l2Book", "data": {"coin": coin, "time": START + at, "levels": sides}}


def bbo(at: int, bid: float | None, ask: float | None, coin: str = "BTC") -> dict[str, Any]:
    sides = [None if px is None else {"px": f"{px}", "sz": "0.25", "n": 1} for px in (bid, ask)]
    return {"channel": "bbo", "data": {"coin": coin, "time": START + at, "bbo": sides}}


def trades(*prints: tuple[int, str, float, str, int], coin: str = "BTC") -> dict[str, Any]:
    data = [
        {"coin": coin, "side": side, "px": f"{px}", "sz": size, "time": START + at, "tid": tid,
         "hash": "0x0", "users": ["0x1", "0x2"]}
        for at, side, px, size, tid in prints
    ]  # fmt: skip
    return {"channel": "trades", "data": data}


def confirmed(channel: str, coin: str = "BTC") -> dict[str, Any]:
    subscription = {"type": channel, "coin": coin}
    data = {"method": "subscribe", "subscription": subscription}
    return {"channel": "subscriptionResponse", "data": data}


def line(received: int, frame: dict[str, Any] | str) -> str:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    return f"{(START + received) * MS} {text}\n"


def usual() -> list[Message]:
    """Return a second of a feed: the bbo of a block arrives before its trades and its image."""
    return [
        (300, confirmed("l2Book")),
        (301, book(0, 99_999, 100_000)),
        (302, confirmed("trades")),
        (310, trades((-9_000, "A", 99_990.0, "0.1", 1), (-5_000, "B", 99_995.0, "0.2", 2))),
        (790, bbo(500, 99_998, 100_001)),
        (795, trades((500, "B", 100_000.0, "0.5", 3), (500, "B", 100_001.0, "0.125", 4))),
        (830, book(500, 99_998, 100_001)),
        (840, {"channel": "pong"}),
        (1_290, bbo(1_000, 99_998, 100_002)),
    ]


def save(path: Path, messages: Iterable[Message]) -> Path:
    text = "".join(line(*message) for message in messages)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def converted(tmp_path: Path, messages: Iterable[Message], **options: Any) -> Conversion:
    source = save(tmp_path / "capture.gz", messages)
    return convert(
        source, tmp_path / "tape.parquet", options=SourceOptions(**options), overwrite=True
    )


def gap_rows(done: Conversion) -> list[dict[str, Any]]:
    return scan(done.target).filter(pl.col("kind") == "gap").collect().to_dicts()


def test_channels_become_rows(tmp_path: Path) -> None:
    done = converted(tmp_path, usual())
    assert done.source_kind == "hyperliquid_ws"
    assert done.counts == {
        "ignored_subscriptionResponse": 2,
        "ignored_pong": 1,
        "trades_before_the_capture_dropped": 2,
    }
    market = done.info.market
    assert (market.symbol, market.price_quantum, market.lot_size) == ("BTC", "0.1", "0.00001")
    assert (market.significant_figures, market.min_notional) == (5, "10")
    assert (market.maker_fee, market.taker_fee) == ("0.00015", "0.00045")
    assert done.assumed == {
        "lot_size": "szDecimals of BTC is 5, as known",
        "fees": "Hyperliquid perpetuals, lowest tier",
    }
    rows = scan(done.target).collect()
    block = rows.filter(pl.col("exch_ts") == (START + 500) * MS)
    assert block["kind"].to_list() == ["trade"] * 2 + ["bbo"] * 2 + ["snapshot"] * 6
    assert block["side"].to_list() == [1, 1, 1, -1, 1, 1, 1, -1, -1, -1]
    assert block["price"].to_list()[:4] == [100_000, 100_001, 99_998, 100_001]
    assert block["size"].to_list()[:2] == [0.5, 0.125]
    assert block["trade_id"].to_list()[:2] == [3, 4]
    assert block["aggressor_end"].to_list()[:2] == [False, True]
    assert block["order_count"].to_list()[4:] == [1, 2, 3, 1, 2, 3]
    local = (block["local_ts"] - START * MS) // MS
    assert local.to_list() == [795] * 2 + [790] * 2 + [830] * 6
    assert validate(done.target) == []
    assert info(done.target).source["importer"] == "hyperliquid_ws"


def test_context_has_no_time_of_its_own(tmp_path: Path) -> None:
    figures = {
        "funding": "0.0000125", "openInterest": "8123.5", "markPx": "100000.5",
        "oraclePx": "100010.0", "premium": "0.0001", "midPx": "99999.5",
    }  # fmt: skip
    context = {"channel": "activeAssetCtx", "data": {"coin": "BTC", "ctx": figures}}
    done = converted(tmp_path, [*usual()[:8], (1_000, context), *usual()[8:]])
    rows = scan(done.target).filter(pl.col("kind") == "context").collect()
    assert rows["context"].to_list() == ["mark", "oracle", "funding", "open_interest"]
    assert rows["price"].to_list() == pytest.approx([100_000.5, 100_010.0, 1.25e-5, 8_123.5])
    # The newest time before is that of 500, first heard of at 790; 210 ms later this arrives.
    assert (rows["exch_ts"].unique() - START * MS).to_list() == [710 * MS]
    assert "exch_ts" in done.assumed
    assert done.counts["exch_ts_assumed"] == 1


def test_one_coin_of_several(tmp_path: Path) -> None:
    other = [(at + 1, bbo(at - 300, 20.1, 20.2, "SOL")) for at in (400, 900, 1_200)]
    with pytest.raises(TapeError, match=r"several markets: BTC \(6 messages\), SOL \(3 m.*--symb"):
        converted(tmp_path, sorted([*usual(), *other], key=lambda message: message[0]))
    done = converted(tmp_path, [*usual(), *other], symbol="SOL", size_decimals=2)
    assert info(done.target).market.symbol == "SOL"
    assert done.info.rows == 6
    assert done.counts["messages_of_other_markets_ignored"] == 6
    assert done.info.market.price_quantum == "0.0001"
    with pytest.raises(TapeError, match=r"nothing of ETH; it holds BTC \(6 .*SOL \(3 messages\)"):
        converted(tmp_path, [*usual(), *other], symbol="ETH")


def later(messages: Iterable[Message], by: int) -> list[Message]:
    """Return messages as they would be `by` ms later."""
    made = []
    for received, frame in messages:
        frame = json.loads(json.dumps(frame))
        data = frame.get("data")
        for item in data if isinstance(data, list) else [data]:
            if isinstance(item, dict) and "time" in item:
                item["time"] += by
            if isinstance(item, dict) and "tid" in item:
                item["tid"] += by
        made.append((received + by, frame))
    return made


def test_confirmed_again_is_a_gap(tmp_path: Path) -> None:
    again = later(usual(), 4_000)
    done = converted(tmp_path, [*usual(), *again])
    assert done.counts["gaps_marked"] == 1
    (gap,) = gap_rows(done)
    # One gap for the new connection, not one for each of its subscriptions. Its history holds a
    # trade of before the gap, and none is older than what was seen.
    assert gap["seq"] == 6
    assert gap["local_ts"] == (START + 4_301) * MS
    assert gap["exch_ts"] == (START + 4_000) * MS
    assert gap["px"] == (START + 1_000) * MS
    assert gap["qty"] == (4_301 - 1_290) * MS
    assert done.counts["trades_before_the_capture_dropped"] == 4
    assert validate(done.target) == []


def test_repeated_trades_without_answers_are_a_gap(tmp_path: Path) -> None:
    first = [message for message in usual() if "subscription" not in str(message[1])]
    history = trades(
        (500, "B", 100_000.0, "0.5", 3),
        (500, "B", 100_001.0, "0.125", 4),
        (2_500, "A", 99_990.0, "1.0", 5),
    )
    again = [(5_301, book(5_000, 99_990, 99_991)), (5_310, history)]
    done = converted(tmp_path, [*first, *again])
    assert done.counts["duplicate_trades_dropped"] == 2
    (gap,) = gap_rows(done)
    # It stands where the pause was, so that the image after it is believed.
    assert gap["local_ts"] == (START + 5_301) * MS
    assert gap["exch_ts"] == (START + 2_500) * MS
    kinds = scan(done.target).collect()["kind"].to_list()
    assert kinds[-8:] == ["gap", "trade", *["snapshot"] * 6]
    assert validate(done.target) == []


def test_silence_is_a_gap(tmp_path: Path) -> None:
    beats = [(300 + n * 500, bbo(n * 500, 99_999, 100_000 + n)) for n in range(40)]
    late = later(beats[:3], 60_000)
    done = converted(tmp_path, [*beats, *late])
    assert done.counts == {"gaps_marked": 1}
    (gap,) = gap_rows(done)
    assert gap["qty"] == (60_300 - 19_800) * MS


def test_duplicates_and_order(tmp_path: Path) -> None:
    messages = usual()
    messages.insert(7, (835, book(500, 99_998, 100_001)))  # an image twice
    messages.insert(6, messages[5])  # trades twice
    messages[4], messages[5] = messages[5], messages[4]  # written late
    done = converted(tmp_path, messages)
    assert done.counts["duplicate_messages_dropped"] == 1
    assert done.counts["duplicate_trades_dropped"] == 2
    assert done.counts["messages_put_in_order_of_arrival"] == 1
    assert "gaps_marked" not in done.counts
    usually = scan(converted(tmp_path, usual()).target).drop("seq").collect()
    done = converted(tmp_path, messages)
    assert scan(done.target).drop("seq").collect().equals(usually)


def test_empty_sides(tmp_path: Path) -> None:
    bare = book(600, 99_998, 100_001)
    bare["data"]["levels"][1] = []
    messages = [*usual()[:7], (900, bare), (1_290, bbo(1_000, 99_998, None))]
    messages.append((1_300, bbo(1_010, None, None)))
    done = converted(tmp_path, messages)
    assert done.counts["bbo_sides_missing"] == 1
    assert done.counts["bbo_without_sides_dropped"] == 1
    last = scan(done.target).collect().tail(2)
    assert last["px"].to_list() == [0, 999_980]
    assert last["kind"].to_list() == ["snapshot", "bbo"]


def test_aggregated_books_are_dropped(tmp_path: Path) -> None:
    coarse = book(700, 99_990, 100_010)
    coarse["data"]["spread"] = "20.0"
    done = converted(tmp_path, [*usual(), (1_400, coarse)])
    assert done.counts["aggregated_images_dropped"] == 1


# ------------------------------------------------------------------------------- market rules


def test_size_decimals(tmp_path: Path) -> None:
    meta = {"universe": [{"name": "BTC", "szDecimals": 5}, {"name": "NEW", "szDecimals": 3}]}
    (tmp_path / "meta.json").write_text(json.dumps([meta, []]))
    (tmp_path / "meta.yaml").write_text(
        f"interactions:\n- response:\n    body:\n      string: '{json.dumps(meta)}'\n"
    )
    messages = [(received, json.loads(json.dumps(frame).replace('"BTC"', '"NEW"')))
                for received, frame in usual()]  # fmt: skip
    for name in ("meta.json", "meta.yaml"):
        done = converted(tmp_path, messages, meta_file=tmp_path / name)
        assert (done.info.market.lot_size, done.info.market.price_quantum) == ("0.001", "0.001")
        assert "lot_size" not in done.assumed
    done = converted(tmp_path, messages, size_decimals=4, maker_fee="0", taker_fee="0.0003")
    assert (done.info.market.lot_size, done.info.market.taker_fee) == ("0.0001", "0.0003")
    assert done.assumed == {}
    done = converted(tmp_path, messages)
    assert done.assumed["lot_size"] == "szDecimals is 3, from the sizes seen"
    with pytest.raises(TapeError, match=r"meta\.json: no coin 'BTX'; did you mean 'BTC'\?"):
        converted(
            tmp_path,
            [(1, bbo(0, 1.0, 2.0, "BTX"))],
            meta_file=tmp_path / "meta.json",
        )
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(TapeError, match="no reply to `meta` in it"):
        converted(tmp_path, messages, meta_file=tmp_path / "other.json")
    spot = {
        "tokens": [{"index": 7, "szDecimals": 1}],
        "universe": [{"name": "@1", "tokens": [7, 0]}],
    }
    (tmp_path / "spot.json").write_text(json.dumps(spot))
    messages = [(1, bbo(0, 1.5, 2.0, "@1")), (2, bbo(1, 1.5, 2.5, "@1"))]
    with pytest.raises(TapeError, match=r"qty: 0\.25 is no multiple of 0\.1; are --tick"):
        converted(tmp_path, messages, meta_file=tmp_path / "spot.json")
    rules = converted(tmp_path, messages, size_decimals=2).info.market
    assert (rules.price_quantum, rules.maker_fee) == ("0.000001", "0.0004")


def test_clock_is_shifted_only_if_it_runs_behind(tmp_path: Path) -> None:
    behind = [(received - 2_000, frame) for received, frame in usual()]
    done = converted(tmp_path, behind)
    assert "recorder's clock +1711.000000 ms" in done.assumed["local_ts"]
    rows = scan(done.target).collect()
    assert (rows["local_ts"] - rows["exch_ts"]).min() == MS
    done = converted(tmp_path, behind, clock_shift_ns=2_000 * MS)
    assert done.info.digest == converted(tmp_path, usual()).info.digest
