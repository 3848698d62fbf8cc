"""Where scenarios, strategies, datasets and golden reports are found.

A name is looked for in this order, and the first hit counts:

1. as a path, relative to the current folder;
2. in the *project*: the nearest folder, from the current one upward, that is a simmm project;
3. among what ships with simmm.

A folder is a project if it holds ``simmm.yaml``, ``scenarios/`` with a scenario in it,
``strategies/`` with a strategy in it, or ``datasets/manifest.yaml``. The search upward ends at a
repository's root, at the home folder and at a folder of another user, so that nobody else's files
are run by accident. What a scenario file names is looked for beside that file and in its own
project first.

Nothing here makes ``datasets`` or ``strategies`` importable; files are found by path.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from simmm.errors import ScenarioError, SimmmError, StrategyError
from simmm.nearest import nearest

Kind = Literal["scenarios", "strategies", "datasets", "reports"]

MARKER = "simmm.yaml"
_SUFFIXES: dict[str, tuple[str, ...]] = {
    "scenarios": (".yaml", ".yml"),
    "strategies": (".py",),
    "datasets": (".yaml", ".yml", ".json"),
    "reports": (".json",),
}
_SINGULAR = {
    "scenarios": "scenario",
    "strategies": "strategy",
    "datasets": "dataset file",
    "reports": "golden report",
}
_SCENARIO = re.compile(rb"^(tape|seed|run|market|venue|maker|strategy)[ \t]*:", re.MULTILINE)
_STRATEGY = re.compile(rb"^def[ \t]+quote[ \t]*\(", re.MULTILINE)
_MANIFEST = re.compile(rb"^datasets[ \t]*:", re.MULTILINE)
_HEAD_BYTES = 65_536


def bundled_folder() -> Path:
    """Return the folder of what ships with simmm; in a source checkout, the checkout itself."""
    package = Path(__file__).resolve().parent
    packaged = package / "bundled"
    return packaged if packaged.is_dir() else package.parent


def is_project(folder: Path) -> bool:
    """Tell whether `folder` is a simmm project (see the top of this file)."""
    if (folder / MARKER).is_file():
        return True
    return (
        _holds(folder / "scenarios", "scenarios", _SCENARIO)
        or _holds(folder / "strategies", "strategies", _STRATEGY)
        or _matches(folder / "datasets" / "manifest.yaml", _MANIFEST)
    )


def project_folder(start: Path | None = None) -> Path | None:
    """Return the project that `start` (the current folder if None) lies in, or None."""
    try:
        first = (start or Path.cwd()).resolve()
    except OSError:  # the current folder was removed
        return None
    home = _home()
    for folder in (first, *first.parents):
        if folder != first and (folder == home or folder == folder.parent or not _trusted(folder)):
            return None
        if is_project(folder):
            return folder
        if (folder / ".git").exists():
            return None
    return None


def folders(kind: Kind, beside: Path | None = None) -> list[Path]:
    """Return the existing folders of one kind, in the order in which they are searched.

    Parameters
    ----------
    kind
        ``scenarios``, ``strategies``, ``datasets`` or ``reports``.
    beside
        A scenario file: its own project (or the bundled files, if it is one of them) comes first.
    """
    return [folder for root in _roots(beside) if (folder := root / kind).is_dir()]


def available(kind: Kind) -> dict[str, Path]:
    """Return plain name -> file of everything of one kind that would be found, sorted by name."""
    found: dict[str, Path] = {}
    for folder in folders(kind):
        for path in _files(folder, kind):
            found.setdefault(path.stem, path)
    return dict(sorted(found.items()))


def find(kind: Kind, name: str | Path, beside: Path | None = None) -> Path:
    """Return the absolute path of the file that `name` means.

    Parameters
    ----------
    kind
        What is looked for.
    name
        A path (``scenarios/cascade.yaml``, ``../my.py``) or a plain name (``cascade``).
    beside
        The scenario file in which the name stands; None if it was given on the command line.

    Raises
    ------
    ScenarioError, StrategyError
        If there is no such file; the message says where it was looked for and what is near.
    """
    text = os.fspath(name)
    if not text.strip():
        raise _error(kind, f"no {_SINGULAR[kind]} named: the name is empty")
    if "\0" in text or not Path(text).name:
        raise _error(kind, f"{text!r} is no name of a {_SINGULAR[kind]}")
    tried: list[Path] = []
    for candidate in _candidates(kind, text, beside):
        if os.path.isfile(candidate):  # os.path: no error where a name is too long
            return Path(os.path.abspath(candidate))
        tried.append(candidate)
    if os.path.isdir(text) and os.sep in text:
        raise _error(kind, f"{text} is a folder, not a {_SINGULAR[kind]} file")
    raise _error(kind, _not_found(kind, text, tried))


def resolve_path(name: str, beside: Path | None = None) -> Path:
    """Return the absolute path of a tape file or folder, whether it exists or not.

    A relative path in a scenario file counts from that file's folder, else from its project,
    else, like one from the command line, from the current folder.
    """
    path = Path(name).expanduser()
    if beside is not None and not path.is_absolute():
        own_project = project_folder(beside.parent)
        for base in (beside.parent, own_project):
            if base is not None and (base / path).exists():
                return Path(os.path.abspath(base / path))
    return Path(os.path.abspath(path))


def _candidates(kind: Kind, text: str, beside: Path | None) -> Iterator[Path]:
    """Every place where the file may be, best first."""
    path = Path(text).expanduser()
    names = [path]
    if path.suffix not in _SUFFIXES[kind]:
        names = [path.with_name(path.name + suffix) for suffix in _SUFFIXES[kind]]
        if path.suffix:
            names.insert(0, path)
    here_only = path.is_absolute() or text.startswith(("./", "../", ".\\", "..\\"))
    own = _own_root(beside)
    if beside is not None:
        yield from (beside.parent / name for name in names)
    if own is not None and not here_only:
        yield from _inside(own, kind, names)
    yield from names
    if not here_only:
        for root in _roots():
            yield from _inside(root, kind, names)


def _inside(root: Path, kind: Kind, names: list[Path]) -> Iterator[Path]:
    for name in names:
        if name.parts[0] == kind:
            yield root / name
        else:
            yield root / kind / name


def _own_root(beside: Path | None) -> Path | None:
    """The project of a scenario file, or the bundled files if it is one of them."""
    if beside is None:
        return None
    bundled = bundled_folder()
    if beside.resolve().is_relative_to(bundled / "scenarios"):
        return bundled
    return project_folder(beside.parent)


def _roots(beside: Path | None = None) -> list[Path]:
    """Projects and bundled files, best first, each once."""
    roots = (_own_root(beside), project_folder(), bundled_folder())
    return list(dict.fromkeys(root for root in roots if root is not None))


def _files(folder: Path, kind: Kind) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return []
    return [
        path
        for path in entries
        if path.suffix in _SUFFIXES[kind] and not path.name.startswith((".", "_"))
    ]


def _holds(folder: Path, kind: Kind, pattern: re.Pattern[bytes]) -> bool:
    return any(_matches(path, pattern) for path in _files(folder, kind))


def _matches(path: Path, pattern: re.Pattern[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            return pattern.search(file.read(_HEAD_BYTES)) is not None
    except OSError:
        return False


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def _trusted(folder: Path) -> bool:
    """A folder of this user or of the system's owner; always true where owners are unknown."""
    if not hasattr(os, "getuid"):
        return True
    try:
        return folder.stat().st_uid in (os.getuid(), 0) and not folder.stat().st_mode & 0o002
    except OSError:
        return False


def _not_found(kind: Kind, text: str, tried: list[Path]) -> str:
    places = list(dict.fromkeys(_shown(path.parent) for path in tried))
    message = f"{text}: no such {_SINGULAR[kind]}; looked in {', '.join(places)}"
    known = available(kind)
    guess = nearest(Path(text).stem, known)
    if guess is not None:
        return f"{message}; did you mean '{guess}'?"
    return f"{message}; there are: {', '.join(known)}" if known else message


def _shown(folder: Path) -> str:
    text = os.path.normpath(folder)
    return "the current folder" if text == "." else text


def _error(kind: Kind, message: str) -> SimmmError:
    return StrategyError(message) if kind == "strategies" else ScenarioError(message)
