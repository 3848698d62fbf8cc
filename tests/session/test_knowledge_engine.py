"""A venue behind a feed under the whole engine: one result, and no look-ahead."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simmm.backtest import feed_clock
from simmm.jit import INTERPRETED
from simmm.records import NEVER
from simmm.scenario import Resolved
from simmm.session.arriving import arriving
from simmm.session.steps import Steps
from simmm.tape import TapeSpec, TapeStream, info, open_tapes
from tests.contract import poison
from tests.contract.cases import BUSY, CASES, DATASETS, QUICK, Case, Heads
from tests.contract.runs import (
    Outcome,
    Tables,
    advance_through,
    digest,
    resolve,
    run_job,
    run_jobs_apart,
    simulate,
)
from tests.contract.tapes import read, write

GROWING = 1 << 8
FEED = {**QUICK, "venue.knowledge": "feed", "venue.hold_back_ms": 100, "strategy.lots": 1_000}
LATENCY = {"form": "lognormal", "ms": 3, "scale_ms": 80, "shape": 1.2, "cap_ms": 5000}
ENGINE = {
    "on fills": Case("cascade", {**FEED, "venue.latency.feed": LATENCY}, str(BUSY), 5_000),
    "on packets": Case(
        "poisson",
        {
            **FEED,
            "venue.latency.feed": LATENCY,
            "maker.quote_on": ["packet"],
            "maker.moves": "cancel_new",
            "maker.max_position": 0.05,
            "strategy.lots": 5,
        },
        str(BUSY),
        2_000,
    ),
    "timers": Case("quiet", {"run.warm_up_s": 10, "venue.knowledge": "feed"}, None, 8_000),
}


def _opened(case: Case, heads: Heads, rows: int | None = None) -> tuple[Resolved, TapeStream]:
    resolved = resolve(case.scenario, [heads.of(case)], case.sets, case.strategy)
    specs = [TapeSpec(list(resolved.tape_paths))]
    return resolved, open_tapes(specs, rows_per_chunk=rows, feed=feed_clock(resolved))


def in_chunks(
    case: Case, heads: Heads, rows: int | None, window: int, interpreted: bool = INTERPRETED
) -> Outcome:
    """Run a case in chunks."""
    resolved, opened = _opened(case, heads, rows)
    with opened as stream:
        simulation = simulate(resolved, stream, interpreted=interpreted)
        tables = Tables()
        advance_through(simulation, stream.chunks(), simulation.feed(rows=window), tables)
        simulation.finish(tables)
    return Outcome(tables.joined(), simulation)


def by_packet(
    case: Case, heads: Heads, seed: int, window: int, interpreted: bool = INTERPRETED
) -> Outcome:
    """Run a case packet by packet, with idle waits."""
    draw = np.random.default_rng(seed)
    resolved, opened = _opened(case, heads, 700)
    with opened as stream:
        simulation = simulate(resolved, stream, interpreted=interpreted)
        tables = Tables()
        steps = Steps(simulation, tables)
        steps.feed = simulation.feed(by_arrival=True, rows=window)
        end_ns = simulation.settings.end_ns
        for packet in arriving(stream.chunks()):
            if packet.local_ts > end_ns:
                break
            now = steps.bound_ts
            if now and packet.local_ts > now and draw.random() < 0.4:
                for share in sorted(draw.random(2)):
                    steps.wait(now + int(share * (packet.local_ts - now)))
            steps.hear(packet)
        steps.end(end_ns)
        simulation.finish(tables)
    return Outcome(tables.joined(), simulation)


def decided(outcome: Outcome) -> dict[str, str]:
    """Return digests of all tables."""
    found = outcome.digests()
    apart = ("heard", *(name for name in found if name.startswith("state_")))
    return {name: value for name, value in found.items() if name not in apart}


@pytest.mark.parametrize("name", ENGINE)
def test_engine_by_chunks_and_by_packets(name: str, heads: Heads) -> None:
    case = ENGINE[name]
    whole = in_chunks(case, heads, None, 1 << 14)
    assert whole.rows("fills").size > 3
    for rows in (1, 7, 1000):
        assert decided(in_chunks(case, heads, rows, 1 << 14)) == decided(whole), rows
    for seed in (1, 2):
        assert decided(by_packet(case, heads, seed, 1 << 14)) == decided(whole), seed


@pytest.mark.parametrize(
    "interpreted",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.skipif(
                os.environ.get("SIMMM_LONG") != "1",
                reason="compiles the engine for each size, minutes; SIMMM_LONG=1 runs it",
            ),
        ),
    ],
)
def test_engine_with_windows_that_grow(heads: Heads, interpreted: bool) -> None:
    case = ENGINE["on fills"]
    whole = decided(in_chunks(case, heads, None, 1 << 14))
    assert decided(in_chunks(case, heads, 7, GROWING, interpreted)) == whole
    assert decided(by_packet(case, heads, 3, GROWING, interpreted)) == whole


def test_engine_with_a_hold_back_of_another_nanosecond(heads: Heads) -> None:
    """The digests would tell."""
    case = ENGINE["on fills"]
    other = case._replace(sets={**case.sets, "venue.hold_back_ms": 100.5})
    assert decided(in_chunks(case, heads, None, 1 << 14)) != decided(
        in_chunks(other, heads, None, 1 << 14)
    )


@pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="nothing is compiled here"
)
def test_compiled_and_interpreted_give_the_same_bits(heads: Heads) -> None:
    """On the first 20,000 rows, and on fewer of a maker that does everything."""
    feed = {"venue.knowledge": "feed", "venue.hold_back_ms": 100}
    cases = [
        CASES["cascade"]._replace(sets={**CASES["cascade"].sets, **feed}),
        CASES["busy"]._replace(sets={**CASES["busy"].sets, **feed}, rows=3_000),
    ]
    jobs = [case.job(heads.of(case)) for case in cases]
    shares = [[job] for job in jobs]
    (one,), (two,) = run_jobs_apart(*shares, environments=[{"NUMBA_DISABLE_JIT": "1"}])
    assert [one, two] == [run_job(job).digests() for job in jobs]


# ---------------------------------------------------------------------------- no look-ahead


POISON_ROWS = 6_000


def _until(outcome: Outcome, t: int) -> dict[str, str]:
    """Return digests of what the maker knew and decided up to `t`."""
    when = {"intents": "ts", "beliefs": "ts", "heard": "arrival_ts"}
    found = {}
    for name, column in when.items():
        rows = outcome.tables.get(name)
        if rows is not None:
            rows = rows[rows[column] <= t]
            found[name] = f"{rows.size} {digest(rows)}"
    return found


@pytest.mark.parametrize(
    "poisoned", [poison.false_unseen, poison.false_future, poison.false_arrivals, poison.cut]
)
def test_a_false_future(poisoned: Callable[..., Any], heads: Heads, tmp_path: Path) -> None:
    """What has not arrived at t changes nothing that the maker hears or does up to t.

    Not even what had happened by then: a venue behind a feed hasn't seen it either.
    """
    true = heads(DATASETS["cascade"], POISON_ROWS)
    columns, market = read(true), info(true).market
    window = poison.book_window(true)

    def outcome(tape: Path) -> Outcome:
        # What kind of tape it is, is told beforehand: a false future could be of another kind.
        resolved = resolve("cascade", [tape], {**FEED, "venue.queue.levels": "images"}, BUSY)
        with open_tapes([TapeSpec(tape)]) as stream:
            simulation = simulate(resolved, stream, window)
            simulation.makers["keeps_heard"] = 1
            tables = Tables()
            simulation.run(stream.chunks(), tables)
            simulation.finish(tables)
        return Outcome(tables.joined(), simulation)

    base = outcome(true)
    draw = np.random.default_rng(5)
    differed = 0
    for row in draw.integers(POISON_ROWS // 3, POISON_ROWS * 4 // 5, 4):
        t = int(columns["local_ts"][row]) + int(draw.integers(-1, 2))
        extra = () if poisoned is poison.cut else (1,)
        false = write(tmp_path / f"{t}.parquet", poisoned(columns, t, *extra), market)
        changed = outcome(false)
        end = min(t, changed.simulation.settings.end_ns)
        assert _until(changed, end) == _until(base, end)
        assert int(_until(base, end)["heard"].split()[0]) > 0
        differed += _until(changed, NEVER) != _until(base, NEVER)
    assert differed == 4, "the poison was not even tasted after t"


def test_what_the_tape_knows_would_be_seen(heads: Heads, tmp_path: Path) -> None:
    """A venue that knows the tape does betray what hasn't arrived."""
    true = heads(DATASETS["cascade"], POISON_ROWS)
    columns, market = read(true), info(true).market
    sets = {**FEED, "venue.knowledge": "tape"}
    base = _plain(true, sets)

    def betrayed(row: int) -> bool:
        t = int(columns["local_ts"][row])
        false = write(tmp_path / f"{t}.parquet", poison.false_unseen(columns, t, 1), market)
        return _until(_plain(false, sets), t)["intents"] != _until(base, t)["intents"]

    assert any(betrayed(row) for row in range(2_000, 5_000, 250))


def _plain(tape: Path, sets: dict[str, Any]) -> Outcome:
    resolved = resolve("cascade", [tape], sets, BUSY)
    with open_tapes([TapeSpec(tape)]) as stream:
        simulation = simulate(resolved, stream, poison.book_window(tape))
        tables = Tables()
        simulation.run(stream.chunks(), tables)
    return Outcome(tables.joined(), simulation)
