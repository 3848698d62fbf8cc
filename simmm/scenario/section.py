"""What all parts of a scenario's schema are made of."""

import msgspec

DAY_MS = 86_400_000.0


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts of a scenario."""
