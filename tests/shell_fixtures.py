"""A shell in an empty folder, and the usual manifest in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.shell import Shell
from simulator import World


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a shell in an empty folder."""
    return Shell(folder=tmp_path, world=World())


@pytest.fixture
def manifest(shell: Shell) -> Path:
    """Write the usual manifest as keys.yaml."""
    return shell.write()
