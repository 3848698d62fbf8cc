"""A study of fills in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simmm.report.schema import Estimate
from simmm.report.words import amount, fixed, percent, signed

if TYPE_CHECKING:
    from simmm.study.fills import Draws, Result, Spread


def label(model: str, extra_ms: float) -> str:
    """Name of a run: the model, and the latency on top.

    >>> label("power", 0.0), label("power", 50.0)
    ('power', 'power+50ms')
    """
    return f"{model}+{extra_ms:g}ms" if extra_ms else model


#: Models that are apart by less than this many times what seeds alone give say little.
_CLEAR = 2.0


def sentences(
    results: list[Result], spreads: list[Spread], draws: Draws | None, quote: str
) -> list[str]:
    """Say what the study says, the answer first."""
    first = spreads[0]
    models = {one.model for one in results}
    if not any(one.fills for one in results):
        return ["No fill under any queue model, so there is nothing to compare."]
    if len(models) == 1:
        return [f"Net is {_told(first.own_net)} {quote}; one queue model says nothing of others."]
    found = [f"{_size(first, draws)}{_conclusion(results, spreads)}", _range(first, results, quote)]
    if draws is not None:
        found.append(_chance(draws, quote))
    swing = [(size, name) for name, size in first.parts.items() if size > 0]
    if swing:
        size, name = max(swing)
        told = {"adverse": "adverse moves"}.get(name, name)
        fewest, most = first.fills
        found.append(
            f"Of the parts of net, {told} {'differ' if name == 'adverse' else 'differs'} most: by "
            f"up to {amount(size)}. Fills by model: {fewest:,} to {most:,}."
        )
    for spread in spreads[1:]:
        found.append(_latency(spread, quote))
    return found


def _size(first: Spread, draws: Draws | None) -> str:
    """How much of the own net the models are apart."""
    if first.share is None:
        return ""
    size = percent(first.share, 0) if first.share >= 0.1 else percent(first.share)
    if draws is not None and draws.least < draws.most and not _clear(draws):
        return f"Queue models are {size} of net apart, no more than other seeds of one model are. "
    if first.share < 1:
        return f"{size} of net hangs on the queue model. "
    return f"Queue models are {fixed(first.share, 1)} times the net itself apart. "


def _clear(draws: Draws) -> bool:
    return draws.sd_models > _CLEAR * draws.sd


def _conclusion(results: list[Result], spreads: list[Spread]) -> str:
    nets = [one.net for one in results]
    values = [net.value or 0.0 for net in nets]
    plain = [one.net.value or 0.0 for one in results if not one.extra_latency_ms]
    everywhere = "under every queue model" + (
        ", with and without extra latency" if len(spreads) > 1 else ""
    )
    if all(net.low is not None and net.low > 0 for net in nets):
        return f"It earns {everywhere}, by more than chance explains."
    if all(net.high is not None and net.high < 0 for net in nets):
        return f"It loses {everywhere}, by more than chance explains."
    if min(plain) < 0 < max(plain):
        return "Whether it earns or loses is decided by the queue model, not by the strategy."
    if min(values) > 0 or max(values) < 0:
        verb = "earns" if min(values) > 0 else "loses"
        return f"It {verb} {everywhere}, though not always by more than chance explains."
    if min(values) < 0 < max(values):
        return "No queue model turns its sign, but extra latency does."
    return "Its sign is the same under every queue model."


def _range(first: Spread, results: list[Result], quote: str) -> str:
    own = next(one.model for one in results if one.own)
    told = (
        f"Net is {_told(first.own_net)} {quote} under {own}, the scenario's own model, and from "
        f"{signed(first.least)} ({first.least_model}) to {signed(first.most)} "
        f"({first.most_model}) under all: a spread of {_told(first.spread, False)}"
    )
    low, high = first.spread.low, first.spread.high
    if low is not None and high is not None and low <= 0 <= high:
        told += " (it holds zero: other stretches may put the models in another order)"
    if first.least > 0:
        return f"{told}. {amount(first.least)} are earned whatever the model."
    if first.most < 0:
        return f"{told}. {amount(-first.most)} are lost whatever the model."
    return f"{told}."


def _chance(draws: Draws, quote: str) -> str:
    """How far apart runs are that differ in the seed alone."""
    if draws.least == draws.most:
        return "Another seed changes nothing: neither latencies nor queues are drawn."
    told = (
        f"Chance alone, {draws.runs} runs of the own model with different seeds: net from "
        f"{signed(draws.least)} to {signed(draws.most)} {quote}, a standard deviation of "
        f"{amount(draws.sd)}; between the models it is {amount(draws.sd_models)}"
    )
    if _clear(draws):
        return f"{told}."
    return f"{told}. This stretch is too short, or too wild, to tell the models apart by net."


def _latency(spread: Spread, quote: str) -> str:
    return (
        f"With {spread.extra_latency_ms:g} ms more on requests and answers net is "
        f"{_told(spread.own_net)} {quote} under the own model "
        f"(a change of {_told(spread.own_apart)}), and from {signed(spread.least)} "
        f"({spread.least_model}) to {signed(spread.most)} ({spread.most_model}) under all."
    )


def _told(found: Estimate, sign: bool = True) -> str:
    """A value with half its interval."""
    if found.value is None:
        return "–"
    told = signed(found.value) if sign else amount(found.value)
    if found.low is None or found.high is None:
        return told
    return f"{told} ± {amount((found.high - found.low) / 2)}"
