"""Sentences that the terminal and the page share: what a paper session was, and two figures that
seem to contradict each other."""

from __future__ import annotations

from simmm.report.schema import Report
from simmm.report.session import UNDER_TAPE
from simmm.report.words import fixed, moment, signed

_SURE = 2.0  # standard errors from which on people take a figure for certain


def paper(report: Report) -> str:
    """Say that a run was a paper session, on which feed, and how it ended; empty for others."""
    facts = report.session
    if facts is None or facts.kind != "paper":
        return ""
    told = "A paper session"
    if facts.feed:
        told += f" on the feed {facts.feed}"
    if facts.speed is None:
        told += ", as fast as it went"
    elif facts.speed != 1:
        told += f", at {facts.speed:g} times its pace"
    if facts.interrupted:
        told += f", interrupted at {moment(report.run.end_ns, False)} UTC"
    if facts.resumed:
        told += f", taken up again {'once' if facts.resumed == 1 else f'{facts.resumed:,} times'}"
    return told


def wait(report: Report) -> str:
    """Say what net would be without the wait for the feed; empty where that isn't known."""
    facts, net = report.session, report.profit.net.value
    if facts is None or facts.under_tape is None or net is None:
        return ""
    other = facts.under_tape.net.value
    if other is None:
        return ""
    quote = report.run.quote
    if not report.fills.count and not facts.under_tape.fills:
        return "without the wait for the feed nothing would be filled either"
    return f"without the wait for the feed net would be {signed(other)} {quote}, not {signed(net)}"


def beside_command(folder: str) -> str:
    """Return the command that holds a session beside itself without the wait for the feed."""
    return f"simmm compare {folder}/{UNDER_TAPE} {folder}"


def sharpe_beside_net(report: Report) -> str:
    """Say why the Sharpe ratio can look certain where net doesn't; empty where they agree.

    Notes
    -----
    Up to 2 s.e. of net the reason is skewness of the sign of the mean, which makes the error of
    the ratio smaller than that of the mean; beyond, it is the few degrees of freedom of net's
    interval. `docs/report.md` has the argument.
    """
    net, ratio, error = report.profit.net, report.risk.sharpe_day, report.risk.sharpe_day_se
    if net.value is None or net.low is None or net.high is None or not net.se:
        return ""
    if not net.low <= 0 <= net.high or not ratio or not error or abs(ratio) <= _SURE * error:
        return ""
    told = (
        f"The Sharpe ratio is {fixed(abs(ratio) / error, 1)} s.e. from zero and net only "
        f"{fixed(abs(net.value) / net.se, 1)}"
    )
    if abs(net.value) > _SURE * net.se:
        return (
            f"{told.replace(' only', '')}, which is too little for the few independent pieces that "
            "both rest on; the interval of net allows for that, the s.e. does not. Go by net."
        )
    kind = "loss" if net.value < 0 else "gain"
    return (
        f"{told}: a few moments make most of the {kind} and of its variance alike, so that their "
        "size cancels in the ratio; whether such moments come again it can't know. Go by net."
    )
