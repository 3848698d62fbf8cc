"""Numbers, times and durations as people read them. Minus is a true minus sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

MINUS = "\N{MINUS SIGN}"
_LONG = 20  # values that are still listed one by one
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def decimals_for(values: Iterable[float | None], figures: int = 3) -> int:
    """Decimals that leave the largest of `values` with `figures` figures, from 0 to 8.

    >>> decimals_for([1234.5, 0.2]), decimals_for([0.0123])
    (0, 4)
    """
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    if largest == 0:
        return 2
    decimals = figures - 1
    while largest < 1 and decimals < 8:
        largest, decimals = largest * 10, decimals + 1
    while largest >= 10 and decimals > 0:
        largest, decimals = largest / 10, decimals - 1
    return decimals


def fixed(value: float | None, decimals: int, sign: bool = False) -> str:
    """A number with a fixed count of decimals, thousands apart; a dash for None.

    >>> fixed(1234567.891, 1), fixed(-0.004, 2, sign=True), fixed(None, 2)
    ('1,234,567.9', '0.00', '–')
    """
    if value is None:
        return "–"
    text = f"{abs(value):,.{decimals}f}"
    if not any(character in "123456789" for character in text):
        return text
    return f"{MINUS if value < 0 else '+' if sign else ''}{text}"


def amount(value: float, figures: int = 3) -> str:
    """A number with at least two decimals, or as many as leave `figures` figures."""
    return fixed(value, max(2, decimals_for([value], figures)) if abs(value) < 1000 else 0)


def signed(value: float, figures: int = 3) -> str:
    """Like `amount`, with the sign always shown."""
    decimals = max(2, decimals_for([value], figures)) if abs(value) < 1000 else 0
    return fixed(value, decimals, sign=True)


def percent(value: float | None, decimals: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.256), percent(None)
    ('25.6 %', '–')
    """
    return "–" if value is None else f"{fixed(100 * value, decimals)} %"


def aligned(texts: Iterable[str]) -> list[str]:
    """Pad on the right so that decimal points, or the ends of whole numbers, stand in line.

    >>> aligned(["13,780", "15.9 %", "–"])
    ['13,780    ', '15.9 %', '–    ']
    """
    found = list(texts)
    tails = []
    for text in found:
        number = text.rstrip("abcdefghijklmnopqrstuvwxyz% ")
        tails.append(len(text) - number.find(".") if "." in number else len(text) - len(number))
    longest = max(tails, default=0)
    return [text + " " * (longest - tail) for text, tail in zip(found, tails, strict=True)]


def duration(seconds: float) -> str:
    """A duration in its two largest units.

    >>> duration(7260), duration(0.25), duration(93600)
    ('2 h 1 min', '250 ms', '1 d 2 h')
    """
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    for name, unit, smaller, part in (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60)):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")


def moment(ts_ns: int, seconds: bool = True) -> str:
    """A time in ns since 1970 as UTC text."""
    whole, rest = divmod(ts_ns, 1_000_000_000)
    try:
        when = _EPOCH + timedelta(seconds=whole)
    except OverflowError:
        return f"{ts_ns} ns"
    text = when.strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
    return f"{text}.{rest // 1_000_000:03d}" if seconds and rest else text


def value_text(value: Any) -> str:
    """A value of the scenario as one writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, list) and len(value) > _LONG:
        return f"{len(value)} values, {value_text(value[0])} to {value_text(value[-1])}"
    if isinstance(value, list):
        return f"[{', '.join(value_text(item) for item in value)}]"
    return str(value)


def numbers(values: Sequence[float | None], figures: int = 3, sign: bool = False) -> list[str]:
    """Numbers of one column, with the same count of decimals so that points stand in line."""
    decimals = decimals_for(values, figures)
    return [fixed(value, decimals, sign) for value in values]
