"""What a paper session's feed may be called, and what of a scenario it sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from simmm.errors import ScenarioError

NO_FEED = (
    "there is no live feed yet: the adapter for Hyperliquid is still to come; play a tape as one "
    "with --feed tape:PATH (or --feed tape for the scenario's own)"
)


def feed_sets(
    feed: str | None, sets: Mapping[str, Any] | Sequence[str]
) -> Mapping[str, Any] | Sequence[str]:
    """Return a scenario's `sets` with the tape that the feed names among them.

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
        return sets
    path = Path(name).expanduser()
    is_file = path.exists() or path.suffix != "" or len(path.parts) > 1
    field = "tape.file" if is_file else "tape.dataset"
    if isinstance(sets, Mapping):
        return {**sets, field: name}
    return (*((sets,) if isinstance(sets, str) else sets), f"{field}={name}")
