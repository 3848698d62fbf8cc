"""Latencies: the forms, bursts, one connection for all requests, and what is told of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import kstest, rankdata

from simmm.latency import LATENCY_FORMS, bucket_of, delay_feed, draw_ns, next_arrival
from simmm.latency_settings import (
    LatencySettings,
    bucket_bounds,
    drawn,
    summary,
    table_of,
    table_shares,
)
from simmm.mail import least_ns, request, respond
from simmm.records import CANCEL, LATENCY_BUCKETS, MODIFY, NEW, REQUEST_NAMES, Latency, Mail
from tests.hand import MS, START, record
from tests.oracle.latency import Line

S = 1_000_000_000
TABLE = tuple(np.geomspace(2e6, 40e6, 129).tolist())
BURSTS = {"share": 0.5, "mean_ns": 0.3 * S, "slow_share": 0.25, "slow_mean_ns": 20.0 * S}
DRAWN = [form for form in LATENCY_FORMS if form != "constant"]


def settings_of(form: str, **more: Any) -> LatencySettings:
    low = int(TABLE[0]) if form == "empirical" else 2 * MS
    shape = 0.5 if form == "lognormal" else 0.0
    table = TABLE if form == "empirical" else ()
    scale = 0.0 if form == "empirical" else 5e6
    return LatencySettings(form, low, scale, shape, table_ns=table, **more)


def line(settings: LatencySettings, key: int = 7) -> Any:
    made = record(Latency)
    settings.write(made, key)
    return made


def arguments(settings: LatencySettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def draw_all(settings: LatencySettings, sent: np.ndarray, key: int = 7) -> np.ndarray:
    """Return latencies of messages so far apart that none waits for another."""
    lines = np.zeros(1, Latency)
    settings.write(lines[0], key)
    local = np.empty_like(sent)
    delay_feed(lines, sent, local)
    return local - sent


def sparse(count: int, least_ns: int = 100 * MS, seed: int = 3) -> np.ndarray:
    steps = np.random.default_rng(seed).integers(least_ns, 3 * least_ns, count)
    return START + np.cumsum(steps)


@pytest.mark.parametrize("form", DRAWN)
@pytest.mark.parametrize("bursts", [{}, BURSTS, {"share": 1.0, "mean_ns": 7.0}])
def test_draws_are_those_of_the_slow_oracle(form: str, bursts: dict[str, float]) -> None:
    settings = settings_of(form, **bursts)
    fast, slow = line(settings), Line(**arguments(settings), key=7)
    rng = np.random.default_rng(1)
    now = START
    for _ in range(300):
        now += int(rng.choice([0, 1, 40 * MS, 900 * MS, 300 * S]))
        assert next_arrival(fast, now) == slow.arrival(now)


@pytest.mark.parametrize("form", DRAWN)
def test_compiled_and_plain_draws_are_equal(form: str) -> None:
    settings = settings_of(form, **BURSTS)
    sent = sparse(200)
    plain = line(settings)
    assert draw_all(settings, sent).tolist() == [next_arrival(plain, ts) - ts for ts in sent]


def test_a_draw_depends_on_counter_and_time_alone() -> None:
    """What is remembered of the last spell can't be seen, whatever was asked before."""
    settings = settings_of("empirical", **BURSTS)
    used = line(settings)
    for k in (5, 900, 3, 3, 77, 0, 50_000, 12):
        ts = START + k * 50 * MS
        assert draw_ns(used, k, ts) == draw_ns(line(settings), k, ts)


@pytest.mark.parametrize("form", DRAWN)
def test_bursts_leave_the_distribution_as_it_was(form: str) -> None:
    sent = sparse(40_000, least_ns=2 * S)  # of some 4,000 long spells
    waits = draw_all(settings_of(form, **BURSTS), sent)
    plain = draw_all(settings_of(form), sent)
    assert kstest(waits, plain).statistic < 0.03
    assert abs(np.median(waits) / np.median(plain) - 1) < 0.02


def test_the_table_is_what_is_drawn() -> None:
    waits = draw_all(settings_of("empirical"), sparse(40_000))
    shares = table_shares()
    assert shares[64] == 0.5
    for place in (32, 48, 64, 80, 96):
        assert np.mean(waits <= TABLE[place]) == pytest.approx(shares[place], abs=0.008)
    assert waits.min() >= int(TABLE[0])
    assert waits.max() <= TABLE[-1]


def test_scores_are_correlated_by_the_shares() -> None:
    sent = START + np.arange(120_000) * 100 * MS
    waits = draw_all(settings_of("empirical", **BURSTS), sent)
    score = ndtri((rankdata(waits) - 0.5) / len(waits))
    for lag in (1, 3, 10, 50, 200):
        seconds = lag * 0.1
        expected = 0.5 * np.exp(-seconds / 0.3) + 0.25 * np.exp(-seconds / 20.0)
        assert np.mean(score[lag:] * score[:-lag]) == pytest.approx(expected, abs=0.03), lag


def test_without_bursts_neighbours_know_nothing_of_each_other() -> None:
    waits = draw_all(settings_of("empirical"), sparse(40_000))
    score = ndtri((rankdata(waits) - 0.5) / len(waits))
    assert abs(np.mean(score[1:] * score[:-1])) < 0.02


# ------------------------------------------------------------------- kinds on one connection


def mail_of(new: LatencySettings, cancel: LatencySettings, modify: LatencySettings) -> Any:
    mail = record(Mail)
    for kind in range(len(REQUEST_NAMES)):
        {CANCEL: cancel, MODIFY: modify}.get(kind, new).write(mail.entry[kind], 7)
    LatencySettings(low_ns=MS).write(mail.answer, 8)
    return mail


def send(mail: Any, now: int, kind: int) -> int:
    return request(mail, now, kind, 1, 2, 1, 100, 1, 0, 0, 0) - now


def test_kinds_take_their_own_time_and_never_overtake() -> None:
    slow, fast = LatencySettings(low_ns=50 * MS), LatencySettings(low_ns=5 * MS)
    mail = mail_of(slow, fast, LatencySettings(low_ns=20 * MS))
    assert least_ns(mail) == 5 * MS
    assert send(mail, START, CANCEL) == 5 * MS
    assert send(mail, START + MS, NEW) == 50 * MS
    assert send(mail, START + 11 * MS, CANCEL) == 40 * MS  # it waits for the order before it
    assert send(mail, START + 100 * MS, MODIFY) == 20 * MS


def test_requests_are_counted_together() -> None:
    """Of kinds with one distribution the mixture can't be seen in the draws."""
    settings = settings_of("lognormal", **BURSTS)
    one, mixed = mail_of(settings, settings, settings), mail_of(settings, settings, settings)
    kinds = [NEW, CANCEL, MODIFY, CANCEL, NEW] * 8
    times = [START + k * 300 * MS for k in range(len(kinds))]
    assert [send(one, t, NEW) for t in times] == [
        send(mixed, t, kind) for t, kind in zip(times, kinds, strict=True)
    ]


# ----------------------------------------------------------------------- what is told of them


def test_buckets_hold_what_their_bounds_say() -> None:
    rng = np.random.default_rng(2)
    for took in [1, 127, 128, 10**15, *(int(x) for x in np.exp(rng.uniform(0, 34, 500)))]:
        bucket = bucket_of(took)
        low, high = bucket_bounds(bucket)
        assert low <= took
        assert took < high or bucket == LATENCY_BUCKETS - 1


def test_the_summary_is_that_of_the_latencies_themselves() -> None:
    lines = np.zeros(1, Latency)
    settings_of("empirical", **BURSTS).write(lines[0], 7)
    sent = sparse(20_000)
    local = np.empty_like(sent)
    delay_feed(lines, sent, local)
    waits = (local - sent) / 1e6
    told = summary(lines[0])
    assert told["count"] == len(sent)
    assert told["mean_ms"] == pytest.approx(waits.mean(), rel=1e-12)
    assert (told["min_ms"], told["max_ms"]) == (waits.min(), waits.max())
    for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99)):
        assert told[name] == pytest.approx(np.quantile(waits, share), rel=0.03)
    assert sum(count for _, _, count in told["buckets"]) == len(sent)


def test_a_constant_is_told_exactly_and_what_was_not_sent_not_at_all() -> None:
    constant = LatencySettings(low_ns=20 * MS)
    mail = mail_of(constant, constant, constant)
    for k in range(5):
        send(mail, START + k * S, CANCEL)
    told = drawn(mail)
    assert set(told["entry"]) == {"cancel"}
    assert told["response"] is None
    found = told["entry"]["cancel"]
    assert {found[name] for name in ("mean_ms", "min_ms", "p50_ms", "p99_ms", "max_ms")} == {20.0}
    respond(mail, START, 0, 0, 1, 0, 1, 100, 1, 1, 0, 0, 0)
    assert drawn(mail)["response"]["count"] == 1


def test_the_table_of_a_sample_are_its_quantiles() -> None:
    values = np.random.default_rng(5).exponential(100.0, 100_000)
    table = table_of(values)
    assert table[64] == pytest.approx(np.median(values), rel=1e-4)
    assert (table[0], table[-1]) == (pytest.approx(values.min(), abs=0.02), table.max())
    assert (np.diff(table) >= 0).all()
    assert set(table_of(np.array([3.0, 5.0]))) >= {3.0, 4.0, 5.0}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"form": "sometimes"}, "form"),
        ({"low_ns": 0}, "form"),
        ({"form": "empirical", "table_ns": (1.0, 2.0)}, "table"),
        ({"form": "empirical", "table_ns": tuple(np.linspace(9, 1, 129).tolist())}, "table"),
        ({"table_ns": TABLE}, "table"),
        ({"form": "uniform", "share": 0.9, "slow_share": 0.2}, "bursts"),
        ({"form": "uniform", "share": -0.1}, "bursts"),
        ({"form": "uniform", "share": float("nan")}, "bursts"),
        ({"form": "uniform", "share": 0.5, "mean_ns": float("inf")}, "bursts"),
    ],
)
def test_settings_that_no_latency_has_are_named(change: dict[str, Any], what: str) -> None:
    assert what in LatencySettings(**change).problem()
    assert settings_of("lognormal", **BURSTS).problem() == ""
    assert settings_of("empirical", **BURSTS).problem() == ""
