"""The whole study: worlds, scores, and the files that tell them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simmm.report.files import write_whole
from simmm.study.files import read_study, write_study
from simmm.study.recovery.run import SEEDS, Told, run_cases
from simmm.study.recovery.scores import SCHEMA, Recovery, scored

FILE_NAME = "recovery.json"
PAGE_NAME = "recovery.html"
FOLDER = Path("runs/study-recovery")


def study_recovery(
    estimators: Sequence[str] = (),
    *,
    seeds: int = SEEDS,
    jobs: int | None = None,
    out: Path = FOLDER,
    told: Told | None = None,
) -> tuple[Recovery, Path]:
    """Let estimators hear generated worlds and score what they believe; write and return that.

    Parameters
    ----------
    estimators
        Names; all that have cases without any.
    seeds
        Worlds of each case.
    jobs
        Processes; by default as many as there are cores.
    out
        Folder of the study; worlds in it that were made by the same code are kept.
    told
        Hears how many worlds are done, of how many, and which estimator is at work.

    Returns
    -------
    tuple of Recovery and Path
        The scores, and the folder with `recovery.json` and `recovery.html`.

    Raises
    ------
    SimmmError
        An estimator has no cases, one failed, or the folder cannot be written.
    """
    from simmm.study.recovery.page import page

    found = scored(run_cases(out, estimators, seeds=seeds, jobs=jobs, told=told), seeds)
    write_study(out / FILE_NAME, found)
    write_whole(out / PAGE_NAME, page(found).encode())
    return found, out


def load_recovery(folder: Path) -> Recovery:
    """Read `recovery.json` of a study's folder.

    Raises
    ------
    RunError
        There is none, or it is of another version.
    """
    return read_study(folder / FILE_NAME, Recovery, SCHEMA)
