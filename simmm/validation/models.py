"""The queue models that are scored, with their constants and where these come from."""

from __future__ import annotations

from typing import Any, NamedTuple

from simmm.errors import ScenarioError
from simmm.venue.queue import QueueModel, exponents, is_ranked, queue_model, queue_models

POWER, PESSIMISTIC = "power 3", "pessimistic"  # what others are compared to
PUBLISHED = "published form; nothing was fitted"
SHIPPED = "shipped with simmm; chosen on CME ES of 2023-12-25, 23:00 to 23:36 UTC, by proper scores"
#: What `simmm validate fills` scores unless told otherwise.
DEFAULT_MODELS = (
    "pessimistic",
    "power 1",
    "power 2",
    "power 3",
    "power2 3",
    "power3 3",
    "log",
    "log2",
    "optimistic",
    "rank_scalar",
    "rank",
    "rank_tracked",
)


class Model(NamedTuple):
    """A queue model with its settings."""

    label: str  # as tables show it
    queue: QueueModel
    settings: dict[str, Any]  # of `simmm.venue.queue.write_settings`
    drawn: bool  # draws whole victims: runs differ
    origin: str

    @property
    def constants(self) -> dict[str, float]:
        """Its numbers, for people."""
        names = ("n", "alpha", "log_kappa")
        return {name: float(self.settings[name]) for name in names if name in self.settings}


LARGEST_EXPONENT = 16.0  # as in a scenario


def model(label: str, *, images: bool = False) -> Model:
    """Return the model called `label`: a queue model's name, with an exponent where it has one.

    Parameters
    ----------
    images
        Whether it will see images of the book, not each change.

    Raises
    ------
    ScenarioError
        If there is none.
    """
    name, _, exponent = label.strip().partition(" ")
    queue = queue_model(name)
    settings: dict[str, Any] = {"images": images}
    if is_ranked(name):
        if exponent:
            raise ScenarioError(f"models: {label!r}: {name} has no exponent of this kind")
        settings["alpha"], log_kappa = exponents(name)
        if name != "rank_scalar":
            settings["log_kappa"] = log_kappa
        return Model(name, queue, settings, True, SHIPPED)
    if name in _powers():
        try:
            settings["n"] = float(exponent or 3)
        except ValueError:
            settings["n"] = 0.0
        if not 0.0 < settings["n"] <= LARGEST_EXPONENT:
            raise ScenarioError(
                f"models: {label!r}: the exponent must be a number above 0, at most "
                f"{LARGEST_EXPONENT:g}, as in 'power 3'"
            )
        return Model(f"{name} {settings['n']:g}", queue, settings, False, PUBLISHED)
    if exponent:
        raise ScenarioError(f"models: {label!r}: {name} has no exponent")
    return Model(name, queue, settings, False, PUBLISHED)


def _powers() -> set[str]:
    """Return the models that have an exponent n."""
    return {one.name for one in queue_models() if "n" in one.parameters}


def fitted(
    name: str, alpha: float, log_kappa: float, origin: str, *, images: bool = False
) -> Model:
    """Return a form of the rank law with exponents of one's own."""
    one = model(name, images=images)
    settings = {**one.settings, "alpha": alpha}
    if name != "rank_scalar":
        settings["log_kappa"] = log_kappa
    return one._replace(label=f"{name} refitted", settings=settings, origin=origin)
