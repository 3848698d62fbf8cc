"""Progress bars of slow stages, and lines between them, on standard error."""

import sys
from typing import Any

LABELS = {"tape": "building the tape", "run": "running", "verify": "verifying"}


class Bars:
    """Shows one bar per stage while the context lasts; only lines of text if `show` is off."""

    def __init__(self, show: bool) -> None:
        self._progress: Any = None
        self._tasks: dict[str, Any] = {}
        if show:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )

    def update(self, stage: str, done: int, total: int) -> None:
        """Move the bar of `stage`."""
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(LABELS.get(stage, stage), total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)

    def say(self, line: str) -> None:
        """Print a line above the bars, behind the command's name."""
        line = f"simmm: {line}"
        if self._progress is not None:
            self._progress.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> "Bars":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
