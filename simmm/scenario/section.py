"""What all parts of a scenario's schema are made of."""

from typing import Annotated

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
DAY_MS = 86_400_000.0


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a scenario."""
