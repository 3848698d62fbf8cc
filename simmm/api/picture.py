"""A run in one picture: price with own fills, position and equity over time, and the verdict.

One SVG without scripts or addresses, a few tens of kilobytes however long the run: curves keep
lowest and highest per column of pixels, fills are left out only where one covers another.
"""

import html
import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simmm.errors import RunError
from simmm.report.files import write_whole
from simmm.report.words import decimals_for, fixed, moment

if TYPE_CHECKING:
    from simmm.api.run import Run

WIDTH = 760
_LEFT, _RIGHT = 84, 14
_PLOT = WIDTH - _LEFT - _RIGHT
_GAP = 30  # between panels; holds a panel's title
_LINE = 18  # of text
_COLUMNS_PER_CHARACTER = 6.4
_NS_PER_S = 1_000_000_000
#: Steps of the time axis, seconds.
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)

INK, FAINT, GRID = "#1c2430", "#6b7684", "#e3e7ec"
BUY, SELL, LINE, AREA = "#0b62b0", "#c4500c", "#39424e", "#b9c6d6"


class Picture:
    """An SVG that a notebook shows by itself."""

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def save(self, path: str | Path) -> Path:
        """Write the SVG to a file, whole or not at all, and return its path.

        Raises
        ------
        RunError
            The file can't be written.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise RunError(f"{target}: there is no folder {target.parent}")
        write_whole(target, self.svg.encode())
        return target

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="max-width:{WIDTH}px">{self.svg}</div>'

    def __repr__(self) -> str:
        return f"<Picture, {len(self.svg) / 1000:.0f} kB of SVG; save(path) writes it>"


class _Panel(NamedTuple):
    """Where a panel lies, and the values at its lower and upper edge."""

    top: int
    height: int
    low: float
    high: float

    def y(self, value: Any) -> Any:
        """Return the height at which values are drawn, an array or a number."""
        share = (value - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - share)


class _Time(NamedTuple):
    """The time axis: the run from start to end, ns."""

    start_ns: int
    end_ns: int

    def x(self, ts: Any) -> Any:
        """Return where times, ns, are drawn, an array or a number."""
        return _LEFT + _PLOT * (ts - self.start_ns) / max(1, self.end_ns - self.start_ns)


def draw(run: "Run") -> Picture:
    """Draw a run."""
    facts, quote = run.report.run, run.report.run.quote
    time = _Time(facts.start_ns, facts.end_ns)
    samples, fills = run.equity, run.fills
    ts = samples["time"].to_physical().to_numpy()
    mid, position, equity = (
        samples[name].to_numpy().astype(np.float64) for name in ("mid", "position", "equity")
    )
    title = f"{facts.scenario}: {Path(str(facts.strategy.get('file', ''))).stem} on {facts.symbol}"
    words, top = _words(title, run.report.verdict.sentences)
    prices = np.concatenate((mid[np.isfinite(mid)], fills["price"].to_numpy()))
    price = _panel(top + _GAP, 190, prices)
    held = _panel(price.top + price.height + _GAP, 70, np.append(position, 0.0))
    worth = _panel(held.top + held.height + _GAP, 90, np.append(equity, 0.0))
    base = facts.symbol
    bottom = worth.top + worth.height
    parts = [
        *words,
        _frame(price, f"price, {quote}"),
        _frame(held, f"position, {base}"),
        _frame(worth, f"equity, {quote}"),
        _clock(time, price.top, bottom),
        _warm_up(time, facts.quote_start_ns, price.top, bottom),
        _curve(time, price, ts, mid, LINE),
        _marks(time, price, run),
        _steps(time, held, ts, position),
        _curve(time, worth, ts, equity, INK),
        _legend(price.top - 9),
    ]
    height = bottom + 2 * _LINE
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'width="100%" font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
        f"<title>{html.escape(title)}</title>"
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#fff"/>' + "".join(parts) + "</svg>"
    )


def _words(title: str, sentences: list[str]) -> tuple[list[str], int]:
    """Return title and verdict as lines of text, and where they end."""
    lines = [_text(14, 24, title, size=15, weight=600)]
    y = 24
    for n, sentence in enumerate(sentences):
        for line in textwrap.wrap(sentence, int(_PLOT / _COLUMNS_PER_CHARACTER) + 8):
            y += _LINE
            lines.append(_text(14, y, line, weight=600 if n == 0 else 400))
    return lines, y


def _panel(top: int, height: int, values: np.ndarray) -> _Panel:
    """Return a panel that holds the finite ones of `values` with a little room."""
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    room = 0.04 * (high - low) or abs(high) * 1e-4 or 1.0
    return _Panel(top, height, low - room, high + room)


def _frame(panel: _Panel, name: str) -> str:
    """Grid lines with their values, and the panel's name."""
    ticks = _ticks(panel.low, panel.high, 2 + panel.height // 60)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else ticks[0]
    decimals = decimals_for([step], 1)
    drawn = [_text(_LEFT, panel.top - 9, name, colour=FAINT)]
    for tick in ticks:
        y = float(panel.y(tick))
        look = f'stroke="{GRID}"' if tick else f'stroke="{FAINT}" stroke-dasharray="3 3"'
        drawn.append(f'<path d="M{_LEFT} {y:.1f}h{_PLOT}" {look}/>')
        drawn.append(_text(_LEFT - 8, y + 4, fixed(tick, decimals), colour=FAINT, anchor="end"))
    return "".join(drawn)


def _ticks(low: float, high: float, wanted: int) -> list[float]:
    """Round values between `low` and `high`, about `wanted` of them.

    >>> _ticks(-3.0, 11.0, 3)
    [0.0, 5.0, 10.0]
    """
    rough = (high - low) / max(wanted, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [n * step + 0.0 for n in range(first, last + 1)] or [low]


def _clock(time: _Time, top: int, bottom: int) -> str:
    """Times under the panels, with lines through them."""
    seconds = (time.end_ns - time.start_ns) / _NS_PER_S
    days = 86_400 * max(1, math.ceil(seconds / 86_400 / 6))
    step_s = next((step for step in _STEPS_S if seconds / step <= 7), days)
    step_ns = step_s * _NS_PER_S
    first = -(-time.start_ns // step_ns)
    drawn = []
    for n in range(first, time.end_ns // step_ns + 1):
        x = float(time.x(n * step_ns))
        text = moment(n * step_ns)
        text = text[5:10] if step_s >= 86_400 else text[11:16] if step_s >= 60 else text[11:19]
        drawn.append(f'<path d="M{x:.1f} {top}V{bottom}" stroke="{GRID}"/>')
        if _LEFT + 12 < x < WIDTH - 30:
            drawn.append(_text(x, bottom + 15, text, colour=FAINT, anchor="middle"))
    day = moment(time.start_ns)[:10]
    return "".join(drawn) + _text(14, bottom + 15, f"{day} UTC", colour=FAINT, size=11)


def _warm_up(time: _Time, quote_start_ns: int, top: int, bottom: int) -> str:
    """Shade the time before quoting began."""
    width = float(time.x(quote_start_ns)) - _LEFT
    if width < 1:
        return ""
    shade = (
        f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{bottom - top}" '
        f'fill="{FAINT}" opacity=".1"/>'
    )
    return shade + (_text(_LEFT + 4, top + 13, "warm-up", colour=FAINT, size=11) if width > 50
                    else "")  # fmt: skip


def _curve(time: _Time, panel: _Panel, ts: np.ndarray, values: np.ndarray, colour: str) -> str:
    """A line, thinned to first, lowest, highest and last value per pixel; broken where unknown."""
    known = np.isfinite(values)
    x, y = time.x(ts[known]), panel.y(values[known])
    if not len(x):
        return ""
    keep = _thinned(x, y)
    return _path(x[keep], y[keep], colour)


def _thinned(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the rows to draw: of each column of pixels at most four."""
    column = np.floor(x).astype(np.int64)
    start = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    stop = np.append(start[1:], len(x))
    rows: set[int] = set()
    for a, b in zip(start.tolist(), stop.tolist(), strict=True):
        rows |= {a, b - 1, a + int(np.argmin(y[a:b])), a + int(np.argmax(y[a:b]))}
    return np.array(sorted(rows), np.int64)


def _steps(time: _Time, panel: _Panel, ts: np.ndarray, values: np.ndarray) -> str:
    """The position as steps, filled down to zero."""
    if not len(ts):
        return ""
    x, y = time.x(ts), panel.y(values)
    keep = _thinned(x, y)
    steps = "".join(_move("h", a) + _move("v", b) for a, b in _moves(x[keep], y[keep]))
    zero, first = float(panel.y(0.0)), float(y[0])
    return (
        f'<path d="M{x[0]:.1f} {zero:.1f}V{first:.1f}{steps}V{zero:.1f}z" fill="{AREA}" '
        f'stroke="{LINE}" stroke-width=".6"/>'
    )


def _path(x: np.ndarray, y: np.ndarray, colour: str) -> str:
    """A line through points."""
    text = "".join(f"l{a / 10:g} {b / 10:g}" for a, b in _moves(x, y))
    return (
        f'<path d="M{x[0]:.1f} {y[0]:.1f}{text}" fill="none" '
        f'stroke="{colour}" stroke-width="1.2" stroke-linejoin="round"/>'
    )


def _moves(x: np.ndarray, y: np.ndarray) -> list[tuple[int, int]]:
    """Return the way from each point to the next in tenths of a pixel, without those of none."""
    ways = (np.diff(np.rint(values * 10).astype(np.int64)).tolist() for values in (x, y))
    return [(a, b) for a, b in zip(*ways, strict=True) if a or b]


def _move(letter: str, tenths: int) -> str:
    return f"{letter}{tenths / 10:g}" if tenths else ""


def _marks(time: _Time, panel: _Panel, run: "Run") -> str:
    """Fills: buys point up and sells down, each side of its own colour."""
    fills = run.fills
    x = np.rint(time.x(fills["time"].to_physical().to_numpy())).astype(np.int64)
    y = np.rint(panel.y(fills["price"].to_numpy())).astype(np.int64)
    is_buy = (fills["side"] == "buy").to_numpy()
    drawn = []
    for of_side, shape, colour in ((is_buy, "l-3 6h6z", BUY), (~is_buy, "l-3-6h6z", SELL)):
        places = sorted(set(zip(x[of_side].tolist(), y[of_side].tolist(), strict=True)))
        if places:
            text = "".join(f"M{a} {b}{shape}" for a, b in places)
            drawn.append(f'<path d="{text}" fill="{colour}" fill-opacity=".8"/>')
    return "".join(drawn)


def _legend(y: int) -> str:
    right = WIDTH - _RIGHT
    return (
        f'<path d="M{right - 124} {y - 7}l-4 7h8z" fill="{BUY}"/>'
        + _text(right - 116, y, "bought")
        + f'<path d="M{right - 50} {y}l-4-7h8z" fill="{SELL}"/>'
        + _text(right - 42, y, "sold")
    )


def _text(
    x: float,
    y: float,
    text: str,
    *,
    colour: str = INK,
    anchor: str = "start",
    size: int = 12,
    weight: int = 400,
) -> str:
    looks = f' font-size="{size}"' if size != 12 else ""
    looks += f' font-weight="{weight}"' if weight != 400 else ""
    looks += f' text-anchor="{anchor}"' if anchor != "start" else ""
    looks += f' fill="{colour}"' if colour != INK else ""
    return f'<text x="{x:.4g}" y="{y:.4g}"{looks}>{html.escape(text)}</text>'
