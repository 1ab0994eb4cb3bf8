"""What becomes of one delivered key and its successors by time alone, as `schedule` and `strategy` say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.model.basis import CopyBasis, ImportBasis, IssueBasis, KeepBasis, WaitBasis
from keyplan.model.calendar import Event, Happening
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId
from keyplan.model.laws import Laws
from keyplan.model.manifest import Retire
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.model.receipt import Receipt
from keyplan.planner.diff import find_differences
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age, issued_at
from keyplan.planner.strategy import Choice, choose_strategy

_UNBORN = KeyId("")


_BLOCKED_NOTES = {
    Guard.PROTECT: "it is protected: nothing renews it",
    Guard.SELF: "keyplan itself uses it: without self: true nothing renews it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a key falls due by time, and on which ground."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a renewal is in the calendar, and the key that it leads to."""

    events: tuple[Event, ...]
    key: Observation
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFuture:
    """The future of one declaration, until an instant."""

    desired: Desired
    laws: Laws
    until: datetime
    guard: Guard | None
    """What will block every renewal; None if nothing does."""

    @classmethod
    def of(
        cls, basis: IssueBasis | KeepBasis | CopyBasis | ImportBasis | WaitBasis, snapshot: Snapshot, until: datetime
    ) -> KeyFuture:
        """Return the future of the declaration that an action is about."""
        declared = basis.desired.declaration
        is_own = basis.is_own_credential and not declared.may_rotate_itself
        guard = Guard.PROTECT if declared.protect else Guard.SELF if is_own else None
        return cls(desired=basis.desired, laws=snapshot.laws_of(declared.provider), until=until, guard=guard)

    def follow_key(self, key: Observation, receipt: Receipt, now: datetime) -> Iterator[Event]:
        """Yield what becomes of a delivered key and its successors from now on, if no renewal waits."""
        while due := self.find_due(key, receipt, now):
            # What was due before now is done now: the plan would have done it already, unless a guard blocks it.
            now = max(due.at, now)
            if now > self.until:
                return
            renewal = self.renew(key, receipt, due.reason, now)
            yield from renewal.events
            # Blocked now means blocked at every later run, too: only its expiry is left.
            if self.guard:
                yield from self.end_key(key, note=_BLOCKED_NOTES[self.guard])
                return
            key, receipt = renewal.key, renewal.receipt
        yield from self.end_key(key)

    def find_due(self, key: Observation, receipt: Receipt, now: datetime) -> Due | None:
        """Return since when a key is due, or from when on; None if nothing renews it before it expires."""
        at, reason = self._next(key, receipt, now)
        if at is None or (key.expires_at and key.expires_at <= at):
            return None
        return Due(at=at, reason=reason)

    def choose(self, key: Observation, receipt: Receipt, now: datetime) -> Choice:
        """Return how a key is renewed that is due."""
        # What waits for a rotation, such as a description, decides how that one is done.
        changes = find_differences(self.desired, key, receipt).changes
        return choose_strategy(self.desired, key, changes=changes, laws=self.laws, now=now)

    def renew(self, key: Observation, receipt: Receipt, reason: Reason, now: datetime, *, note: str = "") -> Renewal:
        """Return what a renewal by time is in the calendar, and the key that it leads to."""
        choice = self.choose(key, receipt, now)
        event = Event(
            at=now,
            happening=Happening.ROTATES,
            address=self.desired.address,
            key_id=key.id or None,
            verb=choice.verb,
            reason=reason,
            overlap=choice.overlap,
            guard=self.guard,
            note=_BLOCKED_NOTES[self.guard] if self.guard else "; ".join(filter(None, (note, choice.explanation))),
        )
        ends = () if self.guard else self.end_old_key(key, choice.verb, choice.overlap, now)
        after = self.simulate_renewal(key, receipt, choice.verb, now)
        return Renewal(events=(event, *ends), key=after[0], receipt=after[1])

    def renew_in_turn(self, action: PlannedAction, basis: WaitBasis, at: datetime) -> Renewal:
        """Return the renewal that an action of the plan waits for, at the time when its turn comes."""
        turn, key = action.next_turn, basis.key
        event = Event(
            at=at,
            happening=Happening.ROTATES,
            address=action.address,
            key_id=action.key_id,
            verb=turn.verb,
            reason=turn.reason,
            overlap=basis.overlap,
            note=f"wave {turn.wave} of {turn.waves} of the rollout: {action.explanation}",
        )
        after = self.simulate_renewal(key, basis.receipt, turn.verb, at)
        ends = self.end_old_key(key, turn.verb, basis.overlap, at)
        return Renewal(events=(event, *ends), key=after[0], receipt=after[1])

    def end_key(self, key: Observation, *, note: str = "nothing renews it before") -> Iterator[Event]:
        """Yield the end of a key by its own expiry, if it has one."""
        if key.expires_at:
            yield expiry_event(self.desired.address, key, key.expires_at, note=note)

    def end_old_key(self, key: Observation, verb: Verb, overlap: timedelta, now: datetime) -> Iterator[Event]:
        """Yield the end of a key that is renewed now; nothing without an overlap, when it ends with the renewal."""
        if not overlap:
            return
        address, over = self.desired.address, now + overlap
        if verb is Verb.REFRESH or (key.expires_at and key.expires_at <= over):
            yield lapse_event(address, key, min(over, key.expires_at or over))
            return
        waits = self.desired.declaration.rotation.retire is Retire.WHEN_UNUSED
        yield Event(
            at=over,
            happening=Happening.RETIRES,
            address=address,
            key_id=key.id or None,
            verb=Verb.DELETE,
            reason=Reason.SUPERSEDED,
            note="its overlap is over" + (", if it is no longer used" if waits else ""),
        )

    def simulate_renewal(
        self, old: Observation | None, receipt: Receipt | None, verb: Verb, now: datetime
    ) -> tuple[Observation, Receipt]:
        """Return the key that a renewal leads to, delivered now."""
        declared = self.desired.declaration
        expires_at = self._expiry(old, receipt, verb, now)
        key = Observation(
            id=_UNBORN,
            name=declared.name,
            key_type=declared.key_type,
            description=self.desired.shown_description,
            created_at=now,
            expires_at=expires_at,
            access=self.desired.access,
            marker=old.marker if old and verb is Verb.REFRESH else self.desired.marker,
        )
        delivered = Receipt(
            owner=self.desired.owner,
            address=declared.address,
            key_id=_UNBORN,
            key_type=declared.key_type,
            name=declared.name,
            created_at=now,
            delivered_at=now,
        )
        return key, delivered

    def _expiry(self, old: Observation | None, receipt: Receipt | None, verb: Verb, now: datetime) -> datetime | None:
        if old and verb is Verb.REFRESH:
            return self.desired.refreshed_expiry(old, self.laws, now)
        wanted = self.desired.expiry_from(now)
        if wanted or old is None or old.expires_at is None or receipt is None:
            return wanted
        # No expiry was asked for, and yet there is one: the account caps the life of its keys (docs/arize-api.md, A21).
        return now + (old.expires_at - issued_at(receipt, now))

    def _next(self, key: Observation, receipt: Receipt, now: datetime) -> tuple[datetime | None, Reason]:
        """Return when the key next falls due, and why; at a tie the first row of docs/planning.md, as in a plan."""
        declared = self.desired.declaration
        expiring = due_before_expiry(declared, key, receipt, now) if can_be_extended(declared, key) else None
        old = due_by_age(declared, receipt, now)
        if old is None or (expiring is not None and expiring <= old):
            return expiring, Reason.EXPIRING
        return old, Reason.TOO_OLD


@dataclass(slots=True, kw_only=True)
class KeyLine:
    """A declaration and its present key, which each renewal exchanges."""

    future: KeyFuture
    key: Observation
    receipt: Receipt
    now: datetime
    """Since when the key is looked at."""
    waiting: PlannedAction | None = None
    """What the plan says of the present key, if its renewal waits."""

    @property
    def address(self) -> Address:
        """The address of its declaration."""
        return self.future.desired.address

    def follow_alone(self) -> Iterator[Event]:
        """Yield what becomes of the key and its successors, if no renewal waits for another."""
        if self.waiting is None:
            yield from self.future.follow_key(self.key, self.receipt, self.now)
            return
        basis = self.waiting.basis
        at = basis.at if isinstance(basis, WaitBasis) else self.now
        renewal = self.renew(at)
        yield from renewal.events
        yield from self.future.follow_key(renewal.key, renewal.receipt, at)

    def renew(self, now: datetime, *, note: str = "") -> Renewal:
        """Return the renewal that the plan has waiting, or else the one that is due by time."""
        if self.waiting and isinstance(self.waiting.basis, WaitBasis):
            return self.future.renew_in_turn(self.waiting, self.waiting.basis, now)
        due = self.future.find_due(self.key, self.receipt, self.now)
        return self.future.renew(self.key, self.receipt, due.reason if due else Reason.TOO_OLD, now, note=note)


def expiry_event(address: Address, key: Observation, at: datetime, *, note: str) -> Event:
    """Return the end of a key by its own expiry."""
    return Event(at=at, happening=Happening.EXPIRES, address=address, key_id=key.id or None, note=note)


def lapse_event(address: Address, key: Observation, at: datetime) -> Event:
    """Return the end of an old key, or of an old raw key, which needs no apply."""
    return Event(
        at=at,
        happening=Happening.RETIRES,
        address=address,
        key_id=key.id or None,
        reason=Reason.SUPERSEDED,
        note="it expires",
    )
