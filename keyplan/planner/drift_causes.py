"""On whose side a planned action began: the world's, or the manifest's and the calendar's.

In: one action of a guarded plan, and the snapshot that it was made of. Out: findings, none where all is well.
Never: another judgement than planning's on whether something has to be done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from keyplan.model.drift import Cause, Finding, Kind
from keyplan.model.observation import Content, Slot, Snapshot
from keyplan.model.plan import Basis, Change, PlannedAction, Reason, Verb
from keyplan.model.receipt import Intent
from keyplan.model.times import write_duration
from keyplan.planner.diff import EXPIRY
from keyplan.planner.evidence import held_in, lacking_slots
from keyplan.planner.schedule import issued_at

_Judgement = tuple[Kind, Cause, str]
"""Kind and cause of a finding, and what was found."""
_Judge = Callable[[PlannedAction, Basis, Snapshot], _Judgement]

_UNALTERABLE = frozenset({"name", "description", "key_type"})
"""Fields that the provider has no way to change (arize-api 1: there is no update call)."""
_CALM = (Reason.UP_TO_DATE, Reason.OVERLAPPING, Reason.STILL_USED)
_BEFORE_CHANGES = (Reason.ROTATED_ELSEWHERE, Reason.UNDELIVERED)
"""Reasons that the table puts before a change of the manifest."""


def classify(action: PlannedAction, snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what an action says of the world and the manifest; nothing where there is nothing to do or to look at.

    That is what the action is for, and, where the world gave a reason before it, what was changed besides.
    """
    if action.reason in _CALM and not action.blocked:
        return
    basis = action.basis
    yield _tell(action, basis, _JUDGES[action.reason](action, basis, snapshot))
    if action.reason in _BEFORE_CHANGES and action.changes and _is_current(basis):
        yield _tell(action, basis, _judge_changed(action, basis, snapshot))


def say_instant(instant: datetime) -> str:
    """Return an instant in UTC, to the second: ``2027-01-01T00:00:00Z``."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tell(action: PlannedAction, basis: Basis, judgement: _Judgement) -> Finding:
    kind, cause, detail = judgement
    finding = Finding(
        kind=kind,
        cause=cause,
        address=action.address,
        name=_name(action, basis),
        key_id=action.key_id,
        detail=detail,
        expires_at=basis.key.expires_at if basis.key else None,
        place=action.place,
        # The next apply notes it in passing, and a plan has no change for it.
        is_report_only=action.verb is Verb.KEEP and not action.blocked,
    )
    if basis.receipt and cause in (Cause.GONE, Cause.EXPIRED):
        finding = replace(finding, key_id=basis.receipt.key_id, expires_at=basis.receipt.expires_at)
    if action.blocked:
        finding = replace(finding, guard=action.blocked.guard, advice=action.blocked.advice)
    return finding


def _is_current(basis: Basis) -> bool:
    return basis.key is not None and basis.receipt is not None and basis.receipt.key_id == basis.key.id


def _name(action: PlannedAction, basis: Basis) -> str:
    view = action.before or action.after
    if view:
        return view.name
    return basis.receipt.name if basis.receipt else action.address


# Reasons that speak for one side alone.


def _judge_in_past(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    declared = basis.wanted.declaration.expires_at
    return Kind.PENDING, Cause.IN_PAST, f"expires_at is {say_instant(declared)}" if declared else ""


def _judge_absent(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    return Kind.PENDING, Cause.ABSENT, "it was never made"


def _judge_expired(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    ended = basis.receipt.expires_at if basis.receipt else None
    return Kind.DRIFT, Cause.EXPIRED, f"it ended at {say_instant(ended)}" if ended else ""


def _judge_gone(action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    if action.verb is Verb.FORGET:
        return Kind.PENDING, Cause.UNDECLARED, "declaration and key are gone, and its receipt is left"
    since = f", delivered at {say_instant(basis.receipt.delivered_at)}," if basis.receipt else ""
    return Kind.DRIFT, Cause.GONE, f"its key{since} is no longer there"


def _judge_unproven(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    return Kind.DRIFT, Cause.UNPROVEN, "nothing proves that its raw key was ever delivered"


def _judge_rotated(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    since = f" that was delivered at {say_instant(basis.receipt.delivered_at)}" if basis.receipt else ""
    return Kind.DRIFT, Cause.ROTATED_ELSEWHERE, f"its raw key is no longer the one{since}"


def _judge_requested(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    declared = basis.wanted.declaration.rotation.generation
    return Kind.PENDING, Cause.REQUESTED, f"generation {declared} is declared, and another was delivered"


def _judge_expiring(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    ends = basis.key.expires_at if basis.key else None
    return Kind.EXPIRING, Cause.EXPIRES_SOON, f"it ends at {say_instant(ends)}" if ends else ""


def _judge_too_old(_action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Judgement:
    every = basis.wanted.declaration.rotation.every
    since = f"in use since {say_instant(issued_at(basis.receipt, snapshot.now))}" if basis.receipt else ""
    return Kind.PENDING, Cause.DUE, f"{since}, to be renewed every {write_duration(every)}" if every else since


def _judge_moved(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    return Kind.PENDING, Cause.MOVED, f"from {action.previous_address}"


def _judge_superseded(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    return Kind.PENDING, Cause.SUPERSEDED, action.explanation


def _judge_undeclared(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    what = "deletes it" if action.verb is Verb.DELETE else "leaves it to others"
    return Kind.PENDING, Cause.UNDECLARED, f"its declaration is gone, and the next apply {what}"


def _judge_held_back(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Judgement:
    return Kind.PENDING, Cause.POLICY, "it is as declared, and must not be"


# Reasons that need a second look.


def _judge_foreign(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    """Tell a key that somebody put in the place of ours from one that was there before the declaration."""
    kind = Kind.DRIFT if basis.receipt else Kind.PENDING
    return kind, Cause.FOREIGN, "a key with its name is there that keyplan did not make"


def _judge_unfinished(action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Judgement:
    """Tell what a run left behind from a key that no run can have made."""
    intents = [intent for intent in snapshot.intents if intent.address == action.address or intent in basis.intents]
    explaining = [intent for intent in intents if _explains(intent, basis)]
    if explaining:
        verb, since = explaining[-1].verb, say_instant(explaining[-1].at)
        return Kind.PENDING, Cause.UNFINISHED, f"a run that began at {since} ({verb}) did not finish"
    made = f", made at {say_instant(basis.key.created_at)}," if basis.key else ""
    return Kind.DRIFT, Cause.DUPLICATE, f"a second key{made} carries our marker, and no run is known that made it"


def _explains(intent: Intent, basis: Basis) -> bool:
    key = basis.key
    return key is None or intent.key_id == key.id or intent.could_have_made(key.id, key.created_at)


def _judge_undelivered(_action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Judgement:
    """Tell a sink that lost the raw key from one that the manifest names anew."""
    receipt = basis.receipt
    if receipt is None:
        return Kind.DRIFT, Cause.SINK_LOST, "no sink provably holds its raw key, and no receipt says that one did"
    if not _is_current(basis):
        # A refresh by somebody else can give the key a new id (arize-api 5), and keeps our marker.
        return Kind.DRIFT, Cause.ROTATED_ELSEWHERE, f"key {receipt.key_id}, which was delivered, has a successor"
    lacking = lacking_slots(basis.slots, snapshot, receipt)
    lost = [slot for slot in lacking if receipt.entry_of(slot.delivered)]
    if lost:
        return Kind.DRIFT, Cause.SINK_LOST, "; ".join(_describe(slot, snapshot) for slot in lost)
    named = ", ".join(f"{slot.sink}:{slot.location}" for slot in lacking)
    return Kind.PENDING, Cause.UNDELIVERED, f"{named} never had its raw key"


def _describe(slot: Slot, snapshot: Snapshot) -> str:
    held, place = held_in(slot, snapshot), f"{slot.sink}:{slot.location}"
    if not held.present:
        return f"{place} holds nothing any longer"
    if held.content is not Content.DIFFERS and held.receipt is None and held.changed_at:
        return f"{place} was changed at {say_instant(held.changed_at)}"
    return f"{place} holds another value"


def _judge_changed(action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Judgement:
    """Tell what was changed at the provider from what was changed in the manifest."""
    altered = [change for change in action.changes if _is_altered(change, basis)]
    if altered:
        told = "; ".join(f"{one.field} is {one.before}, delivered was {one.after}" for one in altered)
        return Kind.DRIFT, Cause.ALTERED, told
    return Kind.PENDING, Cause.CHANGED, ", ".join(change.field for change in action.changes)


def _is_altered(change: Change, basis: Basis) -> bool:
    """Whether the receipt proves that the declaration is still what it was at the delivery."""
    receipt, desired = basis.receipt, basis.wanted
    if receipt is None or change.field in _UNALTERABLE:
        return False
    if change.field == EXPIRY:
        declared = desired.declaration.expires_at
        return declared is not None and receipt.declared_expires_at == declared
    return desired.access is not None and receipt.access == desired.access.digest()


_JUDGES: Mapping[Reason, _Judge] = MappingProxyType(
    {
        Reason.DECLARED_IN_PAST: _judge_in_past,
        Reason.FOREIGN: _judge_foreign,
        Reason.ADOPTED: _judge_foreign,
        Reason.ABSENT: _judge_absent,
        Reason.EXPIRED: _judge_expired,
        Reason.GONE: _judge_gone,
        Reason.UNFINISHED: _judge_unfinished,
        Reason.UNDELIVERED: _judge_undelivered,
        Reason.UNPROVEN: _judge_unproven,
        Reason.ROTATED_ELSEWHERE: _judge_rotated,
        Reason.CHANGED: _judge_changed,
        Reason.REQUESTED: _judge_requested,
        Reason.EXPIRING: _judge_expiring,
        Reason.TOO_OLD: _judge_too_old,
        Reason.UP_TO_DATE: _judge_held_back,
        Reason.MOVED: _judge_moved,
        Reason.SUPERSEDED: _judge_superseded,
        Reason.OVERLAPPING: _judge_held_back,
        Reason.STILL_USED: _judge_held_back,
        Reason.UNDECLARED: _judge_undeclared,
    }
)
