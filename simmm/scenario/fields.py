"""What the schema says of each field, in one form for checks, `show` and documentation."""

import types
import typing
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from simmm.scenario.schema import Section

REQUIRED = msgspec.NODEFAULT


class Field(NamedTuple):
    """One field of a section, or one element of a list field."""

    name: str
    attribute: str
    """Name in Python; it differs where the name is a keyword (`from`)."""
    kind: str
    """text, integer, number, flag, choice, time, section or list"""
    default: Any
    """REQUIRED where there is none."""
    optional: bool
    """None (`null`) is a value."""
    section: type[Section] | None
    choices: tuple[str, ...]
    item: "Field | None"
    """Of a list: what its elements are."""
    ge: float | None
    gt: float | None
    le: float | None
    pattern: str | None
    min_items: int
    max_items: int | None
    description: str
    unit: str
    decimal: bool
    shorthand: str
    hidden: bool

    @property
    def type_text(self) -> str:
        """The field's type in words."""
        if self.kind == "choice":
            return " | ".join(self.choices)
        if self.kind == "list" and self.item is not None:
            return f"list of {self.item.type_text}"
        if self.decimal:
            return "decimal"
        return {"flag": "true | false"}.get(self.kind, self.kind)

    @property
    def range_text(self) -> str:
        """The field's range in words, empty if everything of its type is allowed."""
        low, high = (None if x is None else plain(x) for x in (self.ge, self.le))
        if self.gt is not None:
            return f"above {plain(self.gt)}" + (f", at most {high}" if high else "")
        if low is not None and high is not None:
            return f"{low} to {high}"
        if low is not None or high is not None:
            return f"at least {low}" if low else f"at most {high}"
        return f"at most {self.max_items} of them" if self.max_items else ""


@cache
def fields_of(section: type[Section]) -> dict[str, Field]:
    """Return the fields of a section by the names they have in a scenario file."""
    hints = typing.get_type_hints(section, include_extras=True)
    found = {}
    for info in msgspec.structs.fields(section):
        default = info.default
        if info.default_factory is not msgspec.NODEFAULT:
            default = info.default_factory()
        field = _field(hints[info.name], info.encode_name, info.name, default)
        found[info.encode_name] = field
    return found


def leaves(section: type[Section], path: str = "") -> Iterator[tuple[str, Field]]:
    """Yield path and field of everything below a section that holds a value of its own.

    What may be left out as a whole (`venue.latency.feed`) comes itself, then what is in it.
    """
    for name, field in fields_of(section).items():
        if field.hidden:
            continue
        if field.section is None or field.optional:
            yield path + name, field
        if field.section is not None:
            yield from leaves(field.section, f"{path}{name}.")


def all_paths(section: type[Section], path: str = "") -> Iterator[str]:
    """Yield the path of every field and section."""
    for name, field in fields_of(section).items():
        if field.hidden:
            continue
        yield path + name
        if field.section is not None:
            yield from all_paths(field.section, f"{path}{name}.")


def plain(value: float) -> str:
    """Write a number without an exponent or a needless fraction.

    >>> plain(1e-06), plain(86_400_000.0), plain(0.5)
    ('0.000001', '86400000', '0.5')
    """
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e16):
        return str(int(value))
    return f"{value:.12f}".rstrip("0") if 1e-9 < abs(value) < 1e16 else repr(value)


def _field(hint: Any, name: str, attribute: str, default: Any) -> Field:
    hint, meta = _split(hint)
    options = [hint]
    if get_origin(hint) in (typing.Union, types.UnionType):
        options = list(get_args(hint))
    optional = type(None) in options
    options = [option for option in options if option is not type(None)]
    if len(options) == 1:
        options[0], inner = _split(options[0])
        meta = inner if meta == msgspec.Meta() else meta
    kind, section, choices, item = _kind(options, name)
    extra = meta.extra or {}
    return Field(
        name=name,
        attribute=attribute,
        kind=kind,
        default=default,
        optional=optional,
        section=section,
        choices=choices,
        item=item,
        ge=meta.ge,
        gt=meta.gt,
        le=meta.le,
        pattern=meta.pattern,
        min_items=(meta.min_length or 0) if kind == "list" else 0,
        max_items=meta.max_length if kind == "list" else None,
        description=meta.description or (section.__doc__ or "" if section else ""),
        unit=extra.get("unit", ""),
        decimal=bool(extra.get("decimal")),
        shorthand=extra.get("shorthand", ""),
        hidden=bool(extra.get("hidden")),
    )


def _split(hint: Any) -> tuple[Any, msgspec.Meta]:
    """Separate a type from what is noted about it."""
    if get_origin(hint) is not Annotated:
        return hint, msgspec.Meta()
    bare, *notes = get_args(hint)
    return bare, next(note for note in notes if isinstance(note, msgspec.Meta))


def _kind(
    options: list[Any], name: str
) -> tuple[str, type[Section] | None, tuple[str, ...], Field | None]:
    if len(options) > 1:
        return ("time" if options == [str, float] else "parameters"), None, (), None
    option = options[0]
    if get_origin(option) is Literal:
        return "choice", None, get_args(option), None
    if get_origin(option) is tuple:
        item = get_args(option)[0]
        return "list", None, (), _field(item, name, name, REQUIRED)
    if isinstance(option, type) and issubclass(option, Section):
        return "section", option, (), None
    if get_origin(option) is dict:
        return "parameters", None, (), None
    return {str: "text", int: "integer", float: "number", bool: "flag"}[option], None, (), None
