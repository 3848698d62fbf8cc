"""The request budget: by address and by IP, against the venue's own figures."""

from __future__ import annotations

from typing import Any

import pytest

from simmm.records import (
    CANCEL,
    MODIFY,
    NEW,
    NO_REASON,
    OUT_OF_REQUESTS,
    RATE_LIMITED,
)
from simmm.rules import venue_rules
from simmm.venue.budget import address_limit, allow, cancel_limit, charge_expired
from simmm.venue_records import Account, Budget
from tests.hand import record

S = 1_000_000_000
MINUTE = 60 * S
START = 1_784_000_040 * S  # a whole minute
USDC = 1_000_000


def _budget(**fields: int) -> Any:
    budget = record(Budget)
    rules = venue_rules("hyperliquid", "BTC", "2026-07-19")
    rules.write_budget(budget)
    for name, value in fields.items():
        setattr(budget, name, value)
    return budget


def _alone(**fields: int) -> Any:
    """An address's budget without the IP's."""
    return _budget(by_ip=0, **fields)


def test_two_quotes_a_second_use_up_the_free_requests_in_83_minutes() -> None:
    """2 requests a second: 10,000 last 5,000 s; one more passes at once, then one each 10 s."""
    budget, account = _alone(), record(Account)
    answers = []
    for second in range(5_030):
        now = START + second * S
        answers += [allow(budget, account, MODIFY, now, now) for _ in range(2)]
    assert answers[:10_001] == [NO_REASON] * 10_001
    assert answers.index(OUT_OF_REQUESTS) == 10_001
    assert (budget.exhausted_ts - START) // MINUTE == 83
    passed = [k // 2 for k, answer in enumerate(answers) if k >= 10_000 and answer == NO_REASON]
    assert passed == [5_000, 5_010, 5_020]
    assert budget.refused == 60 - 3
    assert budget.used == 10_003  # refused requests are free


def test_the_limit_is_10000_and_one_per_usdc_traded() -> None:
    """As recorded: 170,043,721,737.450012 traded, 170,043,731,737 requests."""
    budget, account = _alone(), record(Account)
    account.maker_money = 170_043_721_737_450_012
    assert address_limit(budget, account) == 170_043_731_737
    account.maker_money, account.taker_money = 60 * USDC, 40 * USDC - 1
    assert address_limit(budget, account) == 10_099


def test_volume_frees_requests_at_once() -> None:
    budget, account = _alone(used=10_000, free_ts=START), record(Account)
    assert allow(budget, account, NEW, START, START + 1) == OUT_OF_REQUESTS
    account.taker_money = 2 * USDC
    assert [allow(budget, account, NEW, START, START + 2) for _ in range(3)] == [
        NO_REASON,
        NO_REASON,
        OUT_OF_REQUESTS,
    ]


@pytest.mark.parametrize(("limit", "cancels"), [(10_000, 20_000), (500_000, 600_000)])
def test_cancels_have_a_limit_of_their_own(limit: int, cancels: int) -> None:
    budget, account = _alone(used=limit, free_ts=START), record(Account)
    account.maker_money = (limit - 10_000) * USDC
    assert cancel_limit(budget, limit) == cancels
    assert allow(budget, account, NEW, START, START + 1) == OUT_OF_REQUESTS
    assert allow(budget, account, CANCEL, START, START + 1) == NO_REASON
    budget.used = cancels
    assert allow(budget, account, CANCEL, START, START + 2) == OUT_OF_REQUESTS


def test_an_expired_action_costs_five() -> None:
    budget = _alone(used=7)
    charge_expired(budget)
    assert budget.used == 12
    free = record(Budget)
    charge_expired(free)
    assert free.used == 0


def test_without_a_budget_everything_passes() -> None:
    budget, account = record(Budget), record(Account)
    assert {allow(budget, account, NEW, START, START) for _ in range(20_000)} == {NO_REASON}
    assert (budget.used, budget.ip_used) == (0, 0)


def test_1200_actions_a_minute_pass_the_ip() -> None:
    budget, account = _budget(), record(Account)
    now = START + 59 * S
    answers = [allow(budget, account, NEW, START + k, now) for k in range(1_205)]
    assert answers == [NO_REASON] * 1_200 + [RATE_LIMITED] * 5
    assert (budget.ip_refused, budget.used) == (5, 1_200)
    assert allow(budget, account, NEW, START, START + MINUTE) == NO_REASON  # a new minute
    assert budget.ip_used == 1


@pytest.mark.parametrize(("length", "weight"), [(1, 1), (39, 1), (40, 2), (79, 2), (80, 3)])
def test_a_batch_weighs_one_and_one_per_forty(length: int, weight: int) -> None:
    budget, account = _budget(), record(Account)
    for _ in range(length):
        assert allow(budget, account, NEW, START, START + 5) == NO_REASON
    assert (budget.ip_used, budget.used) == (weight, length)


def test_other_kinds_and_other_moments_are_other_actions() -> None:
    budget, account = _budget(), record(Account)
    for kind, sent in ((NEW, 1), (NEW, 1), (CANCEL, 1), (NEW, 1), (NEW, 2)):
        assert allow(budget, account, kind, START + sent, START + 9) == NO_REASON
    assert budget.ip_used == 4


def test_what_the_ip_refuses_the_address_does_not_count() -> None:
    budget, account = _budget(ip_limit=1), record(Account)
    assert allow(budget, account, NEW, START, START) == NO_REASON
    for _ in range(3):  # one batch: each of its requests is refused
        assert allow(budget, account, CANCEL, START, START) == RATE_LIMITED
    assert (budget.used, budget.ip_used, budget.ip_refused) == (1, 1, 3)
