"""How many threads may call the provider, and each sink, at one time during an apply; and whether they still may.

The provider and each sink have turns of their own, so that a slow sink delays only the keys that go to it. The
ledger has none, and reading the provider has none. A call that changes anything asks in its turn, at the last moment,
whether the ledger's lock is still held: a machine that was paused must not go on where another run has taken over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Semaphore

from keyplan.applier.breaker import Breaker
from keyplan.applier.route import writer_at
from keyplan.applier.update import edit
from keyplan.applier.workbench import Workbench
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, ProviderName
from keyplan.model.intent import Intent
from keyplan.model.manifest import Declaration, Delivery
from keyplan.model.observation import Abilities, Holding, Observation, Revision, Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, KeyWriter, Sink


def throttle(ports: Workbench, most: int) -> Workbench:
    """Return a workbench whose provider and sinks are each called by at most so many threads at a time.

    Their calls that change anything raise LeaseLostError, and change nothing, once the lock of the run is lost.
    """
    # No call waits for a turn while it holds another, so no two threads ever wait for each other.
    check = ports.check_lease
    sinks = {name: ThrottledSink(sink, Turns(most, check)) for name, sink in ports.sinks.items()}
    return replace(ports, writer=ThrottledWriter(ports.writer, Turns(most, check)), sinks=sinks, breaker=Breaker(most))


def count_lanes(most: int) -> int:
    """Return how many keys may be under way if the provider and each sink may be called `most` times at once."""
    # More, because a key also waits for the ledger, its sinks and the look for other runs while the provider could be
    # called. The look serves all keys that wait for it: 300 creates took 860 requests in 12 lanes, and 710 in 32.
    return most * 4 if most > 1 else 1


class Turns:
    """Turns at one port. Safe for threads."""

    def __init__(self, most: int, check: Callable[[], None]) -> None:
        """`check` raises LeaseLostError if nothing may change any longer."""
        self._turns = Semaphore(most)
        self._check = check

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Give the block a turn."""
        with self._turns:
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Give the block a turn, if this run may still change anything. Raises LeaseLostError."""
        with self._turns:
            # After the wait for the turn, which may have taken longer than the lease.
            self._check()
            yield


class ThrottledWriter:
    """Implements KeyWriter, in turns."""

    def __init__(self, writer: KeyWriter, turns: Turns) -> None:
        self._writer = writer
        self._turns = turns

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create, in turn."""
        with self._turns.changing():
            return self._writer.create(desired, expires_at=expires_at)

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Refresh, in turn."""
        with self._turns.changing():
            return self._writer.refresh(key_id, expires_at=expires_at, grace=grace)

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Change texts, in turn; InputError if the writer can't."""
        with self._turns.changing():
            return edit(self._writer, key_id, desired)

    def delete(self, key_id: KeyId) -> None:
        """Delete, in turn."""
        with self._turns.changing():
            self._writer.delete(key_id)

    def at(self, provider: ProviderName) -> ThrottledWriter:
        """Return the writer of one provider, which shares the turns."""
        return ThrottledWriter(writer_at(self._writer, provider), self._turns)

    def verify(self, raw: RawKey) -> bool:
        """Verify, in turn."""
        with self._turns.reading():
            return self._writer.verify(raw)


class ThrottledSink:
    """Implements Sink, in turns."""

    def __init__(self, sink: Sink, turns: Turns) -> None:
        self._sink = sink
        self._turns = turns

    @property
    def abilities(self) -> Abilities:
        """What the sink can do."""
        return self._sink.abilities

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Locate, which calls no store and needs no turn."""
        return self._sink.locate(owner, declaration, delivery)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Inspect, in turn."""
        with self._turns.reading():
            return self._sink.inspect(slots)

    def read(self, slot: Slot) -> RawKey | None:
        """Read, in turn."""
        with self._turns.reading():
            return self._sink.read(slot)

    def intend(self, slot: Slot, intent: Intent, *, over: Revision | None = None) -> None:
        """Note an intent, in turn."""
        with self._turns.changing():
            self._sink.intend(slot, intent, over=over)

    def retract(self, slot: Slot, intent: Intent) -> None:
        """Remove an intent, in turn."""
        with self._turns.changing():
            self._sink.retract(slot, intent)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt, *, intent: Intent | None = None) -> None:
        """Store, in turn."""
        with self._turns.changing():
            self._sink.put(slot, raw, receipt, intent=intent)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Annotate, in turn."""
        with self._turns.changing():
            self._sink.annotate(slot, receipt)

    def withdraw(self, slot: Slot, owner: str, *, over: Revision | None = None) -> None:
        """Withdraw, in turn."""
        with self._turns.changing():
            self._sink.withdraw(slot, owner, over=over)
