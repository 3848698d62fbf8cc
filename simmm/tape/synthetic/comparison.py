"""Presets against the recordings that they are named after.

The figures of the recordings are those of two tapes of Hyperliquid perpetuals, 2025-09-04
19:46:56–20:21:44 UTC (BTC and WLFI), measured as `simmm.tape.statistics` measures.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from simmm.tape.statistics import Statistics, describe
from simmm.tape.synthetic.generators import generate_of, parameters_of
from simmm.tape.writer import TapeWriter

FACTOR = 1.5
SWEEPING = (0.05, 0.24)
HOURS = 0.6
SEED = 1

#: What is compared: field of `Statistics` and how it is told.
LABELS = {
    "vol_1s_bps": "volatility of 1 s, bps/√s",
    "trades_per_s": "trades/s",
    "spread_ticks": "spread, steps (time-weighted)",
    "one_tick_share": "share of time one step wide",
    "touch_size": "touch size, contracts",
    "aggressor_median": "median aggressor, contracts",
    "trading_share_of_depletion": "trading's share of depletion",
    "sweeping_share": "sweeping aggressors",
    "feed_latency_p1": "feed latency 1 %, s",
    "feed_latency_p50": "feed latency 50 %, s",
    "feed_latency_p99": "feed latency 99 %, s",
}
_LATENCY = {"feed_latency_p1": 0.24, "feed_latency_p50": 0.37, "feed_latency_p99": 1.4}
RECORDED: dict[str, dict[str, float]] = {
    "hl_btc": {
        "vol_1s_bps": 0.40,
        "trades_per_s": 3.2,
        "spread_ticks": 1.27,
        "one_tick_share": 0.948,
        "touch_size": 5.46,
        "aggressor_median": 0.0046,
        "trading_share_of_depletion": 0.019,
        "sweeping_share": 0.136,
        **_LATENCY,
    },
    "hl_wlfi": {
        "vol_1s_bps": 3.94,
        "trades_per_s": 1.2,
        "spread_ticks": 5.66,
        "one_tick_share": 0.237,
        "touch_size": 16217.0,
        "aggressor_median": 3221.0,
        "trading_share_of_depletion": 0.032,
        "sweeping_share": 0.215,
        **_LATENCY,
    },
}


class Line(NamedTuple):
    """One figure of a preset beside the recording's."""

    field: str
    label: str
    generated: float
    recorded: float
    bounds: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether the figure lies within its bounds."""
        return self.bounds[0] <= self.generated <= self.bounds[1]


def compare(statistics: Statistics, preset: str) -> list[Line]:
    """Return a tape's figures beside those of the recording that `preset` resembles."""
    lines = []
    for field, label in LABELS.items():
        recorded = RECORDED[preset][field]
        bounds = SWEEPING if field == "sweeping_share" else (recorded / FACTOR, recorded * FACTOR)
        lines.append(Line(field, label, getattr(statistics, field), recorded, bounds))
    return lines


def compare_presets(
    hours: float = HOURS, seed: int = SEED, progress: Callable[[int, int], None] | None = None
) -> list[tuple[str, list[Line]]]:
    """Generate each preset of both markets, in calm, and compare it.

    The cascade world is compared without a cascade: the recordings hold none.
    """
    cases = [
        (generator, preset) for generator in ("queue_reactive", "cascade") for preset in RECORDED
    ]
    results = []
    with tempfile.TemporaryDirectory(prefix="simmm-") as folder:
        for done, (generator, preset) in enumerate(cases):
            overrides = {"hours": hours} | ({"cascades": 0} if generator == "cascade" else {})
            parameters = parameters_of(generator, preset, overrides)
            path = Path(folder) / f"{generator}-{preset}.parquet"
            with TapeWriter(path, parameters.market) as writer:
                generate_of(generator)(parameters, seed, writer)
            results.append((f"{generator} {preset}", compare(describe(path), preset)))
            if progress is not None:
                progress(done + 1, len(cases))
    return results
