"""Times in a scenario: absolute, or counted from the tape's start."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from simmm.errors import ScenarioError

_OFFSET = re.compile(r"(\d+):([0-5]\d):([0-5]\d)(\.\d{1,9})?")
_FRACTION = re.compile(r"(?<=:\d\d)[.,](\d{1,9})\d*")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_NS = (1 << 62) - 1


class Moment(NamedTuple):
    """A point of time: since 1970 if `absolute`, else since the tape's start."""

    ns: int
    absolute: bool

    def at(self, start_ns: int) -> int:
        """Return the absolute time (ns) for a tape that starts at `start_ns`."""
        return self.ns if self.absolute else start_ns + self.ns


def parse_time(value: str | float, path: str = "time") -> Moment:
    """Read an ISO time, an offset ``HH:MM:SS``, or an offset in seconds.

    An ISO time without a zone is UTC; fractions are read to the nanosecond.

    Raises
    ------
    ScenarioError
        If it is none of these; the message starts with `path`.

    Examples
    --------
    >>> parse_time("01:30:00")
    Moment(ns=5400000000000, absolute=False)
    >>> parse_time("1970-01-01T00:00:01.5")
    Moment(ns=1500000000, absolute=True)
    """
    if isinstance(value, str):
        moment = _parse_text(value.strip())
    else:
        moment = _offset(Decimal(repr(value)))
    if moment is None:
        raise ScenarioError(
            f"{path}: {value!r} is no time; write an ISO time (2025-09-04T12:00:00Z), or an "
            "offset from the tape's start as HH:MM:SS or in seconds"
        )
    if moment.ns < 0:
        raise ScenarioError(f"{path}: {value!r} is negative; a run can't reach before the tape")
    if moment.ns > _LAST_NS:
        raise ScenarioError(f"{path}: {value!r} is beyond any tape")
    return moment


def window(
    start: str | float | None, end: str | float | None, first_ns: int, last_ns: int
) -> tuple[int, int]:
    """Return start and end of a run in ns, for a tape that lasts from `first_ns` to `last_ns`.

    Both are cut to the tape.

    Raises
    ------
    ScenarioError
        If nothing of the tape lies between them.
    """
    start_ns = first_ns if start is None else parse_time(start, "run.from").at(first_ns)
    end_ns = last_ns if end is None else parse_time(end, "run.to").at(first_ns)
    if start_ns > last_ns:
        raise ScenarioError(
            f"run.from: {start!r} lies after the tape's end, {iso(last_ns)}; the tape starts at "
            f"{iso(first_ns)}"
        )
    if end_ns < first_ns:
        raise ScenarioError(f"run.to: {end!r} lies before the tape's start, {iso(first_ns)}")
    if end is None and start_ns == last_ns:
        raise ScenarioError(f"run: nothing comes after {iso(start_ns)}, the tape's last moment")
    if end_ns <= start_ns:
        raise ScenarioError(
            f"run.to: the run would end ({iso(end_ns)}) before it starts ({iso(start_ns)})"
        )
    return max(start_ns, first_ns), min(end_ns, last_ns)


def check_order(start: str | float | None, end: str | float | None) -> None:
    """Reject an end that is not after the start, where that can be told without the tape."""
    first = None if start is None else parse_time(start, "run.from")
    last = None if end is None else parse_time(end, "run.to")
    if last is None:
        return
    if first is None:
        first = Moment(0, last.absolute)
    if first.absolute == last.absolute and last.ns <= first.ns:
        begin = "the tape's start" if start is None else f"run.from, {start}"
        raise ScenarioError(f"run.to: {end} is not after {begin}")


def iso(ns: int) -> str:
    """Write a time in ns as ISO 8601 in UTC, with as many digits as it needs.

    >>> iso(1_500_000_000)
    '1970-01-01T00:00:01.5Z'
    """
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{text}{digits}Z"


def _parse_text(text: str) -> Moment | None:
    clock = _OFFSET.fullmatch(text)
    if clock:
        hours, minutes, seconds, fraction = clock.groups()
        whole = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
        return _offset(Decimal(whole) + Decimal(fraction or 0))
    fraction_match = _FRACTION.search(text)
    fraction_ns = int(fraction_match.group(1).ljust(9, "0")) if fraction_match else 0
    try:
        time = datetime.fromisoformat(_FRACTION.sub("", text))
    except ValueError:
        return None
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None  # basic and week forms are too easily a mistyped number
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    since = time - _EPOCH
    whole_s = since.days * 86_400 + since.seconds
    return Moment(whole_s * 1_000_000_000 + since.microseconds * 1000 + fraction_ns, True)


def _offset(seconds: Decimal) -> Moment | None:
    if not seconds.is_finite():
        return None
    return Moment(int((seconds * 1_000_000_000).to_integral_value()), False)
