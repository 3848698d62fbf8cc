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
from simmm.venue.queue import published, rank, rank_scalar, rank_tracked
from simmm.venue_records import DRAWS

JOIN, TRADED, DEPTH_CHANGED, CAP, FILLED_LOTS, WATCH, BEGIN, ADOPT, LEARN = range(9)
_VERBS = ("join", "trade", "depth", "cap", "filled", "watch", "begin", "adopt", "learn")
_RANKED = (rank, rank_tracked, rank_scalar)
_BY_NAME: dict[str, Any] = {model.NAME: model for model in (*published.MODELS, *_RANKED)}
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
    formula: str  # share of cancels behind us, of a lots ahead and b behind
    parameters: tuple[str, ...]  # fields of `venue.queue`
    cost: str  # "constant" per event at our level, or what it grows with
    file: str  # within the package


def queue_model(name: str) -> QueueModel:
    """Return the queue model called `name`.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    if name not in MODELS:
        raise ScenarioError(f"venue.queue.model: {name!r} is unknown{suggestion(name, MODELS)}")
    if is_ranked(name):
        levels = rank.LEVELS if name == "rank_tracked" else 1
        form = rank.RANK + _RANKED.index(_BY_NAME[name])
        return QueueModel(name, form, rank.State, DRAWS, levels, _verbs(rank))
    form = published.FORMS.index(name)
    return QueueModel(name, form, published.State, 1, 1, _verbs(published))


def is_ranked(name: str) -> bool:
    """Return whether a model is of the family of the rank law."""
    return _BY_NAME[name] in _RANKED


def queue_models() -> tuple[QueueDescription, ...]:
    """Return a description of every queue model, in the order of `MODELS`."""
    return tuple(_describe(_BY_NAME[name]) for name in MODELS)


def _describe(model: Any) -> QueueDescription:
    return QueueDescription(
        model.NAME,
        model.ASSUMES,
        model.FORMULA,
        model.PARAMETERS,
        getattr(model, "COST", published.COST),
        f"simmm/venue/queue/{model.NAME}.py",
    )


def exponents(name: str) -> tuple[float, float]:
    """Return the default (alpha, log kappa) of a model of the rank law's family."""
    found: tuple[float, float] = _BY_NAME[name].EXPONENTS
    return found


def _verbs(family: ModuleType) -> tuple[Callable[..., Any], ...]:
    return tuple(getattr(family, verb) for verb in _VERBS)


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
    if not is_ranked(model.name):
        return
    usual = exponents(model.name)
    settings["alpha"] = usual[0] if alpha is None else alpha
    settings["kappa"] = exp(usual[1] if log_kappa is None else log_kappa)
    settings["exact"] = not images
    settings["learns"] = 1
    settings["draws"] = min(draws, model.draws)
    settings["cumulative"] = rank.cumulative(float(settings["alpha"]))
