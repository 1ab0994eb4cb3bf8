"""What all tests share: assertions of shared modules told in full, time on busy machines, ears for an interrupt."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

from keyplan.model.mask import forget_secrets

pytest_plugins = ("manifest_fixtures", "servers.fixtures", "shell_fixtures", "spread")

pytest.register_assert_rewrite("sinks.journey")

if "CI" not in os.environ:
    # Where CI is set, hypothesis loads a profile of its own: no deadline either, and the same examples each time.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")

for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    # A shell has what it starts in the background ignore SIGINT, nohup has it ignore SIGHUP, and so would every process
    # that a test interrupts.
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _secrets_of_this_test_alone() -> Iterator[None]:
    """See that no word of a text is hidden because another test called it a secret."""
    forget_secrets()
    yield
    forget_secrets()
