"""Golden reports: what a scenario gave when somebody last said that this is right.

A golden report holds the figures of a run and checkpoints of its two hash chains, and the reasons
for which it was made or changed. A comparison is exact: integers and digests as they are, floats at
12 significant digits. Configuration is kept too, but only to explain: changed values that change no
result are no difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from simmm.decoding import ready
from simmm.errors import GoldenError
from simmm.report.build import build
from simmm.report.files import write_whole
from simmm.report.schema import Report
from simmm.report.tables import Columns, read_run

GOLDEN_SCHEMA = 1
CHECKPOINTS = 200
DIGITS = 12

Figure = int | float | str | None


class Change(msgspec.Struct, frozen=True):
    """Why a golden report was made or changed, and by which version."""

    reason: str
    version: str
    date: str | None = None


class Golden(msgspec.Struct, frozen=True):
    """One file of `reports/`.

    Attributes
    ----------
    figures : dict of str to int, float, str or None
        Section and name, as in ``pnl.spread``; floats rounded to 12 significant digits.
    venue, maker : list of str
        Checkpoints of the hash chains over fills and account, and over intents: ``ts digest``.
    """

    schema_version: int
    scenario: str
    history: list[Change]
    configuration: dict[str, Any]
    figures: dict[str, Figure]
    venue: list[str]
    maker: list[str]


class Difference(msgspec.Struct, frozen=True):
    """One figure that moved."""

    what: str
    was: Figure
    now: Figure


class Divergence(msgspec.Struct, frozen=True):
    """The first interval in which a hash chain differs, ns; `after_ns` is None at the start."""

    chain: str
    after_ns: int | None
    until_ns: int | None
    checkpoint: int
    checkpoints: int


class Comparison(msgspec.Struct, frozen=True):
    """What differs; `configuration` alone makes no difference."""

    differences: list[Difference]
    divergences: list[Divergence]
    configuration: list[Difference]

    @property
    def same(self) -> bool:
        """True if no figure and no checkpoint differs."""
        return not self.differences and not self.divergences


def capture(folder: str | Path) -> Golden:
    """Make the golden report of a run folder, without a history.

    Raises
    ------
    RunError
        The folder is not readable as a run, or its P&L does not add up.
    """
    run, report = read_run(folder), build(folder)
    return Golden(
        schema_version=GOLDEN_SCHEMA,
        scenario=run.info.scenario_name,
        history=[],
        configuration=dict(sorted(_flat(run.info.scenario).items())),
        figures={name: _rounded(value) for name, value in _figures(report, run.info.account)},
        venue=_checkpoints(run.equity),
        maker=_checkpoints(run.beliefs),
    )


def compare(was: Golden, now: Golden) -> Comparison:
    """Compare two golden reports of one scenario."""
    divergences = [
        _first_divergence("fills and account", was.venue, now.venue),
        _first_divergence("intents", was.maker, now.maker),
    ]
    return Comparison(
        differences=_changed(was.figures, now.figures),
        divergences=[found for found in divergences if found is not None],
        configuration=_changed(was.configuration, now.configuration),
    )


def read(path: Path) -> Golden:
    """Read a golden report.

    Raises
    ------
    GoldenError
        The file is unreadable, no golden report, or of another schema.
    """
    try:
        golden = msgspec.json.decode(path.read_bytes(), type=Golden)
    except OSError as error:
        raise GoldenError(f"{path}: cannot be read ({error.strerror})") from None
    except msgspec.DecodeError as error:
        raise GoldenError(
            f"{path}: not a golden report ({error}); restore it, or delete it and make it again "
            "with `simmm golden update`"
        ) from None
    if golden.schema_version != GOLDEN_SCHEMA:
        raise GoldenError(
            f"{path}: schema {golden.schema_version}, this simmm knows {GOLDEN_SCHEMA}; use the "
            "simmm that wrote it, or delete it and make it again with `simmm golden update`"
        )
    return golden


def write(path: Path, golden: Golden) -> None:
    """Write a golden report, whole or not at all, with one figure or checkpoint a line."""
    encoded = msgspec.json.encode(golden, order="sorted")
    write_whole(path, msgspec.json.format(encoded, indent=1) + b"\n")


def _figures(report: Report, account: dict[str, int]) -> list[tuple[str, Figure]]:
    found: dict[str, Any] = {}
    profit = report.profit
    found["tape.digest"] = report.run.tape.get("digest")
    found["digest.fills_and_account"] = report.run.chain_venue
    found["digest.intents"] = report.run.chain_maker
    for part in profit.parts:
        found[f"pnl.{part.name}"] = part.half_quanta
    found["pnl.net"] = profit.net_half_quanta
    found["pnl.interval"] = profit.net
    found["pnl.closing_cost"] = profit.closing.cost
    found["account"] = account
    found["risk"] = {
        name: value for name, value in msgspec.structs.asdict(report.risk).items() if name != "note"
    }
    found["counts"] = {
        name: value for name, value in report.run.counts.items() if _is_figure(value)
    }
    found["fills"], found["orders"] = report.fills, report.orders
    found["queue"], found["inventory"] = report.queue, report.inventory
    found["quoting"] = report.quoting
    for entry in report.markouts:
        place = f"markout.{entry.horizon_s:g}s.{entry.side}"
        found[f"{place}.fills"] = entry.fills
        found[f"{place}.edge"], found[f"{place}.move"] = entry.edge, entry.move
    for belief in report.calibration:
        found[f"calibration.{belief.name}"] = belief
    plain = _flat(msgspec.to_builtins(found))
    return [(name, value) for name, value in sorted(plain.items()) if _is_figure(value)]


def _is_figure(value: object) -> bool:
    return value is None or isinstance(value, int | float | str)


def _flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        place = f"{above}.{name}" if above else name
        if isinstance(value, dict):
            found |= _flat(value, place)
        else:
            found[place] = int(value) if isinstance(value, bool) else value
    return found


def _rounded(value: Figure) -> Figure:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def _checkpoints(table: Columns) -> list[str]:
    """At most `CHECKPOINTS` equally spaced rows of a hash chain, the last one included."""
    count = len(table["ts"])
    if not count:
        return []
    every = -(-count // CHECKPOINTS)
    rows = np.arange(every - 1, count, every)
    if rows.size == 0 or rows[-1] != count - 1:
        rows = np.append(rows[: CHECKPOINTS - 1], count - 1)
    return [
        f"{ts} {digest:016x}"
        for ts, digest in zip(
            table["ts"][rows].tolist(), table["chain"][rows].tolist(), strict=True
        )
    ]


def _changed(was: dict[str, Any], now: dict[str, Any]) -> list[Difference]:
    """Entries that differ, of either side, in the order of names."""
    absent = object()
    found = []
    for name in sorted(was | now):
        before, after = was.get(name, absent), now.get(name, absent)
        if before is absent or after is absent or before != after:
            found.append(
                Difference(
                    name,
                    "(not there)" if before is absent else _plain(before),
                    "(not there)" if after is absent else _plain(after),
                )
            )
    return found


def _plain(value: Any) -> Figure:
    if value is None or isinstance(value, int | float | str):
        return value
    return msgspec.json.encode(value).decode()


def _first_divergence(chain: str, was: list[str], now: list[str]) -> Divergence | None:
    """The interval from the last checkpoint that both share to the first that they don't."""
    if was == now:
        return None
    same = 0
    while same < min(len(was), len(now)) and was[same] == now[same]:
        same += 1
    after = int(was[same - 1].split()[0]) if same else None
    ends = [int(side[same].split()[0]) for side in (was, now) if same < len(side)]
    return Divergence(chain, after, min(ends, default=None), same + 1, max(len(was), len(now)))


ready(Golden)
