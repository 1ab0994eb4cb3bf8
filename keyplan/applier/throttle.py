"""So many calls at a time, and no more, to each party that an apply talks to: the provider, and every sink.

In: a workbench, a number. Out: the same workbench, whose parties are called by so many threads at once at most, and how
many keys may be under way meanwhile. Never: a wait for one party while another is called; the ledger kept waiting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Semaphore

from keyplan.applier.workbench import Workbench
from keyplan.model.desired import Desired
from keyplan.model.manifest import Declaration, Delivery, KeyId
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, KeyWriter, Sink


def pace(ports: Workbench, most: int) -> Workbench:
    """Return a workbench whose provider and sinks are each called by so many threads at a time at most."""
    sinks = {name: PacedSink(sink, most) for name, sink in ports.sinks.items()}
    return replace(ports, writer=PacedWriter(ports.writer, most), sinks=sinks)


def count_lanes(most: int) -> int:
    """Return how many keys may be under way where each party may be called so many times at once.

    Half as many more, because a key is also written down, here and in its sinks: 1,000 keys at 50 ms a request and 32
    requests at a time took 4.7 s instead of 5.1.
    """
    return most + most // 2


class PacedWriter:
    """Implements KeyWriter."""

    def __init__(self, writer: KeyWriter, most: int) -> None:
        self._writer = writer
        self._turns = Semaphore(most)

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create, in turn."""
        with self._turns:
            return self._writer.create(desired, expires_at=expires_at)

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Refresh, in turn."""
        with self._turns:
            return self._writer.refresh(key_id, expires_at=expires_at, grace=grace)

    def delete(self, key_id: KeyId) -> None:
        """Delete, in turn."""
        with self._turns:
            self._writer.delete(key_id)

    def verify(self, raw: RawKey) -> bool:
        """Verify, in turn."""
        with self._turns:
            return self._writer.verify(raw)


class PacedSink:
    """Implements Sink."""

    def __init__(self, sink: Sink, most: int) -> None:
        self._sink = sink
        self._turns = Semaphore(most)

    @property
    def abilities(self) -> Abilities:
        """What the sink can do."""
        return self._sink.abilities

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Locate, which calls nobody."""
        return self._sink.locate(owner, declaration, delivery)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Inspect, in turn."""
        with self._turns:
            return self._sink.inspect(slots)

    def read(self, slot: Slot) -> RawKey | None:
        """Read, in turn."""
        with self._turns:
            return self._sink.read(slot)

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent, in turn."""
        with self._turns:
            self._sink.intend(slot, intent)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove an intent, in turn."""
        with self._turns:
            self._sink.retract(slot, intent_id)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store, in turn."""
        with self._turns:
            self._sink.put(slot, raw, receipt)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Annotate, in turn."""
        with self._turns:
            self._sink.annotate(slot, receipt)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Withdraw, in turn."""
        with self._turns:
            self._sink.withdraw(slot, owner)
