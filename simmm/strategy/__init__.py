"""What a user's strategy file may hold: declared fields, loading, checks.

A strategy is one Python file. It imports `Field` and `record` from here to declare `Params` and
`Memory`; see docs/strategies.md.
"""

from simmm.strategy.fields import Field, Record, record

__all__ = ["Field", "Record", "record"]
