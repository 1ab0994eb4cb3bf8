"""A terminal beside a sandbox of each dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running


def _open(folder: Path, api: str) -> Iterator[Terminal]:
    with running(SandboxOptions(api="alpha" if api == "alpha" else "beta")) as sandbox:
        yield Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api=api)


@pytest.fixture(params=["alpha", "beta"])
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """Return a terminal with its own sandbox, one test per dialect."""
    yield from _open(tmp_path, request.param)


@pytest.fixture
def beta(tmp_path: Path) -> Iterator[Terminal]:
    """Return a terminal with its own sandbox of the newer dialect."""
    yield from _open(tmp_path, "beta")
