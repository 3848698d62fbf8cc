"""How far a run is, and what it has to say, on one line of standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: `progress(stage, done, total)`.
Progress = Callable[[str, int, int], None]

_STAGES = {"tape": "building the tape", "run": "running"}
_ONCE = "compiling "


class Teller:
    """Collects what a run says; shows it, and the progress, if it is asked to."""

    def __init__(self, progress: Progress | None, shows: bool, name: str) -> None:
        self.progress = self._line if shows else progress
        self.notes: list[str] = []
        self._shows = shows
        self._name = name
        self._shown = ""

    def say(self, line: str) -> None:
        """Take a line that the run says; what only explains a wait is no note."""
        if line.startswith(_ONCE):
            self._write(line)
        else:
            self.note(line)

    def note(self, line: str) -> None:
        """Keep a line that belongs to the result."""
        self.notes.append(line)
        self._write(line)

    def close(self) -> None:
        """Wipe the line of progress."""
        self._replace("")

    def _line(self, stage: str, done: int, total: int) -> None:
        percent = 100 * min(done, total) // max(total, 1)
        self._replace(f"{self._name}: {_STAGES.get(stage, stage)} {percent:3d} %")

    def _write(self, line: str) -> None:
        if self._shows:
            self._replace("")
            print(line, file=sys.stderr, flush=True)

    def _replace(self, text: str) -> None:
        """Put `text` in place of the line shown before; nothing where it is the same."""
        if text != self._shown:
            blank = " " * len(self._shown)
            print(f"\r{blank}\r{text}", end="", file=sys.stderr, flush=True)
            self._shown = text


@contextmanager
def teller(progress: Progress | bool | None, name: str) -> Iterator[Teller]:
    """Give what `progress` means: nothing, a line on standard error, or a function of one's own."""
    shows = progress is True
    told = Teller(progress if callable(progress) else None, shows, name)
    try:
        yield told
    finally:
        told.close()
