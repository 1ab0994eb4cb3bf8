"""What will happen to the keys of a manifest if nothing else is changed: rotations, ends and expiries.

It supposes that an apply runs whenever something falls due. It has no rule of its own about a key: `schedule` and
`strategy` say when and how, exactly as they do for a plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
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
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.model.receipt import UNKNOWN_TIME, Receipt, Superseded
from keyplan.planner.key_future import KeyFuture, KeyLine, expiry_event, lapse_event
from keyplan.planner.rollout_forecast import RolloutForecast

_BLOCKED_NOTE = "its renewal is held back"
_ORDER = tuple(Happening)


def forecast(plan: FreshPlan, snapshot: Snapshot, *, until: datetime, manifest: Manifest | None = None) -> Calendar:
    """Return what happens from the snapshot's now until then, both included; what is due already stands at now.

    With the manifest, renewals wait for the waves of its rollout, as they will in the applies.
    """
    # An old key's own action does not carry its deadline; the new key's receipt does.
    deadlines = {old.key_id: old for action in plan.actions for old in action.basis.superseded}
    rollout = RolloutForecast.of(plan, manifest, snapshot, until) if manifest else None
    events: list[Event] = []
    lines: list[KeyLine] = []
    for action in plan.actions:
        for found in _forecast_action(action, deadlines, snapshot, until):
            if isinstance(found, Event):
                events.append(found)
            elif rollout and found.future.guard is None:
                lines.append(found)
            else:
                events += found.follow_alone()
    if rollout:
        events += rollout.follow(lines)
    return Calendar(
        owner=plan.owner,
        manifest=plan.manifest,
        provider=plan.provider,
        dialect=plan.dialect,
        further_providers=plan.further_providers,
        since=snapshot.now,
        until=until,
        events=tuple(sorted((event for event in events if event.at <= until), key=_rank)),
    )


def _rank(event: Event) -> tuple[datetime, str, int, str]:
    return event.at, event.address, _ORDER.index(event.happening), event.key_id or ""


def _forecast_action(
    action: PlannedAction, deadlines: Mapping[KeyId, Superseded], snapshot: Snapshot, until: datetime
) -> Iterator[Event | KeyLine]:
    """Yield what an action of the current plan means, and the key that all later events follow from."""
    now = snapshot.now
    yield from _empty_later(action, now)
    match action.basis:
        case DeleteBasis():
            yield _event_now(action, Happening.RETIRES, now)
        case CreateBasis() | RefreshBasis() as basis:
            yield _event_now(action, Happening.CREATES if action.verb is Verb.CREATE else Happening.ROTATES, now)
            yield from _follow_issue(action, basis, KeyFuture.of(basis, snapshot, until), now)
        case OldKeyBasis(key=key):
            yield _end_later(action, key, deadlines[key.id], now)
        case KeepBasis() | CopyBasis() | ImportBasis() as basis:
            yield from _follow_kept(action, basis.key, basis.receipt, KeyFuture.of(basis, snapshot, until), now)
        case WaitBasis() as basis:
            future = KeyFuture.of(basis, snapshot, until)
            # A key that is adopted has no receipt yet; its turn is that of one that changed longest ago.
            adopted = replace(future.simulate_renewal(basis.key, None, Verb.REPLACE, now)[1], delivered_at=UNKNOWN_TIME)
            yield KeyLine(future=future, key=basis.key, receipt=basis.receipt or adopted, now=now, waiting=action)
        case EmptyBasis():
            yield replace(_event_now(action, Happening.EMPTIES, now), note=", ".join(action.locations))
        case ForgetBasis():
            return
        case _:
            assert_never(action.basis)


def _follow_kept(
    action: PlannedAction, key: Observation, receipt: Receipt, future: KeyFuture, now: datetime
) -> Iterator[Event | KeyLine]:
    """Yield a key that stays as it is; what blocks the key now blocks its renewals, too."""
    if not action.blocked:
        yield KeyLine(future=future, key=key, receipt=receipt, now=now)
    elif key.expires_at:
        yield expiry_event(action.address, key, key.expires_at, note=_BLOCKED_NOTE)


def _follow_issue(
    action: PlannedAction, basis: IssueBasis, future: KeyFuture, now: datetime
) -> Iterator[Event | KeyLine]:
    """Yield what follows a raw key that is issued now, or that a guard keeps from being issued."""
    old = basis.key
    if action.blocked:
        if old and old.expires_at:
            yield expiry_event(action.address, old, old.expires_at, note=_BLOCKED_NOTE)
        return
    if old:
        yield from future.end_old_key(old, action.verb, action.overlap, now)
    key, receipt = future.simulate_renewal(old, basis.receipt, action.verb, now)
    yield KeyLine(future=future, key=key, receipt=receipt, now=now)


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
