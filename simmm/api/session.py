"""Paper sessions from Python, and their proof."""

import asyncio
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from simmm.api.backtest import PathLike, Time, moment, plain_sets, seed_number
from simmm.api.run import Run
from simmm.errors import ScenarioError
from simmm.scenario import load_scenario
from simmm.scenario.feeds import feed_tape, require_tape
from simmm.session.pace import Pace
from simmm.session.paper import resume, start
from simmm.session.snapshot import Snapshot
from simmm.session.verify import Verdict
from simmm.session.verify import verify as prove

Result = TypeVar("Result")


def paper(
    scenario: PathLike = "paper",
    *,
    feed: str | None = None,
    speed: float = 1.0,
    hours: float | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    seed: int | None = None,
    strategy: PathLike | None = None,
    from_: Time | None = None,
    out: PathLike | None = None,
    resume_from: PathLike | None = None,
    checkpoint_minutes: float = 5.0,
    notify: Callable[[str], None] | None = None,
) -> Run:
    """Run a paper session to its end and return it, as `simmm paper` does.

    Parameters
    ----------
    scenario
        File or name; strategy, exchange and settings are taken from it.
    feed
        ``"tape:PATH"`` or ``"tape:NAME"`` plays a tape or a generated dataset as a live feed,
        ``"tape"`` the scenario's own.
    speed
        Feed seconds a second; ``math.inf`` as fast as it goes.
    hours
        Length in the feed's time; None: to its end.
    set, seed, strategy, from_
        As `set`, `seed`, `strategy` and `start` of `simmm.backtest`.
    out
        Folder of the session; default ``runs/<time>-<scenario>-paper``.
    resume_from
        A session that was broken off: it goes on as if it had never stopped. Only `speed`,
        `checkpoint_minutes` and `notify` may be given beside it.
    checkpoint_minutes
        How often the whole state is kept, minutes of the feed's time.
    notify
        Gets lines of text: what is compiled, why the session ends.

    Raises
    ------
    SimmmError
        As `simmm.backtest`; and RunError where the session can't be written or taken up again.

    Examples
    --------
    >>> import math, simmm, tempfile
    >>> out = tempfile.mkdtemp() + "/run"
    >>> run = simmm.paper("cascade", feed="tape", hours=0.2, speed=math.inf, out=out)
    >>> run.report.session.kind, simmm.verify(run.folder).same
    ('paper', True)
    """
    numbers = {"speed": speed, "checkpoint_minutes": checkpoint_minutes}
    if hours is not None:
        numbers["hours"] = hours
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ScenarioError(f"{name}: {value!r} is no number (math.inf is as fast as it goes)")
    pace = Pace(None if speed == math.inf else float(speed), checkpoint_minutes * 60.0)
    if resume_from is not None:
        more = (feed, hours, out, seed, strategy, from_, set or None)
        if any(value is not None for value in more) or os.fspath(scenario) != "paper":
            raise ScenarioError(
                "paper: a session goes on as it was begun; beside resume_from only speed, "
                "checkpoint_minutes and notify may be given"
            )
        again = Path(resume_from)
        return Run(_away_from_loops(lambda: resume(again, pace=pace, notify=notify)))
    tapes, named = feed_tape(feed)
    given = plain_sets(set)
    sets = {**given, **named} if isinstance(given, Mapping) else [*given, *_texts(named)]
    resolved = load_scenario(
        os.fspath(scenario),
        sets=sets,
        tape=tapes,
        seed=seed_number(seed),
        strategy=None if strategy is None else os.fspath(strategy),
        start=moment(from_, "run.from"),
        need_tape=False,
    )
    require_tape(resolved)
    name = feed or "tape"
    folder = None if out is None else Path(out).absolute()
    return Run(
        _away_from_loops(
            lambda: start(resolved, feed=name, hours=hours, pace=pace, out=folder, notify=notify)
        )
    )


def verify(
    run: PathLike, *, kept: bool = False, notify: Callable[[str], None] | None = None
) -> Verdict:
    """Feed a session's journal to its maker again; say whether the same intents come out.

    Parameters
    ----------
    run
        Folder of a session, over or broken off.
    kept
        Prove it with the session's own copy of the strategy.
    notify
        Gets a line before the engine is compiled.

    Raises
    ------
    RunError
        There is no journal, or it is one of another version.
    """
    return prove(Path(run), kept=kept, notify=notify)


def _texts(named: Mapping[str, str]) -> list[str]:
    return [f"{path}={value}" for path, value in named.items()]


def _away_from_loops(work: Callable[[], Result]) -> Result:
    """Call `work`, in a thread of its own where this one runs an event loop, as a notebook's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return work()
    with ThreadPoolExecutor(1, thread_name_prefix="simmm-paper") as pool:
        return pool.submit(work).result()


__all__ = ["Snapshot", "Verdict", "paper", "verify"]
