"""The ports that applying works with, and how patiently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from keyplan.errors import KeyplanError
from keyplan.model.manifest import SinkName
from keyplan.ports import Clock, KeyReader, KeyWriter, Ledger, Sink

T = TypeVar("T")

PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4))
"""Waits between tries of a write to a sink or the ledger. A provider's adapter has a retry law of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything that an apply may touch."""

    reader: KeyReader
    writer: KeyWriter
    sinks: Mapping[SinkName, Sink]
    ledger: Ledger
    clock: Clock

    def pauses(self) -> Iterator[None]:
        """Yield once at once, and then after each pause."""
        yield
        for pause in PAUSES:
            self.clock.sleep(pause)
            yield

    def persist(self, step: Callable[[], T], *, on: type[KeyplanError]) -> T:
        """Return what a repeatable step returns, tried again while it fails with `on`. Raises its last error."""
        failure: KeyplanError | None = None
        for _ in self.pauses():
            try:
                return step()
            except on as error:
                failure = error
        raise failure or AssertionError("pauses() yields at least once")
