"""Backtest behind a feed, paper session and its verification: one digest, whatever the pace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simmm.backtest import run as backtest
from simmm.scenario import Resolved
from simmm.session.paper import Pace
from simmm.session.verify import verify
from simmm.tape import convert
from tests.contract.cases import QUICK, Heads
from tests.outside import recorded_file
from tests.session.sessions import (
    Kind,
    Told,
    as_backtest,
    assert_same,
    assert_same_decisions,
    play,
    read,
    resolve,
)

EVERYTHING = ("fills", "orders", "intents", "equity", "beliefs", "mids")
ON_PACKET = {
    **QUICK,
    "maker.quote_on": ["packet"],
    "maker.moves": "cancel_new",
    "maker.time_in_force": "gtc",
}
KINDS = {
    "cascade, modify on fills": Kind("cascade", {**QUICK, "strategy.gamma": 500.0}, 30_000),
    "quiet, timers": Kind("quiet", {"run.warm_up_s": 30, "maker.requote_ms": 700}, 30_000),
    "poisson, packets": Kind("poisson", {**ON_PACKET, "maker.max_position": 0.05}, 8_000),
    "trend, late feed": Kind(
        "trend",
        {
            "run.warm_up_s": 20,
            "strategy.gamma": 50.0,
            "maker.reconcile": "replace",
            "venue.hold_back_ms": 20,
            "venue.latency.feed": {"form": "lognormal", "ms": 5, "scale_ms": 60, "shape": 1.0},
        },
        30_000,
    ),
}
#: About 1,000 USD an order, held back so shortly that some of the feed is late.
RECORDED = {
    "hl_BTC_20250904": {"maker.max_position": 0.1, "strategy.order_size": 0.01},
    "hl_SOL_20250904": {
        "maker.max_position": 50.0, "strategy.order_size": 5.0, "venue.hold_back_ms": 50,
    },
    "hl_WLFI_20250904": {
        "maker.max_position": 50_000.0, "strategy.order_size": 5_000.0, "venue.hold_back_ms": 50,
    },
}  # fmt: skip
QUICK_RECORDED = {
    "run.warm_up_s": 20,
    "run.to": 420.0,
    "maker.requote_ms": 500,
    "maker.moves": "modify",
    "maker.quote_on": ["fill"],
    "strategy.offset_steps": 0,
}
PACES = {"full speed": Pace(None, 30.0), "speed 1000": Pace(1000.0, 30.0)}
FEED_S = 150


def check(resolved: Resolved, pace: Pace, folder: Path) -> Told:
    """Play a session and compare it with a backtest of its scenario and with its proof."""
    session = play(resolved, folder / "paper", pace=pace)
    told = read(session)
    assert_same_decisions(read(backtest(resolved, out=folder / "backtest")), told, EVERYTHING)
    assert_same(as_backtest(session, folder / "again"), told, EVERYTHING)
    verdict = verify(session)
    assert verdict.same, verdict.reason
    assert verdict.digest == told.chains[0]
    assert verdict.intents == told.tables["intents"].height > 0
    assert told.tables["seen"].height == told.info["session"]["rows"]
    return told


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("name", KINDS)
def test_generated(name: str, pace: str, heads: Heads, tmp_path: Path) -> None:
    kind = KINDS[name]
    if pace != "full speed":
        kind = kind._replace(sets={**kind.sets, "run.to": FEED_S})
    told = check(kind.resolved(heads), PACES[pace], tmp_path)
    if pace == "full speed":
        assert told.info["counts"]["fills"] > 0
    if "late" in name:
        assert told.info["session"]["late_packets"] > 20


@pytest.fixture(scope="module", params=RECORDED)
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A recorded tape, and orders of a size that suits it."""
    source = recorded_file(f"{request.param}.parquet")
    target = tmp_path_factory.mktemp("recorded") / source.name
    convert(source, target)
    return target, {**QUICK_RECORDED, **RECORDED[request.param]}


@pytest.mark.parametrize("pace", PACES)
def test_recorded(recording: tuple[Path, dict[str, Any]], pace: str, tmp_path: Path) -> None:
    tape, sets = recording
    sets = {**sets, "venue.knowledge": "feed"}
    told = check(resolve("recorded", tape, sets), PACES[pace], tmp_path)
    assert told.info["counts"]["fills"] > 3
    assert told.info["session"]["late_packets"] > 0


def test_what_the_tape_knows_is_another_session(heads: Heads, tmp_path: Path) -> None:
    """The comparison would fail if the exchange knew more, or for a nanosecond of hold-back."""
    kind = KINDS["cascade, modify on fills"]
    told = read(play(kind.resolved(heads), tmp_path / "paper"))
    known = read(backtest(kind.resolved(heads, "tape"), out=tmp_path / "tape"))
    assert known.chains[0] != told.chains[0]
    with pytest.raises(AssertionError):
        assert_same_decisions(known, told)
    under_tape = read(tmp_path / "paper" / "under_tape")
    assert under_tape.chains == known.chains
    sets = {**kind.sets, "venue.hold_back_ms": 250.1}
    other = read(backtest(kind._replace(sets=sets).resolved(heads), out=tmp_path / "other"))
    assert other.chains[0] != told.chains[0]
