"""On whose side a planned action began: outside of keyplan, or with the manifest and the calendar.

Whether anything has to be done was decided by planning; nothing here decides it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from keyplan.model.basis import Basis
from keyplan.model.drift import Cause, DriftFinding, DriftKind
from keyplan.model.field_change import FieldChange
from keyplan.model.intent import Intent
from keyplan.model.observation import Content, Slot, Snapshot
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.model.times import show_time, write_duration
from keyplan.planner.diff import EXPIRY
from keyplan.planner.evidence import holding_of, lacking_slots
from keyplan.planner.schedule import issued_at

_Classification = tuple[DriftKind, Cause, str]
"""Kind and cause of a finding, and what was found."""


_Classifier = Callable[[PlannedAction, Basis, Snapshot], _Classification]


_UNALTERABLE = frozenset({"name", "description", "key_type"})
"""Fields that the provider has no way to change (docs/arize-api.md, A2: there is no update call)."""


_NO_FINDING = (Reason.UP_TO_DATE, Reason.OVERLAPPING, Reason.STILL_USED)


_BEFORE_CHANGES = (Reason.ROTATED_ELSEWHERE, Reason.UNDELIVERED)
"""Reasons that the table puts before a change of the manifest."""


def classify_action(action: PlannedAction, snapshot: Snapshot) -> Iterator[DriftFinding]:
    """Yield the findings that follow from an action; none if there is nothing to do or to look at.

    The first is the reason of the action. If that reason came from outside, a change of the manifest may hide behind
    it, and is a second finding.
    """
    yield from _find_vacancies(action)
    if action.reason in _NO_FINDING and not action.blocked:
        return
    basis = action.basis
    if action.blocked and action.blocked.guard is Guard.BUSY:
        # No alarm: a scheduled check may well meet an apply. What a killed run left is found once its lease is over.
        under_way = DriftKind.PENDING, Cause.UNFINISHED, "another run is changing it"
        yield replace(_to_finding(action, basis, under_way), is_report_only=True)
        return
    yield _to_finding(action, basis, _CLASSIFIERS[action.reason](action, basis, snapshot))
    if action.reason in _BEFORE_CHANGES and action.changes and _is_current(basis):
        yield _to_finding(action, basis, _classify_changed(action, basis, snapshot))


def _find_vacancies(action: PlannedAction) -> Iterator[DriftFinding]:
    """Yield the places that a key leaves, unless an action of their own or a renewal of the key deals with them."""
    for vacancy in action.vacancies:
        if vacancy.leaves:
            detail = f"{vacancy.location} keeps what it holds: {vacancy.leaves}"
        elif vacancy.is_new and action.verb is Verb.KEEP:
            detail = f"{vacancy.location} is used no longer; the next apply starts its overlap"
        else:
            continue
        finding = _to_finding(action, action.basis, (DriftKind.PENDING, Cause.LEFT, detail))
        yield replace(finding, is_report_only=bool(vacancy.leaves), guard=None, advice="")


def _to_finding(action: PlannedAction, basis: Basis, classification: _Classification) -> DriftFinding:
    kind, cause, detail = classification
    finding = DriftFinding(
        kind=kind,
        cause=cause,
        address=action.address,
        name=_name(action, basis),
        key_id=action.key_id,
        detail=detail,
        expires_at=basis.key.expires_at if basis.key else None,
        place=action.place,
        # The next apply brings the receipt up to date in passing; no key and no sink changes.
        is_report_only=action.verb is Verb.KEEP and not action.blocked and cause is not Cause.ALTERED,
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


def _classify_in_past(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    declared = basis.wanted.declaration.expires_at
    return DriftKind.PENDING, Cause.IN_PAST, f"expires_at is {show_time(declared)}" if declared else ""


def _classify_absent(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.ABSENT, "it was never made"


def _classify_expired(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    ended = basis.receipt.expires_at if basis.receipt else None
    return DriftKind.DRIFT, Cause.EXPIRED, f"it ended at {show_time(ended)}" if ended else ""


def _classify_gone(action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    if action.verb is Verb.FORGET:
        return DriftKind.PENDING, Cause.UNDECLARED, "declaration and key are gone, and its receipt is left"
    since = f", delivered at {show_time(basis.receipt.delivered_at)}," if basis.receipt else ""
    return DriftKind.DRIFT, Cause.GONE, f"its key{since} is no longer there"


def _classify_unseen(action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    named = action.key_id or (basis.receipt.key_id if basis.receipt else None)
    return DriftKind.DRIFT, Cause.UNSEEN, f"key {named} is shown neither as active nor as revoked"


def _classify_unknown_creator(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.DRIFT, Cause.UNKNOWN_CREATOR, f"key {action.key_id} carries its marker, and who made it is unknown"


def _classify_not_believed(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    detail = action.blocked.advice.partition(". ")[0] if action.blocked else "a claim is written over"
    return DriftKind.DRIFT, Cause.RECEIPT_NOT_BELIEVED, detail


def _classify_imported(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.IMPORTED, f"it is declared to be key {action.key_id}"


def _classify_stray(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.DRIFT, Cause.STRAY, f"key {action.key_id} carries this owner's marker, and no record knows it"


def _classify_left(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    named = ", ".join(action.locations)
    return DriftKind.PENDING, Cause.LEFT, f"{named} is used no longer, and its overlap is over"


def _classify_transferred(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.TRANSFERRED, action.explanation


def _classify_unproven(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.DRIFT, Cause.UNPROVEN, "nothing proves that its raw key was ever delivered"


def _classify_rotated(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    since = f" that was delivered at {show_time(basis.receipt.delivered_at)}" if basis.receipt else ""
    return DriftKind.DRIFT, Cause.ROTATED_ELSEWHERE, f"its raw key is no longer the one{since}"


def _classify_requested(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    declared = basis.wanted.declaration.rotation.generation
    return DriftKind.PENDING, Cause.REQUESTED, f"generation {declared} is declared, and another was delivered"


def _classify_expiring(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    ends = basis.key.expires_at if basis.key else None
    return DriftKind.EXPIRING, Cause.EXPIRES_SOON, f"it ends at {show_time(ends)}" if ends else ""


def _classify_too_old(_action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Classification:
    every = basis.wanted.declaration.rotation.every
    since = f"in use since {show_time(issued_at(basis.receipt, snapshot.now))}" if basis.receipt else ""
    return DriftKind.PENDING, Cause.DUE, f"{since}, to be renewed every {write_duration(every)}" if every else since


def _classify_moved(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.MOVED, f"from {action.previous_address}"


def _classify_superseded(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.SUPERSEDED, action.explanation


def _classify_undeclared(action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    what = "deletes it" if action.verb is Verb.DELETE else "leaves it to others"
    return DriftKind.PENDING, Cause.UNDECLARED, f"its declaration is gone, and the next apply {what}"


def _classify_held_back(_action: PlannedAction, _basis: Basis, _snapshot: Snapshot) -> _Classification:
    return DriftKind.PENDING, Cause.POLICY, "it is as declared, and must not be"


# Reasons that need a second look.


def _classify_waiting(action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Classification:
    """Distinguish what waits for its wave from a key that was altered outside keyplan, whatever waits for it."""
    altered = _classify_changed(action, basis, snapshot)
    if altered[1] is Cause.ALTERED:
        return altered
    turn = action.next_turn
    detail = f"{turn.verb.value} in wave {turn.wave} of {turn.waves}: {action.explanation}"
    return DriftKind.PENDING, Cause.WAITING, detail


def _classify_foreign(_action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    """Distinguish a key that took the place of ours from one that was there before the declaration."""
    kind = DriftKind.DRIFT if basis.receipt else DriftKind.PENDING
    return kind, Cause.FOREIGN, "a key with its name is there that keyplan did not make"


def _classify_unfinished(action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Classification:
    """Distinguish what a run left behind from a key that no run can have made."""
    intents = [*basis.intents, *(one for one in snapshot.intents if one.address == action.address)]
    explaining = [intent for intent in intents if _explains(intent, basis)]
    if explaining:
        verb, since = explaining[-1].verb, show_time(explaining[-1].at)
        return DriftKind.PENDING, Cause.UNFINISHED, f"a run that began at {since} ({verb}) did not finish"
    made = f", made at {show_time(basis.key.created_at)}," if basis.key else ""
    return DriftKind.DRIFT, Cause.DUPLICATE, f"a second key{made} carries our marker, and no run is known that made it"


def _explains(intent: Intent, basis: Basis) -> bool:
    key = basis.key
    return key is None or intent.key_id == key.id or intent.could_have_made(key.id, key.created_at)


def _classify_undelivered(_action: PlannedAction, basis: Basis, snapshot: Snapshot) -> _Classification:
    """Distinguish a sink that lost the raw key from one that the manifest names for the first time."""
    receipt = basis.receipt
    if receipt is None:
        return DriftKind.DRIFT, Cause.SINK_LOST, "no sink provably holds its raw key, and no receipt says that one did"
    if not _is_current(basis):
        # A refresh outside keyplan can give the key a new id (docs/arize-api.md, A22), and keeps our marker.
        return DriftKind.DRIFT, Cause.ROTATED_ELSEWHERE, f"key {receipt.key_id}, which was delivered, has a successor"
    lacking = lacking_slots(basis.slots, snapshot, receipt)
    lost = [slot for slot in lacking if receipt.entry_of(slot.delivered)]
    if lost:
        return DriftKind.DRIFT, Cause.SINK_LOST, "; ".join(_describe(slot, snapshot) for slot in lost)
    named = ", ".join(str(slot) for slot in lacking)
    return DriftKind.PENDING, Cause.UNDELIVERED, f"{named} never had its raw key"


def _describe(slot: Slot, snapshot: Snapshot) -> str:
    held, place = holding_of(slot, snapshot), str(slot)
    if not held.present:
        return f"{place} holds nothing any longer"
    if held.content is not Content.DIFFERS and held.receipt is None and held.changed_at:
        return f"{place} was changed at {show_time(held.changed_at)}"
    return f"{place} holds another value"


def _classify_changed(action: PlannedAction, basis: Basis, _snapshot: Snapshot) -> _Classification:
    """Distinguish what was changed at the provider from what was changed in the manifest."""
    altered = [change for change in action.changes if _is_altered(change, basis)]
    if altered:
        differences = "; ".join(f"{one.field} is {one.before}, delivered was {one.after}" for one in altered)
        return DriftKind.DRIFT, Cause.ALTERED, differences
    return DriftKind.PENDING, Cause.CHANGED, ", ".join(dict.fromkeys(change.title for change in action.changes))


def _is_altered(change: FieldChange, basis: Basis) -> bool:
    """Whether the receipt proves that the declaration is still what it was at the delivery."""
    receipt, desired = basis.receipt, basis.wanted
    if receipt is None or change.field in _UNALTERABLE:
        return False
    if change.field == EXPIRY:
        declared = desired.declaration.expires_at
        return declared is not None and receipt.declared_expires_at == declared
    return desired.access is not None and receipt.access == desired.access.digest()


_CLASSIFIERS: Mapping[Reason, _Classifier] = MappingProxyType(
    {
        Reason.DECLARED_IN_PAST: _classify_in_past,
        Reason.FOREIGN: _classify_foreign,
        Reason.ADOPTED: _classify_foreign,
        Reason.ABSENT: _classify_absent,
        Reason.EXPIRED: _classify_expired,
        Reason.UNSEEN: _classify_unseen,
        Reason.UNKNOWN_CREATOR: _classify_unknown_creator,
        Reason.RECEIPT_NOT_BELIEVED: _classify_not_believed,
        Reason.IMPORTED: _classify_imported,
        Reason.IMPORT_GONE: _classify_imported,
        Reason.IMPORT_UNSEEN: _classify_imported,
        Reason.IMPORT_UNHELD: _classify_imported,
        Reason.IMPORT_MISMATCH: _classify_imported,
        Reason.GONE: _classify_gone,
        Reason.UNFINISHED: _classify_unfinished,
        Reason.UNDELIVERED: _classify_undelivered,
        Reason.UNPROVEN: _classify_unproven,
        Reason.ROTATED_ELSEWHERE: _classify_rotated,
        Reason.CHANGED: _classify_changed,
        Reason.REQUESTED: _classify_requested,
        Reason.EXPIRING: _classify_expiring,
        Reason.TOO_OLD: _classify_too_old,
        Reason.UP_TO_DATE: _classify_held_back,
        Reason.MOVED: _classify_moved,
        Reason.SUPERSEDED: _classify_superseded,
        Reason.OVERLAPPING: _classify_held_back,
        Reason.STILL_USED: _classify_held_back,
        Reason.WAITING: _classify_waiting,
        Reason.LEFT: _classify_left,
        Reason.UNDECLARED: _classify_undeclared,
        Reason.TRANSFERRED: _classify_transferred,
        Reason.STRAY: _classify_stray,
    }
)
