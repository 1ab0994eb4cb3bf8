"""The ports that an apply works with, and the one way in which the applier tries again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TypeVar

from keyplan.applier.breaker import Breaker
from keyplan.applier.observe import Readers
from keyplan.applier.route import reader_at, writer_at
from keyplan.errors import KeyplanError, LeaseLostError, LedgerError, ProviderError, SinkPausedError
from keyplan.model.history import UNKNOWN_AUTHOR, Author
from keyplan.model.identity import Address, ProviderName, SinkName, read_provider
from keyplan.model.intent import Intent, IntentId, Runner
from keyplan.model.observation import Holding, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Clock, KeyReader, KeyWriter, Lease, Ledger, Sink

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
    runner: Runner
    """This run, as its intents name it."""
    lease: Lease | None = None
    """The ledger's lock, without which nothing may change; None for a run that needs none."""
    author: Author = UNKNOWN_AUTHOR
    """Who started this run, as its entry in the history says it."""
    seen: Mapping[Slot, Holding] = field(default_factory=dict)
    """What the places held when the plan was made: a place that changed since then is another run's."""
    values: Mapping[Address, RawKey] = field(default_factory=dict, compare=False, repr=False)
    """Raw keys that the user gave for keys that are to be imported."""
    breaker: Breaker = field(default_factory=Breaker)
    """Which sinks get no new key in this run."""

    @property
    def readers(self) -> Readers:
        """The ports that planning reads."""
        return Readers(reader=self.reader, ledger=self.ledger, sinks=self.sinks, values=self.values)

    def at(self, provider: ProviderName) -> Workbench:
        """Return the workbench whose reader and writer are those of one of the manifest's providers."""
        return replace(self, reader=reader_at(self.reader, provider), writer=writer_at(self.writer, provider))

    def check_lease(self) -> None:
        """Return while this run may change anything. Raises LeaseLostError once its lock is lost."""
        if self.lease is not None:
            self.lease.check()

    def attempts(self) -> Iterator[None]:
        """Yield at once, and then after each pause. Every loop of the applier that tries again is one over this."""
        yield
        for pause in RETRY_PAUSES:
            self.clock.sleep(pause)
            yield

    def retry(self, step: Callable[[], T], *, on: type[KeyplanError]) -> T:
        """Return what a repeatable step returns, tried again while it fails with `on`. Raises its last error."""
        # Never for create or refresh: a second one would leave a live key whose raw key is lost.
        failure: KeyplanError | None = None
        for _ in self.attempts():
            try:
                return step()
            except (LeaseLostError, SinkPausedError):
                # Final, although the class above them is not: another run is at work by now, or the sink's adapter has
                # waited for as long as it may.
                raise
            except on as error:
                failure = error
        raise failure or AssertionError("attempts() yields at least once")

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Store a receipt in the ledger, and close intents, in one transaction; tried again. Raises LedgerError."""
        bound = replace(receipt, account=self._account_of(receipt.address))
        self.retry(lambda: self.ledger.record(bound, closes=closes), on=LedgerError)

    def note(self, intent: Intent) -> None:
        """Store an intent in the ledger, once. Raises LedgerError."""
        self.ledger.open_intent(replace(intent, account=self._account_of(intent.address)))

    def _account_of(self, address: Address) -> str:
        # The ledger itself is bound to the usual provider.
        provider = read_provider(address)
        return reader_at(self.reader, provider).base_url if provider else ""

    def is_refused(self, raw: RawKey) -> bool:
        """Whether the provider refuses a raw key to the end of the attempts; no if it gives no answer to the last."""
        is_refused = False
        for _ in self.attempts():
            is_refused = False
            with suppress(ProviderError):
                if self.writer.verify(raw):
                    return False
                is_refused = True
        return is_refused

    def accepts(self, raw: RawKey) -> bool:
        """Whether the provider accepts a raw key within the time of the attempts; no if it gives no answer at all."""
        # A key that was just issued may need some seconds until every server of the provider knows it.
        for _ in self.attempts():
            with suppress(ProviderError):
                if self.writer.verify(raw):
                    return True
        return False
