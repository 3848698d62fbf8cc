"""The generators by name, and how the parameters of a tape are put together."""

from collections.abc import Callable, Mapping
from importlib import import_module
from threading import Lock
from typing import Any

import msgspec

from simmm.errors import ScenarioError
from simmm.nearest import suggestion
from simmm.tape.synthetic.presets import PRESETS

#: Name -> module and the struct of its parameters.
GENERATORS = {
    "poisson": ("simmm.tape.synthetic.poisson", "Poisson"),
    "queue_reactive": ("simmm.tape.synthetic.queue_reactive", "QueueReactive"),
    "cascade": ("simmm.tape.synthetic.cascade", "Cascade"),
    "hawkes": ("simmm.tape.synthetic.hawkes", "Hawkes"),
    "order_queue": ("simmm.tape.synthetic.order_book", "OrderQueue"),
}


_converting = Lock()  # msgspec learns a type at its first use, and not in two threads at once


def parameters_of(generator: str, preset: str, overrides: Mapping[str, Any]) -> Any:
    """Return a generator's parameters: its defaults, then the preset, then `overrides`.

    Nested mappings are merged, so that one figure of a level can be changed alone.

    Raises
    ------
    ScenarioError
        For an unknown generator, preset or parameter, a wrong type or an impossible value.
    """
    if generator not in GENERATORS:
        near = suggestion(generator, GENERATORS)
        raise ScenarioError(f"generator {generator!r} is unknown{near}")
    presets = PRESETS[generator]
    if preset and preset not in presets:
        raise ScenarioError(f"{generator} has no preset {preset!r}{suggestion(preset, presets)}")
    module, name = GENERATORS[generator]
    kind = getattr(import_module(module), name)
    values = _merged(presets.get(preset, {}), overrides)
    try:
        with _converting:
            return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"parameters of {generator}: {error}") from None


def generate_of(generator: str) -> Callable[..., dict[str, Any]]:
    """Return the function that writes a tape of a generator's world and returns its truth.

    Parameters of that function
    ---------------------------
    parameters
        As `parameters_of` returns them.
    seed
        Of all streams of random numbers.
    writer
        Takes the rows.
    progress
        Called with (done, total) in seconds of tape; may be left out.
    """
    function: Callable[..., dict[str, Any]] = import_module(GENERATORS[generator][0]).generate
    return function


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(below, value)
        else:
            merged[key] = value
    return merged
