"""How one key of a declaration will be renewed, again and again, as time alone asks for it.

In: a declaration, the laws, a key with its receipt. Out: events. Never: another rule than planning's: `ageing` says
when a key falls due, `choosing` how it is renewed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.core.ageing import can_be_extended, due_before_expiry, due_by_age, issued_at
from keyplan.core.choosing import choose
from keyplan.model.calendar import Event, Happening
from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyId, Retire
from keyplan.model.observation import Laws, Observation, Snapshot
from keyplan.model.plan import Basis, Guard, Reason, Verb
from keyplan.model.receipt import Receipt

_UNBORN = KeyId("")
_HELD_BACK = {
    Guard.PROTECT: "it is protected: nothing renews it",
    Guard.SELF: "keyplan itself uses it: without self: true nothing renews it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewals:
    """The future of one declaration, until an end."""

    desired: Desired
    laws: Laws
    until: datetime
    guard: Guard | None
    """What will hold every renewal back."""

    @classmethod
    def of(cls, basis: Basis, snapshot: Snapshot, until: datetime) -> Renewals:
        """Return the future of the declaration that an action is about."""
        declared = basis.wanted.declaration
        is_own = basis.is_own_credential and not declared.may_rotate_itself
        guard = Guard.PROTECT if declared.protect else Guard.SELF if is_own else None
        return cls(desired=basis.wanted, laws=snapshot.laws, until=until, guard=guard)

    def go_on(self, key: Observation, receipt: Receipt, now: datetime) -> Iterator[Event]:
        """Yield what becomes of a delivered key and its successors from now on."""
        address = self.desired.address
        while True:
            due, reason = self._next(key, receipt, now)
            if due is None or (key.expires_at and key.expires_at <= due):
                if key.expires_at:
                    yield expire(address, key, key.expires_at, note="nothing renews it before")
                return
            # What was due before now would have been planned for now, unless only a guard keeps it.
            now = max(due, now)
            if now > self.until:
                return
            choice = choose(self.desired, key, changes=(), laws=self.laws, now=now)
            yield Event(
                at=now,
                happening=Happening.ROTATES,
                address=address,
                key_id=key.id or None,
                verb=choice.verb,
                reason=reason,
                overlap=choice.overlap,
                guard=self.guard,
                note=_HELD_BACK[self.guard] if self.guard else choice.explanation,
            )
            if self.guard:
                if key.expires_at:
                    yield expire(address, key, key.expires_at, note=_HELD_BACK[self.guard])
                return
            yield from self.end(key, choice.verb, choice.overlap, now)
            key, receipt = self.imagine(key, receipt, choice.verb, now)

    def end(self, key: Observation, verb: Verb, overlap: timedelta, now: datetime) -> Iterator[Event]:
        """Yield the end of a key that is renewed now; nothing where there is no overlap: it ends with the renewal."""
        if not overlap:
            return
        address, over = self.desired.address, now + overlap
        if verb is Verb.REFRESH or (key.expires_at and key.expires_at <= over):
            yield lapse(address, key, min(over, key.expires_at or over))
            return
        waits = self.desired.declaration.rotation.retire is Retire.WHEN_UNUSED
        yield Event(
            at=over,
            happening=Happening.RETIRES,
            address=address,
            key_id=key.id or None,
            verb=Verb.DELETE,
            reason=Reason.SUPERSEDED,
            note="its overlap is over" + (", if nobody uses it any longer" if waits else ""),
        )

    def imagine(
        self, old: Observation | None, receipt: Receipt | None, verb: Verb, now: datetime
    ) -> tuple[Observation, Receipt]:
        """Return the key that a renewal leads to, delivered now."""
        declared = self.desired.declaration
        expires_at = self._expiry(old, receipt, verb, now)
        key = Observation(
            id=_UNBORN, name=declared.name, key_type=declared.key_type, created_at=now, expires_at=expires_at
        )
        told = Receipt(
            owner=self.desired.owner,
            address=declared.address,
            key_id=_UNBORN,
            key_type=declared.key_type,
            name=declared.name,
            created_at=now,
            delivered_at=now,
        )
        return key, told

    def _expiry(self, old: Observation | None, receipt: Receipt | None, verb: Verb, now: datetime) -> datetime | None:
        if old and verb is Verb.REFRESH:
            return self.desired.refreshed_expiry(old, self.laws, now)
        wanted = self.desired.expiry_from(now)
        if wanted or old is None or old.expires_at is None or receipt is None:
            return wanted
        # Nobody asked for an expiry, and yet there is one: an account caps the life of its keys (arize-api 13.19).
        return now + (old.expires_at - issued_at(receipt, now))

    def _next(self, key: Observation, receipt: Receipt, now: datetime) -> tuple[datetime | None, Reason]:
        """Return when the key falls due for the first time, and why; of two at once the table's first."""
        declared = self.desired.declaration
        expiring = due_before_expiry(declared, key, receipt, now) if can_be_extended(declared, key) else None
        old = due_by_age(declared, receipt, now)
        if old is None or (expiring is not None and expiring <= old):
            return expiring, Reason.EXPIRING
        return old, Reason.TOO_OLD


def expire(address: Address, key: Observation, at: datetime, *, note: str) -> Event:
    """Return the end of a key by its own expiry."""
    return Event(at=at, happening=Happening.EXPIRES, address=address, key_id=key.id or None, note=note)


def lapse(address: Address, key: Observation, at: datetime) -> Event:
    """Return the end of an old key, or of an old raw key, which needs no apply."""
    return Event(
        at=at,
        happening=Happening.RETIRES,
        address=address,
        key_id=key.id or None,
        reason=Reason.SUPERSEDED,
        note="it ends by itself",
    )
