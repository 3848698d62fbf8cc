"""`python -m tests.exchange --steps 100000`: many random events, and what happened in them."""

from __future__ import annotations

import argparse
import sys

from tests.exchange.run import MUST_HAPPEN, play


def main() -> int:
    """Run and print; exit code 1 where kernels and slow model differ or something never came."""
    parser = argparse.ArgumentParser(prog="python -m tests.exchange", description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    try:
        counts = play(chosen.steps, chosen.seed, echo=5_000)
    except AssertionError as difference:
        print(difference)
        return 1
    for name, count in sorted(counts.items()):
        print(f"{count:9,}  {name}")
    missing = [name for name in MUST_HAPPEN if not counts[name]]
    print(f"{chosen.steps:,} steps: kernels and slow model agree")
    if missing:
        print(f"never happened: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
