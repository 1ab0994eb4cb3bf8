"""What these tests put in a ledger's place themselves is private, whatever the umask of the user who runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _private_files() -> Iterator[None]:
    former = os.umask(0o077)
    yield
    os.umask(former)
