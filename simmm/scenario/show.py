"""Lines of `simmm scenario show`: every value in force, and where it came from."""

from typing import Any, NamedTuple

from simmm.market import MarketRules
from simmm.scenario.fields import fields_of, leaves, plain
from simmm.scenario.load import TAPE_RULES, Resolved
from simmm.scenario.schema import Market, Scenario, Section

_LONG = 20  # values that are still listed one by one


class Line(NamedTuple):
    """One value in force."""

    path: str
    value: str
    unit: str
    origin: str


def lines(resolved: Resolved, rules: MarketRules | None = None) -> list[Line]:
    """Return every value in force in the schema's order.

    Parameters
    ----------
    resolved
        The loaded scenario.
    rules
        Market rules of the tape, if they are known: what the scenario leaves to the tape.
    """
    values = _flat(resolved.scenario, "")
    units = dict(_units())
    shown = []
    for path, origin in resolved.origins.items():
        section, _, name = path.rpartition(".")
        if section == "strategy" and name != "file":
            value: Any = resolved.scenario.strategy.params[name]
        else:
            value = values[path]
        if value is None and origin == TAPE_RULES and rules is not None:
            value = getattr(rules, fields_of(Market)[name].attribute)
        shown.append(Line(path, told(value), units.get(path, ""), origin))
    return shown


def told(value: Any) -> str:
    """Write a value as people would in YAML."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return plain(value)
    if isinstance(value, Section):
        given = ((name, getattr(value, f.attribute)) for name, f in fields_of(type(value)).items())
        return ", ".join(f"{name}: {told(inner)}" for name, inner in given if inner is not None)
    if isinstance(value, tuple) and len(value) > _LONG:
        return f"{len(value)} values, {told(value[0])} to {told(value[-1])}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(told, value)) + "]"
    return str(value)


def _flat(value: Section, path: str) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, field in fields_of(type(value)).items():
        inner = getattr(value, field.attribute)
        if isinstance(inner, Section):
            flat.update(_flat(inner, f"{path}{name}."))
        else:
            flat[path + name] = inner
    return flat


def _units() -> list[tuple[str, str]]:
    return [(path, field.unit) for path, field in leaves(Scenario)]
