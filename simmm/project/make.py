"""A new project, whole or not at all: its files, and golden reports from running its scenarios."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

import msgspec

from simmm import __version__
from simmm.errors import RunError, ScenarioError, SimmmError
from simmm.places import project_folder
from simmm.project.contents import REPORTS, contents

#: `progress(stage, done, total)`, as of `simmm.backtest.run`.
Progress = Callable[[str, int, int], None]
Notify = Callable[[str], None]

REASON = "what the project gave when it was made"
#: What may lie in a folder that counts as empty.
_IGNORED = frozenset({".git"})
_MODE = 0o755  # others mustn't write: simmm takes no such folder for a project


class Project(msgspec.Struct, frozen=True):
    """A project that was made: its folder, and its files relative to that, in order."""

    folder: Path
    files: list[str]


def make_project(
    folder: str | Path, *, progress: Progress | None = None, notify: Notify | None = None
) -> Project:
    """Make a project in a new or empty folder, and run its scenarios for the golden reports.

    Parameters
    ----------
    folder
        Must not exist, or be empty (but for ``.git``). Folders above it are made, too.
    progress
        Called while tapes are built and scenarios run.
    notify
        Gets a line of text before anything slow.

    Returns
    -------
    Project

    Raises
    ------
    ScenarioError
        There is something in the way.
    RunError
        It can't be written, or its scenarios can't be run. Nothing is left of it then.
    """
    place = _free_place(folder)
    texts = contents(place.name)
    say = notify or _silent
    say(f"making {folder}; where there is something to compile it takes half a minute")
    with _all_or_nothing(place, str(folder)) as added:
        _put(place, texts, added)
        if project_folder(place / "scenarios") != place:
            raise RunError(
                "other users may write to that folder, so simmm would not trust the files in it; "
                "`chmod o-w` it, or name a folder of your own"
            )
        (place / REPORTS).mkdir(mode=_MODE)
        added.append(place / REPORTS)
        reports = _run_scenarios(place, progress, say)
    return Project(place, [*map(str, texts), *reports])


def _free_place(folder: str | Path) -> Path:
    """Return the real path of a folder that is empty or not there.

    Links are followed: code is compiled for the place where it lies, and Python tells real paths.
    """
    text = os.fspath(folder)
    if not text.strip() or "\0" in text:
        raise ScenarioError(f"{text!r} is no name of a folder; write simmm init my-maker")
    path = Path(text).expanduser()
    try:
        place = path.resolve()
        _check_above(text, place)
        if os.path.lexists(path) and not place.is_dir():
            what = "a link that leads nowhere" if not place.exists() else "a file"
            raise ScenarioError(f"{text}: there is {what} of that name; name another folder")
        inside = sorted(set(os.listdir(place)) - _IGNORED) if place.is_dir() else []
    except (OSError, RuntimeError) as error:
        raise RunError(
            f"{text}: can't be looked at ({_reason(error)}); name another folder"
        ) from None
    if inside:
        more = f" and {len(inside) - 1} more" if len(inside) > 1 else ""
        raise ScenarioError(
            f"{text}: isn't empty ({inside[0]}{more}); name a new folder, or empty this one"
        )
    return place


def _check_above(told: str, place: Path) -> None:
    for folder in place.parents:
        if folder.exists():
            if not folder.is_dir():
                raise ScenarioError(f"{told}: {folder.name} is a file; name another folder")
            return


@contextmanager
def _all_or_nothing(place: Path, told: str) -> Iterator[list[Path]]:
    """Give a list for what is added to a folder; remove that if it fails or is interrupted."""
    added: list[Path] = []
    above = [folder for folder in (place, *place.parents) if not folder.exists()]
    try:
        yield added
    except BaseException as error:
        for path in added:
            _remove(path)
        for folder in above:
            with suppress(OSError):
                folder.rmdir()
        if isinstance(error, OSError):
            raise RunError(
                f"{told}: can't be written ({_reason(error)}); nothing of it is kept"
            ) from None
        if isinstance(error, SimmmError):
            raise RunError(f"{told}: not made, nothing of it is kept: {error}") from error
        raise


def _put(place: Path, texts: Mapping[PurePosixPath, str], added: list[Path]) -> None:
    """Write the files beside their place, then move them there; tell each that is there."""
    is_new = not place.exists()
    near = place.parent if is_new else place
    near.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".simmm-init-", dir=near) as temporary:
        staged = Path(temporary) / "project"
        staged.mkdir(mode=_MODE)
        for path, text in texts.items():
            target = staged / path
            target.parent.mkdir(mode=_MODE, parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        names = sorted(entry.name for entry in staged.iterdir())
        if is_new:
            staged.rename(place)  # fails if somebody else was quicker
            added.extend(place / name for name in names)
            return
        for name in names:
            (staged / name).rename(place / name)
            added.append(place / name)


def _run_scenarios(place: Path, progress: Progress | None, say: Notify) -> list[str]:
    """Run the scenarios, write golden reports and the tapes' digests; return the reports.

    They are run where they lie, since what is compiled for another place is compiled again there.
    """
    from simmm import datasets
    from simmm.backtest import run
    from simmm.report import golden, golden_runs
    from simmm.scenario import load_scenario
    from simmm.tape.schema import read_info

    change = golden.Change(REASON, __version__)
    made = []
    for path in golden_runs.scenario_files(place):
        say(f"running {path.stem}, for its golden report")
        with tempfile.TemporaryDirectory(prefix="simmm-init-") as temporary:
            out = Path(temporary) / "run"
            found = golden.capture(run(load_scenario(path), out=out, progress=progress, notify=say))
        golden.write(
            place / REPORTS / f"{path.stem}.json", msgspec.structs.replace(found, history=[change])
        )
        made.append(f"{REPORTS}/{path.stem}.json")
    manifest = place / "datasets"
    datasets.record_digests(
        manifest,
        {
            name: read_info(datasets.tape_path(dataset)).digest
            for name, dataset in datasets.load_manifest(manifest).items()
        },
    )
    return made


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _silent(line: str) -> None:
    pass
