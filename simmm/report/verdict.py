"""The first thing to read: did it make money, from what, and can one tell from chance."""

from __future__ import annotations

from simmm.report.account_words import liquidation_words
from simmm.report.schema import Profit, Verdict
from simmm.report.schema_account import Margin, RequestBudget
from simmm.report.words import amount, duration, moment, signed


def verdict(profit: Profit, fill_count: int, hours: float, quote: str) -> Verdict:
    """Say in words what `profit` says in numbers."""
    time = duration(hours * 3600)
    if hours <= 0.0:
        told = "It ended before its warm-up did: nothing was quoted, so there is no result."
        return Verdict("idle", [told])
    if fill_count == 0:
        return Verdict("idle", [f"Nothing was filled in {time} of quoting, so there is no result."])
    net = profit.net
    assert net.value is not None
    if net.low is None or net.high is None:
        outcome = "undecided"
        told = (
            f"Net {signed(net.value)} {quote} in {time}; too short for an interval, so nothing can "
            "be concluded."
        )
    elif net.low > 0 or net.high < 0:
        outcome = "earned" if net.low > 0 else "lost"
        told = (
            f"{outcome.capitalize()} {amount(abs(net.value))} {quote} in {time} (95 % interval "
            f"{signed(net.low)} to {signed(net.high)}): more than chance explains."
        )
    else:
        outcome = "undecided"
        told = (
            f"Net {signed(net.value)} {quote} in {time} (95 % interval {signed(net.low)} to "
            f"{signed(net.high)}): not distinguishable from zero."
        )
    return Verdict(outcome, [told, _source(profit)])


def with_account(found: Verdict, margin: Margin | None, budget: RequestBudget | None) -> Verdict:
    """Add what ended the trading before the run did: a liquidation, or a budget used up."""
    more = []
    if margin is not None and margin.liquidation:
        more.append(liquidation_words(margin))
    if budget is not None and budget.exhausted_ns:
        more.append(
            f"The request budget was used up at {moment(budget.exhausted_ns)} UTC: "
            f"{budget.refused:,} requests were refused."
        )
    return Verdict(found.outcome, [*found.sentences, *more])


def _source(profit: Profit) -> str:
    bps = {part.name: part.bps or 0.0 for part in profit.parts}
    steps = []
    for name, gain, loss in (
        ("spread", "earned {} bps of spread on what it traded", "paid {} bps of spread"),
        ("adverse", "gained {} as prices moved its way after fills",
         "gave back {} to adverse moves after fills"),
        ("holding", "gained {} by holding", "lost {} by holding"),
        ("fees", "received {} in rebates", "paid {} in fees"),
    ):  # fmt: skip
        value = bps.get(name, 0.0)
        if abs(value) >= 0.005:
            steps.append((gain if value > 0 else loss).format(f"{abs(value):.2f}"))
    if not steps:
        return "Every part of it is below 0.005 bps of what was traded."
    text = steps[0] if len(steps) == 1 else f"{', '.join(steps[:-1])} and {steps[-1]}"
    return f"It {text} (bps of {amount(profit.notional)} traded)."
