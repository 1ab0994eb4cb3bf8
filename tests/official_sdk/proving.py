"""Counts and prints what a driver has proven. Runs where only an official SDK is installed: standard library alone."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Proof:
    """Says of each call whether it did what the SDK's own types and documents promise."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def check(self, call: str, holds: object) -> None:
        """Print and count one call."""
        sys.stdout.write(f"{'ok' if holds else 'FAILED':6} {call}\n")
        sys.stdout.flush()
        if holds:
            self.passed += 1
        else:
            self.failed += 1

    @contextmanager
    def topic(self, name: str) -> Iterator[None]:
        """Count what raises inside as one failure, and go on behind it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever an SDK raises is a failure to be counted
            self.check(f"{name}: {type(error).__name__}: {error}", None)

    def refused(self, call: str, status: int, attempt: Callable[[], object]) -> None:
        """Count a call that must fail with this status."""
        got = None
        try:
            attempt()
        except Exception as error:  # noqa: BLE001 - the status tells an API error from any other
            got = getattr(error, "status", error)
        self.check(f"{call} is refused with {status}" + (f", not {got!r}" if got != status else ""), got == status)

    def finish(self) -> None:
        """Print the count and leave with 0 if all held, else with 1."""
        sys.stdout.write(f"{self.passed} passed, {self.failed} failed\n")
        sys.exit(1 if self.failed else 0)
