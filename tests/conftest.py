"""What all tests share: assertions of shared modules told in full, time on busy machines, ears for an interrupt."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

pytest_plugins = ("manifest_fixtures", "shell_fixtures")

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
