"""What a scenario's tape is, before it is opened: dataset by name, market rules."""

from pathlib import Path
from typing import TYPE_CHECKING

from simmm.errors import ScenarioError, SimmmError
from simmm.market import MarketRules
from simmm.nearest import suggestion
from simmm.places import folders

if TYPE_CHECKING:
    from simmm.datasets import Dataset
    from simmm.scenario.load import Resolved


def find_dataset(name: str, scenario: Path | None = None) -> "Dataset":
    """Return the dataset of that name: from the scenario's project, the current one, or simmm's.

    Parameters
    ----------
    name
        As in a manifest.
    scenario
        The scenario file that names it; its own project's manifest comes first.

    Raises
    ------
    ScenarioError
        If no manifest has it, or one of them is wrong.
    """
    from simmm.datasets import MANIFEST, load_manifest  # late: it needs pyarrow

    known: dict[str, Dataset] = {}
    looked = []
    for folder in folders("datasets", beside=scenario):
        if (folder / MANIFEST).is_file():
            looked.append(str(folder / MANIFEST))
            for entry, dataset in load_manifest(folder).items():
                known.setdefault(entry, dataset)
    if name not in known:
        place = f" in {', '.join(looked)}" if looked else ": there is no manifest"
        raise ScenarioError(f"no dataset '{name}'{place}{suggestion(name, known)}")
    return known[name]


def tape_rules(resolved: "Resolved") -> MarketRules | None:
    """Return the market rules that the scenario's tape has, None if they can't be known yet."""
    from simmm.datasets import parameters_of
    from simmm.tape.schema import read_info

    name = resolved.scenario.tape.dataset
    try:
        if name is not None:
            rules = parameters_of(find_dataset(name, resolved.path)).market
            return rules if isinstance(rules, MarketRules) else None
        for path in resolved.tape_paths[:1]:
            inside = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
            return read_info(inside[0]).market if inside else None
    except (SimmmError, OSError):
        pass  # whoever opens the tape says what is wrong with it
    return None
