"""Making struct types ready to be decoded from several threads."""

from typing import Any

import msgspec


def ready(*types: Any) -> None:
    """Let msgspec find out now what it must know of `types`.

    Else it does so at first use, and two threads that use a type first at the same time crash it.
    """
    for kind in types:
        msgspec.json.Decoder(kind)
