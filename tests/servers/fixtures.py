"""The fixtures `phoenix` and `zenml`: one server of each for a process of pytest, started when a test first asks."""

from __future__ import annotations

from collections.abc import Iterator

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
