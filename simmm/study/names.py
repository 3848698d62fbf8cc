"""Estimators as they are named on the command line: by name, or by the number of their row."""

from __future__ import annotations

from collections.abc import Sequence

from simmm.errors import ScenarioError
from simmm.estimators.catalogue import ESTIMATORS
from simmm.nearest import nearest


def named(wanted: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the names of the estimators meant, in the order of `known`; all without any.

    Raises
    ------
    ScenarioError
        One is none of `known`, neither by its name nor by its row, such as E7.
    """
    rows = {entry.row.casefold(): entry.name for entry in ESTIMATORS if entry.name in known}
    found = {name if name in known else rows.get(name.casefold(), "") for name in wanted}
    if "" in found:
        stranger = next(n for n in wanted if n not in known and n.casefold() not in rows)
        raise ScenarioError(f"--estimator: there is no '{stranger}'{_guess(stranger, known)}")
    return [name for name in known if not wanted or name in found]


def _guess(name: str, known: Sequence[str]) -> str:
    for entry in ESTIMATORS:
        if entry.name in known and any(belief.name == name for belief in entry.beliefs):
            return f"; that is a belief of {entry.name}"
    guess = nearest(name, known)
    if guess is not None:
        return f"; did you mean '{guess}'?"
    return f"; there are: {', '.join(known)}"
