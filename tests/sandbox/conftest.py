"""Sandboxes without sockets, closed when a test is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from sandbox.sandbox_client import Client, OpenClient, open_client

from keyplan.sandbox.options import SandboxOptions


@pytest.fixture
def opened() -> Iterator[OpenClient]:
    """Return what opens a sandbox with the options given."""
    with ExitStack() as stack:

        def open_one(**options: Any) -> Client:
            client = open_client(SandboxOptions(**options))
            stack.callback(client.sandbox.database.close)
            return stack.enter_context(client)

        yield open_one


@pytest.fixture(params=["alpha", "beta"])
def either(request: pytest.FixtureRequest, opened: OpenClient) -> Client:
    """Return a client of each generation in turn."""
    return opened(api=request.param)


@pytest.fixture
def alpha(opened: OpenClient) -> Client:
    """Return a client of the alpha generation."""
    return opened(api="alpha")


@pytest.fixture
def beta(opened: OpenClient) -> Client:
    """Return a client of the beta generation."""
    return opened(api="beta")
