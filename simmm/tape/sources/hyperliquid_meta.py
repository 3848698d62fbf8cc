"""szDecimals of Hyperliquid's coins, from a saved reply to its `meta` or `spotMeta` request."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from simmm.errors import TapeError
from simmm.nearest import suggestion


def size_decimals(path: Path, coin: str) -> int:
    """Return szDecimals of a coin.

    Parameters
    ----------
    path
        JSON as the venue sent it, or a JSON or YAML file that holds such a reply anywhere inside,
        also as text.

    Raises
    ------
    TapeError
        Where the file can't be read, holds no such reply, or doesn't name the coin.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise TapeError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError:
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise TapeError(f"{path}: neither JSON nor YAML ({reason})") from None
    known: dict[str, int] = {}
    for meta in _replies(content):
        known |= _decimals(meta)
    if not known:
        raise TapeError(f"{path}: no reply to `meta` in it (a `universe` of names and szDecimals)")
    if coin not in known:
        raise TapeError(f"{path}: no coin {coin!r}{suggestion(coin, known)}")
    return known[coin]


def _replies(content: Any) -> Iterator[dict[str, Any]]:
    """Yield everything inside that has a `universe`."""
    if isinstance(content, dict):
        if isinstance(content.get("universe"), list):
            yield content
        for value in content.values():
            yield from _replies(value)
    elif isinstance(content, list):
        for value in content:
            yield from _replies(value)
    elif isinstance(content, str) and '"universe"' in content:
        try:
            yield from _replies(msgspec.json.decode(content))
        except msgspec.DecodeError:
            return


def _decimals(meta: dict[str, Any]) -> dict[str, int]:
    tokens = {
        token["index"]: token["szDecimals"]
        for token in meta.get("tokens", [])
        if isinstance(token, dict) and {"index", "szDecimals"} <= set(token)
    }
    found = {}
    for entry in meta["universe"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        decimals = entry.get("szDecimals")
        if decimals is None and entry.get("tokens"):  # a spot pair: decimals of its base
            decimals = tokens.get(entry["tokens"][0])
        if isinstance(decimals, int):
            found[entry["name"]] = decimals
    return found
