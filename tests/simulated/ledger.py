"""A ledger in memory, that survives the death of the process that wrote it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import TypeVar

from simulated.clock import SimulatedClock
from simulated.effects import Effects

from keyplan.errors import InputError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.model.identity import Address
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.ports import HistoryEntry, Holder, Memory, Spending

T = TypeVar("T")


class SimulatedLedger:
    """Implements Ledger. Everything but the lock's waiting passes through `effects`."""

    def __init__(self, clock: SimulatedClock, effects: Effects) -> None:
        self.receipts: dict[Address, Receipt] = {}
        self.intents: dict[IntentId, Intent] = {}
        self.spendings: dict[str, Spending] = {}
        self.entries: list[HistoryEntry] = []
        self.held: Holder | None = None
        self._held_in_life = 0
        self._clock = clock
        self._effects = effects

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time."""
        return self._read("recall", self._memory)

    def spending(self, digest: str) -> Spending | None:
        """Return when a plan was applied."""
        return self._read("spending", lambda: self.spendings.get(digest))

    def holder(self) -> Holder | None:
        """Return who holds the lock."""
        return self._read("holder", lambda: self.held)

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        return self._read("history", lambda: tuple(reversed(self.entries)))

    def lock(self, holder: Holder, *, patience: timedelta) -> AbstractContextManager[None]:
        """Hold the ledger; a holder from a former life of the same host is dead, and taken over."""
        return self._locked(holder, patience)

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id."""

        def act() -> None:
            if self.held is None or self.held.id != lock_id:
                raise InputError(f"no lock has the id '{lock_id}'")
            self.held = None

        self._run("unlock", lock_id, act)

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

    def remember(self, entry: HistoryEntry) -> None:
        """Add an apply to the history."""
        self._run("remember", entry.digest, lambda: self.entries.append(entry))

    # what a test does

    def lose(self) -> None:
        """The ledger's file is gone."""
        self.receipts.clear()
        self.intents.clear()
        self.spendings.clear()
        self.entries.clear()
        self.held = None

    # inside

    def _memory(self) -> Memory:
        receipts = tuple(receipt for _, receipt in sorted(self.receipts.items()))
        intents = tuple(sorted(self.intents.values(), key=lambda intent: (intent.at, intent.id)))
        return Memory(receipts=receipts, intents=intents, serial=len(self.entries))

    def _read(self, name: str, act: Callable[[], T]) -> T:
        return self._effects.read(f"ledger.{name}", act, failed=LedgerError("the ledger cannot be read"))

    def _run(self, name: str, subject: str, act: Callable[[], T]) -> None:
        error = LedgerError("the ledger cannot be written")
        self._effects.run(f"ledger.{name}", act, subject=subject, lost=error, failed=error)

    @contextmanager
    def _locked(self, holder: Holder, patience: timedelta) -> Iterator[None]:
        deadline = self._clock.now() + patience
        while not self._take(holder):
            if self._clock.now() >= deadline:
                raise LedgerLockedError(f"the ledger is held by {self.held}")
            self._clock.sleep(timedelta(seconds=1))
        try:
            yield
        finally:
            self._release(holder)

    def _take(self, holder: Holder) -> bool:
        with self._effects.lock:
            dead = self.held and self.held.host == holder.host and self._held_in_life != self._effects.life
            if self.held and not dead:
                return False

            def act() -> None:
                self.held, self._held_in_life = holder, self._effects.life

            self._run("lock", holder.id, act)
            return True

    def _release(self, holder: Holder) -> None:
        # A killed process runs no `finally`: what it held stays held until somebody takes it over.
        with self._effects.lock:
            if self._effects.alive and self.held == holder:
                self.held = None
