"""Fees, funding, margin and request budget of the account, where the run modelled them."""

from __future__ import annotations

import numpy as np

from simmm.report.intervals import exact_dot, exact_sum, mean
from simmm.report.payments import NOT_MAKER
from simmm.report.payments import funding as payments
from simmm.report.schema_account import (
    FeeLine,
    FeePeriod,
    Fees,
    FundingFacts,
    Margin,
    RequestBudget,
)
from simmm.report.tables import Run

HOUR_S, DAY_S = 3_600, 86_400
#: Stretches that fees are told of, for runs up to so many hours.
_PERIODS = ((300, 2.5), (900, 12), (HOUR_S, 48), (DAY_S, float("inf")))
_MODES = {1: "cross", 2: "isolated"}
_PER_ONE = 1e12  # of a funding rate


def fees(run: Run) -> Fees:
    """Divide the fees into those of makers and takers, and by time: minutes, hours or days."""
    fills = run.fills
    taker = (fills["marks"] & NOT_MAKER) != 0
    lines = []
    for name, use in (("maker", ~taker), ("taker", taker)):
        paid = _money(run, exact_sum(fills["fee"][use]))
        notional = exact_dot(fills["px"][use], fills["quantity"][use]) * run.notional_unit
        lines.append(FeeLine(name, paid, notional, paid / notional * 1e4 if notional else None,
                             int(np.count_nonzero(use))))  # fmt: skip
    start, end = run.info.period.quote_start_ns, run.info.period.end_ns
    period_s = next(seconds for seconds, most in _PERIODS if run.hours <= most)
    step = period_s * 1_000_000_000
    edges = np.arange(start, max(end, start + 1), step, dtype=np.int64)
    place = np.clip((fills["ts"] - start) // step, 0, len(edges) - 1)
    periods = [
        FeePeriod(
            int(edge),
            _money(run, exact_sum(fills["fee"][(place == at) & ~taker])),
            _money(run, exact_sum(fills["fee"][(place == at) & taker])),
        )
        for at, edge in enumerate(edges.tolist())
    ]
    return Fees(lines, period_s, periods, run.info.rules or {})


def funding(run: Run) -> FundingFacts | None:
    """Add the funding payments up; None where the run knows no funding."""
    if "funding" in run.info.unmodelled:
        return None
    paid = payments(run).paid
    rate = np.zeros(0) if run.funding is None else run.funding["rate_e12"] / _PER_ONE
    out, received = exact_sum(paid[paid > 0]), -exact_sum(paid[paid < 0])
    return FundingFacts(
        payments=len(paid),
        paid=_money(run, out),
        received=_money(run, received),
        net=_money(run, out - received),
        rate_mean=mean(rate) if len(rate) else None,
        rate_low=float(rate.min()) if len(rate) else None,
        rate_high=float(rate.max()) if len(rate) else None,
        unknown=run.info.account.get("unfunded", 0),
    )


def margin(run: Run) -> Margin | None:
    """Describe the margin account; None where the run knows no margin."""
    account, equity = run.info.account, run.equity
    mode = _MODES.get(account.get("margin", 0))
    if mode is None or "value" not in equity:
        return None
    use = (equity["ts"] >= run.info.period.quote_start_ns) & (equity["mark"] > 0)
    value, maintenance = equity["value"][use], equity["maintenance"][use]
    deposit = account.get("deposit", 0)
    held = maintenance > 0
    stake = equity["margin_used"][use] if mode == "isolated" else value
    cover = stake[held] / maintenance[held]
    final = deposit + account["cash"]
    final += account["position"] * account.get("mark", 0) * run.money_scale
    at = int(np.argmin(cover)) if held.any() else None

    def extreme(name: str, lowest: bool) -> float:
        column = equity[name][use]
        if not len(column):
            return 0.0
        return _money(run, int(column.min() if lowest else column.max()))

    return Margin(
        mode=mode,
        leverage=account.get("leverage", 0),
        deposit=_money(run, deposit),
        value_final=_money(run, final),
        value_least=min(extreme("value", True), _money(run, final))
        if len(value)
        else (_money(run, deposit)),
        used_most=extreme("margin_used", False),
        maintenance_most=extreme("maintenance", False),
        available_least=extreme("margin_available", True),
        cover_least=None if at is None else float(cover[at]),
        cover_least_ns=None if at is None else int(equity["ts"][use][held][at]),
        mark_told=bool(account.get("mark_told", 0)),
        liquidation=run.info.liquidation,
    )


def budget(run: Run) -> RequestBudget | None:
    """Describe the address's budget of requests; None where the run knows none."""
    told = run.info.budget
    if not told or not told.get("cap"):
        return None
    return RequestBudget(
        used=int(told.get("used", 0)),
        cap=int(told["cap"]),
        refused=int(told.get("refused", 0)),
        exhausted_ns=int(told["exhausted_ts"]) if told.get("exhausted_ts") else None,
    )


def _money(run: Run, quanta: int) -> float:
    """Money quanta as quote currency, the same to the last bit as other sums of the report."""
    return 2 * quanta * run.half_quantum
