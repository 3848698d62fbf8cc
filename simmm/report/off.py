"""Why a run has no table of beliefs, as far as the run knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simmm.report.schema import Change


def no_table(scenario: Mapping[str, object], changes: Sequence[Change]) -> str:
    """The sentence: off, and by what; else written by an earlier version, or too short a run."""
    section = scenario.get("estimators")
    if not isinstance(section, Mapping):
        return "No table of estimates: this run is of a version of simmm that wrote none."
    if section.get("enabled") is False:
        origin = next((one.origin for one in changes if one.path == "estimators.enabled"), "")
        by = f", set by {origin}" if origin else ""
        return f"Estimators were off (estimators.enabled: false{by})."
    return "No table of estimates: the run was too short for a row, or simmm was older."
