"""The doors to the outside: what flow may ask of a provider, a sink, a ledger and a clock.

Adapters implement these and translate every failure into a class of `errors` once, chained. A reader
has no mutating method, so what only holds a reader cannot change anything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from keyplan.errors import SinkError
from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, Declaration, Delivery, KeyId, KeyType, SpaceId, SpaceRef
from keyplan.model.notice import Notice
from keyplan.model.observation import Abilities, Holding, Laws, Observation, Slot, Space
from keyplan.model.plan import Action
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.report import Outcome
from keyplan.model.secret import RawKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A raw key, fresh from the provider, and the key that it belongs to."""

    key: Observation
    raw: RawKey


class Clock(Protocol):
    """Time, and waiting."""

    def now(self) -> datetime:
        """Return the current instant, aware, UTC."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait that long."""
        ...


class KeyReader(Protocol):
    """What can be learned from a provider of keys. All calls are repeatable; none changes anything.

    Every method may raise ProviderDeniedError, ProviderRefusedError and ProviderUnavailableError.
    """

    @property
    def base_url(self) -> str:
        """Where the provider is, without credential or trailing slash."""
        ...

    def laws(self) -> Laws:
        """Return the laws of the dialect in use; the first call may ask the provider which one it is."""
        ...

    def list_keys(self, spaces: Collection[SpaceId]) -> tuple[Observation, ...]:
        """Return the active keys visible to the credential, those of `spaces` included; each id once, sorted by id."""
        ...

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, space_id: SpaceId | None
    ) -> tuple[Observation, ...]:
        """Return all keys that pass the provider's own filters, sorted by id; `active` None means both."""
        ...

    def find_spaces(self, references: Collection[SpaceRef]) -> Mapping[SpaceRef, Space]:
        """Return every referenced space, looked up by exact name where need be.

        Raises InputError where a name is unknown, or ambiguous.
        """
        ...

    def presents(self, redacted: str) -> bool:
        """Whether a redacted form can be that of the credential this reader presents."""
        ...

    def clock_skew(self) -> timedelta | None:
        """Return by how much the provider's clock was ahead of ours, where it differed most; None before an answer."""
        ...


class KeyWriter(Protocol):
    """What can be changed at a provider of keys, and whether a raw key works.

    `create` and `refresh` are sent again only where nothing was sent or the server refused without
    acting; any other failure of theirs is InDoubtError. `delete` and `verify` are repeatable.
    """

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Make a key and return it with its raw key.

        Raises InDoubtError, ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        ...

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; the answer's id may be another. `grace` zero: the old one dies at once.

        Raises InDoubtError, ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        ...

    def delete(self, key_id: KeyId) -> None:
        """End a key for good. A key that is already gone is no error.

        Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        ...

    def verify(self, raw: RawKey) -> bool:
        """Whether the provider accepts this raw key. Asks once: 401 is no, 403 is yes.

        Raises ProviderUnavailableError where the answer says nothing about the key.
        """
        ...


def _close_nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderPorts:
    """What a provider's `build_reader` returns: the one door that changes nothing."""

    reader: KeyReader
    close: Callable[[], None] = _close_nothing
    """Let go of connections; the door is not used afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPorts:
    """What a provider's `build` returns: both doors to one account, sharing connections and dialect."""

    reader: KeyReader
    writer: KeyWriter
    close: Callable[[], None] = _close_nothing
    """Let go of connections; neither door is used afterwards."""


@runtime_checkable
class Examinable(Protocol):
    """A sink that can tell, without writing, what would keep it from being written. No sink has to."""

    def examine(self, slots: Collection[Slot]) -> tuple[SinkError, ...]:
        """Return what stands in the way of writing these slots, as far as that shows; changes nothing.

        Raises SinkError where that cannot be looked at.
        """
        ...


class SinkReader(Protocol):
    """What can be learned from a place for raw keys, short of a raw key. Nothing here changes anything.

    Every method may raise SinkDeniedError (with what to do) and SinkUnavailableError.
    """

    @property
    def abilities(self) -> Abilities:
        """What this kind of sink can do."""
        ...

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes: templates filled in, each value made safe. Touches nothing.

        Raises InputError where a template names an unknown field or leads outside.
        """
        ...

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds. Reads only, and as few times as the store allows."""
        ...


class Sink(SinkReader, Protocol):
    """A place for raw keys. All writes are atomic and repeatable.

    A sink never overwrites an object that carries another owner's mark, or that was there unmarked
    before, and never writes an empty value. Every method may raise SinkDeniedError (with what to do)
    and SinkUnavailableError; neither may quote the raw key.
    """

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none, or where the sink cannot be read."""
        ...

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent beside the value, and prove by it that the slot can be written."""
        ...

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent; nothing where it is not there. What `intend` made and nothing else filled goes."""
        ...

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store a raw key and its receipt, and close the intent noted there."""
        ...

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value that stays as it is. Nothing where the sink holds no receipts."""
        ...

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove the value, receipt and intent that this owner put there; nothing where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a ledger's lock."""

    id: str
    owner: str
    host: str
    pid: int
    since: datetime
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a ledger remembers, at one instant."""

    receipts: tuple[Receipt, ...] = ()
    """One per address, sorted by address."""
    intents: tuple[Intent, ...] = ()
    """Open ones, sorted by time."""
    serial: int = 0
    """How many applies it has in its history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """When and where a plan was applied."""

    digest: str
    at: datetime
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One apply, as the ledger remembers it."""

    digest: str
    started_at: datetime
    finished_at: datetime
    added: int
    changed: int
    destroyed: int
    failed: int


class LedgerReader(Protocol):
    """What can be learned from a ledger. Creates nothing, takes no lock, waits for none.

    Every method may raise LedgerError and LedgerForeignError.
    """

    def recall(self) -> Memory:
        """Return receipts and open intents; nothing where there is no ledger yet."""
        ...

    def spending(self, digest: str) -> Spending | None:
        """Return when a plan was applied; None if it was not."""
        ...

    def holder(self) -> Holder | None:
        """Return who holds the lock."""
        ...

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        ...


class Ledger(LedgerReader, Protocol):
    """Where intents, receipts, spent plans, the lock and the history live. Each write is durable when it returns."""

    def lock(self, holder: Holder, *, patience: timedelta) -> AbstractContextManager[None]:
        """Hold the ledger for one apply. Raises LedgerLockedError when `patience` is over."""
        ...

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. Raises InputError where it is not held under that id."""
        ...

    def open_intent(self, intent: Intent) -> None:
        """Note an intent; one of the same id is replaced."""
        ...

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent; nothing where it is not there."""
        ...

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Keep a receipt in place of the address's former one and close intents, in one transaction."""
        ...

    def forget(self, address: Address) -> None:
        """Drop an address's receipt; nothing where there is none."""
        ...

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied. Raises PlanSpentError where it already was."""
        ...

    def remember(self, entry: HistoryEntry) -> None:
        """Add an apply to the history."""
        ...


class RebuildableLedger(Ledger, Protocol):
    """A ledger whose storage can be set aside, so that a new one takes its place."""

    def is_damaged(self) -> bool:
        """Whether it is there and makes no sense. Raises LedgerError where that cannot be told."""
        ...

    def set_aside(self, *, at: datetime, patience: timedelta) -> str:
        """Move what is stored out of the way, whatever it is, and return where.

        Nothing is deleted. Raises LedgerLockedError when `patience` is over and an apply still runs.
        """
        ...


class Progress(Protocol):
    """Is told how far a run is. Never fails, never blocks."""

    def begin(self, total: int) -> None:
        """So many actions are about to run."""
        ...

    def start(self, action: Action) -> None:
        """An action begins; no other one of its address is under way."""
        ...

    def step(self, address: Address, what: str) -> None:
        """An action of that address reached a step, in a word or two."""
        ...

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """The action of that address ended; None where it broke, and the report will say what became of it."""
        ...


class Notifier(Protocol):
    """Tells somebody who does not watch."""

    @property
    def name(self) -> str:
        """What of its target may be shown."""
        ...

    def notify(self, notice: Notice) -> None:
        """Send a notice; it may arrive twice. Raises NotificationError where it certainly or possibly did not."""
        ...


class Stop(Protocol):
    """Tells whether somebody asked the run to stop."""

    def requested(self) -> int | None:
        """Return the number of the first signal that asked to stop; None while nobody did."""
        ...
