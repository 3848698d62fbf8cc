"""Loading a scenario: file, then `--set` and the other options, then defaults."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from simmm.errors import ScenarioError
from simmm.market import MarketRules
from simmm.places import bundled_folder, find, resolve_path
from simmm.scenario.check import Parameter, check, check_parameters, expand
from simmm.scenario.fields import fields_of
from simmm.scenario.latency_files import with_tables
from simmm.scenario.schema import MAX_SEED, Market, Scenario, Section, Source
from simmm.scenario.source import Document, Dumper, parse_set, read
from simmm.scenario.tapes import find_dataset
from simmm.scenario.times import Moment, parse_time

DEFAULT = "default"
STRATEGY_DEFAULT = "default of the strategy"
TAPE_RULES = "market rules of the tape"
TAPE_OWN = "the tape's own"

Parameters = Callable[[Path], Mapping[str, Parameter]]


class Resolved(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario with every value in force, and where each came from.

    Attributes
    ----------
    scenario : Scenario
        The values; `scenario.strategy.params` holds all parameters of the strategy.
    origins : dict of str to str
        Field path to origin: ``default``, ``cascade.yaml:12``, ``--set``, ``--seed``, ...
    path : Path
        The scenario file.
    strategy_path : Path
        The strategy file.
    tape_paths : tuple of Path
        Files and folders of the tape; empty if it is a dataset.
    reference_paths : tuple of tuple of Path
        The same for each reference.
    notes : tuple of str
        What the user should be told: values that were left out.
    """

    scenario: Scenario
    origins: dict[str, str]
    path: Path
    strategy_path: Path
    tape_paths: tuple[Path, ...] = ()
    reference_paths: tuple[tuple[Path, ...], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def start(self) -> Moment | None:
        """Start of the run, None for the tape's."""
        value = self.scenario.run.start
        return None if value is None else parse_time(value, "run.from")

    @property
    def end(self) -> Moment | None:
        """End of the run, None for the tape's."""
        value = self.scenario.run.end
        return None if value is None else parse_time(value, "run.to")

    def values(self) -> dict[str, Any]:
        """Return every value in force as nested mappings, as a scenario file would hold them."""
        values: dict[str, Any] = msgspec.to_builtins(self.scenario)
        values["strategy"] = {
            "file": values["strategy"]["file"],
            **values["strategy"]["params"],
        }
        return values

    def to_yaml(self) -> str:
        """Return every value in force as YAML that loads back to the same scenario."""
        text: str = yaml.dump(self.values(), Dumper=Dumper, sort_keys=False, allow_unicode=True)
        return text

    def to_yaml_anywhere(self) -> str:
        """Return `to_yaml` with the places of files in full, so that it loads from any folder.

        What ships with simmm, and datasets, keep their names.
        """
        values = self.values()
        if self.strategy_path.parent != bundled_folder() / "strategies":
            values["strategy"]["file"] = str(self.strategy_path)
        places = (self.tape_paths, *self.reference_paths)
        sources = (values["tape"], *values["tape"]["references"])
        for source, paths in zip(sources, places, strict=True):
            if source["file"] is not None:
                source["file"] = [str(path) for path in paths]
        text: str = yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True)
        return text

    def digest(self) -> str:
        """Return the SHA-256, in hex, of all values that decide the results.

        Name, description and the folders of files don't count: tape and strategy have digests
        of their own.
        """
        values = self.values()
        del values["name"], values["description"]
        values["strategy"]["file"] = self.strategy_path.name
        for source in (values["tape"], *values["tape"]["references"]):
            if source["file"] is not None:
                source["file"] = [os.path.basename(os.path.normpath(f)) for f in source["file"]]
        venue = values["venue"]
        for section, name in ((venue["rules"], "exchange"), (venue["funding"], "rates")):
            file = self.named_file(section[name]) if section[name] else None
            if file is not None and file.is_file():
                section[name] = hashlib.sha256(file.read_bytes()).hexdigest()
        text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def named_file(self, name: str) -> Path:
        """Return the file that a field names: relative ones lie beside the scenario, or here."""
        path = Path(name).expanduser()
        beside = self.path.parent / path
        return beside if not path.is_absolute() and beside.is_file() else path

    def market_rules(self, rules: MarketRules) -> MarketRules:
        """Return the tape's market rules with the scenario's own in their place."""
        return apply_market(self.scenario.market, rules)


def apply_market(market: Market, rules: MarketRules) -> MarketRules:
    """Return `rules` with what the scenario's `market` gives in their place."""
    given = {k: v for k, v in msgspec.structs.asdict(market).items() if v is not None}
    return MarketRules(**{**msgspec.structs.asdict(rules), **given})


def load_scenario(
    path: str | Path,
    *,
    sets: Sequence[str] | Mapping[str, Any] = (),
    seed: int | None = None,
    tape: Sequence[str | Path] | str | Path | None = None,
    strategy: str | Path | None = None,
    start: str | float | None = None,
    end: str | float | None = None,
    need_tape: bool = True,
    parameters: Parameters | None = None,
) -> Resolved:
    """Load a scenario and put the overrides in force: first options, then `sets`.

    Parameters
    ----------
    path
        Scenario file or name, found as `simmm.places` says.
    sets
        ``"venue.queue.n=3"`` texts, or a mapping of field path to value.
    seed
        Sets ``seed.tape`` and ``seed.run``; `sets` may set either apart.
    tape
        Tape files or folders, instead of the scenario's tape.
    strategy
        Strategy file or name, instead of the scenario's. Parameters that it doesn't have are
        left out, with a note.
    start, end
        Instead of ``run.from`` and ``run.to``.
    need_tape
        Whether a scenario without a tape is an error.
    parameters
        Function from a strategy file to the fields of its `Params`; by default the strategy is
        loaded.

    Raises
    ------
    ScenarioError
        If the scenario or an override is wrong: file and line or option, field path, what was
        found, what is near.
    StrategyError
        If the strategy is missing or doesn't load.
    """
    file = find("scenarios", path)
    document = read(Path(shown(file)))
    expand(document)
    in_file = set(document.values.get("strategy") or ()) - {"file"}
    _apply_options(document, seed, tape, strategy, start, end)
    _apply_sets(document, sets)
    expand(document)
    scenario = with_tables(document, check(document), file)
    if need_tape and scenario.tape.dataset is None and scenario.tape.file is None:
        raise ScenarioError(f"{document.file}: tape: the scenario names none; add --tape FILE")
    _check_datasets(document, scenario, file)
    optional = in_file if strategy is not None else set()
    scenario, strategy_path, notes = _with_strategy(
        document, scenario, file, optional, parameters or _parameters
    )
    references = scenario.tape.references
    beside = _beside(document, "tape.references", file)
    return Resolved(
        scenario=scenario,
        origins=_origins(document, scenario, file),
        path=file,
        strategy_path=strategy_path,
        tape_paths=_paths(scenario.tape, _beside(document, "tape.file", file)),
        reference_paths=tuple(_paths(reference, beside) for reference in references),
        notes=notes,
    )


def _with_strategy(
    document: Document, scenario: Scenario, file: Path, optional: set[str], parameters: Parameters
) -> tuple[Scenario, Path, tuple[str, ...]]:
    """Find the strategy and fill its parameters in; those in `optional` may be unknown to it."""
    beside = _beside(document, "strategy.file", file)
    path = find("strategies", scenario.strategy.file, beside)
    known = parameters(path)
    given = dict(scenario.strategy.params)
    notes = []
    for name in sorted(optional & set(given) - set(known)):
        if not document.origins.get(f"strategy.{name}", "").startswith("--"):
            del given[name]
            notes.append(
                f"strategy.{name} of {file.name} left out: {path.name} has no such parameter"
            )
    params = check_parameters(document, given, known, path.stem)
    limit, size = scenario.maker.max_position, params.get("order_size", 0)
    if getattr(known.get("order_size"), "unit", "") == "base" and size > limit:
        notes.append(
            f"strategy.order_size, {size:g}, is more than maker.max_position, {limit:g}: "
            "every order is cut to what the position leaves room for"
        )
    replace = msgspec.structs.replace
    strategy = replace(scenario.strategy, params=params)
    scenario = replace(scenario, name=scenario.name or _name(file), strategy=strategy)
    return scenario, path, tuple(notes)


def _name(file: Path) -> str:
    """A scenario's name where it has none: the file's, without what a folder can't be called."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", file.stem).strip("_.-") or "scenario"


def shown(path: Path) -> str:
    """Return a path as people read it: relative if it lies below the current folder."""
    try:
        return os.fspath(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return os.fspath(path)


def _apply_options(
    document: Document,
    seed: int | None,
    tape: Sequence[str | Path] | str | Path | None,
    strategy: str | Path | None,
    start: str | float | None,
    end: str | float | None,
) -> None:
    if seed is not None:
        if not 0 <= seed <= MAX_SEED:
            raise ScenarioError(f"--seed {seed}: must lie in 0..{MAX_SEED}")
        document.put("seed.tape", seed, "--seed")
        document.put("seed.run", seed, "--seed")
    tapes = [tape] if isinstance(tape, str | Path) else list(tape or ())
    if tapes:
        document.remove("tape.dataset")
        document.put("tape.file", [os.fspath(one) for one in tapes], "--tape")
    if strategy is not None:
        document.put("strategy.file", os.fspath(strategy), "--strategy")
    if start is not None:
        document.put("run.from", start, "--from")
    if end is not None:
        document.put("run.to", end, "--to")


def _apply_sets(document: Document, sets: Sequence[str] | Mapping[str, Any]) -> None:
    if isinstance(sets, str):
        sets = (sets,)
    pairs = list(sets.items()) if isinstance(sets, Mapping) else [parse_set(one) for one in sets]
    for path, value in pairs:
        if path == "tape.dataset" and value is not None:
            document.remove("tape.file")
        elif path == "tape.file" and value is not None:
            document.remove("tape.dataset")
        document.put(path, value, "--set")
        expand(document)


def _check_datasets(document: Document, scenario: Scenario, file: Path) -> None:
    """Reject a dataset that no manifest has."""
    named = [("tape.dataset", scenario.tape.dataset)]
    named += [("tape.references", reference.dataset) for reference in scenario.tape.references]
    for path, name in named:
        if name is not None:
            try:
                find_dataset(name, file)
            except ScenarioError as error:
                if str(error).startswith("no dataset"):
                    raise document.error(path, str(error)) from None
                raise


def _beside(document: Document, path: str, file: Path) -> Path | None:
    """The scenario file if it gave the value at `path`, None if an option did."""
    return None if document.origins.get(path, "").startswith("--") else file


def _paths(source: Source, beside: Path | None) -> tuple[Path, ...]:
    return tuple(resolve_path(name, beside) for name in source.file or ())


def _parameters(path: Path) -> Mapping[str, Parameter]:
    from simmm.strategy.load import load_strategy  # late: it needs the compiler

    fields: Mapping[str, Parameter] = load_strategy(path).params.fields
    return fields


def _origins(document: Document, scenario: Scenario, file: Path) -> dict[str, str]:
    origins: dict[str, str] = {}
    _walk(document, Scenario, scenario, "", origins)
    if not document.values.get("name"):
        origins["name"] = f"name of {file.name}"
    for name in scenario.strategy.params:
        path = f"strategy.{name}"
        origins[path] = document.origins.get(path, STRATEGY_DEFAULT)
    return origins


def _walk(
    document: Document, section: type[Section], value: Any, path: str, origins: dict[str, str]
) -> None:
    for name, field in fields_of(section).items():
        if field.hidden:
            continue
        inner = getattr(value, field.attribute)
        if isinstance(inner, Section):
            _walk(document, type(inner), inner, f"{path}{name}.", origins)
            continue
        origin = document.origins.get(path + name, DEFAULT)
        if inner is None and section is Market:
            origin = TAPE_RULES
        elif inner is None and path + name == "venue.latency.feed":
            origin = TAPE_OWN
        origins[path + name] = origin
