"""Times in scenarios."""

import pytest

from simmm.errors import ScenarioError
from simmm.scenario.times import Moment, check_order, iso, parse_time, window

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "ns", "absolute"),
    [
        ("00:00:00", 0, False),
        ("01:02:03", 3723 * SECOND, False),
        ("100:00:00.25", 360_000 * SECOND + 250_000_000, False),
        (90, 90 * SECOND, False),
        (0.1, 100_000_000, False),
        ("2025-09-04T19:46:56Z", 1_757_015_216 * SECOND, True),
        ("2025-09-04T19:46:56.123456789Z", 1_757_015_216 * SECOND + 123_456_789, True),
        ("2025-09-04T19:46:56,5", 1_757_015_216 * SECOND + 500_000_000, True),
        ("2025-09-04T21:46:56+02:00", 1_757_015_216 * SECOND, True),
        ("2025-09-04 19:46:56", 1_757_015_216 * SECOND, True),
        ("2025-09-04", 1_756_944_000 * SECOND, True),
    ],
)
def test_forms(text: str | float, ns: int, absolute: bool) -> None:
    assert parse_time(text) == Moment(ns, absolute)


@pytest.mark.parametrize(
    "text",
    ["", "noon", "1:2:3", "00:60:00", "2025-13-01", "20250904", "2025-W36-4", "1969-01-01", -1],
)
def test_refused(text: str | float) -> None:
    with pytest.raises(ScenarioError, match=r"^run\.from: "):
        parse_time(text, "run.from")


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e30])
def test_impossible_numbers(value: float) -> None:
    with pytest.raises(ScenarioError):
        parse_time(value)


def test_window_is_cut_to_the_tape() -> None:
    first, last = 100 * SECOND, 200 * SECOND
    assert window(None, None, first, last) == (first, last)
    assert window(10, "00:00:20", first, last) == (110 * SECOND, 120 * SECOND)
    assert window("1970-01-01T00:00:50Z", 1000, first, last) == (first, last)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (101, None, r"^run\.from: 101 lies after the tape's end, 1970-01-01T00:03:20Z"),
        (None, "1970-01-01T00:00:50Z", r"^run\.to: .* lies before the tape's start"),
        ("1970-01-01T00:02:40Z", 30, r"^run\.to: the run would end .* before it starts"),
    ],
)
def test_window_without_anything_in_it(
    start: str | float | None, end: str | float | None, expected: str
) -> None:
    with pytest.raises(ScenarioError, match=expected):
        window(start, end, 100 * SECOND, 200 * SECOND)


def test_order_is_checked_where_it_can_be() -> None:
    check_order(10, 20)
    check_order("2025-09-04", 5)
    check_order(None, "2025-09-04")
    for start, end in ((20, 10), ("00:01:00", 60), ("2025-09-05", "2025-09-04")):
        with pytest.raises(ScenarioError, match="is not after"):
            check_order(start, end)


@pytest.mark.parametrize("ns", [0, 1, 1_500_000_000, 1_757_015_216_123_456_789])
def test_iso_reads_back(ns: int) -> None:
    assert parse_time(iso(ns)) == Moment(ns, True)
