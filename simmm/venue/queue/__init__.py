"""Queue models, one a file. A model declares its state, capacity and verbs.

A verb takes (state, settings, ...): `join`, `trade`, `depth`, `cap`, `filled` act on one own order;
`watch` sees a level before we join it, for models that keep a list of others' orders.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simmm.errors import ScenarioError
from simmm.nearest import suggestion
from simmm.venue.queue import published

JOIN, TRADED, DEPTH_CHANGED, CAP, FILLED_LOTS, WATCH = range(6)  # places in `QueueModel.verbs`


class QueueModel(NamedTuple):
    """A queue model as the engine links it."""

    name: str
    form: int
    state: np.dtype
    capacity: int
    verbs: tuple[Callable[..., Any], ...]


class QueueDescription(NamedTuple):
    """What `simmm queues` tells of a model."""

    name: str
    assumes: str  # about cancels, in one line
    formula: str  # share of cancels behind us, of a lots ahead and b behind
    parameters: tuple[str, ...]  # fields of `venue.queue`
    cost: str  # "constant" per event at our level, or what it grows with
    file: str  # within the package


#: Every model by name, in the order in which they are listed.
NAMES: tuple[str, ...] = (
    "pessimistic",
    "proportional",
    "power",
    "power2",
    "power3",
    "log",
    "log2",
    "optimistic",
    # place for the rank law, a family of its own: "rank", "rank_tracked"
)


def queue_model(name: str) -> QueueModel:
    """Return the queue model called `name`.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    # place for the rank law: it returns its own state, capacity and verbs
    if name not in published.FORMS:
        raise ScenarioError(f"venue.queue.model: {name!r} is unknown{suggestion(name, NAMES)}")
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


def queue_models() -> tuple[QueueDescription, ...]:
    """Return a description of every queue model, in the order of `NAMES`."""
    by_name = {model.NAME: model for model in published.MODELS}
    # place for the rank law: its descriptions follow
    return tuple(
        QueueDescription(
            name,
            by_name[name].ASSUMES,
            by_name[name].FORMULA,
            by_name[name].PARAMETERS,
            published.COST,
            f"simmm/venue/queue/{name}.py",
        )
        for name in NAMES
    )
