"""A plan, its drift and its calendar as one overview: a key each, with what comes next. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from keyplan.model.basis import Basis, OldKeyBasis
from keyplan.model.calendar import Calendar, Event
from keyplan.model.drift import Drift
from keyplan.model.identity import Address, KeyId
from keyplan.model.overview import KeyLife, LifeState, Overview
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.planner.archive import Archive

_ORDER = tuple(LifeState)


def make_overview(plan: FreshPlan, drift: Drift, calendar: Calendar, archive: Archive) -> Overview:
    """Return what a report shows. All four are of the same look at the account."""
    shown = [action for action in plan.actions if action.verb is not Verb.EMPTY]
    own_rows = {action.key_id for action in shown if _find_standing(action) is LifeState.OLD and action.key_id}
    events = _group(calendar.events, own_rows)
    lives = [
        replace(_describe(action, events, plan.space_names), dossier=archive.open(action, is_old=_is_old(action)))
        for action in shown
    ]
    return Overview(
        plan=plan,
        drift=drift,
        since=calendar.since,
        until=calendar.until,
        keys=tuple(sorted(lives, key=_rank)),
    )


_Rows = Mapping[tuple[Address, KeyId | None], Sequence[Event]]


def _group(events: Sequence[Event], own_rows: set[KeyId]) -> _Rows:
    """Return the events by address and by the old key that has a row of its own; None stands for all others."""
    grouped: dict[tuple[Address, KeyId | None], list[Event]] = {}
    for event in events:
        row = event.key_id if event.key_id in own_rows else None
        grouped.setdefault((event.address, row), []).append(event)
    return grouped


def _describe(action: PlannedAction, events: _Rows, space_names: Mapping[str, str]) -> KeyLife:
    basis: Basis = action.basis
    key = basis.key
    standing = _find_standing(action)
    view = action.before or action.after
    spaces = (key.scope_ids or ()) if key else view.spaces if view else ()
    is_old = standing is LifeState.OLD
    return KeyLife(
        address=action.address,
        standing=standing,
        key_id=action.key_id,
        name=key.name if key else view.name if view else action.address,
        key_type=key.key_type if key else view.key_type if view else None,
        spaces=tuple(sorted(space_names.get(space, space) for space in spaces)),
        created_at=key.created_at if key else None,
        delivered_at=_find_delivery(action),
        expires_at=key.expires_at if key else None,
        last_used_at=key.last_used_at if key else None,
        action=action,
        events=tuple(events.get((action.address, action.key_id if is_old else None), ())),
    )


def _find_delivery(action: PlannedAction) -> datetime | None:
    receipt = action.basis.receipt
    return receipt.delivered_at if receipt and receipt.key_id == action.key_id else None


def _is_old(action: PlannedAction) -> bool:
    return isinstance(action.basis, OldKeyBasis) or action.reason is Reason.SUPERSEDED


def _find_standing(action: PlannedAction) -> LifeState:
    if _is_old(action):
        return LifeState.OLD
    if action.basis.key is None:
        return LifeState.MISSING
    return LifeState.CURRENT if action.basis.desired else LifeState.REMOVED


def _rank(life: KeyLife) -> tuple[str, int, str]:
    return life.address, _ORDER.index(life.standing), life.key_id or ""
