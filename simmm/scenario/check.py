"""Checking a scenario's values against the schema, with messages for people."""

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from simmm.errors import ScenarioError
from simmm.market import MarketRules
from simmm.nearest import suggestion
from simmm.scenario.estimators import contradictions, meant
from simmm.scenario.fields import REQUIRED, Field, fields_of, plain
from simmm.scenario.latency_checks import check_delay, delays
from simmm.scenario.schema import Scenario, Section, Source
from simmm.scenario.source import Document, unknown_field
from simmm.scenario.times import check_order, parse_time


class Parameter(Protocol):
    """What is needed of a field of a strategy's `Params` (`simmm.strategy.Field`)."""

    @property
    def default(self) -> float | int | bool: ...

    def check(self, path: str, value: object) -> float | int | bool: ...


_EXPECTED = {
    "text": "text",
    "integer": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "section": "fields below it",
    "list": "a list",
    "time": "a time",
}


def expand(document: Document, section: type[Section] = Scenario, path: str = "") -> None:
    """Write shorthands out: a bare latency as its ``ms``, a single file as a list of one."""
    node: Any = document.values
    for name in path.split(".") if path else ():
        node = node[name]
    for name, field in fields_of(section).items():
        if name not in node:
            continue
        place = f"{path}.{name}" if path else name
        value = node[name]
        if field.shorthand == "list" and isinstance(value, str):
            node[name] = [value]
        elif field.shorthand and (_is_number(value) or _names_preset(field, value)):
            node[name] = {field.shorthand: value}
            document.origins[f"{place}.{field.shorthand}"] = document.origins.get(place, "")
        elif field.section is not None and isinstance(value, dict):
            expand(document, field.section, place)


def _names_preset(field: Field, value: Any) -> bool:
    return field.shorthand == "preset" and isinstance(value, str)


def check(document: Document) -> Scenario:
    """Return the scenario that a document's values give, defaults filled in.

    Parameters of the strategy are taken as they are; `check_parameters` knows about them.

    Raises
    ------
    ScenarioError
        At the first value that is unknown, missing, of the wrong type or impossible.
    """
    values = _section(document, Scenario, document.values, "")
    scenario = msgspec.convert(values, Scenario)
    for path, delay in delays(scenario.venue.latency):
        check_delay(document, delay, path)
    _check_source(document, scenario.tape, "tape")
    for number, reference in enumerate(scenario.tape.references):
        _check_source(document, reference, "tape.references")
        if reference.dataset is None and reference.file is None:
            raise document.error(
                "tape.references", f"entry {number + 1} names neither `dataset` nor `file`"
            )
    if len(set(scenario.maker.quote_on)) < len(scenario.maker.quote_on):
        raise document.error("maker.quote_on", "an event is listed twice")
    _check_market(document, scenario)
    _check_estimators(document, scenario)
    _with_place(document, "run.to", check_order, scenario.run.start, scenario.run.end)
    return scenario


def check_parameters(
    document: Document, given: Mapping[str, Any], known: Mapping[str, Parameter], strategy: str
) -> dict[str, float | int | bool]:
    """Return the value of every parameter of a strategy, in the strategy's order.

    Parameters
    ----------
    document
        Where the values came from.
    given
        Parameters that the scenario or `--set` gives.
    known
        Fields of the strategy's `Params`.
    strategy
        Its name, for messages.
    """
    for name in given:
        if name not in known:
            hint = suggestion(name, [*known, "file"])
            raise document.error(
                f"strategy.{name}", f"strategy {strategy} has no such parameter{hint}"
            )
    values = {}
    for name, field in known.items():
        path = f"strategy.{name}"
        values[name] = field.default
        if name in given:
            values[name] = _with_place(document, path, field.check, path, given[name])
    return values


def _section(document: Document, section: type[Section], values: Any, path: str) -> dict[str, Any]:
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise document.error(path, f"expected fields below it, found {_found(values)}")
    fields = fields_of(section)
    checked: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        field = fields.get(name)
        if field is None or field.hidden:
            if "params" in fields:
                checked.setdefault("params", {})[name] = _free(document, place, value)
                continue
            if path == "estimators":
                below = next(iter(value), "") if isinstance(value, dict) else ""
                hint = meant(name, below)
                if hint:
                    raise document.error(place, hint)
            siblings = [known.name for known in fields.values() if not known.hidden]
            message = unknown_field(place, siblings).partition(": ")[2]
            raise document.error(place, message)
        checked[name] = _value(document, field, value, place)
    for name, field in fields.items():
        if name in checked:
            continue
        place = f"{path}.{name}" if path else name
        if field.default is REQUIRED and field.section is None:
            raise ScenarioError(f"{document.file}: {place}: missing; {field.description}")
        if field.section is not None and not field.optional:
            checked[name] = _section(document, field.section, {}, place)
    return checked


def _value(document: Document, field: Field, value: Any, path: str) -> Any:
    if value is None and field.optional:
        return None
    if field.kind == "section" and field.section is not None:
        return _section(document, field.section, value, path)
    if field.kind == "list" and field.item is not None:
        if not isinstance(value, list):
            raise document.error(path, f"expected a list, found {_found(value)}")
        if field.max_items is not None and len(value) > field.max_items:
            raise document.error(path, f"{len(value)} entries; at most {field.max_items}")
        if field.min_items and not value:
            raise document.error(path, "the list is empty")
        return [_item(document, field.item, item, path) for item in value]
    if field.kind == "choice":
        if not isinstance(value, str) or value not in field.choices:
            hint = suggestion(str(value), field.choices)
            raise document.error(path, f"{_found(value)} isn't one of the choices{hint}")
        return value
    if field.kind == "time":
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise document.error(path, f"expected a time, found {_found(value)}")
        _with_place(document, path, parse_time, value, path)
        return value
    if field.decimal and _is_number(value):
        return plain(value) if _is_finite(value) else str(value)
    checked = _scalar(document, path, value, field.kind)
    _check_range(document, field, checked, path)
    return checked


def _item(document: Document, field: Field, value: Any, path: str) -> Any:
    if field.section is None:
        return _value(document, field, value, path)
    inner = Document({}, {path: document.origins.get(path, "")}, document.file)
    expanded = dict(value) if isinstance(value, dict) else value
    if isinstance(expanded, dict) and isinstance(expanded.get("file"), str):
        expanded["file"] = [expanded["file"]]
    return _section(inner, field.section, expanded, path)


def _scalar(document: Document, path: str, value: Any, kind: str) -> Any:
    fits = {
        "text": isinstance(value, str),
        "flag": isinstance(value, bool),
        "integer": _is_number(value) and _is_finite(value) and value == int(value),
        "number": _is_number(value),
    }[kind]
    if not fits:
        raise document.error(path, f"expected {_EXPECTED[kind]}, found {_found(value)}")
    if kind == "number":
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise document.error(path, "must be a finite number")
    return int(value) if kind == "integer" else value


def _check_range(document: Document, field: Field, value: Any, path: str) -> None:
    if field.kind == "text":
        if field.pattern and value and not re.search(field.pattern, value):
            raise document.error(
                path, f"{_found(value)} may hold letters, digits, '_', '-' and '.' only"
            )
        if "\0" in value or (not value and field.name == "file"):
            raise document.error(path, f"{_found(value)} is no name of a file")
        return
    unit = f" {field.unit}" if field.unit else ""
    if field.gt is not None and value <= field.gt:
        raise document.error(path, f"{_found(value)} must be above {plain(field.gt)}{unit}")
    if field.ge is not None and value < field.ge:
        raise document.error(path, f"{_found(value)} must be at least {plain(field.ge)}{unit}")
    if field.le is not None and value > field.le:
        raise document.error(path, f"{_found(value)} must be at most {plain(field.le)}{unit}")


def _check_source(document: Document, source: Source, path: str) -> None:
    if source.dataset is not None and source.file is not None:
        raise document.error(path, "names a dataset and a file; leave one of them out")


def _check_market(document: Document, scenario: Scenario) -> None:
    """Let the market rules themselves say whether they can hold."""
    for name, value in msgspec.structs.asdict(scenario.market).items():
        if value is not None:
            try:
                MarketRules(symbol="-", **{name: value})
            except ScenarioError as error:
                message = str(error).removeprefix(f"market.{name}: ")
                raise document.error(f"market.{name}", message) from None


def _check_estimators(document: Document, scenario: Scenario) -> None:
    """Refuse settings that contradict each other, told of one that was given."""
    for entry, names, wrong in contradictions(scenario.estimators):
        paths = [f"estimators.{entry}.{name}" for name in names]
        raise document.error(next(filter(document.has, paths), paths[0]), wrong)


def _with_place(document: Document, path: str, function: Any, *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except ScenarioError as error:
        raise document.error(path, str(error).removeprefix(f"{path}: ")) from None


def _free(document: Document, path: str, value: Any) -> float | int | bool:
    if isinstance(value, bool | int | float):
        return value
    raise document.error(path, f"expected a number, true or false, found {_found(value)}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: float) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"fields ({', '.join(list(map(str, value))[:4])})"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"'{value[:60]}'"
    return plain(value)[:60] if _is_finite(value) else str(value)[:60]
