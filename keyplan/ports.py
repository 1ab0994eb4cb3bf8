"""The interfaces to everything outside: provider, sinks, ledger, clock, progress and notifications.

Adapters implement these protocols and translate each failure once, chained, into a class of `keyplan.errors`. A reader
has no method that changes anything, so code that holds only a reader cannot change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from keyplan.model.audit import AuditLog, AuditQuery
from keyplan.model.desired import Desired
from keyplan.model.examination import Finding
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address, KeyId, ScopeId
from keyplan.model.intent import Intent, IntentId
from keyplan.model.laws import Laws
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.manifest import DEFAULT_LEASE, Declaration, Delivery, KeyType, ScopeRef
from keyplan.model.notice import Notice
from keyplan.model.observation import Abilities, Holding, Observation, Revision, Scope, Slot, Survey
from keyplan.model.plan import Action
from keyplan.model.receipt import Receipt
from keyplan.model.report import Outcome
from keyplan.model.secret import RawKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A raw key that the provider has just issued, and the key that it belongs to."""

    key: Observation
    raw: RawKey


class Clock(Protocol):
    """The current time, and waiting."""

    def now(self) -> datetime:
        """Return the current instant, aware, UTC."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait that long; return at once if the duration is zero or negative."""
        ...

    def elapsed(self) -> timedelta:
        """Return the time since some fixed instant: it never jumps, and counts while the machine is suspended."""
        ...


class KeyReader(Protocol):
    """Reads a provider of keys. All calls can be repeated; none changes anything. Safe for threads.

    Every method may raise ProviderDeniedError, ProviderRefusedError and ProviderUnavailableError.
    """

    @property
    def base_url(self) -> str:
        """The provider's address, without credential and without trailing slash."""
        ...

    def laws(self) -> Laws:
        """Return the laws of the dialect in use; the first call may ask the provider for its dialect."""
        ...

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Return the active keys that the credential sees, and those of `spaces`; each id once, sorted by id.

        The result is complete: if any part of it cannot be read, the call fails.
        """
        ...

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters, sorted by id; `active` None: both states. Raises InputError without one."""
        ...

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the space of every reference, by exact name. Raises InputError if one is unknown or ambiguous."""
        ...

    def presents(self, redacted: str) -> bool:
        """Whether a redacted form can be that of the credential in use. Raises InputError if that cannot be fetched."""
        ...

    def clock_skew(self) -> timedelta | None:
        """Return the provider's time minus ours, the largest difference so far; None before the first answer."""
        ...


class KeyWriter(Protocol):
    """Changes keys at a provider, and verifies raw keys. Safe for threads.

    An adapter repeats `create` and `refresh` only if nothing was sent, or if the server refused without acting; any
    other failure of theirs is an InDoubtError. `delete` and `verify` can be repeated.
    """

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key and return it with its raw key; `expires_at` None asks for no expiry.

        Raises InDoubtError if a key may have been created whose raw key did not arrive. With any other error nothing
        happened: InputError (the provider cannot express this), ProviderDeniedError, ProviderRefusedError, and
        ProviderUnavailableError (not sent, or throttled until the end).
        """
        ...

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; its id may change. A `grace` of zero ends the old one now. Raises as `create`."""
        ...

    def delete(self, key_id: KeyId) -> None:
        """End a key permanently; no error if it is already dead or unknown. Raises ProviderError, never in doubt."""
        ...

    def verify(self, raw: RawKey) -> bool:
        """Whether the provider accepts this raw key now. Raises ProviderUnavailableError if the answer says nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPorts:
    """What a provider's `build_reader` returns. Nothing in it can change anything."""

    reader: KeyReader
    close: Callable[[], None] = lambda: None
    """Closes connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPorts:
    """What a provider's `build` returns: reader and writer of one account, which share connections and dialect."""

    reader: KeyReader
    writer: KeyWriter
    close: Callable[[], None] = lambda: None
    """Closes connections; reader and writer must not be used afterwards."""


@runtime_checkable
class Editor(Protocol):
    """A `KeyWriter` that can change the texts of a key which `Laws.editable` names; the raw key stays."""

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Give a key the declared name and description, with marker. Can be repeated. Raises ProviderError."""
        ...


@runtime_checkable
class Auditable(Protocol):
    """A `KeyReader` of a provider that logs who changes keys. The log is never needed: a user may not read it."""

    def read_audit(self, query: AuditQuery) -> AuditLog:
        """Return what the log says of the keys of a query, newest first. Raises ProviderError."""
        ...


@runtime_checkable
class Examinable(Protocol):
    """A sink that can report, without writing, what would prevent a write."""

    def examine(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        """Return what would prevent writing these slots, as far as it shows. Raises SinkError if it cannot look."""
        ...


@runtime_checkable
class Surveyable(Protocol):
    """A sink that inspects and examines in one look, with at most one or two requests more than `inspect` takes."""

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return what each slot holds, and what would prevent writing it. Raises SinkError if it cannot look."""
        ...


@runtime_checkable
class Matchable(Protocol):
    """A sink that can say which redacted forms of keys a value fits, without giving the value away."""

    def match(self, forms: Mapping[Slot, Collection[str]]) -> Mapping[Slot, frozenset[str]]:
        """Return which of its forms each slot's value fits; a slot that can't be read is left out. Raises SinkError."""
        ...


class SinkReader(Protocol):
    """Reads a store of raw keys, except the raw keys themselves. Nothing here changes anything.

    Every method may raise SinkDeniedError (with advice) and SinkUnavailableError.
    """

    @property
    def abilities(self) -> Abilities:
        """What this type of sink can do; the planner decides by it."""
        ...

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the place of a delivery, with templates filled in and every value made safe. Touches nothing.

        Raises InputError if a template names an unknown field, or leads outside the sink.
        """
        ...

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds, with as few reads as the store allows."""
        ...


class Sink(SinkReader, Protocol):
    """A store of raw keys. Every write is atomic and can be repeated. Safe for threads that write different slots.

    A sink never overwrites what another manifest marked or what was there unmarked before, and never writes
    an empty value. Every method may raise SinkDeniedError (with advice) and SinkUnavailableError, and neither may quote
    the raw key. SinkBusyError says that another run was there first, and nothing was written; with the ability
    `compares`, no writer comes between comparison and write. Without receipts there is little to compare with.
    """

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key in a slot; None if it holds none, or if this sink cannot be read."""
        ...

    def intend(self, slot: Slot, intent: Intent, *, over: Revision | None = None) -> None:
        """Store an intent beside the value, which also proves that the slot can be written.

        One that the same run wrote is always replaced: after a lost answer, or to mark it as ended (`until` None).
        Raises SinkBusyError if the slot has another revision than `over`, or if another run's would be marked as ended.
        """
        ...

    def retract(self, slot: Slot, intent: Intent) -> None:
        """Remove that intent of that run, and the object if `intend` created it and it is still empty.

        Nothing if another run goes on with it. What an older keyplan wrote goes by its id alone.
        """
        ...

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt, *, intent: Intent | None = None) -> None:
        """Store a raw key and its receipt, and close the intent of the slot.

        Raises SinkBusyError if the slot bears neither `intent` as this run wrote it nor this very receipt.
        """
        ...

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value and keep the value. Nothing if the sink holds no receipts.

        Raises SinkBusyError if it is of another key and was delivered later.
        """
        ...

    def withdraw(self, slot: Slot, owner: str, *, over: Revision | None = None) -> None:
        """Remove value, receipt and intent, if this manifest marked them; `owner` may be a former one of it.

        Raises SinkBusyError if the slot has another revision than `over`, and is not empty.
        """
        ...


class Lease(Protocol):
    """A lock while it is held. Safe for threads."""

    @property
    def holder(self) -> Holder:
        """The holder, with its number."""
        ...

    def check(self) -> None:
        """Return while the lock is certainly still held. Raises LeaseLostError otherwise."""
        ...


class LedgerReader(Protocol):
    """Reads a ledger. Creates nothing, takes no lock and waits for none.

    Every method may raise LedgerError, LedgerUntrustedError, LedgerForeignError and LedgerDamagedError.
    """

    def recall(self) -> Memory:
        """Return receipts and open intents; an empty memory if there is no ledger yet."""
        ...

    def spending(self, digest: str) -> Spending | None:
        """Return when and where a plan was applied; None if it was not."""
        ...

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        """Return the holder of a lock, whether its lease is over or not; None if it is free."""
        ...

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        ...


class Ledger(LedgerReader, Protocol):
    """Stores intents, receipts, spent plans, the locks and the history. Each write is durable when it returns.

    Safe for threads. Once an object has held the lock `APPLY`, each of its writes raises LeaseLostError, and changes
    nothing, from when another run has taken that lock over or a user broke it.
    """

    @property
    def is_shared(self) -> bool:
        """Whether every machine that uses this ledger sees the same one."""
        ...

    def lock(
        self, holder: Holder, *, patience: timedelta, lease: timedelta = DEFAULT_LEASE, name: LockName = LockName.APPLY
    ) -> AbstractContextManager[Lease]:
        """Hold a lock while the block runs; it is renewed until then. `ledgers/lease.py` does all but the storing.

        A lock whose lease is over counts as free. Raises LedgerLockedError when `patience` is over.
        """
        ...

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. Raises InputError if it is not held under that id."""
        ...

    def open_intent(self, intent: Intent) -> None:
        """Store an intent, in place of one with the same id."""
        ...

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent. Nothing if it is absent."""
        ...

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Store a receipt in place of the address's former one and close intents, in one transaction."""
        ...

    def forget(self, address: Address) -> None:
        """Remove an address's receipt. Nothing if there is none."""
        ...

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied. Raises PlanSpentError if it was applied before."""
        ...

    def remember(self, entry: HistoryEntry) -> HistoryEntry | None:
        """Add an apply, chained by `chain_entry` in one transaction, and return it; None without a chain."""
        ...


@runtime_checkable
class RebuildableLedger(Ledger, Protocol):
    """A ledger whose storage can be set aside, so that a new one takes its place. No ledger has to be one."""

    def is_damaged(self) -> bool:
        """Whether the storage exists and cannot be used. Raises LedgerError if that is unknown, or it is another's."""
        ...

    def set_aside(self, *, at: datetime, patience: timedelta) -> str:
        """Move the storage away and return its new place; nothing is deleted. Raises LedgerLockedError."""
        ...


class Progress(Protocol):
    """Receives the progress of a run, from several threads. Its methods never raise and never block."""

    def begin(self, total: int) -> None:
        """`total` actions are about to run."""
        ...

    def start(self, action: Action) -> None:
        """An action begins; no other action of its address is running."""
        ...

    def step(self, address: Address, what: str) -> None:
        """The action of that address has reached a step, described in a word or two."""
        ...

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """The action of that address ended; None if it failed unexpectedly, and only the report has its outcome."""
        ...


class Notifier(Protocol):
    """Sends notifications about unattended runs to one target."""

    @property
    def name(self) -> str:
        """The part of the target's address that may be shown."""
        ...

    def notify(self, notice: Notice) -> None:
        """Send a notice; it may arrive twice. Raises NotificationError if it did not arrive, or possibly did not."""
        ...


class Stop(Protocol):
    """Knows whether the user asked the run to stop."""

    def requested(self) -> int | None:
        """Return the number of the first signal that asked to stop; None if there was none."""
        ...
