"""What a paper session's feed may be called, and which tape it names."""

from pathlib import Path

from simmm.errors import ScenarioError
from simmm.scenario.load import Resolved, shown
from simmm.scenario.tapes import find_dataset

NO_FEED = (
    "there is no live feed yet: the adapter for Hyperliquid is still to come; play a tape as one "
    "with --feed tape:PATH (or --feed tape for the scenario's own)"
)


def feed_tape(feed: str | None) -> tuple[list[str], dict[str, str]]:
    """Return the tape files and the settings that a feed's name stands for.

    Raises
    ------
    ScenarioError
        If no feed is named, or none that there is.
    """
    if feed is None:
        raise ScenarioError(NO_FEED)
    kind, colon, name = feed.partition(":")
    if kind != "tape" or (colon and not name):
        raise ScenarioError(f"--feed: {feed!r} is no feed; {NO_FEED}")
    if not colon:
        return [], {}
    path = Path(name).expanduser()
    if path.exists() or path.suffix or len(path.parts) > 1:
        return [name], {}
    try:
        find_dataset(name)
    except ScenarioError as error:
        raise ScenarioError(f"--feed: {name!r} is no file, and {error}") from None
    return [], {"tape.dataset": name}


def require_tape(resolved: Resolved) -> None:
    """Refuse a scenario without a tape, which ``--feed tape`` would play."""
    tape = resolved.scenario.tape
    if tape.dataset is None and tape.file is None:
        raise ScenarioError(
            f"{shown(resolved.path)}: tape: the scenario names none; give one with "
            "--feed tape:FILE, or name a scenario that has one, as in simmm paper cascade"
        )
