"""Reading a scenario file: plain values, and the line on which each was written.

The YAML read here is that of version 1.2 in one respect: only ``true`` and ``false`` are flags,
``1e-3`` is a number, and times stay text; version 1.1 makes ``on`` a flag and ``10:30:00`` a
number.
"""

import os
import re
from pathlib import Path
from typing import Any

import yaml

from simmm.errors import ScenarioError
from simmm.nearest import suggestion
from simmm.scenario.fields import all_paths
from simmm.scenario.schema import Scenario

_MAX_BYTES = 1_000_000
_MAX_DEPTH = 20
_MAX_VALUES = 20_000

_NUMBER = list("-+.0123456789")
_RESOLVERS = (
    ("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$"), _NUMBER),
    (
        "tag:yaml.org,2002:float",
        re.compile(
            r"^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
            r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$"
        ),
        _NUMBER,
    ),
)


class _Loader(yaml.SafeLoader):
    """Safe loader with the resolvers above."""


class Dumper(yaml.SafeDumper):
    """Safe dumper whose text `read` reads back to the same values."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.yaml_implicit_resolvers = {}
Dumper.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(_tag, _pattern, _first)
    Dumper.add_implicit_resolver(_tag, _pattern, _first)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node).replace("_", ""))


_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


class Document:
    """A tree of plain values, and where each of them came from.

    Attributes
    ----------
    values : dict
        Nested mappings, lists and scalars.
    origins : dict of str to str
        Path (``venue.queue.model``) to origin (``cascade.yaml:12``, ``--set``), sections included.
    file : str
        The file, as messages name it.
    """

    def __init__(self, values: dict[str, Any], origins: dict[str, str], file: str) -> None:
        self.values = values
        self.origins = origins
        self.file = file

    def error(self, path: str, message: str) -> ScenarioError:
        """Return an error about the value at `path` that says where it was given."""
        origin = ""
        above = path
        while above and not origin:
            origin = self.origins.get(above, "")
            above = above.rpartition(".")[0]
        name, _, line = origin.rpartition(":")
        if not origin:
            origin = self.file
        elif name == os.path.basename(self.file):
            origin = f"{self.file}:{line}"
        return ScenarioError(f"{origin}: {path}: {message}")

    def has(self, path: str) -> bool:
        """Tell whether a value was given at `path`."""
        node: Any = self.values
        for name in path.split("."):
            if not isinstance(node, dict) or name not in node:
                return False
            node = node[name]
        return True

    def put(self, path: str, value: Any, origin: str) -> None:
        """Set the value at `path`; what was below it is gone."""
        *parents, last = path.split(".")
        node = self.values
        for depth, name in enumerate(parents, 1):
            if not isinstance(node.get(name), dict):
                node[name] = {}
                self.origins[".".join(parents[:depth])] = origin
            node = node[name]
        node[last] = value
        self.forget(path)
        self._note(path, value, origin)

    def remove(self, path: str) -> None:
        """Remove the value at `path`, if there is one."""
        *parents, last = path.split(".")
        node: Any = self.values
        for name in parents:
            node = node.get(name) if isinstance(node, dict) else None
        if isinstance(node, dict):
            node.pop(last, None)
        self.forget(path)

    def forget(self, path: str) -> None:
        """Forget where everything at and below `path` came from."""
        for known in list(self.origins):
            if known == path or known.startswith(f"{path}."):
                del self.origins[known]

    def _note(self, path: str, value: Any, origin: str) -> None:
        self.origins[path] = origin
        if isinstance(value, dict):
            for name, inner in value.items():
                self._note(f"{path}.{name}", inner, origin)


def read(path: Path) -> Document:
    """Read a scenario file; messages name it as `path` does.

    Raises
    ------
    ScenarioError
        If it can't be read, is no YAML, or holds something else than named values; with its line.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ScenarioError(f"{path}: too large for a scenario; is it another file?")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScenarioError(f"{path}: can't be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"{path}: byte {error.start} is no UTF-8; a scenario is YAML text"
        ) from error
    node = _compose(text, str(path))
    if node is None:
        raise ScenarioError(f"{path}: empty; a scenario has at least `maker` and `strategy`")
    if not isinstance(node, yaml.MappingNode):
        raise ScenarioError(
            f"{path}:{_line(node)}: expected `name: value` lines, found {_what(node)}"
        )
    document = Document({}, {}, str(path))
    reader = _Reader(document, str(path), path.name)
    document.values = reader.value(node, "", ())
    return document


def parse_set(text: str) -> tuple[str, Any]:
    """Split ``path=value`` of `--set` and read the value as YAML.

    >>> parse_set("venue.queue.n=3")
    ('venue.queue.n', 3)
    """
    path, equals, value = text.partition("=")
    path = path.strip()
    if not equals or not path:
        raise ScenarioError(f"--set {text}: write --set path=value, as in --set venue.queue.n=3")
    if any(not part for part in path.split(".")):
        raise ScenarioError(f"--set {text}: '{path}' is no field path; write it as venue.queue.n")
    return path, parse_value(value, f"--set {text}")


def parse_value(text: str, place: str) -> Any:
    """Read one value as YAML; `place` starts the message if that fails."""
    node = _compose(text, place)
    if node is None:
        return None
    return _Reader(Document({}, {}, place), place, place).value(node, "", ())


class _Reader:
    """Turns YAML nodes into plain values, noting lines and refusing duplicates."""

    def __init__(self, document: Document, file: str, short: str) -> None:
        self.document = document
        self.file = file
        self.short = short
        self.count = 0

    def value(self, node: yaml.Node, path: str, above: tuple[yaml.Node, ...]) -> Any:
        self.count += 1
        if node in above or len(above) > _MAX_DEPTH or self.count > _MAX_VALUES:
            raise self.error(node, f"{path or 'the document'}: nested too deeply or in a circle")
        if path:
            self.document.origins[path] = f"{self.short}:{_line(node)}"
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, above)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, "", (*above, node)) for item in node.value]
        if not node.tag.startswith("tag:yaml.org,2002:"):
            raise self.error(node, f"{path}: tag {node.tag} isn't known here")
        try:
            return _Loader("").construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError):
            raise self.error(node, f"{path}: {node.value!r} can't be read") from None

    def mapping(
        self, node: yaml.MappingNode, path: str, above: tuple[yaml.Node, ...]
    ) -> dict[str, Any]:
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, inner in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, f"{path or 'top level'}: a name is expected before ':'")
            name = str(key.value)
            place = f"{path}.{name}" if path else name
            if name in values:
                raise self.error(key, f"{place}: given twice, first on line {lines[name]}")
            lines[name] = _line(key)
            values[name] = self.value(inner, place, (*above, node))
            self.document.origins[place] = f"{self.short}:{_line(key)}"
        return values

    def error(self, node: yaml.Node, message: str) -> ScenarioError:
        place = self.file if self.file.startswith("-") else f"{self.file}:{_line(node)}"
        return ScenarioError(f"{place}: {message}")


def unknown_field(path: str, siblings: list[str]) -> str:
    """Return the message for a name that the schema doesn't have."""
    name = path.rpartition(".")[2]
    guess = suggestion(name, siblings)
    if guess.startswith("; did"):
        return f"{path}: unknown field{guess}"
    elsewhere = [known for known in all_paths(Scenario) if known.rpartition(".")[2] == name]
    if len(elsewhere) == 1:
        return f"{path}: unknown field; did you mean '{elsewhere[0]}'?"
    return f"{path}: unknown field{guess}"


def _compose(text: str, place: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f":{mark.line + 1}" if mark is not None and not place.startswith("-") else ""
        column = f" (column {mark.column + 1})" if mark is not None else ""
        problem = (error.problem or error.context or "not YAML").splitlines()[0]
        raise ScenarioError(f"{place}{where}: not valid YAML: {problem}{column}") from None
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        raise ScenarioError(f"{place}: not valid YAML: {problem}") from None
    except RecursionError:
        raise ScenarioError(f"{place}: nested too deeply") from None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _what(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else f"{str(node.value)[:40]!r}"
