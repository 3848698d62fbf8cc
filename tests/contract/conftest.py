"""Tapes shared by the tests of this folder."""

from __future__ import annotations

import pytest

from tests.contract.cases import Heads


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Heads:
    """First rows of generated datasets, as tapes."""
    return Heads(tmp_path_factory.mktemp("heads"))
