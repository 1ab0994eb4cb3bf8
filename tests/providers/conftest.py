"""A server for each test."""

from __future__ import annotations

import pytest
from scripted_arize import Arize


@pytest.fixture
def arize() -> Arize:
    """Return a server that answers nothing yet."""
    return Arize()
