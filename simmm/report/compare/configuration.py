"""Every value that is not the same in two runs, with where each came from.

The scenario in force gives most of them. What a scenario leaves to tape, market or strategy file is
taken from what the run found there, so that two scenarios that read alike and meant different
things are told apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from simmm.report.compare.schema import Value
from simmm.report.tables import Run
from simmm.report.words import moment

#: Sections in the order in which they are shown; others follow.
_ORDER = ("scenario", "tape", "period", "seed", "market", "strategy", "venue", "maker", "run")
_PERIOD = ("start", "quoting", "end")
_RULES = "market rules of the tape"
_SKIPPED = ("name", "description", "market", "strategy", "seed")


class _Found(NamedTuple):
    value: Any
    origin: str


def configuration(a: Run, b: Run) -> list[Value]:
    """List the values that differ, in the order in which they matter.

    The description of a scenario, the folder, and when or how fast a run was made are no values.
    """
    in_a, in_b = _values(a), _values(b)
    found = []
    for path in sorted(in_a | in_b, key=_place):
        of_a, of_b = in_a.get(path), in_b.get(path)
        if of_a is not None and of_b is not None and _same(of_a.value, of_b.value):
            continue
        found.append(
            Value(
                path=path,
                a=None if of_a is None else of_a.value,
                a_origin=None if of_a is None else of_a.origin,
                b=None if of_b is None else of_b.value,
                b_origin=None if of_b is None else of_b.origin,
            )
        )
    return found


def _place(path: str) -> tuple[int, str]:
    section, _, name = path.partition(".")
    place = _ORDER.index(section) if section in _ORDER else len(_ORDER)
    first = _PERIOD.index(name) if section == "period" else 0
    return place, f"{first} {path}"


def _same(a: Any, b: Any) -> bool:
    """Equal, and not merely because true counts as one."""
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def _values(run: Run) -> dict[str, _Found]:
    info, origins = run.info, run.info.origins
    values: dict[str, Any] = {}
    for section, content in info.scenario.items():
        if section not in _SKIPPED:
            values |= flat({section: content})
    values |= flat({"venue": {"queue": info.queue, "latency": info.latency}})
    values |= flat({"seed": info.seed, "market": info.market})
    strategy = info.strategy
    values |= flat({"strategy": strategy.get("params") or {}})
    found = {path: _Found(value, _origin(path, origins)) for path, value in values.items()}
    found["scenario"] = _Found(info.scenario_name, str(origins.get("name", "")))
    found["strategy.file"] = _Found(
        strategy.get("file"), str(origins.get("strategy.file", "default"))
    )
    found["strategy.digest"] = _Found(strategy.get("digest"), "content of the strategy's files")
    found |= _tape(run)
    period = info.period
    for name, instant, path in (
        ("start", period.t0_ns, "run.from"),
        ("quoting", period.quote_start_ns, "run.warm_up_s"),
        ("end", period.end_ns, "run.to"),
    ):
        origin = str(origins.get(path, "default"))
        told = f"run.{path.removeprefix('run.')}: {origin}"
        found[f"period.{name}"] = _Found(f"{moment(instant)} UTC", told)
    found["code.digest"] = _Found(info.code_digest, "engine, strategy, Python")
    found["code.version"] = _Found(info.simmm_version, "simmm")
    return found


def _tape(run: Run) -> dict[str, _Found]:
    tape = run.info.tape
    references = [
        entry.get("digest") if isinstance(entry, dict) else entry
        for entry in tape.get("references") or []
    ]
    found = {
        "tape.name": _Found(tape.get("name"), "the tape"),
        "tape.digest": _Found(tape.get("digest"), "content of the tape"),
        "tape.rows": _Found(tape.get("rows"), "the tape"),
    }
    if references:
        found["tape.reference_digests"] = _Found(references, "content of the tapes")
    return found


def _origin(path: str, origins: dict[str, Any]) -> str:
    """Where a value came from; of a field without a word of its own, that of what holds it."""
    above = path
    while above:
        if above in origins:
            return str(origins[above])
        above = above.rpartition(".")[0]
    if path.startswith("market."):
        return _RULES
    return "default of the strategy" if path.startswith("strategy.") else "default"


def flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names; lists stay whole."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{above}.{name}" if above else str(name)
        if isinstance(value, dict):
            found |= flat(value, place)
        else:
            found[place] = value
    return found
