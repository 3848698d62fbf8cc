"""Of two processes that share the tests by files, neither should end with a long file alone."""

from __future__ import annotations

from pathlib import Path

import pytest

#: Files that take longest, with what they compile; they come first.
LONGEST = (
    "contract/test_interpreted.py",
    "recorded/test_validation_recorded.py",
    "session/test_knowledge_engine.py",
    "session/test_nothing_left.py",
    "swarm/test_against_oracle.py",
    "unit/test_study_fills.py",
    "contract/test_estimator_law.py",
    "contract/test_same_digest.py",
    "contract/test_poison.py",
    "unit/test_init_project.py",
    "contract/test_estimator_input.py",
    "unit/test_tape_binance_recorded.py",
    "session/test_killed.py",
    "bad_input/test_interrupt.py",
    "peer/test_agreement.py",
    "unit/test_validate_cli.py",
    "session/test_interrupted.py",
    "unit/test_validation_fit.py",
)
PLACES = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; within a file the order stays."""
    items.sort(key=lambda item: PLACES.get(item.path, len(PLACES)))
