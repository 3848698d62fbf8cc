"""A session in one line of a log, and how its numbers are written to keep their places.

Numbers of a live view change while one looks at them: `fitted` keeps them within their columns,
and `clock`, `age` and `count` keep times and counts short and of a steady form.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

from simmm.report.words import MINUS, decimals_for, fixed, percent
from simmm.session.snapshot import Snapshot

UNKNOWN = "–"
LONGEST = 200
_SECOND_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def plain(snapshot: Snapshot) -> str:
    """A session in one line of ASCII, at most 200 characters.

    The feed's time and the market's name come first, then `key=value` in an order that doesn't
    change; `-` stands for what is unknown. Where extreme numbers would make the line too long,
    whole fields are left out from its end.
    """
    mid, bps = middle(snapshot), spread_bps(snapshot)
    bids = sum(quote.side > 0 for quote in snapshot.quotes)
    answer_ms = None if snapshot.answer_s is None else 1000 * snapshot.answer_s
    left_s = warm_up_left_s(snapshot)
    net = snapshot.net if math.isfinite(snapshot.net) else 0.0
    fields = [
        f"{when(snapshot.now_ns).replace(' ', 'T')}Z",
        "".join(snapshot.symbol.split()).encode("ascii", "replace").decode()[:16] or "-",
        f"state={'warm-up' if left_s else 'quoting'}",
        f"done={_bare(percent(done(snapshot), 1)).replace(' ', '')}",
        f"mid={_number(mid, snapshot.price_decimals + 1)}",
        f"spread_bps={_number(bps, 2)}",
        f"position={_number(snapshot.position, snapshot.size_decimals)}",
        f"net={_number(snapshot.net, max(2, decimals_for([net])))}",
        f"fills={snapshot.fills}",
        f"quotes={bids}/{len(snapshot.quotes) - bids}",
        f"late={snapshot.late_rows}/{snapshot.rows}",
        f"answer_ms={_number(answer_ms, 1)}",
        f"step_us={_number(snapshot.step_us, 1)}",
        f"gaps={snapshot.gaps}",
        f"wall_s={_number(snapshot.wall_s, 0)}",
    ]
    line = fields[0]
    for field in fields[1:]:
        if len(line) + 1 + len(field) > LONGEST:
            break
        line += f" {field}"
    return line


def _number(value: float | None, decimals: int) -> str:
    """A number that other programs read too, in 12 characters."""
    return _bare(fitted(value, 12, decimals).replace(",", ""))


def _bare(text: str) -> str:
    return text.replace(MINUS, "-").replace(UNKNOWN, "-")


def middle(snapshot: Snapshot) -> float | None:
    """The middle of the market's best prices; None where one is missing."""
    if snapshot.bid is None or snapshot.ask is None:
        return None
    return (snapshot.bid + snapshot.ask) / 2


def spread_bps(snapshot: Snapshot) -> float | None:
    """The market's spread in bps of its mid."""
    mid = middle(snapshot)
    if mid is None or mid == 0 or snapshot.bid is None or snapshot.ask is None:
        return None
    return 1e4 * (snapshot.ask - snapshot.bid) / mid


def done(snapshot: Snapshot) -> float | None:
    """The share of the planned time that is over, from 0 to 1; None without a planned end."""
    if snapshot.end_ns is None or snapshot.end_ns <= snapshot.start_ns:
        return None
    share = (snapshot.now_ns - snapshot.start_ns) / (snapshot.end_ns - snapshot.start_ns)
    return min(max(share, 0.0), 1.0)


def warm_up_left_s(snapshot: Snapshot) -> float:
    """Seconds of the feed until quoting begins; 0 after that."""
    return max(0, snapshot.quote_start_ns - snapshot.now_ns) / _SECOND_NS


def fitted(value: float | None, width: int, decimals: int, sign: bool = False) -> str:
    """A number in at most `width` characters, with `decimals` decimals if they fit.

    Marks between thousands are given up first, then decimals, then the fixed form; so a column
    keeps its width whatever a market brings.

    >>> fitted(1234.5, 9, 2), fitted(1234567.891, 9, 3), fitted(-1e12, 8, 2)
    ('1,234.50', '1234567.9', '−1.00e12')
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    text = fixed(value, decimals, sign)
    if len(text) <= width:
        return text
    for places in range(decimals, -1, -1):
        text = fixed(value, places, sign).replace(",", "")
        if len(text) <= width:
            if value and not any(character in "123456789" for character in text):
                break
            return text
    for places in range(3, -1, -1):
        mantissa, power = f"{abs(value):.{places}e}".split("e")
        text = f"{MINUS if value < 0 else '+' if sign else ''}{mantissa}e{int(power)}"
        if len(text) <= width:
            break
    return text


def count(number: int) -> str:
    """A count in at most 9 characters.

    >>> count(1234567), count(12345678)
    ('1,234,567', '12.35 M')
    """
    if number >= 10_000_000:
        for unit, name in _COUNTS:
            if number >= unit:
                return f"{fitted(number / unit, 6, 2)} {name}"
    return f"{number:,}"


def bytes_text(size: int) -> str:
    """A size of a file in powers of 1000.

    >>> bytes_text(512), bytes_text(12345678)
    ('512 B', '12.3 MB')
    """
    for unit, name in _BYTES:
        if size >= unit:
            return f"{fitted(size / unit, 6, 1)} {name}"
    return f"{size} B"


def age(seconds: float | None) -> str:
    """How long ago, in one unit and at most 7 characters.

    >>> age(0.012), age(3.21), age(150), age(7300), age(None)
    ('12 ms', '3.2 s', '150 s', '122 min', '–')
    """
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    if seconds < 0.9995:
        return f"{1000 * max(seconds, 0.0):.0f} ms"
    for most, unit, name, places in ((60, 1, "s", 1), (600, 1, "s", 0), (36_000, 60, "min", 0)):
        if seconds < most:
            return f"{seconds / unit:.{places}f} {name}"
    if seconds < 360_000:
        return f"{seconds / 3600:.0f} h"
    return f"{fitted(seconds / 86_400, 5, 0)} d"


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds; from a day on as days, hours and minutes.

    >>> clock(1212.7), clock(93784)
    ('0:20:12', '1d 02:03')
    """
    whole = int(max(0.0, seconds))
    if whole < 86_400:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 86_400}d {whole % 86_400 // 3600:02d}:{whole % 3600 // 60:02d}"


def when(ts_ns: int) -> str:
    """A time in ns since 1970 as UTC text, to the second.

    >>> when(1_700_000_000_999_999_999)
    '2023-11-14 22:13:20'
    """
    try:
        moment = _EPOCH + timedelta(seconds=ts_ns // _SECOND_NS)
    except OverflowError:
        return f"{ts_ns} ns"
    return moment.strftime("%Y-%m-%d %H:%M:%S")
