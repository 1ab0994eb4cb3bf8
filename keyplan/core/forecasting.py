"""What a manifest leads to in the next days: rotations, ends and expiries, as if nobody changed anything.

In: the guarded plan of now, the snapshot that it was made of, an end. Out: a calendar. It supposes that an apply runs
whenever something falls due. Never: a rule of its own about a single key; `renewals` foresees those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from keyplan.core.renewals import Renewals, expire, lapse
from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.manifest import KeyId
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import Action, Basis, Plan, Reason, Verb
from keyplan.model.receipt import Receipt, Superseded

_ORDER = tuple(Happening)
_HELD_BACK = "its renewal is held back"


def forecast(plan: Plan, snapshot: Snapshot, *, until: datetime) -> Calendar:
    """Return what happens from the snapshot's now until then, both included; what is due already stands at now."""
    deadlines = {old.key_id: old for action in plan.actions if action.basis for old in action.basis.superseded}
    events = [
        event
        for action in plan.actions
        if action.basis
        for event in _foresee(action, action.basis, deadlines, snapshot, until)
    ]
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


def _foresee(
    action: Action, basis: Basis, deadlines: Mapping[KeyId, Superseded], snapshot: Snapshot, until: datetime
) -> Iterator[Event]:
    """Yield what an action of now means, and all that follows from it."""
    key, now = basis.key, snapshot.now
    if action.verb is Verb.DELETE:
        yield _tell(action, Happening.RETIRES, now)
    elif action.issues_raw_key:
        yield _tell(action, Happening.CREATES if action.verb is Verb.CREATE else Happening.ROTATES, now)
        yield from _follow(action, basis, snapshot, until)
    elif key and action.reason in (Reason.OVERLAPPING, Reason.STILL_USED):
        yield _end_later(action, key, deadlines[key.id], now)
    elif key and basis.receipt and action.verb in (Verb.KEEP, Verb.DELIVER):
        yield from _go_on(action, key, basis.receipt, Renewals.of(basis, snapshot, until), now)


def _go_on(action: Action, key: Observation, receipt: Receipt, renewals: Renewals, now: datetime) -> Iterator[Event]:
    """Yield what follows where a key stays as it is; what blocks that blocks its renewals, too."""
    if not action.blocked:
        yield from renewals.go_on(key, receipt, now)
    elif key.expires_at:
        yield expire(action.address, key, key.expires_at, note=_HELD_BACK)


def _follow(action: Action, basis: Basis, snapshot: Snapshot, until: datetime) -> Iterator[Event]:
    """Yield what follows a raw key that is issued now, or that a guard keeps from being issued."""
    renewals, now, old = Renewals.of(basis, snapshot, until), snapshot.now, basis.key
    if action.blocked:
        if old and old.expires_at:
            yield expire(action.address, old, old.expires_at, note=_HELD_BACK)
        return
    if old:
        yield from renewals.end(old, action.verb, action.overlap, now)
    yield from renewals.go_on(*renewals.imagine(old, basis.receipt, action.verb, now), now)


def _tell(action: Action, happening: Happening, at: datetime) -> Event:
    """Return an action of now as an event."""
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


def _end_later(action: Action, key: Observation, entry: Superseded, now: datetime) -> Event:
    """Return the end of a superseded key: by the first apply after its deadline, or by its own expiry before."""
    if key.expires_at and key.expires_at <= entry.delete_after:
        return lapse(action.address, key, key.expires_at)
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
