"""Repositories beside a sandbox of each generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.terminal import Terminal
from security.company import Repository

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running

OpenRepository = Callable[..., Repository]
"""Takes a folder's name and fields of Repository, and returns a repository beside the sandbox."""


@pytest.fixture(params=["alpha", "beta"])
def api(request: pytest.FixtureRequest) -> str:
    """Return each generation in turn."""
    return str(request.param)


@pytest.fixture
def sandbox(api: str) -> Iterator[RunningSandbox]:
    """Return a sandbox with two users."""
    with running(SandboxOptions(api="alpha" if api == "alpha" else "beta", second_user=True)) as sandbox:
        yield sandbox


@pytest.fixture
def beta(tmp_path: Path) -> Iterator[Terminal]:
    """Return a terminal with its own sandbox of the newer generation."""
    with running(SandboxOptions(api="beta")) as sandbox:
        yield Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")


@pytest.fixture
def opened(api: str, sandbox: RunningSandbox, tmp_path: Path) -> OpenRepository:
    """Return what opens a repository beside the sandbox."""

    def open_one(folder: str = "repository", **fields: Any) -> Repository:
        values = {"url": sandbox.url, "credential": sandbox.credential, "api": api}
        return Repository(folder=tmp_path / folder, **(values | fields))

    return open_one


@pytest.fixture
def team(opened: OpenRepository) -> Repository:
    """Return the repository of a team whose key `ci` is delivered."""
    repository = opened()
    repository.settle()
    return repository
