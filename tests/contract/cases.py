"""What the contract is checked on: the beginning of each scenario, and a maker that does it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from tests.contract.runs import ROOT
from tests.contract.tapes import dataset_file, head

ROWS = 20_000
#: Scenario and the dataset it runs on; all but `recorded`, which has no tape.
DATASETS = {
    "cascade": "cascade_hl_btc",
    "hyperliquid": "cascade_hl_btc",
    "poisson": "poisson",
    "quiet": "quiet_hl_btc",
    "starved_altcoin": "starved_altcoin",
    "trend": "trend_hl_btc",
}
BUSY = Path(__file__).parent / "strategies" / "busy.py"
#: Within 20,000 rows the scenarios' own warm-up is hardly over.
WARM = {"run.warm_up_s": 20}
QUICK = {
    "run.warm_up_s": 5,
    "maker.requote_ms": 250,
    "maker.quote_on": ["fill"],
    "maker.moves": "modify",
    "venue.latency.entry": {"form": "uniform", "ms": 2, "scale_ms": 30},
    "venue.latency.response": {"form": "exponential", "ms": 1, "scale_ms": 10, "cap_ms": 200},
}
#: A small account on Hyperliquid's exchange, with blocks, margin, funding and a request budget.
ACCOUNT = {
    "venue.rules.exchange": "hyperliquid",
    "venue.rules.symbol": "BTC",
    "venue.rules.date": "2026-07-25",
    "venue.account.deposit": 300,
    "venue.account.leverage": 40,
    "venue.queue.draws": 4,
    "maker.time_in_force": "gtc",
}


class Case(NamedTuple):
    """A scenario, what is replaced in it, and how many rows of its tape are run."""

    scenario: str
    sets: dict[str, Any]
    strategy: str | None = None
    rows: int = ROWS

    @property
    def dataset(self) -> str:
        """The tape's dataset."""
        return DATASETS[self.scenario]

    def job(self, *tapes: Path, **more: Any) -> dict[str, Any]:
        """Return the job for `runs.run_jobs_apart`."""
        return {
            "scenario": self.scenario,
            "tapes": [str(path) for path in tapes],
            "sets": self.sets,
            "strategy": self.strategy,
            **more,
        }


CASES = {
    **{scenario: Case(scenario, WARM) for scenario in DATASETS},
    "busy": Case("cascade", {**QUICK, "strategy.lots": 1_000}, str(BUSY), 6_000),
    "busy_account": Case(
        "cascade",
        {**QUICK, **ACCOUNT, "venue.account.deposit": 90, "strategy.lots": 1_000},
        str(BUSY),
        4_000,
    ),
    "busy_packet": Case(
        "poisson",
        {
            **QUICK,
            "maker.quote_on": ["packet"],
            "maker.time_in_force": "gtc",
            "maker.moves": "cancel_new",
            "venue.queue.model": "log",
            "venue.latency.entry": {
                "form": "lognormal",
                "ms": 2,
                "scale_ms": 15,
                "shape": 0.8,
                "burst": {"share": 0.5, "mean_ms": 300, "slow_share": 0.3},
                "cancel": {"form": "empirical", "sample_ms": [1, 2, 5, 40], "burst": 0.7},
            },
            "maker.max_position": 0.05,
        },
        str(BUSY),
        3_000,
    ),
}


class Heads:
    """The first rows of datasets as tapes, each written once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, dataset: str, rows: int = ROWS) -> Path:
        """Return the tape of a dataset's first rows."""
        path = self._folder / f"{dataset}-{rows}.parquet"
        if not path.exists():
            head(dataset_file(dataset), path, rows)
        return path

    def of(self, case: Case) -> Path:
        """Return the tape of a case."""
        return self(case.dataset, case.rows)


def scenario_names() -> set[str]:
    """Return all scenarios that have a tape of their own."""
    return {path.stem for path in (ROOT / "scenarios").glob("*.yaml")} - {"recorded", "paper"}
