"""Running a scenario from Python."""

import operator
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from simmm.api.progress import Progress, Teller, teller
from simmm.api.run import Run
from simmm.backtest import run as run_scenario
from simmm.errors import ScenarioError
from simmm.scenario import Resolved, load_scenario

Time = str | float | datetime
PathLike = str | os.PathLike[str]


def backtest(
    scenario: PathLike,
    *,
    set: Mapping[str, Any] | Sequence[str] = (),
    seed: int | None = None,
    tape: PathLike | Sequence[PathLike] | None = None,
    strategy: PathLike | None = None,
    start: Time | None = None,
    end: Time | None = None,
    out: PathLike | None = None,
    progress: Progress | bool | None = None,
) -> Run:
    """Run a scenario and return the finished run.

    May be called from several threads at once; each run gives what it gives alone.

    Parameters
    ----------
    scenario
        File or name, such as ``"scenarios/cascade.yaml"`` or ``"cascade"``.
    set
        Values in place of the scenario's: field path to value, as in
        ``{"venue.queue.model": "log", "strategy.gamma": 5000}``, or texts as ``--set`` takes them.
    seed
        Of tape and run; ``seed.tape`` and ``seed.run`` may be set apart.
    tape
        Tape files or folders in place of the scenario's tape.
    strategy
        Strategy file or name in place of the scenario's.
    start, end
        ISO time or `datetime` (UTC where it has no zone), or an offset from the tape's start, as
        ``"HH:MM:SS"`` or in seconds.
    out
        Folder of the run, which must not exist yet. Without it the run lies in a temporary folder
        that is removed along with the `Run`; `Run.save` keeps it.
    progress
        ``True`` for a line on standard error; or called as ``progress(stage, done, total)``, with
        stage ``"tape"`` (seconds of tape built) or ``"run"`` (rows fed).

    Raises
    ------
    ScenarioError
        The scenario or an argument is wrong.
    StrategyError
        The strategy does not load, compile, or stay within its rules.
    TapeError
        The tape cannot be used.
    RunError
        The run could not be finished or written.

    Examples
    --------
    >>> import simmm
    >>> run = simmm.backtest("cascade", end="00:08:00", set={"strategy.gamma": 5000})
    >>> run.report.run.scenario, run.fills.columns[:4]
    ('cascade', ['time', 'known', 'order_id', 'side'])
    """
    resolved = load_scenario(
        os.fspath(scenario),
        sets=plain_sets(set),
        seed=seed_number(seed),
        tape=paths(tape),
        strategy=None if strategy is None else os.fspath(strategy),
        start=moment(start, "run.from"),
        end=moment(end, "run.to"),
    )
    with teller(progress, resolved.scenario.name) as told:
        for note in resolved.notes:
            told.note(note)
        if out is not None:
            return _finished(resolved, Path(out).absolute(), None, told)
        place = Path(tempfile.mkdtemp(prefix="simmm-"))
        try:
            return _finished(resolved, place / resolved.scenario.name, place, told)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise


def _finished(resolved: Resolved, folder: Path, temporary: Path | None, told: Teller) -> Run:
    run_scenario(resolved, out=folder, progress=told.progress, notify=told.say)
    run = Run(folder, notes=tuple(told.notes), temporary=temporary)
    if told.progress is not None:  # told of chunks alone until now
        rows = int(run.report.run.tape["rows"])
        told.progress("run", rows, rows)
    return run


def plain_sets(sets: Mapping[str, Any] | Sequence[str]) -> Mapping[str, Any] | Sequence[str]:
    """Return `set` with plain Python values: a sweep's are often NumPy's."""
    if not isinstance(sets, Mapping):
        return sets
    for path in sets:
        if not isinstance(path, str) or not all(path.split(".")):
            raise ScenarioError(f"set: {path!r} is no field path; write it as 'venue.queue.n'")
    return {path: _value(value, path) for path, value in sets.items()}


def _value(value: Any, path: str) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {name: _value(inner, path) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_value(inner, path) for inner in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ScenarioError(f"set: {path}: a {type(value).__name__} is no value of a scenario")


def paths(tape: PathLike | Sequence[PathLike] | None) -> list[str]:
    """Return the tapes of an argument as texts."""
    if tape is None:
        return []
    if isinstance(tape, str | os.PathLike):
        return [os.fspath(tape)]
    return [os.fspath(one) for one in tape]


def moment(time: Any, name: str) -> Any:
    """Return a time as a scenario holds it."""
    return time.isoformat() if isinstance(time, datetime) else _value(time, name)


def seed_number(seed: Any) -> int | None:
    if seed is None:
        return None
    try:
        return operator.index(seed)
    except TypeError:
        raise ScenarioError(f"seed: {seed!r} is no whole number") from None
