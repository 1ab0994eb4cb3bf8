"""A ledger in memory, that survives the death of the process that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Lock
from typing import Self, TypeVar

from keyplan.errors import InputError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.lease import LockRequest, hold_lease, make_lost_error
from keyplan.model.history import HistoryEntry, chain_entry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.model.receipt import Receipt
from keyplan.ports import Clock, Lease
from keyplan.simulated.effects import Effects

T = TypeVar("T")

_CHAINING = Lock()


class SimulatedLedger:
    """Implements Ledger. Everything but the lock's waiting passes through `effects`."""

    def __init__(self, clock: Clock, effects: Effects) -> None:
        self.receipts: dict[Address, Receipt] = {}
        self.intents: dict[IntentId, Intent] = {}
        self.spendings: dict[str, Spending] = {}
        self.entries: list[HistoryEntry] = []
        self.locks: dict[LockName, Holder] = {}
        self._held_in_life: dict[LockName, int] = {}
        self._numbers = count(1)
        self.applying: Holder | None = None
        """Who holds the lock of applies in this process: its writes need it."""
        self._clock = clock
        self._effects = effects

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time."""
        return self._read("recall", self._memory)

    def spending(self, digest: str) -> Spending | None:
        """Return when a plan was applied."""
        return self._read("spending", lambda: self.spendings.get(digest))

    @property
    def held(self) -> Holder | None:
        """Who holds the lock of applies."""
        return self.locks.get(LockName.APPLY)

    @property
    def is_shared(self) -> bool:
        """Like the ledger that is the default."""
        return False

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        """Return who holds a lock."""
        return self._read("holder", lambda: self.locks.get(name))

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        return self._read("history", lambda: tuple(reversed(self.entries)))

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        """Hold a lock; a holder from a former life of the same host is dead, and taken over."""
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        refused = LedgerLockedError(f"the ledger is held by {self.locks.get(name)}")
        return hold_lease(self, wanted, clock=self._clock, refuse=lambda: refused)

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id."""

        def act() -> None:
            named = [name for name, holder in self.locks.items() if holder.id == lock_id]
            if not named:
                raise InputError(f"no lock has the id '{lock_id}'")
            del self.locks[named[0]]

        self._effect("unlock", lock_id, act)

    def open_intent(self, intent: Intent) -> None:
        """Note an intent."""
        self._run("open_intent", intent.address, lambda: self.intents.update({intent.id: intent}))

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent."""
        self._run("close_intent", intent_id, lambda: self.intents.pop(intent_id, None))

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Keep a receipt and close intents at once."""

        def act() -> None:
            self.receipts[receipt.address] = receipt
            for intent_id in closes:
                self.intents.pop(intent_id, None)

        self._run("record", receipt.address, act)

    def forget(self, address: Address) -> None:
        """Drop an address's receipt."""
        self._run("forget", address, lambda: self.receipts.pop(address, None))

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied, once."""

        def act() -> None:
            if spending.digest in self.spendings:
                raise PlanSpentError(f"plan {spending.digest} was applied before")
            self.spendings[spending.digest] = spending

        self._run("spend", spending.digest, act)

    def remember(self, entry: HistoryEntry) -> HistoryEntry:
        """Add an apply to the history, chained."""
        with _CHAINING:  # applies of one process that end at the same time
            chained = chain_entry(entry, reversed(self.entries))
            self._run("remember", entry.digest, lambda: self.entries.append(chained))
        return chained

    # what a test, or a rehearsal, does

    def as_another_process(self) -> Self:
        """Return the same ledger as another process has it: what that one locked, this one did not."""
        other = copy(self)
        other.applying = None
        return other

    def lose(self) -> None:
        """The ledger's file is gone."""
        self.receipts.clear()
        self.intents.clear()
        self.spendings.clear()
        self.entries.clear()
        self.locks.clear()

    # inside

    def _memory(self) -> Memory:
        receipts = tuple(receipt for _, receipt in sorted(self.receipts.items()))
        intents = tuple(sorted(self.intents.values(), key=lambda intent: (intent.at, intent.id)))
        link = self.entries[-1].link if self.entries else None
        return Memory(receipts=receipts, intents=intents, serial=len(self.entries), head=link.hash if link else "")

    def _read(self, name: str, act: Callable[[], T]) -> T:
        return self._effects.read(f"ledger.{name}", act, failed=LedgerError("the ledger cannot be read"))

    def _run(self, name: str, subject: str, act: Callable[[], T]) -> None:
        if self.applying:
            self._require(self.applying, LockName.APPLY)
        self._effect(name, subject, act)

    def _effect(self, name: str, subject: str, act: Callable[[], T]) -> None:
        error = LedgerError("the ledger cannot be written")
        self._effects.run(f"ledger.{name}", act, subject=subject, lost=error, failed=error)

    # what `hold_lease` asks

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        """Take a lock that is free, whose lease is over, or whose holder is dead."""
        with self._effects.lock:
            former, now = self.locks.get(name), self._clock.now()
            if former and (former.until is None or former.until > now) and not self._is_dead(former, holder, name):
                return None
            held = replace(holder, until=now + lease, number=next(self._numbers))

            def act() -> None:
                self.locks[name], self._held_in_life[name] = held, self._effects.life

            self._effect("lock", holder.id, act)
            if name is LockName.APPLY:
                self.applying = held
            return held

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        """Extend a lease; no effect that a crash could come before or after."""
        with self._effects.lock:
            self._require(held, name)
            self.locks[name] = replace(held, until=self._clock.now() + lease)
            return self.locks[name]

    def release(self, held: Holder, *, name: LockName) -> None:
        """Free a lock. A killed process runs no `finally`: what it held stays held until a run takes it over."""
        with self._effects.lock:
            self.applying = None
            if self._effects.alive and self.locks.get(name) == held:
                del self.locks[name]

    def _require(self, held: Holder, name: LockName) -> None:
        found = self.locks.get(name)
        if found is None or (found.id, found.number) != (held.id, held.number):
            raise make_lost_error("the simulated ledger", found)

    def _is_dead(self, former: Holder, holder: Holder, name: LockName) -> bool:
        return former.host == holder.host and self._held_in_life[name] != self._effects.life
