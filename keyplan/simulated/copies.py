"""Simulated ports that begin as copies of real ones: the same keys, places and records. Raw keys are made up.

Nothing here asks what it is a copy of, except where a delivery goes, which touches nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Lock

from keyplan.errors import InputError, LedgerLockedError
from keyplan.ledgers.lease import LockRequest, hold_lease, make_locked_error
from keyplan.model.examination import Finding
from keyplan.model.identity import Address, KeyId, Lineage, ScopeId, SinkName, UserId
from keyplan.model.intent import Intent, IntentId
from keyplan.model.laws import Laws
from keyplan.model.ledger import Holder, LockName
from keyplan.model.manifest import DEFAULT_LEASE, Declaration, Delivery, KeyType, ScopeById, ScopeRef
from keyplan.model.observation import Observation, Scope, Slot, Survey
from keyplan.model.receipt import Receipt
from keyplan.ports import Clock, Lease, SinkReader
from keyplan.simulated.effects import Effects
from keyplan.simulated.ledger import SimulatedLedger
from keyplan.simulated.provider import SimulatedProvider
from keyplan.simulated.records import KeyRecord
from keyplan.simulated.sink import Cell, SimulatedSink

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MovedClock:
    """Implements Clock; time passes only if it is moved, or if code sleeps."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._lock = Lock()

    def now(self) -> datetime:
        """Return the simulated instant."""
        return self._now

    def sleep(self, duration: timedelta) -> None:
        """Move on at once."""
        self.advance(duration)

    def elapsed(self) -> timedelta:
        """Return the simulated time since the epoch."""
        return self._now - _EPOCH

    def advance(self, duration: timedelta) -> None:
        """Let that much time pass."""
        with self._lock:
            self._now += max(duration, timedelta(0))


class OffsetClock:
    """Implements Clock: another clock, ahead by a fixed time."""

    def __init__(self, clock: Clock, ahead: timedelta) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> datetime:
        """Return what this clock shows."""
        return self._clock.now() + self._ahead

    def sleep(self, duration: timedelta) -> None:
        """Wait as the other clock does."""
        self._clock.sleep(duration)

    def elapsed(self) -> timedelta:
        """Return what the other clock has counted."""
        return self._clock.elapsed()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCopy:
    """What a copied provider begins with."""

    base_url: str
    laws: Laws
    me: UserId
    """Whose credential it is."""
    records: Mapping[KeyId, KeyRecord] = field(repr=False)
    shown: Mapping[KeyId, Observation]
    """How the provider showed each of these keys."""
    spaces: Mapping[ScopeRef, Scope]
    unknown_scopes: Mapping[ScopeRef, str]
    """Why each of these was not found."""
    own_keys: frozenset[KeyId]
    """Those that can be the credential in use."""
    issued: int = 0
    """After how many its new raw keys count, so that two copies never issue the same."""


class CopiedProvider(SimulatedProvider):
    """A provider that shows copied keys as the real one showed them, and treats them by its laws."""

    id_prefix = "rehearsed"

    def __init__(self, copy: AccountCopy, clock: Clock, effects: Effects) -> None:
        super().__init__(clock, effects)
        self.base_url = copy.base_url
        self.me = copy.me
        self.records = dict(copy.records)
        self.spaces = {space.id: space for space in copy.spaces.values()}
        self._copy = copy
        self._issued = copy.issued

    def laws(self) -> Laws:
        """Return the laws of the copied provider."""
        return self._copy.laws

    def presents(self, redacted: str) -> bool:
        """Whether the redacted form is that of a copied key that can be the credential in use."""
        return any(self.records[key_id].redacted == redacted for key_id in self._copy.own_keys)

    def _search(
        self, *, key_type: KeyType | None, active: bool | None, spaces: frozenset[ScopeId], own: bool = False
    ) -> tuple[Observation, ...]:
        # All that the real listing held is listed here, of every creator and space.
        found = {key.id: key for key in super()._search(key_type=key_type, active=active, spaces=spaces, own=own)}
        for key_id in self._copy.shown:
            shown = self._show(self.records[key_id], ())
            if key_type in (None, shown.key_type) and active in (None, shown.active):
                found[key_id] = shown
        return tuple(found[key_id] for key_id in sorted(found))

    def _show(self, record: KeyRecord, asked: Collection[ScopeId]) -> Observation:
        shown = self._copy.shown.get(record.id)
        if shown is None:
            return super()._show(record, asked)
        fresh = super()._show(record, ())
        return replace(
            shown,
            name=fresh.name,
            description=fresh.description,
            marker=fresh.marker,
            active=record.active,
            expires_at=record.expires_at,
            redacted=record.redacted if shown.redacted else "",
            rotated_at=record.rotated_at or shown.rotated_at,
            previous_until=fresh.previous_until if record.rotated_at else shown.previous_until,
        )

    def _refuse_unknown_spaces(self, spaces: Collection[ScopeId]) -> None:
        """Refuse none: what is declared was found, or was not declared by name."""

    def _find_space(self, reference: ScopeRef) -> Scope:
        if reference in self._copy.spaces:
            return self._copy.spaces[reference]
        if isinstance(reference, ScopeById) and reference not in self._copy.unknown_scopes:
            return Scope(id=reference.space_id, name=reference.space_id)
        raise InputError(self._copy.unknown_scopes.get(reference, f"space '{reference}' is unknown"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkCopy:
    """What a copied sink begins with."""

    name: SinkName
    real: SinkReader
    """Asked for its abilities and where deliveries go, which touches nothing."""
    lineage: Lineage
    """Whose places are ours."""
    cells: Mapping[str, Cell] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    """What the real one said would prevent writing its places."""


class CopiedSink(SimulatedSink):
    """Implements Sink and Surveyable with the abilities of another sink, and its way to choose places."""

    def __init__(self, copy: SinkCopy, clock: Clock, effects: Effects) -> None:
        super().__init__(copy.name, clock, effects, abilities=copy.real.abilities, lineage=copy.lineage)
        self.cells = dict(copy.cells)
        self._copy = copy

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where the real sink would put it."""
        return self._copy.real.locate(owner, declaration, delivery)

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return what the cells hold, and what was in the way when they were copied."""
        return Survey(holdings=self.inspect(slots), findings=self._copy.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsCopy:
    """What a copied ledger begins with."""

    receipts: Mapping[Address, Receipt]
    intents: Mapping[IntentId, Intent]
    is_shared: bool
    """Whether every machine sees the same one."""


class CopiedLedger(SimulatedLedger):
    """Implements Ledger, and refuses a lock in the words of the real ones."""

    def __init__(self, copy: RecordsCopy, clock: Clock, effects: Effects) -> None:
        super().__init__(clock, effects)
        self.receipts = dict(copy.receipts)
        self.intents = dict(copy.intents)
        self._copy = copy

    @property
    def is_shared(self) -> bool:
        """Whether every machine sees the same one."""
        return self._copy.is_shared

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        """Hold a lock. A dead holder of the same host is taken over at once, unless the ledger is shared."""
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        return hold_lease(self, wanted, clock=self._clock, refuse=lambda: self._refuse(name))

    def _refuse(self, name: LockName) -> LedgerLockedError:
        return make_locked_error(self.locks[name], ends_with_lease=self.is_shared)

    def _is_dead(self, former: Holder, holder: Holder, name: LockName) -> bool:
        # Another machine cannot look for the process of a holder; so a shared ledger waits for the lease.
        return not self.is_shared and super()._is_dead(former, holder, name)
