"""One run of a study in a process of its own: `python -m simmm.study.worker`.

It reads one request (JSON) from standard input and writes one JSON object a line to standard
output: ``{"rows": done, "of": total}`` while it runs, ``{"say": line}`` before anything slow,
``{"done": true}`` at the end, or ``{"error": kind, "text": line}``. Whatever else is printed goes
to standard error.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TELL_EVERY_S = 0.1


def main() -> int:
    """Serve the request and return the exit code."""
    signal.signal(signal.SIGTERM, _stop)  # so that a half-written folder is cleaned up
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def tell(**message: Any) -> None:
        lines.write(json.dumps(message) + "\n")

    from simmm.errors import SimmmError

    request = json.loads(sys.stdin.buffer.read())
    try:
        _run(request, tell)
    except SimmmError as error:
        tell(error=type(error).__name__, text=str(error), exit_code=error.exit_code)
        return 1
    tell(done=True)
    return 0


def _run(request: dict[str, Any], tell: Callable[..., None]) -> None:
    from simmm.backtest import run
    from simmm.scenario import load_scenario

    told = 0.0

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if stage == "run" and now - told >= _TELL_EVERY_S:
            told = now
            tell(rows=done, of=total)

    resolved = load_scenario(request["scenario"], **request["options"])
    run(
        resolved,
        out=Path(request["out"]),
        progress=progress,
        notify=lambda line: tell(say=line),
    )


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        code = main()
    except (KeyboardInterrupt, BrokenPipeError):
        code = 130
    sys.exit(code)
