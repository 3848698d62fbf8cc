"""Finding and reading the rules of a venue.

A venue is a folder beside this file with one YAML file per date from which facts differ. A file
has two maps, `venue` (shared by all markets) and `markets`; with `like: DATE` it is an earlier
file with the named values changed. A path to such a file of one's own is a venue too.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import yaml

from simmm.errors import ScenarioError
from simmm.nearest import nearest
from simmm.rules.schema import VenueRules

_FOLDER = Path(__file__).resolve().parent
_SUFFIXES = (".yaml", ".yml")
_MARKET_SUFFIXES = ("-PERP", "-USD", "-USDC", "/USDC:USDC")


def venues() -> list[str]:
    """Return the names of the venues whose rules ship with simmm."""
    return sorted(f.name for f in _FOLDER.iterdir() if f.is_dir() and any(f.glob("*.yaml")))


def dates(venue: str) -> list[str]:
    """Return the days (UTC) from which rules of a venue hold, oldest first."""
    return [day.isoformat() for day in _files(venue)]


def symbols(venue: str, date: str | datetime.date | None = None) -> list[str]:
    """Return the markets whose rules are known at a date (None: the newest), in file order."""
    return list(_read(_file(venue, date))["markets"])


def venue_rules(venue: str, symbol: str, date: str | datetime.date | None = None) -> VenueRules:
    """Return the rules of one market: those in force on `date`, or the newest.

    Parameters
    ----------
    venue
        ``hyperliquid``, or the path of a YAML file of the same form.
    symbol
        ``BTC``; ``BTC-PERP`` means the same.
    date
        Day in UTC, ``2026-07-19``; the newest rules that are not from after it are taken.

    Raises
    ------
    ScenarioError
        If there is no such venue, market or date, or if the file contradicts itself; the message
        says what there is.
    """
    path = _file(venue, date)
    content = _read(path)
    name = _plain(symbol)
    markets = content["markets"]
    if name not in markets:
        raise ScenarioError(
            f"rules of {venue} since {_day(path)}: no market {symbol!r}; known are "
            f"{', '.join(markets)}{_guess(name, markets)}"
        )
    facts = {
        **content["venue"],
        **markets[name],
        "venue": content["venue"].get("venue", path.stem if _is_file(venue) else venue),
        "symbol": name,
        "since": _day(path),
    }
    try:
        rules = msgspec.convert(facts, VenueRules)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{path.name}, {name}: {error}") from None
    rules.check()
    return rules


# ------------------------------------------------------------------------------------- files


def _plain(symbol: str) -> str:
    for suffix in _MARKET_SUFFIXES:
        if symbol.endswith(suffix):
            return symbol.removesuffix(suffix)
    return symbol


def _guess(name: str, names: Iterable[str]) -> str:
    guess = nearest(name, names)
    return "" if guess is None else f"; did you mean '{guess}'?"


def _is_file(venue: str) -> bool:
    return venue.endswith(_SUFFIXES)


def _day(path: Path) -> str:
    return path.stem


def _files(venue: str) -> dict[datetime.date, Path]:
    """Return day -> file of a venue that ships with simmm, oldest first."""
    if venue not in venues():
        raise ScenarioError(
            f"no rules of a venue {venue!r}; known are {', '.join(venues())}, or give the path "
            f"of a YAML file{_guess(venue, venues())}"
        )
    files = sorted((_FOLDER / venue).glob("*.yaml"))
    return {datetime.date.fromisoformat(path.stem): path for path in files}


def _file(venue: str, date: str | datetime.date | None) -> Path:
    """Return the file that holds on a date."""
    if _is_file(venue):
        path = Path(venue).expanduser()
        if not path.is_file():
            raise ScenarioError(f"{venue}: no such file of rules")
        if date is not None:
            raise ScenarioError(f"{venue}: a file of rules has no dates; leave {date} out")
        return path
    files = _files(venue)
    if date is None:
        return files[max(files)]
    day = _date(date)
    past = [known for known in files if known <= day]
    if not past:
        raise ScenarioError(
            f"rules of {venue}: none known for {day}; they begin {min(files)} "
            f"(dates: {', '.join(known.isoformat() for known in files)})"
        )
    return files[max(past)]


def _date(date: str | datetime.date) -> datetime.date:
    if isinstance(date, datetime.date):
        return date
    try:
        return datetime.date.fromisoformat(date)
    except ValueError:
        raise ScenarioError(f"rules: {date!r} is no date; write it as 2026-07-19") from None


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return `venue` and `markets` of a file, with what it is like filled in."""
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise ScenarioError(f"{path}: can't be read: {error.strerror}") from None


@functools.cache
def _parsed(path: Path, written_ns: int) -> dict[str, dict[str, Any]]:
    """Return what `_read` does; a file that was written anew is read anew."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        line = " ".join(str(error).split())
        raise ScenarioError(f"{path}: can't be read as YAML: {line}") from None
    if not isinstance(content, dict):
        raise ScenarioError(f"{path}: must be a map of `venue` and `markets`")
    unknown = sorted(str(key) for key in content if key not in ("like", "venue", "markets"))
    if unknown:
        raise ScenarioError(f"{path}: unknown key {unknown[0]!r}; known are like, venue, markets")
    if "like" in content:
        earlier = _like(path, content.pop("like"))
        content = _merged(earlier, content)
    for part in ("venue", "markets"):
        if not isinstance(content.get(part), dict) or not content[part]:
            raise ScenarioError(f"{path}: `{part}` must be a map")
    for name, facts in content["markets"].items():
        if not isinstance(name, str) or not isinstance(facts, dict):
            raise ScenarioError(f"{path}: markets: {name!r} must be a name with a map")
    return content


def _like(path: Path, day: Any) -> dict[str, dict[str, Any]]:
    """Return what the earlier file `like` names says."""
    earlier = path.with_name(f"{day}.yaml")
    shipped = [name for venue in venues() for name in (_FOLDER / venue).glob(f"{day}.yaml")]
    if not earlier.is_file() and shipped:
        earlier = shipped[0]  # a file of one's own may build on one that ships
    if not earlier.is_file() or earlier == path or str(day) >= _day(path):
        raise ScenarioError(f"{path}: like: {day}: there are no earlier rules of that day")
    return _read(earlier)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`, map by map; lists and plain values are replaced."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = _merged(old, value)
        else:
            result[key] = value
    return result
