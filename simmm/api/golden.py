"""``simmm.golden``: compare what scenarios give with the golden reports, or renew those."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from simmm.errors import GoldenError, ScenarioError
from simmm.places import bundled_folder
from simmm.report import golden_runs
from simmm.report.golden import Change, Comparison, Difference, Divergence
from simmm.report.golden_runs import Outcome

__all__ = [
    "Change",
    "Comparison",
    "Difference",
    "Divergence",
    "Outcome",
    "Outcomes",
    "check",
    "update",
]

PathLike = str | os.PathLike[str]
_SHOWN = 5


class Outcomes(tuple[Outcome, ...]):
    """What became of each scenario, in the order of names."""

    __slots__ = ()

    @property
    def same(self) -> bool:
        """True if nothing differs and no golden report is missing."""
        return all(outcome.status not in ("differs", "missing") for outcome in self)

    def require_same(self) -> None:
        """Raise where something differs: for a test of one's own.

        Raises
        ------
        GoldenError
            Names the scenarios, and the first figures that moved.
        """
        if not self.same:
            raise GoldenError(
                "; ".join(_line(outcome) for outcome in self if outcome.status != "same")
            )

    def __repr__(self) -> str:
        return "\n".join(_line(outcome) for outcome in self)


def check(
    *names: str, folder: PathLike | None = None, progress: Callable[[str], None] | bool = False
) -> Outcomes:
    """Run scenarios and compare each with its golden report.

    Parameters
    ----------
    names
        Scenarios; without any, all but `recorded`.
    folder
        Holds ``scenarios/`` and ``reports/``; by default the project that the current folder lies
        in, else what ships with simmm.
    progress
        Called with each name before it runs; True: printed on standard error.

    Raises
    ------
    ScenarioError, GoldenError
        A name is unknown, or a golden report can't be read.

    Examples
    --------
    >>> import simmm
    >>> simmm.golden.check("poisson")
    poisson: same
    """
    place = golden_runs.golden_folder(None if folder is None else Path(folder))
    return Outcomes(golden_runs.check(place, names, _told(progress)))


def update(
    *names: str,
    reason: str,
    date: str | None = None,
    folder: PathLike | None = None,
    progress: Callable[[str], None] | bool = False,
) -> Outcomes:
    """Run scenarios and make what they give the golden reports.

    Parameters
    ----------
    names, folder, progress
        As for `check`; the reports that ship with an installed simmm are not written.
    reason
        Why the results may change; kept in the reports.
    date
        Kept beside the reason.

    Raises
    ------
    ScenarioError
        A name is unknown, the reason is empty, or there is no project.
    GoldenError
        A report can't be read or written.
    """
    place = golden_runs.golden_folder(None if folder is None else Path(folder))
    if folder is None and place == bundled_folder() and place.name == "bundled":
        raise ScenarioError(
            "no project here: golden reports are kept in the reports/ of a folder with scenarios/; "
            "go there, or name it with folder="
        )
    return Outcomes(golden_runs.update(place, names, reason, date, _told(progress)))


def _told(progress: Callable[[str], None] | bool) -> Callable[[str], None] | None:
    if callable(progress):
        return progress
    return _print if progress else None


def _print(name: str) -> None:
    print(f"running {name} …", file=sys.stderr, flush=True)


def _line(outcome: Outcome) -> str:
    if outcome.status == "missing":
        return f"{outcome.scenario}: there is no golden report {outcome.path}"
    if outcome.comparison is None or outcome.comparison.same:
        return f"{outcome.scenario}: {outcome.status}"
    found = outcome.comparison.differences
    text = ", ".join(f"{one.what} {_text(one.was)} → {_text(one.now)}" for one in found[:_SHOWN])
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"{outcome.scenario}: {outcome.status}: {text or 'a hash chain'}{more}"


def _text(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
