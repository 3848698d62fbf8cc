"""`reports/recovery.json`: the scores that somebody last said are right.

It holds the scores of the whole study, and beside them those of its first 40 seeds, which can be
made again in a minute or two. Counts are compared exactly, other figures at six significant
digits, the last of which may differ by one. Worlds are drawn with NumPy, whose `exp` and `log`
differ between processors in the last bit, and a last bit can decide a count; so the file says by a
digest which arithmetic it was made with, and on another nothing is compared.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simmm import __version__
from simmm.errors import GoldenError, ScenarioError
from simmm.report.files import write_whole
from simmm.report.golden import Change
from simmm.report.golden_runs import golden_folder
from simmm.study.recovery.run import run_cases
from simmm.study.recovery.scores import SCHEMA, CaseScore, Recovery, scored

NAME = "recovery.json"
QUICK = 40  # seeds that `--check` and the tests make again
DIGITS = 6
#: Long, and follow from the rest.
_LEFT_OUT = ("edges_s", "counts", "doc", "approximate", "verdict")
Figures = dict[str, Any]


class Golden(msgspec.Struct, frozen=True):
    """One file: scores by ``estimator/case``, of all seeds and of the first `QUICK`."""

    schema_version: int
    history: list[Change]
    seeds: int
    quick_seeds: int
    arithmetic: str  # digest of what NumPy gives for functions that worlds are drawn with
    scores: dict[str, Figures]
    quick: dict[str, Figures]


def refuse(estimators: Sequence[str], seeds: int, reason: str | None, check: bool) -> None:
    """Raise for calls that make no sense.

    Raises
    ------
    ScenarioError
        The golden scores are asked for together with something that contradicts them.
    """
    if reason is None:
        return
    if check:
        raise ScenarioError("--golden: --check compares and --golden writes; give one of them")
    if not reason.strip():
        raise ScenarioError("--golden: say why the scores may change; it is kept in the report")
    if estimators or seeds < QUICK:
        raise ScenarioError(
            f"--golden: needs all estimators and {QUICK} seeds or more; leave out --estimator"
        )


def arithmetic() -> str:
    """Return a digest of this processor's last bits in NumPy's functions and random numbers."""
    rng = np.random.default_rng(1)
    x = np.linspace(-20.0, 20.0, 4099)
    size = np.abs(x)
    parts = [np.exp(x), np.log(size + 1e-3), np.cumsum(x), np.sqrt(size), np.power(size, 1.7)]
    parts += [rng.normal(size=4099), rng.exponential(size=4099), rng.gamma(2.3, size=999)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def captured(found: Recovery) -> dict[str, Figures]:
    """Return scores as they are kept: rounded, by estimator and case."""
    return {f"{one.estimator}/{one.case}": _kept(one) for one in found.scores}


def update(found: Recovery, folder: Path, reason: str) -> str:
    """Make these scores, whose worlds lie in `folder`, the golden ones; say what became of them.

    Raises
    ------
    GoldenError
        The file can't be read or written.
    """
    path = golden_folder() / "reports" / NAME
    quick = scored(run_cases(folder, seeds=QUICK), QUICK)
    history = read(path).history if path.exists() else []
    now = Golden(
        SCHEMA, history, found.seeds, QUICK, arithmetic(), captured(found), captured(quick)
    )
    if path.exists() and not [*compare(read(path).scores, now.scores)]:
        return f"{path}: kept, nothing differs"
    now = msgspec.structs.replace(now, history=[*history, Change(reason.strip(), __version__)])
    write_whole(path, msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
    return f"{path}: written"


def check(found: Recovery) -> list[str]:
    """Compare scores of the first `QUICK` seeds with the golden ones; one line a difference.

    Raises
    ------
    GoldenError
        The file is missing or can't be read.
    """
    kept = read(golden_folder() / "reports" / NAME)
    if kept.arithmetic != arithmetic():
        raise GoldenError(
            f"{golden_folder() / 'reports' / NAME}: made where NumPy's functions have other last "
            "bits than here; counts can't be compared"
        )
    was = kept.quick
    names = {one.estimator for one in found.scores}
    part = {name: scores for name, scores in was.items() if name.partition("/")[0] in names}
    return [*compare(part, captured(found))]


def compare(was: dict[str, Figures], now: dict[str, Figures]) -> Iterator[str]:
    """Yield what differs, one line each."""
    for name in sorted({*was, *now}):
        if name not in was or name not in now:
            yield f"{name}: {'is new' if name in now else 'is gone'}"
            continue
        before, after = dict(_flat(was[name])), dict(_flat(now[name]))
        for path in sorted({*before, *after}):
            if not _same(before.get(path), after.get(path)):
                yield f"{name}: {path}: {before.get(path)} → {after.get(path)}"


def _kept(one: CaseScore) -> Figures:
    kept: Figures = _rounded(msgspec.to_builtins(one))
    return kept


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items() if name not in _LEFT_OUT}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.{DIGITS - 1}e}") if isinstance(value, float) else value


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for name, inner in items:
            if name in _LEFT_OUT:  # older files hold some of these
                continue
            yield from _flat(inner, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _same(was: Any, now: Any) -> bool:
    if isinstance(was, float) and isinstance(now, int | float):
        return math.isclose(was, now, rel_tol=1.01 * 10.0 ** (1 - DIGITS), abs_tol=1e-12)
    return bool(was == now)


def read(path: Path) -> Golden:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Golden)
    except OSError as error:
        raise GoldenError(f"{path}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise GoldenError(f"{path}: no golden scores ({error})") from None
    if found.schema_version != SCHEMA:
        raise GoldenError(f"{path}: schema {found.schema_version}, not {SCHEMA}; renew it")
    return found
