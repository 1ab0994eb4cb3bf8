"""A server for each test."""

from __future__ import annotations

import pytest
from simulated_phoenix import Phoenix


@pytest.fixture
def phoenix() -> Phoenix:
    """Return a server without keys."""
    return Phoenix()
