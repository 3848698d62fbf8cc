"""Fills schedules with the peer under several queue models, compiled once.

Run by the peer's interpreter: ENTRY_NS MODEL:POWER,... FOLDER ... Each folder holds a tape and
schedules ``schedule-*.npz``; the ends go to ``ends-*-MODEL-POWER.npz`` beside them.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """Fill every schedule under each model that the command line names."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from peer_columns import load_arrays, save_arrays
    from peer_convert import load_events
    from peer_fills import fill_schedule

    entry_ns, models = int(sys.argv[1]), sys.argv[2].split(",")
    for folder in map(Path, sys.argv[3:]):
        events = load_events(folder, in_lots=True)
        for path in sorted(folder.glob("schedule-*.npz")):
            orders = load_arrays(path)
            for word in models:
                model, _, power = word.partition(":")
                ends = fill_schedule(events, orders, model, float(power), entry_ns)
                save_arrays(folder / f"ends-{path.stem[9:]}-{model}-{power}.npz", ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
