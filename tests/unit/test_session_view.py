"""The live view: it fits, keeps its height, says what the snapshot says, and comes when due."""

import io
import re
import timeit
from dataclasses import fields, replace

import pytest
from rich.console import Console, ConsoleDimensions

from simmm.report.words import MINUS
from simmm.session.snapshot import Belief, OwnQuote, Snapshot
from simmm.session.view import View, plain, render
from simmm.session.view_plain import fitted

WIDTHS = (60, 80, 120, 160)
S = 1_000_000_000
START = 1_757_015_232 * S  # 2025-09-04 19:47:12

BID = OwnQuote(side=1, px=109_748.5, leaves=0.01, ahead=3.5, shown=14.0, age_s=3.2)
ASK = OwnQuote(side=-1, px=109_752.0, leaves=0.015, ahead=7.0, shown=14.0, age_s=0.3)

KNOWN = Snapshot(
    symbol="BTC-PERP", venue="hyperliquid", quote="USDC", strategy="symmetric",
    feed="tape:data/hl_btc.tape", speed=60.0, now_ns=START + 1212 * S, start_ns=START,
    quote_start_ns=START + 60 * S, end_ns=START + 3600 * S, wall_s=20.2, price_decimals=1,
    size_decimals=5, bid=109_750.0, ask=109_751.0, bid_size=2.1234, ask_size=0.4567,
    mid_age_s=0.012, quotes=(BID, ASK), position=-0.035, max_position=0.1, net=-12.31,
    spread=20.5, adverse=-15.25, holding=-12.56, fees=-5.0, volume=330_449.0, fills=83,
    requests=1302, rejections=4,
    beliefs=(Belief("sigma", "bps / √s", 0.3625, 0.0278), Belief("kappa", "1 / bps", 1.2, 0.2),
             Belief("arrival", "1 / s", 0.63, 0.02)),
    answer_s=0.12, step_us=12.3, step_us_99=30.1, packets=24_001, rows=2_474_040,
    late_packets=17, late_rows=61, ignored_rows=12, gaps=2,
    checkpoint_ns=START + 1200 * S, journal_bytes=7_450_000,
)  # fmt: skip

UNKNOWN = replace(
    KNOWN, speed=None, end_ns=None, bid=None, ask=None, bid_size=None, ask_size=None,
    mid_age_s=None, answer_s=None, step_us=None, step_us_99=None, checkpoint_ns=None,
    quotes=(replace(BID, ahead=None, shown=None),),
    beliefs=tuple(replace(belief, value=None, sd=None) for belief in KNOWN.beliefs),
)  # fmt: skip

CROWDED = replace(
    KNOWN,
    quotes=tuple(replace(side, px=side.px - side.side * 5 * k) for side in (BID, ASK)
                 for k in (3, 0, 6, 2, 1, 4, 5)),
)  # fmt: skip

HUGE = replace(
    KNOWN, position=-1e9, max_position=1e9, net=-1.23456789e15, spread=9.87e14, adverse=-4e15,
    holding=1.778e15, fees=-1e9, volume=1e18, bid=1e9, ask=1e9 + 0.1, bid_size=1e12, ask_size=1e12,
    quotes=(replace(BID, px=1e9 - 1, leaves=1e9, ahead=3e11, shown=1e12, age_s=1e9),),
    fills=10**12, requests=10**13, rejections=10**12, answer_s=1e6, step_us=1e9, step_us_99=1e10,
    packets=10**13, rows=10**15, late_rows=10**14, late_packets=10**12, ignored_rows=10**13,
    gaps=10**9, journal_bytes=10**16, speed=1e7, wall_s=1e8, end_ns=START + 10**17,
    beliefs=(Belief("sigma", "x" * 40, 1.5e22, 2e25), Belief("kappa", "", -3e-22, 1e-3)),
)  # fmt: skip

TINY = replace(
    KNOWN, price_decimals=8, size_decimals=0, bid=0.00000123, ask=0.00000124, bid_size=5e9,
    quotes=(replace(BID, px=0.00000122, leaves=1e9),), position=3e8, max_position=1e9,
    spread=0.00021, adverse=-0.00004, holding=0.0, fees=-0.00001, net=0.00016, volume=0.5,
    symbol="k" * 70, strategy="s" * 70, feed="tape:" + "long/" * 60,
)  # fmt: skip

BROKEN = replace(
    KNOWN, position=float("nan"), net=float("inf"), spread=float("nan"), max_position=0.0,
    volume=0.0, rows=0, mid_age_s=float("inf"), feed="a\nb\x1b[2J\tc", symbol="[bold]X", quotes=(),
    beliefs=(), end_ns=START - 1, now_ns=START - 5, bid=0.0, ask=0.0,
)  # fmt: skip

ALL = {"known": KNOWN, "unknown": UNKNOWN, "crowded": CROWDED, "huge": HUGE, "tiny": TINY,
       "broken": BROKEN}  # fmt: skip


def shown(snapshot, width, height=None):
    console = Console(width=width, record=True, file=io.StringIO())
    # Wider than asked for, so that nothing but the view itself keeps the lines short.
    console.print(render(snapshot, width, height), width=max(width, 10) * 3)
    return console.export_text().splitlines()


def page(snapshot, width=80):
    return "\n".join(shown(snapshot, width)).replace(MINUS, "-")


class Wall:
    """A clock that is moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


def terminal(width=80, height=24):
    return Console(file=io.StringIO(), force_terminal=True, width=width, height=height,
                   _environ={"TERM": "xterm-256color"})  # fmt: skip


def log_file():
    return Console(file=io.StringIO(), width=80)


@pytest.mark.parametrize("width", [1, 2, 7, 20, 40, 59, 79, 100, 119, 200, *WIDTHS])
@pytest.mark.parametrize("name", ALL)
def test_no_line_is_wider_and_the_height_stays(name, width):
    lines = shown(ALL[name], width)
    assert max(len(line) for line in lines) <= width
    assert len(lines) == len(shown(KNOWN, width))


@pytest.mark.parametrize("width", WIDTHS)
def test_everything_is_there(width):
    text = "\n".join(shown(KNOWN, width)).replace(MINUS, "-")
    for part in (
        "symmetric on BTC-PERP at hyperliquid", "at 60×", "2025-09-04 20:07:24", "quoting",
        "0:20:12 of 1:00:00", "109,750.0", "109,751.0", "109,750.5", "0.09 bps", "12 ms ago",
        "2.1234", "0.4567", "own ask", "own bid", "109,752.0", "109,748.5", "0.01500", "7.0000",
        "-0.03500", "±0.1000", "0.3625 ± 0.0278", "bps / √s", "1.200 ± 0.200",
        "120 ms median", "12.3 µs median", "30.1", "61 of 2,474,040", "12 rows",
        "12.0 s ago", "7.5 MB", "330,449", "1,302",
    ):  # fmt: skip
        assert part in text, part
    for name, amount, bps in (("spread", "+20.50", "+0.62"), ("adverse", "-15.25", "-0.46"),
                              ("holding", "-12.56", "-0.38"), ("fees", "-5.00", "-0.15"),
                              ("net", "-12.31", "-0.37")):  # fmt: skip
        assert re.search(rf"\b{name} +{re.escape(amount)} +{re.escape(bps)} ", text), name
    assert "…" not in text.replace("…", "", 1 if width < 80 else 0)  # at most the feed's name


def test_a_page_fits_a_terminal_of_24_lines():
    assert len(shown(KNOWN, 80)) == 23
    assert len(shown(KNOWN, 120)) <= 23


def test_lower_terminals_show_fewer_quotes():
    low = shown(CROWDED, 80, 20)
    assert len(low) == 19
    assert sum(line.startswith("own ask") for line in low) == 2
    assert sum(line.startswith("own ask") for line in shown(CROWDED, 80, 3)) == 1


def test_times_of_a_wider_page():
    text = page(KNOWN, 120)
    assert "33.7 %" in text
    assert "0:00:39 to go" in text
    assert "17 late of 24,001" in text
    assert "wall 0:00:20" in text
    assert "wall 0:00:20" in page(KNOWN, 80)


def test_warm_up_tells_what_remains():
    assert "warm-up 0:00:32" in page(replace(KNOWN, now_ns=START + 28 * S))
    assert "warm-up" not in page(replace(KNOWN, now_ns=KNOWN.quote_start_ns))


def test_unknowns_are_dashes():
    lines = shown(UNKNOWN, 80)
    names = ("ask", "mid", "bid", "own bid", "sigma", "answer", "step", "saved")
    rows = {name: next(line for line in lines if re.search(rf"(^|  ){name} ", line))
            for name in names}  # fmt: skip
    assert rows["ask"].split() == ["ask", "–", "–"]
    assert rows["bid"].split() == ["bid", "–", "–"]
    assert rows["mid"].split() == ["mid", "–", "spread", "–", "bps", "seen", "–"]
    assert "– of         – unseen" in rows["own bid"]
    assert re.search(r"sigma +–", rows["sigma"])
    assert "answer    – median" in rows["answer"]
    assert "step      – µs median, 99 %: –" in rows["step"]
    assert rows["saved"].endswith("–")
    assert "None" not in page(UNKNOWN, 160)
    assert "nan" not in page(BROKEN, 160)
    assert re.search(r"\bnet +– +– ", page(BROKEN))
    assert "no end set" in "\n".join(lines)
    assert "full speed" in "\n".join(lines)


def test_quotes_stand_around_the_market_nearest_first():
    lines = shown(CROWDED, 80)
    named = [line.split()[:2] for line in lines[3:14]]
    assert named[:4] == [["own", "ask"]] * 4
    assert [name for name, _ in named[4:7]] == ["ask", "mid", "bid"]
    assert named[7:] == [["own", "bid"]] * 4
    prices = [float(re.search(r"\d+,\d+\.\d", line)[0].replace(",", "")) for line in lines[3:14]]
    assert prices == sorted(prices, reverse=True)
    assert prices[3] == ASK.px  # the nearest ask is not among those left out
    assert prices[7] == BID.px
    assert "+3 more" in lines[7]
    assert "+3 more" in lines[9]
    assert "more" not in page(KNOWN)


def test_prices_stand_on_their_decimal_point():
    for snapshot in (CROWDED, replace(CROWDED, price_decimals=0)):
        ends = set()
        for line in shown(snapshot, 80)[3:14]:
            whole = re.search(r"\d+,\d+", line)
            ends.add(whole.end())
        assert len(ends) == 1


def test_quotes_that_come_and_go_move_nothing():
    empty, full = shown(replace(KNOWN, quotes=()), 80), shown(CROWDED, 80)
    for at in (0, 1, 2, 8, *range(14, 23)):
        assert empty[at] == full[at]
    assert empty[6].rstrip() == "no asks"
    assert empty[10].rstrip() == "no bids"


@pytest.mark.parametrize(
    ("ahead", "others", "bar"),
    [(0.0, 8.0, "········"), (4.0, 8.0, "████····"), (9.0, 8.0, "████████"),
     (0.0001, 8.0, "▏·······"), (3.0, None, "████████"), (0.0, None, "········"),
     (None, 8.0, "unseen")],
)  # fmt: skip
def test_the_place_in_the_queue_as_a_bar(ahead, others, bar):
    line = shown(replace(KNOWN, quotes=(replace(BID, ahead=ahead, shown=others),)), 80)[10]
    assert line[64:72].rstrip() == bar


@pytest.mark.parametrize(
    ("position", "bar"),
    [(0.0, "····│····"), (0.1, "····│████"), (-0.05, "··▒▒│····"), (0.0001, "····│█···"),
     (0.2, "····│███»"), (-0.2, "«▒▒▒│····")],
)  # fmt: skip
def test_the_position_against_its_limit_as_a_bar(position, bar):
    assert bar in page(replace(KNOWN, position=position))


def test_beliefs_far_from_one_share_a_power_of_ten():
    small = replace(KNOWN, beliefs=(Belief("sigma", "1", 3.625e-5, 2.78e-6),))
    assert "(3.62 ± 0.28)e-5" in page(small)
    assert "+2 more" in page(replace(KNOWN, beliefs=KNOWN.beliefs + KNOWN.beliefs[:2]))


def test_names_are_shown_as_they_are_but_cannot_break_the_page():
    assert "[bold]X" in page(BROKEN)
    console = Console(width=80, file=io.StringIO(), force_terminal=True)
    console.print(render(BROKEN, 80))
    assert "\x1b[2J" not in console.file.getvalue()


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.00000123, 1.5, -99_999.5, 1e9, -1e15, 1e300])
@pytest.mark.parametrize("width", [7, 9, 12])
def test_fitted_numbers_fit_and_stay_near(value, width):
    text = fitted(value, width, 5, sign=True)
    assert len(text) <= width
    assert float(text.replace(MINUS, "-").replace(",", "")) == pytest.approx(
        value, rel=0.1, abs=5e-6
    )


@pytest.mark.parametrize("name", ALL)
def test_the_plain_line_is_one_short_line_of_ascii(name):
    line = plain(ALL[name])
    assert len(line) <= 200
    assert line.isascii()
    assert line.isprintable()
    keys = re.findall(r" (\w+)=\S+", line)
    assert keys == re.findall(r" (\w+)=\S+", plain(KNOWN))[: len(keys)]
    assert len(keys) >= 9  # position, net, fills, quotes and late rows are always there


def test_the_plain_line_says_what_the_snapshot_says():
    assert plain(KNOWN) == (
        "2025-09-04T20:07:24Z BTC-PERP state=quoting done=33.7% mid=109750.50 spread_bps=0.09 "
        "position=-0.03500 net=-12.31 fills=83 quotes=1/1 late=61/2474040 answer_ms=120.0 "
        "step_us=12.3 gaps=2 wall_s=20"
    )
    assert " mid=- spread_bps=- " in plain(UNKNOWN)
    assert " done=- " in plain(UNKNOWN)
    assert " answer_ms=- step_us=- " in plain(UNKNOWN)
    assert " net=0.000160 " in plain(TINY)
    assert " state=warm-up " in plain(replace(KNOWN, now_ns=START))


def test_a_log_gets_the_first_line_then_one_in_ten_seconds_and_the_last(capsys):
    console, wall = log_file(), Wall()
    with View(console, clock=wall) as view:
        for second in range(25):
            wall.now = 1000.0 + second
            assert view.due() == (second in (0, 10, 20))
            view.update(replace(KNOWN, fills=second))
    told = console.file.getvalue().splitlines()
    assert [re.search(r"fills=(\d+)", line)[1] for line in told] == ["0", "10", "20", "24"]
    assert capsys.readouterr().out == ""


def test_a_line_that_was_printed_is_not_printed_again():
    console, wall = log_file(), Wall()
    with View(console, clock=wall, every_s=2.0) as view:
        view.update(KNOWN)
        wall.now += 2.0
        view.update(KNOWN)
    assert len(console.file.getvalue().splitlines()) == 2
    with View(log_file(), clock=wall) as view:
        pass  # nothing to show is no error


def test_a_terminal_gets_four_pages_a_second_and_is_left_clean(capsys):
    console, wall = terminal(), Wall()
    with View(console, clock=wall) as view:
        for step in range(201):
            wall.now = 1000.0 + step / 100
            view.update(KNOWN)
        drawn = console.file.getvalue().count("symmetric on BTC-PERP")
        assert drawn == 9  # at 0, 0.25 ... 2 s
    text = console.file.getvalue()
    assert "\x1b[?25l" in text  # the cursor is hidden, and shown again
    assert text.rindex("\x1b[?25h") > text.rindex("symmetric")
    after = text[text.rindex("symmetric") :]
    assert after.count("\x1b[1A\x1b[2K") >= 22  # every line of the page is erased
    assert capsys.readouterr().out == ""


def interrupted(console):
    with View(console, clock=Wall()) as view:
        view.update(KNOWN)
        raise KeyboardInterrupt


def test_an_interruption_gives_the_cursor_back():
    console = terminal()
    with pytest.raises(KeyboardInterrupt):
        interrupted(console)
    text = console.file.getvalue()
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.endswith("\x1b[1A\x1b[2K")


def test_a_note_goes_above_the_page_and_into_a_log():
    for console in (terminal(), log_file()):
        with View(console, clock=Wall()) as view:
            view.update(KNOWN)
            view.say("gap of 12 s: " + "[red]" * 30)
        assert "gap of 12 s: " + "[red]" * 30 in console.file.getvalue()


def test_a_narrower_terminal_erases_the_wrapped_lines_too():
    console, wall = terminal(120, 40), Wall()
    with View(console, clock=wall) as view:
        view.update(KNOWN)
        lines = shown(KNOWN, 120, 40)
        before = len(console.file.getvalue())
        console.size = ConsoleDimensions(70, 40)
        wall.now += 1
        view.update(KNOWN)
        drawn = console.file.getvalue()[before:]
        rows = sum(max(1, -(-len(line.rstrip()) // 70)) for line in lines)
        assert rows > len(lines)
        assert drawn.count("\x1b[1A") == rows - 1
        assert drawn.count("\x1b[2K") >= rows
        before = len(console.file.getvalue())
        console.size = ConsoleDimensions(160, 40)
        wall.now += 1
        view.update(KNOWN)
        assert console.file.getvalue()[before:].count("\x1b[1A") == len(shown(KNOWN, 70, 40)) - 1


@pytest.mark.parametrize("size", [(1, 1), (10, 3), (30, 5), (79, 10)])
def test_small_terminals_are_no_error(size):
    wall = Wall()
    with View(terminal(*size), clock=wall) as view:
        for snapshot in ALL.values():
            assert view.due()
            view.update(snapshot)
            assert not view.due()
            wall.now += 1


def test_a_terminal_that_can_do_nothing_gets_lines():
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    with View(console, clock=Wall()) as view:
        view.update(KNOWN)
    assert console.file.getvalue() == plain(KNOWN) + "\n"


def test_asking_whether_it_is_due_costs_less_than_a_microsecond():
    view = View(log_file())
    view.update(KNOWN)
    assert min(timeit.repeat(view.due, number=1000, repeat=20)) / 1000 < 1e-6


def test_the_view_uses_every_number_of_the_snapshot():
    """A field nobody sees is one nobody misses when it is wrong."""
    hidden = {"end_ns", "start_ns", "quote_start_ns", "now_ns", "price_decimals", "size_decimals"}
    base = page(KNOWN, 160)
    for field in fields(Snapshot):
        value = getattr(KNOWN, field.name)
        if field.name in hidden or isinstance(value, tuple):
            continue
        other = f"{value}x" if isinstance(value, str) else value * 3 + 1
        assert page(replace(KNOWN, **{field.name: other}), 160) != base, field.name
