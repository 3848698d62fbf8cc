"""The live view of a session: a page that is redrawn in place, or lines without a terminal.

Every line of the page is built to its width, and every block has as many lines whatever it
holds: nothing moves when quotes come and go. Sides, signs and states are told by words, signs and
the texture of bars; colour only repeats them.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable

from rich.cells import cell_len
from rich.console import Console, Group
from rich.control import Control
from rich.live import Live
from rich.segment import ControlType
from rich.text import Text

from simmm.report.terminal.parts import FAINT, HEAD
from simmm.session.snapshot import Snapshot
from simmm.session.view_blocks import (
    GAP,
    bar,
    beliefs,
    beside,
    clean,
    counts,
    in_cells,
    ladder,
    listed,
    money,
    rule,
    tail,
    times,
)
from simmm.session.view_plain import clock, done, fitted, plain, warm_up_left_s, when

__all__ = ["View", "plain", "render"]

DEPTH = 4  # own quotes of a side that are shown
_TWO_COLUMNS = 80
_WIDE = 120
_SECOND_NS = 1_000_000_000


class View:
    """Shows a session while it runs: on a terminal as a page, elsewhere as lines of a log.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where to show it; standard error by default, so that standard output stays free.
    clock : callable, optional
        Monotonic wall clock in seconds.
    every_s : float
        Without a terminal: least wall seconds between two lines. The first snapshot and the last
        one are always shown.
    per_second : float
        On a terminal: most pages drawn in a wall second.

    Examples
    --------
    Building a snapshot costs more than asking whether one is wanted::

        with View() as view:
            for packet in feed:
                ...
                if view.due():
                    view.update(session.snapshot())
            view.update(session.snapshot())
    """

    def __init__(
        self,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
        every_s: float = 10.0,
        per_second: float = 4.0,
    ) -> None:
        self._console = Console(stderr=True) if console is None else console
        self._clock = clock
        self._next = -math.inf
        self._kept: Snapshot | None = None  # not shown yet
        self._drawn: list[int] = []  # cells of each line on the screen
        self._live: Live | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                console=self._console,
                screen=False,
                auto_refresh=False,
                transient=True,
                vertical_overflow="crop",
                # What a strategy prints goes above the page, unless it is sent to a file.
                redirect_stdout=sys.stdout.isatty(),
            )
        self._pause_s = every_s if self._live is None else 1.0 / per_second

    def due(self) -> bool:
        """Whether the next snapshot would be shown; costs a reading of the clock."""
        return self._clock() >= self._next

    def update(self, snapshot: Snapshot) -> None:
        """Show a snapshot if the time has come; else keep it, to be the last one if none follows.

        Parameters
        ----------
        snapshot : Snapshot
            The session as it is now.
        """
        if not self.due():
            self._kept = snapshot
            return
        self._kept = None
        if self._live is None:
            self.say(plain(snapshot))
        else:
            self._draw(self._live, snapshot)
        # Counted from here, so that a slow terminal doesn't take all the time there is.
        self._next = self._clock() + self._pause_s

    def say(self, line: str) -> None:
        """Print a line for the log; on a terminal above the page."""
        self._erase_wrapped()
        self._console.print(Text(line), soft_wrap=True)

    def _draw(self, live: Live, snapshot: Snapshot) -> None:
        self._erase_wrapped()
        lines = _lines(snapshot, *self._console.size)
        live.update(Group(*lines), refresh=True)
        self._drawn = [line.cell_len for line in lines]

    def _erase_wrapped(self) -> None:
        """Erase what a terminal that was made narrower has wrapped.

        The page on it is then higher than `Live` knows, which erases as many lines as it drew.
        """
        width = max(1, self._console.width)
        wrapped = sum(max(0, cells - 1) // width for cells in self._drawn)
        if wrapped:
            step = ((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2))
            erase = (ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2))
            self._console.control(Control(*erase, *(step * wrapped)))
            self._drawn = [min(cells, width) for cells in self._drawn]

    def __enter__(self) -> View:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._erase_wrapped()
            self._live.stop()
        elif self._kept is not None:
            self.say(plain(self._kept))
            self._kept = None


def render(snapshot: Snapshot, width: int, height: int | None = None) -> Group:
    """The page of a session at one moment.

    Parameters
    ----------
    snapshot : Snapshot
        The session as it is now.
    width : int
        Columns; no line is wider. Two columns of blocks from 80 on, three from 120 on.
    height : int, optional
        Lines of the terminal; fewer own quotes are shown if the page would be higher.

    Returns
    -------
    rich.console.Group
        Lines; as many for every snapshot at the same width and height. 23 at 80 columns.
    """
    return Group(*_lines(snapshot, width, height))


def _lines(snapshot: Snapshot, width: int, height: int | None) -> list[Text]:
    width = max(1, width)
    lines: list[Text] = []
    for depth in range(DEPTH, 0, -1):
        lines = _page(snapshot, width, depth)
        if height is None or len(lines) < height:
            break
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
        line.truncate(width, overflow="ellipsis")
        line.rstrip()
    return lines


def _page(snapshot: Snapshot, width: int, depth: int) -> list[Text]:
    lines = [_title(snapshot, width), _progress(snapshot, width)]
    if width < _TWO_COLUMNS:
        lines += ladder(snapshot, width, depth)
        lines += money(snapshot, width)
        lines += [rule("Beliefs and times", width), *beliefs(snapshot, width)]
        lines += listed(times(snapshot)[:3], width)
        return lines + in_cells(counts(snapshot), width, 2)
    if width < _WIDE:
        half = (width - GAP) // 2
        rest = width - GAP - half
        right = [rule("Beliefs and times", rest), *beliefs(snapshot, rest)]
        right += listed(times(snapshot)[:3], rest)
        lines += ladder(snapshot, width, depth)
        lines += beside([money(snapshot, half), right], [half, rest])
        return lines + in_cells(counts(snapshot), width, 4)
    left = 80 + (width - _WIDE) // 3
    rest = width - GAP - left
    right = [*money(snapshot, rest), rule("Beliefs", rest), *beliefs(snapshot, rest)]
    lines += beside([ladder(snapshot, left, depth), right], [left, rest])
    third = (width - 2 * GAP) // 3
    numbers = counts(snapshot)
    blocks = [
        [rule(title, third), *listed(rows, third)]
        for title, rows in (("Orders", numbers[:4]), ("Times", times(snapshot)),
                            ("Feed and journal", numbers[4:]))
    ]  # fmt: skip
    return lines + beside(blocks, [third] * 3)


def _title(snapshot: Snapshot, width: int) -> Text:
    speed = snapshot.speed
    pace = "full speed" if speed is None else f"{fitted(speed, 8, 0 if speed >= 10 else 1)}×"
    title = clean(f"{snapshot.strategy} on {snapshot.symbol} at {snapshot.venue}")
    feed = tail(clean(snapshot.feed), max(8, width - cell_len(title) - len(pace) - 6))
    origin = f"{feed} at {pace}"
    space = max(2, width - cell_len(title) - cell_len(origin))
    return Text.assemble((title, HEAD), " " * space, (origin, FAINT))


def _progress(snapshot: Snapshot, width: int) -> Text:
    """Feed time, state, the share that is over, wall time."""
    left_s = warm_up_left_s(snapshot)
    state = f"warm-up {clock(left_s)}" if left_s else "quoting"
    start = f"{when(snapshot.now_ns)}  {state:<16}"
    passed = clock((snapshot.now_ns - snapshot.start_ns) / _SECOND_NS)
    share = done(snapshot)
    if share is None or snapshot.end_ns is None:
        end = f"{passed}, no end set"
    else:
        end = f"{passed} of {clock((snapshot.end_ns - snapshot.start_ns) / _SECOND_NS)}"
        if width >= 100:
            end = f"{100 * share:5.1f} %  {end}"
        if width >= 100 and snapshot.speed:
            remaining = (snapshot.end_ns - snapshot.now_ns) / _SECOND_NS / snapshot.speed
            end += f", {clock(remaining)} to go"
    if width >= _TWO_COLUMNS:
        end += f"  wall {clock(snapshot.wall_s)}"
    room = min(40, width - len(start) - len(end) - 2)
    drawn = " " * max(0, room) if share is None else bar(share, room)
    return Text.assemble((start, HEAD), drawn, "  ", end)
