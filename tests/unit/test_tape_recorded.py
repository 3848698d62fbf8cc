"""Recorded tapes: they import, validate, and measure what others measured on them."""

import pytest

from simmm.tape import Conversion, Statistics, convert, describe, validate
from tests.outside import recorded_file

SPREAD, TOUCH, VOLATILITY, KAPPA = 0.05, 0.05, 0.25, 1.5

#: tick bps, trades/s, aggressors/s, spread, one tick, vol 1 s, vol 10 s, touch, aggressor median
#: and mean, kappa, trading's share of depletion: as published with the recordings.
MEASURED = {
    "hl_BTC_20250904": (0.091, 3.2, 1.14, 1.27, 0.948, 0.40, 0.59, 5.46, 0.0046, 0.234, 1.7, 0.019),
    "hl_SOL_20250904": (0.493, 2.1, 0.93, 1.12, 0.952, 1.00, 1.23, 643, 0.39, 93, 1.03, 0.021),
    "hl_WLFI_20250904": (
        0.538, 1.2, 0.52, 5.66, 0.237, 3.94, 4.53, 16217, 3221, 14435, 0.25, 0.032,
    ),
    "binance_usdm_BTCUSDT_20240808": (
        0.016, 62, 15.6, 1.14, 0.991, 1.30, 1.17, 2.85, 0.030, 0.45, 2.2, 0.202,
    ),
    "binance_spot_NEXOUSDT_20240723": (
        8.17, 0.16, 0.08, 1.20, 0.801, 1.35, 1.28, 198, 43, 141, 0.175, 0.196,
    ),
    "bitmex_XBTUSD_20200310": (
        0.636, 11.9, 2.82, 1.02, 0.997, 1.56, 1.86, 503659, 1000, 16754, 0.31, 0.073,
    ),
}  # fmt: skip
CME = "l2from_l3_cme_ESH4_20231225_h1"
#: All that importing may change or add, and all that validation may warn of, with the reason.
COUNTS = {
    # The feed was silent for 17.5 s; after reconnecting it sent the trades of that time.
    "hl_BTC_20250904": {"gaps_marked": 1},
    "hl_SOL_20250904": {"gaps_marked": 1},
    "hl_WLFI_20250904": {"gaps_marked": 1},
    # The venue's book ticker carries no exchange time.
    "binance_spot_NEXOUSDT_20240723": {"exch_ts_assumed": 48992},
}
WARNINGS = {
    # Book ticker and differences are channels with clocks of their own: 2 of 40,129 blocks.
    "binance_usdm_BTCUSDT_20240808": {"crossed book after all messages of one exch_ts"},
    # A market this thin is often silent for 10 s; exchange times of its bbo are assumed.
    "binance_spot_NEXOUSDT_20240723": {
        "crossed book after all messages of one exch_ts",
        "exchange silent for more than 10 s and no gap row",
    },
}


@pytest.fixture(scope="module", params=[*MEASURED, CME])
def recorded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Conversion]:
    source = recorded_file(f"{request.param}.parquet")
    return request.param, convert(source, tmp_path_factory.mktemp("tape") / "tape.parquet")


def test_recording_imports_without_error(recorded: tuple[str, Conversion]) -> None:
    name, done = recorded
    assert done.counts == COUNTS.get(name, {})
    found = validate(done.target)
    assert {one.severity for one in found} <= {"warning"}
    assert {one.what for one in found} == WARNINGS.get(name, set())


def test_recording_measures_what_others_measured(recorded: tuple[str, Conversion]) -> None:
    name, done = recorded
    if name not in MEASURED:
        pytest.skip("nobody measured this one")
    found: Statistics = describe(done.target)
    (tick, trades, takers, spread, one_tick, vol_1s, vol_10s, touch, median, mean, kappa,
     share) = MEASURED[name]  # fmt: skip
    assert found.tick_bps == pytest.approx(tick, rel=0.05)
    assert found.spread_ticks == pytest.approx(spread, rel=SPREAD)
    assert found.one_tick_share == pytest.approx(one_tick, abs=0.005)
    assert found.touch_size == pytest.approx(touch, rel=TOUCH)
    assert found.vol_1s_bps == pytest.approx(vol_1s, rel=VOLATILITY)
    assert found.vol_10s_bps == pytest.approx(vol_10s, rel=VOLATILITY)
    assert found.trades_per_s == pytest.approx(trades, rel=0.05)
    assert found.aggressors_per_s == pytest.approx(takers, rel=0.06)
    assert found.aggressor_median == pytest.approx(median, rel=0.05)
    assert found.aggressor_mean == pytest.approx(mean, rel=0.05)
    assert kappa / KAPPA < found.kappa_per_bp < kappa * KAPPA
    assert found.trading_share_of_depletion == pytest.approx(share, rel=0.25)
    if name.startswith("hl_"):
        assert found.feed_latency_p1 == pytest.approx(0.24, rel=0.1)
        assert found.feed_latency_p50 == pytest.approx(0.37, rel=0.1)
