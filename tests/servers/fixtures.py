"""The fixtures `phoenix` and `zenml`: one server of each for a process of pytest, started when a test first asks.

A test that follows a page takes `empty_phoenix` or `empty_zenml`: the names of a page are fixed, and other tests
that follow it have made the same ones on a shared server.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.phoenix import RunningPhoenix, running_phoenix
from servers.zenml import RunningZenml, running_zenml

STARTUP = "startup of a server"
"""The property of a test under which it leaves how long a server took to start."""
_SERVERS = ("phoenix", "zenml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, let all tests of a server run in one process, so that each server starts once."""
    for item in items:
        for name in _SERVERS:
            if name in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group(name))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long the servers took to start."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == STARTUP:
                terminalreporter.write_line(f"{STARTUP}: {value}")


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPhoenix]:
    """Run a Phoenix server; keys that other tests made are in its list, too."""
    with running_phoenix(tmp_path_factory.mktemp("phoenix")) as server:
        yield server


@pytest.fixture(scope="session")
def zenml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningZenml]:
    """Run a ZenML server; each test makes service accounts of its own."""
    with running_zenml(tmp_path_factory.mktemp("zenml")) as server:
        yield server


@pytest.fixture
def empty_phoenix(tmp_path: Path) -> Iterator[RunningPhoenix]:
    """Run a Phoenix server for one test."""
    with running_phoenix(_make_folder(tmp_path, "phoenix")) as server:
        yield server


@pytest.fixture
def empty_zenml(tmp_path: Path) -> Iterator[RunningZenml]:
    """Run a ZenML server for one test."""
    with running_zenml(_make_folder(tmp_path, "zenml")) as server:
        yield server


def _make_folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path.with_name(f"{tmp_path.name}-{name}")
    folder.mkdir()
    return folder
