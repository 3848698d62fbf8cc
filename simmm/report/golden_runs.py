"""Running the scenarios of a project against its golden reports."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from simmm import __version__
from simmm.errors import GoldenError, ScenarioError
from simmm.nearest import suggestion
from simmm.places import bundled_folder, project_folder
from simmm.report import golden

#: Scenarios that need a tape to be named and so have no result of their own.
WITHOUT_TAPE = frozenset({"recorded", "paper"})

Told = Callable[[str], None]


class Outcome(msgspec.Struct, frozen=True):
    """What became of one scenario. `status`: same, differs, missing, made, changed or kept."""

    scenario: str
    status: str
    path: Path
    comparison: golden.Comparison | None = None


def golden_folder(folder: Path | None = None) -> Path:
    """Return the folder whose `scenarios/` and `reports/` are meant.

    `folder` itself, else the project around the current folder, else what ships with simmm.

    Raises
    ------
    ScenarioError
        `folder` has no scenarios.
    """
    if folder is None:
        return project_folder() or bundled_folder()
    if not (folder / "scenarios").is_dir():
        raise ScenarioError(f"{folder}: no folder `scenarios` in it; name the folder of a project")
    return folder


def scenario_files(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Return the scenario files of a project by name, those without a tape left out.

    Raises
    ------
    ScenarioError
        A name is unknown, or there is no scenario.
    """
    found = {
        path.stem: path
        for path in sorted((folder / "scenarios").glob("*"))
        if path.suffix in (".yaml", ".yml") and not path.name.startswith((".", "_"))
    }
    for name in names:
        if Path(name).stem in WITHOUT_TAPE:
            raise ScenarioError(f"{name}: needs a tape of one's own, so it has no golden report")
        if Path(name).stem not in found:
            raise ScenarioError(f"{name}: no such scenario in {folder / 'scenarios'}"
                                f"{suggestion(name, found)}")  # fmt: skip
    wanted = {Path(name).stem for name in names} or set(found) - WITHOUT_TAPE
    if not wanted:
        raise ScenarioError(f"{folder / 'scenarios'}: no scenario in it")
    return [path for stem, path in found.items() if stem in wanted]


def run_scenario(path: Path, notify: Told | None = None) -> golden.Golden:
    """Run a scenario in a temporary folder and return what it gave.

    `notify` gets a line before anything slow that happens once.
    """
    from simmm.backtest import run
    from simmm.scenario import load_scenario

    with tempfile.TemporaryDirectory(prefix="simmm-golden-") as place:
        made = run(load_scenario(path), out=Path(place) / "run", notify=notify)
        return golden.capture(made)


def check(
    folder: Path,
    names: Sequence[str] = (),
    told: Told | None = None,
    notify: Told | None = None,
) -> Iterator[Outcome]:
    """Run scenarios and compare each with its golden report.

    Parameters
    ----------
    folder : Path
        Holds `scenarios/` and `reports/`.
    names : sequence of str
        Scenarios by name; all that have a tape if empty.
    told : callable, optional
        Given the name of each scenario before it runs.
    notify : callable, optional
        Gets a line before anything slow that happens once.

    Yields
    ------
    Outcome
        same, differs or missing; a missing one isn't run.
    """
    for path in scenario_files(folder, names):
        target = folder / "reports" / f"{path.stem}.json"
        if not target.exists():
            yield Outcome(path.stem, "missing", target)
            continue
        was = golden.read(target)
        if told is not None:
            told(path.stem)
        comparison = golden.compare(was, run_scenario(path, notify))
        yield Outcome(path.stem, "same" if comparison.same else "differs", target, comparison)


def update(
    folder: Path,
    names: Sequence[str],
    reason: str,
    date: str | None = None,
    told: Told | None = None,
    notify: Told | None = None,
) -> Iterator[Outcome]:
    """Run scenarios and make what they give the golden report.

    A report whose results are the same is kept as it is. The reason is appended to the history.

    Yields
    ------
    Outcome
        made, changed or kept.

    Raises
    ------
    ScenarioError
        The reason is empty.
    GoldenError
        The folder of the reports can't be made or written.
    """
    if not reason.strip():
        raise ScenarioError("--reason: say why the results may change; it is kept in the reports")
    files = scenario_files(folder, names)
    try:
        (folder / "reports").mkdir(exist_ok=True)
    except OSError as error:
        raise GoldenError(f"{folder / 'reports'}: can't be made ({error.strerror})") from None
    change = golden.Change(reason.strip(), __version__, date)
    for path in files:
        target = folder / "reports" / f"{path.stem}.json"
        was = golden.read(target) if target.exists() else None
        if told is not None:
            told(path.stem)
        now = run_scenario(path, notify)
        comparison = None if was is None else golden.compare(was, now)
        if was is not None and comparison is not None and comparison.same:
            if comparison.configuration:
                golden.write(target, msgspec.structs.replace(now, history=was.history))
            yield Outcome(path.stem, "kept", target, comparison)
            continue
        history = [] if was is None else was.history
        golden.write(target, msgspec.structs.replace(now, history=[*history, change]))
        yield Outcome(path.stem, "made" if was is None else "changed", target, comparison)
