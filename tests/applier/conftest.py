"""A world in which one key is declared, and a progress that notes what it is told."""

from __future__ import annotations

import pytest
from scenario import Scenario, Telling


@pytest.fixture
def scenario() -> Scenario:
    """Return a world in which one user key is declared and nothing exists."""
    return Scenario()


@pytest.fixture
def telling() -> Telling:
    """Return a progress that notes what it is told."""
    return Telling()
