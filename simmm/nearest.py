"""Suggesting the name that was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the member of `names` most like `name`, None if none is alike.

    >>> nearest("modle", ["model", "n"])
    'model'
    >>> nearest("zebra", ["model", "n"]) is None
    True
    """
    known = sorted(set(names))
    by_case = {candidate.casefold(): candidate for candidate in reversed(known)}
    found = get_close_matches(name.casefold(), by_case, n=1, cutoff=0.6)
    return by_case[found[0]] if found else None


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return the end of an error message: a guess if one is near, else what there is.

    >>> suggestion("modle", ["model", "n"])
    "; did you mean 'model'?"
    >>> suggestion("zebra", ["model", "n"])
    '; there are: model, n'
    """
    known = sorted(set(names))
    guess = nearest(name, known)
    if guess is not None:
        return f"; did you mean '{guess}'?"
    if not known:
        return ""
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"; there are: {shown}"
