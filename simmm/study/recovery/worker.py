"""A process that draws worlds for a study: `python -m simmm.study.recovery.worker`.

It reads requests (JSON, one a line) from standard input: an estimator, a case, which seeds, and
the file to write. To each it answers on standard output with one line: ``{"done": true}`` or
``{"error": text}``. It ends when its input does. Whatever else is printed goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from simmm.errors import SimmmError
from simmm.report.files import write_whole
from simmm.study.recovery.found import cases_of
from simmm.study.recovery.sample import sample

Columns = dict[str, list[float]]


def serve(request: dict[str, Any]) -> None:
    """Make one chunk: the figures of some seeds of one case, a column each.

    Raises
    ------
    RunError
        The file can't be written.
    """
    case = next(one for one in cases_of(request["estimator"]) if one.name == request["case"])
    first, end = request["first"], request["end"]
    columns: Columns = {}
    for seed in range(first, end):
        try:
            figures = sample(request["estimator"], case, seed)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        for name, value in figures.items():
            columns.setdefault(name, [float("nan")] * (end - first))[seed - first] = value
    write_whole(Path(request["file"]), msgspec.msgpack.encode(columns))


def main() -> int:
    """Serve requests until there are no more, and return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the study itself stops us
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            serve(request)
        except SimmmError as error:
            answers.write(json.dumps({"error": str(error)}) + "\n")
        except Exception as error:  # noqa: BLE001 - whatever a case or an estimator does wrong
            where = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
            answers.write(json.dumps({"error": f"{type(error).__name__}: {error}{where}"}) + "\n")
        else:
            answers.write(json.dumps({"done": True}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
