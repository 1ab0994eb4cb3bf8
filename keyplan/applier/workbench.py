"""The ports that an apply works with, and the one way in which the applier tries again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from keyplan.errors import KeyplanError, ProviderError
from keyplan.model.identity import SinkName
from keyplan.model.secret import RawKey
from keyplan.ports import Clock, KeyReader, KeyWriter, Ledger, Sink

T = TypeVar("T")

RETRY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (0.5, 1, 2, 4))
"""Waits between attempts: a dead sink or ledger is tried five times within 7.5 s, plus what each attempt takes itself.

Long enough for a restart or a failover, and short enough that one dead sink does not hold up the other keys of a run.
The provider's adapter has its own retries below these, which honour `Retry-After`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """Everything that an apply may touch."""

    reader: KeyReader
    writer: KeyWriter
    sinks: Mapping[SinkName, Sink]
    ledger: Ledger
    clock: Clock

    def attempts(self) -> Iterator[None]:
        """Yield at once, and then after each pause. Every loop of the applier that tries again is one over this."""
        yield
        for pause in RETRY_PAUSES:
            self.clock.sleep(pause)
            yield

    def retry(self, step: Callable[[], T], *, on: type[KeyplanError]) -> T:
        """Return what a repeatable step returns, tried again while it fails with `on`. Raises its last error."""
        # Never for create or refresh: a second one would leave a live key that nobody holds.
        failure: KeyplanError | None = None
        for _ in self.attempts():
            try:
                return step()
            except on as error:
                failure = error
        raise failure or AssertionError("attempts() yields at least once")

    def accepts(self, raw: RawKey) -> bool:
        """Whether the provider accepts a raw key within the time of the attempts; no if it gives no answer at all."""
        # A key that was just issued may need some seconds until every server of the provider knows it.
        for _ in self.attempts():
            with suppress(ProviderError):
                if self.writer.verify(raw):
                    return True
        return False
