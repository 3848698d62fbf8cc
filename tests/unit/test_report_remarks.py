"""Sentences beside the figures: what kind of run it was, and figures that seem to disagree."""

import io

import msgspec
import pytest
from rich.console import Console

from simmm.report import build, remarks
from simmm.report.page import page
from simmm.report.schema import Estimate, Late, OtherKnowledge, Session
from simmm.report.tables import read_run
from simmm.report.terminal import render
from tests.unit.report_fixture import drawn_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawn_run(tmp_path_factory.mktemp("remarks") / "run", seconds=1200)


def changed(report, net, ratio=None, error=None, **more):
    return msgspec.structs.replace(
        report,
        profit=msgspec.structs.replace(report.profit, net=net),
        risk=msgspec.structs.replace(report.risk, sharpe_day=ratio, sharpe_day_se=error),
        **more,
    )


def text_of(report, width=80, folder=None):
    console = Console(width=width, record=True, file=io.StringIO())
    render(report, console, folder)
    return " ".join(console.export_text().split())


def session(kind="paper", **more):
    facts = {
        "kind": kind, "feed": "tape", "speed": 60.0, "hold_back_ms": 250.0,
        "late": Late(0, 9, 0, 90, 0, 0), "answer_s": {}, "step_us": {}, "resumed": 0,
        "journal": None, "under_tape": None,
    }  # fmt: skip
    return Session(**(facts | more))


@pytest.mark.parametrize(
    ("net", "ratio", "error", "told"),
    [
        (Estimate(-279.0, -588.5, 30.5, 155.0), -9.18, 2.28, "most of the loss"),
        (Estimate(279.0, -30.5, 588.5, 155.0), 9.18, 2.28, "most of the gain"),
        (Estimate(-30.0, -70.0, 10.0, 10.0), -9.0, 3.0, "few independent pieces"),
        (Estimate(-279.0, -588.5, 30.5, 155.0), -4.5, 2.28, ""),
        (Estimate(-279.0, -500.0, -58.0, 110.0), -9.18, 2.28, ""),
        (Estimate(-279.0), -9.18, 2.28, ""),
        (Estimate(-279.0, -588.5, 30.5, 155.0), None, None, ""),
        (Estimate(None), None, None, ""),
    ],
)
def test_a_certain_ratio_beside_an_uncertain_net_is_explained(folder, net, ratio, error, told):
    report = changed(build(folder), net, ratio, error)
    found = remarks.sharpe_beside_net(report)
    assert (told in found) if told else found == ""
    if net.value is not None:
        for width in (80, 160):
            assert ("s.e. from zero" in text_of(report, width)) == bool(told)
        assert ("s.e. from zero" in page(read_run(folder), report)) == bool(told)


def test_the_sentence_stands_under_the_five_numbers(folder):
    report = changed(build(folder), Estimate(-279.0, -588.5, 30.5, 155.0), -9.18, 2.28)
    text = text_of(report)
    assert text.index("Markout 5 s") < text.index("The Sharpe ratio is 4.0") < text.index("P&L,")
    assert "4.0 s.e. from zero and net only 1.8: a few moments" in text


def test_a_paper_session_says_so_first(folder):
    report = build(folder)
    other = Estimate(-4.28)
    under = OtherKnowledge(other, report.profit.parts, 9, 1.0, "aa", "bb")
    told = session(interrupted=True, resumed=1, under_tape=under)
    text = text_of(msgspec.structs.replace(report, session=told), 80, "runs/one")
    head = text[: text.index("╭")]
    assert "A paper session on the feed tape, at 60 times its pace, interrupted at 2023-11" in head
    assert "taken up again once; without the wait for the feed net would be \u22124.28 USD" in head
    assert "simmm compare runs/one/under_tape runs/one" in text
    assert "simmm compare RUN/under_tape RUN" in text_of(
        msgspec.structs.replace(report, session=told)
    )


def test_a_session_that_ended_as_planned_does_not_speak_of_an_interruption(folder):
    report = msgspec.structs.replace(build(folder), session=session(speed=1.0, feed=None))
    assert remarks.paper(report) == "A paper session"
    assert remarks.wait(report) == ""
    faster = msgspec.structs.replace(report, session=session(speed=None))
    assert remarks.paper(faster) == "A paper session on the feed tape, as fast as it went"
    assert "interrupted" not in text_of(report)


@pytest.mark.parametrize("found", [None, session("backtest")])
def test_a_backtest_is_not_called_a_paper_session(folder, found):
    report = msgspec.structs.replace(build(folder), session=found)
    assert remarks.paper(report) == ""
    assert "paper session" not in text_of(report)


def test_run_json_says_whether_a_session_was_interrupted(tmp_path):
    facts = {"kind": "paper", "hold_back_ms": 250.0, "packets": 9, "rows": 90,
             "late_packets": 0, "late_rows": 0, "ignored_rows": 0}  # fmt: skip
    for name, more, told in (("a", {"interrupted": True}, True), ("b", {}, False)):
        folder = drawn_run(tmp_path / name, seconds=60, session=facts | more)
        assert build(folder).session.interrupted is told
