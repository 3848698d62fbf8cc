"""The published queue models: where in the queue do cancels happen? What they share.

State is the lots ahead of our order and what traded at its price since the level was last shown,
in float64 lots. When a level shrinks by more than traded, the rest are cancels, of which the share
`probability_behind` is taken from behind us. That share is all in which the models differ: each
has a file of its own, and one compiled engine serves them all.

Two departures from the published forms: the lots ahead never fall below zero by cancels (below it
the logarithm has no value), and whole lots fill once half a lot beyond the queue is matched.

Source: Rigtorp, "Estimating order queue position" (2013); hftbacktest's documentation, "Order
fill: queue models", for the power and logarithmic forms.
"""

from typing import Any

import numpy as np

from simmm.jit import kernel
from simmm.math import floor_int
from simmm.venue.queue import (
    log,
    log2,
    optimistic,
    pessimistic,
    power,
    power2,
    power3,
    proportional,
)

State = np.dtype(
    [
        ("ahead", "f8"),  # lots others have before us
        ("traded", "f8"),  # lots that passed in `trade` since the level was last shown
    ],
    align=True,
)
COST = "constant"  # per event at our level
#: One file each; a model's place here is its `form`.
MODELS = (pessimistic, proportional, optimistic, power, log, power2, power3, log2)
FORMS = tuple(model.NAME for model in MODELS)
PESSIMISTIC, PROPORTIONAL, OPTIMISTIC, POWER, LOG, POWER2, POWER3, LOG2 = range(len(MODELS))


@kernel
def join(state: Any, settings: Any, ahead: float) -> None:
    """Enter the queue behind `ahead` lots."""
    state.ahead = ahead
    state.traded = 0.0


@kernel
def trade(state: Any, settings: Any, lots: int) -> None:
    """`lots` were matched at our price, from the front."""
    state.ahead -= lots
    state.traded += lots


@kernel
def depth(state: Any, settings: Any, previous: int, shown: int) -> None:
    """The level went from `previous` to `shown` lots."""
    cancelled = previous - shown - state.traded
    state.traded = 0.0
    ahead = state.ahead
    if cancelled > 0.0:
        behind = previous - ahead
        share = probability_behind(settings.form, settings.n, ahead, behind)
        ahead += min(behind - share * cancelled, 0.0) - (1.0 - share) * cancelled
    state.ahead = max(min(ahead, float(shown)), 0.0)


@kernel
def cap(state: Any, settings: Any, shown: int) -> None:
    """The level is seen again after it was out of view: keep our place, within what is shown."""
    state.ahead = max(min(state.ahead, float(shown)), 0.0)
    state.traded = 0.0


@kernel
def filled(state: Any, settings: Any) -> int:
    """Return the whole lots matched beyond the queue since the last call, rounded half up."""
    lots = floor_int(0.5 - state.ahead)
    if lots > 0:
        state.ahead = 0.0
        return lots
    return 0


@kernel
def watch(state: Any, settings: Any, previous: int, shown: int) -> None:
    """A level on which we may join later changed; the published forms look at nothing."""


@kernel
def begin(state: Any, settings: Any, stream: int) -> None:
    """Nothing is queued; these forms draw nothing."""
    state.ahead = 0.0
    state.traded = 0.0


@kernel
def adopt(state: Any, settings: Any, level: Any) -> None:
    """Enter behind a watched level; these forms watch none."""


@kernel
def learn(settings: Any, lots: int) -> None:
    """An order of `lots` was added to a touch; these forms ask for no sizes."""


@kernel
def probability_behind(form: int, n: float, ahead: float, behind: float) -> float:
    """Return the share of cancels that happen behind us, by the form's own file."""
    if form == POWER:
        return power.probability_behind(n, ahead, behind)
    if form == PESSIMISTIC:
        return pessimistic.probability_behind(n, ahead, behind)
    if form == OPTIMISTIC:
        return optimistic.probability_behind(n, ahead, behind)
    if form == PROPORTIONAL:
        return proportional.probability_behind(n, ahead, behind)
    if form == POWER2:
        return power2.probability_behind(n, ahead, behind)
    if form == POWER3:
        return power3.probability_behind(n, ahead, behind)
    if form == LOG:
        return log.probability_behind(n, ahead, behind)
    return log2.probability_behind(n, ahead, behind)
