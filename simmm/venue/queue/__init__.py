"""Queue models, one family a file. A model declares its state, capacity and verbs.

A verb takes (state, settings, ...): `join`, `trade`, `depth`, `cap`, `filled` act on one own order;
`watch` sees a level before we join it, for models that keep a list of others' orders.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simmm.errors import ScenarioError
from simmm.venue.queue import published

JOIN, TRADED, DEPTH_CHANGED, CAP, FILLED_LOTS, WATCH = range(6)  # places in `QueueModel.verbs`


class QueueModel(NamedTuple):
    """A queue model as the engine links it."""

    name: str
    form: int
    state: np.dtype
    capacity: int
    verbs: tuple[Callable[..., Any], ...]


def queue_model(name: str) -> QueueModel:
    """Return the queue model called `name`.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    if name not in published.FORMS:
        raise ScenarioError(
            f"venue.queue.model: {name!r} is unknown; one of {', '.join(published.FORMS)}"
        )
    return QueueModel(
        name,
        published.FORMS.index(name),
        published.State,
        published.CAPACITY,
        (
            published.join,
            published.trade,
            published.depth,
            published.cap,
            published.filled,
            published.watch,
        ),
    )
