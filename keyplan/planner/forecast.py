"""What will happen to the keys of a manifest: rotations, ends and expiries, if nobody changes anything.

It supposes that an apply runs whenever something falls due. It has no rule of its own about a key: `schedule` and
`strategy` say when and how, exactly as they do for a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from keyplan.model.basis import (
    CopyBasis,
    CreateBasis,
    DeleteBasis,
    EmptyBasis,
    ForgetBasis,
    ImportBasis,
    IssueBasis,
    KeepBasis,
    OldKeyBasis,
    RefreshBasis,
    WaitBasis,
)
from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Retire
from keyplan.model.observation import Laws, Observation, Snapshot
from keyplan.model.plan import FreshPlan, Guard, PlannedAction, Reason, Verb
from keyplan.model.receipt import Receipt, Superseded
from keyplan.planner.diff import find_differences
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age, issued_at
from keyplan.planner.strategy import choose_strategy

_UNBORN = KeyId("")


_BLOCKED_NOTES = {
    Guard.PROTECT: "it is protected: nothing renews it",
    Guard.SELF: "keyplan itself uses it: without self: true nothing renews it",
}


_BLOCKED_NOTE = "its renewal is held back"


_ORDER = tuple(Happening)


def forecast(plan: FreshPlan, snapshot: Snapshot, *, until: datetime) -> Calendar:
    """Return what happens from the snapshot's now until then, both included; what is due already stands at now."""
    # An old key's own action does not carry its deadline; the new key's receipt does.
    deadlines = {old.key_id: old for action in plan.actions for old in action.basis.superseded}
    events = [event for action in plan.actions for event in _forecast_action(action, deadlines, snapshot, until)]
    return Calendar(
        owner=plan.owner,
        manifest=plan.manifest,
        provider=plan.provider,
        dialect=plan.dialect,
        since=snapshot.now,
        until=until,
        events=tuple(sorted((event for event in events if event.at <= until), key=_rank)),
    )


def _rank(event: Event) -> tuple[datetime, str, int, str]:
    return event.at, event.address, _ORDER.index(event.happening), event.key_id or ""


def _forecast_action(
    action: PlannedAction, deadlines: Mapping[KeyId, Superseded], snapshot: Snapshot, until: datetime
) -> Iterator[Event]:
    """Yield what an action of now means, and all that follows from it."""
    now = snapshot.now
    yield from _empty_later(action, now)
    match action.basis:
        case DeleteBasis():
            yield _event_now(action, Happening.RETIRES, now)
        case CreateBasis() | RefreshBasis() as basis:
            yield _event_now(action, Happening.CREATES if action.verb is Verb.CREATE else Happening.ROTATES, now)
            yield from _follow_issue(action, basis, snapshot, until)
        case OldKeyBasis(key=key):
            yield _end_later(action, key, deadlines[key.id], now)
        case KeepBasis() | CopyBasis() | ImportBasis() as basis:
            yield from _follow_kept(action, basis.key, basis.receipt, KeyFuture.of(basis, snapshot, until), now)
        case WaitBasis() as basis:
            yield from _follow_waiting(action, basis, snapshot, until)
        case EmptyBasis():
            yield replace(_event_now(action, Happening.EMPTIES, now), note=", ".join(action.locations))
        case ForgetBasis():
            return
        case _:
            assert_never(action.basis)


def _follow_kept(
    action: PlannedAction, key: Observation, receipt: Receipt, future: KeyFuture, now: datetime
) -> Iterator[Event]:
    """Yield what follows if a key stays as it is; what blocks the key now blocks its renewals, too."""
    if not action.blocked:
        yield from future.follow_key(key, receipt, now)
    elif key.expires_at:
        yield expiry_event(action.address, key, key.expires_at, note=_BLOCKED_NOTE)


def _follow_issue(action: PlannedAction, basis: IssueBasis, snapshot: Snapshot, until: datetime) -> Iterator[Event]:
    """Yield what follows a raw key that is issued now, or that a guard keeps from being issued."""
    future, now, old = KeyFuture.of(basis, snapshot, until), snapshot.now, basis.key
    if action.blocked:
        if old and old.expires_at:
            yield expiry_event(action.address, old, old.expires_at, note=_BLOCKED_NOTE)
        return
    if old:
        yield from future.end_old_key(old, action.verb, action.overlap, now)
    yield from future.follow_key(*future.simulate_renewal(old, basis.receipt, action.verb, now), now)


def _follow_waiting(action: PlannedAction, basis: WaitBasis, snapshot: Snapshot, until: datetime) -> Iterator[Event]:
    """Yield a renewal that waits for its wave, at the time when that starts, and what follows from it."""
    turn, key, at = action.next_turn, basis.key, basis.at
    future = KeyFuture.of(basis, snapshot, until)
    yield Event(
        at=at,
        happening=Happening.ROTATES,
        address=action.address,
        key_id=action.key_id,
        verb=turn.verb,
        reason=turn.reason,
        overlap=basis.overlap,
        note=f"wave {turn.wave} of {turn.waves} of the rollout: {action.explanation}",
    )
    yield from future.end_old_key(key, turn.verb, basis.overlap, at)
    yield from future.follow_key(*future.simulate_renewal(key, basis.receipt, turn.verb, at), at)


def _event_now(action: PlannedAction, happening: Happening, at: datetime) -> Event:
    """Return an action of the present plan as an event."""
    return Event(
        at=at,
        happening=happening,
        address=action.address,
        key_id=action.key_id,
        verb=action.verb,
        reason=action.reason,
        overlap=action.overlap if happening is Happening.ROTATES else None,
        guard=action.blocked.guard if action.blocked else None,
        note=action.blocked.advice if action.blocked else action.explanation,
    )


def _empty_later(action: PlannedAction, now: datetime) -> Iterator[Event]:
    """Yield when the places that the address leaves are emptied, by the first apply after their overlap."""
    for vacancy in action.vacancies:
        if action.blocked or vacancy.leaves:
            continue
        yield Event(
            at=max(vacancy.empty_after or now + vacancy.overlap, now),
            happening=Happening.EMPTIES,
            address=action.address,
            key_id=action.key_id,
            verb=Verb.EMPTY,
            reason=Reason.LEFT,
            note=vacancy.location,
        )


def _end_later(action: PlannedAction, key: Observation, entry: Superseded, now: datetime) -> Event:
    """Return the end of a superseded key: by the first apply after its deadline, or by its own expiry before."""
    if key.expires_at and key.expires_at <= entry.delete_after:
        return lapse_event(action.address, key, key.expires_at)
    is_waiting = action.reason is Reason.STILL_USED
    return Event(
        at=max(entry.delete_after, now),
        happening=Happening.RETIRES,
        address=action.address,
        key_id=key.id,
        verb=Verb.DELETE,
        reason=action.reason if is_waiting else Reason.SUPERSEDED,
        note=action.explanation if is_waiting else "its overlap is over",
    )


# The future of one key, renewal after renewal.


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
        return cls(desired=basis.desired, laws=snapshot.laws, until=until, guard=guard)

    def follow_key(self, key: Observation, receipt: Receipt, now: datetime) -> Iterator[Event]:
        """Yield what becomes of a delivered key and its successors from now on."""
        address = self.desired.address
        while True:
            due, reason = self._next(key, receipt, now)
            if due is None or (key.expires_at and key.expires_at <= due):
                if key.expires_at:
                    yield expiry_event(address, key, key.expires_at, note="nothing renews it before")
                return
            # What was due before now is done now: the plan would have done it already, unless a guard blocks it.
            now = max(due, now)
            if now > self.until:
                return
            # What waits for a rotation, such as a description, decides how that one is done.
            changes = find_differences(self.desired, key, receipt).changes
            choice = choose_strategy(self.desired, key, changes=changes, laws=self.laws, now=now)
            yield Event(
                at=now,
                happening=Happening.ROTATES,
                address=address,
                key_id=key.id or None,
                verb=choice.verb,
                reason=reason,
                overlap=choice.overlap,
                guard=self.guard,
                note=_BLOCKED_NOTES[self.guard] if self.guard else choice.explanation,
            )
            # Blocked now means blocked at every later run, too: only its expiry is left.
            if self.guard:
                if key.expires_at:
                    yield expiry_event(address, key, key.expires_at, note=_BLOCKED_NOTES[self.guard])
                return
            yield from self.end_old_key(key, choice.verb, choice.overlap, now)
            key, receipt = self.simulate_renewal(key, receipt, choice.verb, now)

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
