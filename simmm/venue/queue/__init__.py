"""Queue models, one a file. A model declares its state, what it remembers, and its verbs.

A verb takes (state, settings, ...): `begin`, `join`, `trade`, `depth`, `cap`, `filled` act on one
own order; `watch` sees a level before we join it, and `adopt` joins behind such a level; `learn`
is told the sizes of orders that were added to a touch.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from simmm.errors import ScenarioError
from simmm.math import exp
from simmm.nearest import suggestion
from simmm.records import DRAWS
from simmm.venue.queue import published, rank

JOIN, TRADED, DEPTH_CHANGED, CAP, FILLED_LOTS, WATCH, BEGIN, ADOPT, LEARN = range(9)
_VERBS = ("join", "trade", "depth", "cap", "filled", "watch", "begin", "adopt", "learn")
#: Every model by name, in the order in which they are listed.
MODELS: tuple[str, ...] = (
    "rank",
    "rank_tracked",
    "rank_scalar",
    "pessimistic",
    "proportional",
    "power",
    "power2",
    "power3",
    "log",
    "log2",
    "optimistic",
)


class QueueModel(NamedTuple):
    """A queue model as the engine links it."""

    name: str
    form: int
    state: np.dtype
    draws: int  # further draws of an order's state that the exchange has places for
    levels: int  # levels watched before a join
    verbs: tuple[Callable[..., Any], ...]  # in the order of the numbers above


class QueueDescription(NamedTuple):
    """What `simmm queues` tells of a model."""

    name: str
    assumes: str  # about cancels, in one line
    formula: str  # share p of cancels behind us, of a lots ahead and b behind; or the law
    parameters: tuple[str, ...]  # fields of `venue.queue`
    cost: str  # per event at our level: "constant", or what it grows with
    file: str  # within the package


def queue_model(name: str) -> QueueModel:
    """Return the queue model called `name`.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    if name in rank.FORMS:
        levels = rank.LEVELS if name == "rank_tracked" else 1
        form = rank.RANK + rank.FORMS.index(name)
        return QueueModel(name, form, rank.State, DRAWS, levels, _verbs(rank))
    if name not in published.FORMS:
        raise ScenarioError(f"venue.queue.model: {name!r} is unknown{suggestion(name, MODELS)}")
    form = published.FORMS.index(name)
    return QueueModel(name, form, published.State, 1, 1, _verbs(published))


def _verbs(family: ModuleType) -> tuple[Callable[..., Any], ...]:
    return tuple(getattr(family, verb) for verb in _VERBS)


def queue_models() -> tuple[QueueDescription, ...]:
    """Return a description of every queue model, in the order of `MODELS`."""
    found = {model.NAME: _published(model) for model in published.MODELS}
    for name in rank.FORMS:
        found[name] = QueueDescription(
            name,
            rank.ASSUMES[name],
            rank.FORMULAS[name],
            rank.PARAMETERS,
            rank.COSTS[name],
            "simmm/venue/queue/rank.py",
        )
    return tuple(found[name] for name in MODELS)


def _published(model: ModuleType) -> QueueDescription:
    return QueueDescription(
        model.NAME,
        model.ASSUMES,
        f"p = {model.FORMULA}",
        model.PARAMETERS,
        published.COST,
        f"simmm/venue/queue/{model.NAME}.py",
    )


def write_settings(
    settings: Any,
    model: QueueModel,
    *,
    n: float = 3.0,
    alpha: float | None = None,
    log_kappa: float | None = None,
    images: bool = False,
    draws: int = 0,
    key: int = 0,
) -> None:
    """Write how a queue model is to behave into a record of `QueueSettings`.

    Parameters
    ----------
    settings
        One record of `records.QueueSettings`.
    n
        Exponent of the published forms.
    alpha, log_kappa
        Exponents of the rank law; None: its defaults.
    images
        The tape shows images of levels instead of each change: sizes don't tell the victim, and an
        order stands behind the first image after its join.
    draws
        Further draws per order, up to `records.DRAWS`.
    key
        Stream of random numbers.
    """
    settings["form"] = model.form
    settings["n"] = n
    settings["key"] = key
    settings["joins_image"] = images
    if model.name not in rank.FORMS:
        return
    usual = rank.EXPONENTS[model.name]
    settings["alpha"] = usual[0] if alpha is None else alpha
    settings["kappa"] = exp(usual[1] if log_kappa is None else log_kappa)
    settings["exact"] = not images
    settings["learns"] = 1
    settings["draws"] = min(draws, model.draws)
    settings["cumulative"] = rank.cumulative(float(settings["alpha"]))
