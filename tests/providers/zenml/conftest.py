"""A server for each test."""

from __future__ import annotations

import pytest
from scripted_zenml import Zenml


@pytest.fixture
def zenml() -> Zenml:
    """Return a server with two service accounts and no key."""
    return Zenml()
