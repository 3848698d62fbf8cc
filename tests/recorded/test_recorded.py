"""Quotes at the touch of recorded markets: they fill, and their money adds up exactly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.backtest import run
from simmm.records import DEPTH, KIND_MASK
from simmm.tape import convert, info
from tests.contract import identity, poison
from tests.contract.runs import Outcome, digest, resolve
from tests.contract.runs import run as run_in_memory
from tests.contract.tapes import read, write
from tests.outside import recorded_file

#: About 1,000 USD an order, ten orders at most.
SIZES = {
    "hl_BTC_20250904": {"maker.max_position": 0.1, "strategy.order_size": 0.01},
    "hl_SOL_20250904": {"maker.max_position": 50.0, "strategy.order_size": 5.0},
    "hl_WLFI_20250904": {"maker.max_position": 50_000.0, "strategy.order_size": 5_000.0},
}
LEAST_FILLS = 200
HEAD_ROWS = 12_000


@pytest.fixture(scope="module", params=SIZES)
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    source = recorded_file(f"{request.param}.parquet")
    target = tmp_path_factory.mktemp("recorded") / source.name
    convert(source, target)
    return target, SIZES[request.param]


def test_symmetric_at_the_touch_fills_and_adds_up(
    recording: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    tape, sizes = recording
    folder = run(
        resolve("recorded", [tape], {**sizes, "strategy.offset_steps": 0}), out=tmp_path / "out"
    )
    finished = identity.read(folder)
    orders, counts = finished.report["orders"], finished.info["counts"]
    reason = f"{orders['placed']} orders rested, {counts['rejections']} were rejected"
    assert len(finished.fills) >= LEAST_FILLS, reason
    assert counts["rows_outside_window"] == 0
    identity.check_account(finished)
    identity.check_samples(finished)
    identity.check_parts(finished)


def test_chunks_cannot_be_seen(recording: tuple[Path, dict[str, Any]]) -> None:
    """Packets in flight for a second and more, in chunks of any size."""
    tape, sizes = recording
    resolved = resolve("recorded", [tape], sizes)
    whole = run_in_memory(resolved).digests()
    assert run_in_memory(resolved, rows_per_chunk=1_000).digests() == whole


def _decided(outcome: Outcome, t: int) -> list[str]:
    tables = [outcome.rows(name) for name in ("intents", "beliefs", "fills", "equity")]
    return [digest(rows[rows["ts"] <= t]) for rows in tables]


def test_no_look_ahead(recording: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Poisoned after t, with the recorded lateness of each packet."""
    tape, sizes = recording
    market, columns = info(tape).market, read(tape, HEAD_ROWS)
    levels = "changes" if (columns["tag"] & KIND_MASK == DEPTH).any() else "images"
    sets = {**sizes, "run.warm_up_s": 5, "venue.queue.levels": levels}
    path = write(tmp_path / "true.parquet", columns, market)
    window = poison.book_window(path)
    true = run_in_memory(resolve("recorded", [path], sets), book_window=window)
    for n, place in enumerate((5_000, 8_000)):
        t = int(columns["exch_ts"][place] + columns["local_ts"][place]) // 2
        late = (columns["local_ts"] > t) & (columns["exch_ts"] <= t)
        assert np.count_nonzero(late) > 0, "something is in flight"
        for poisoned in (poison.false_future, poison.false_arrivals):
            path = tmp_path / f"{n}-{poisoned.__name__}.parquet"
            write(path, poisoned(columns, t, 1), market)
            false = run_in_memory(resolve("recorded", [path], sets), book_window=window)
            assert _decided(false, t) == _decided(true, t), poisoned.__name__
            assert false.digests()["beliefs"] != true.digests()["beliefs"]
