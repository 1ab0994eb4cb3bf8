"""The planning table for one declaration (docs/planning.md, rows 1 to 13): the first situation that fits decides.

It yields the declaration's own action, and then one for each further live key of it. Guards come later and other
declarations are never looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from keyplan.model.basis import CopyBasis, UpdateBasis
from keyplan.model.explanation import WITH_CURRENT, WITHOUT_CURRENT, TableRow
from keyplan.model.field_change import FieldChange
from keyplan.model.manifest import Adopt
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.model.quotes import escape
from keyplan.model.receipt import MOST_ATTEMPTS, Receipt
from keyplan.model.times import show_time, write_time
from keyplan.planner.actions import block, create, keep_basis, list_alive, renew
from keyplan.planner.busy import hold_busy
from keyplan.planner.case import Case
from keyplan.planner.diff import DESCRIPTION, EXPIRY, NAME, Differences, find_differences
from keyplan.planner.evidence import find_source, lacking_slots, outdated_slots
from keyplan.planner.imports import find_finished_import, holds_key, plan_import, record_key, refresh_adopted
from keyplan.planner.kept_receipt import update_receipt
from keyplan.planner.key_view import name_locations, view_desired, view_key
from keyplan.planner.left_places import leave_places, plan_left_places
from keyplan.planner.notes import list_notes
from keyplan.planner.obstacles import find_obstacle, hold_doubtful
from keyplan.planner.recovery import block_unproven, find_lost_key, find_undelivered, finish_forward, plan_undelivered
from keyplan.planner.retirement import plan_old_keys
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age
from keyplan.planner.strategy import find_unlawful_rotation


def plan_declaration(case: Case) -> Iterator[PlannedAction]:
    """Yield the actions of one declaration: its own first, then those of its further live keys."""
    # In this order: what happens to old keys depends on whether the new one is delivered.
    main = leave_places(case, plan_own_action(case))
    yield main
    yield from plan_old_keys(case, main)
    for action in plan_left_places(case, main):
        yield case.trace.assign(TableRow.LEFT_PLACE, action)


def find_warnings(case: Case) -> Iterator[str]:
    """Yield what a reviewer should know although no action follows: an expiry that nothing moves, a line to remove."""
    key, receipt, declared = case.owned.current, case.owned.receipt, case.declaration
    if declared.import_id is not None and (finished := find_finished_import(case)):
        yield finished
    if declared.moved_from or declared.taken_from:
        yield from _find_lost_moves(case)
    if key is None or receipt is None or declared.expires_at is None or can_be_extended(declared, key):
        return
    if declared.expires_at > case.now and _is_due(due_before_expiry(declared, key, receipt, case.now), case):
        yield (
            f"{declared.address} expires at {write_time(declared.expires_at)}, which no rotation can change: "
            "raise expires_at in the manifest, or use expires_in"
        )


def _find_lost_moves(case: Case) -> Iterator[str]:
    """Yield the former addresses of a declaration that owns nothing: a misspelt one would make a new key."""
    declared, owned = case.declaration, case.owned
    if owned.alive or owned.receipt is not None:
        return
    former = [*declared.moved_from, *(origin.address for origin in declared.taken_from)]
    for address in former:
        yield (
            f"{declared.place_of('moved_from')}: nothing of '{address}' is known, from which {declared.address} is to "
            "take over: a new key is made"
        )


def plan_own_action(case: Case) -> PlannedAction:
    """Return the declaration's own action: the first situation of docs/planning.md that fits."""
    trace = case.trace
    if trace.ask(TableRow.PAST_EXPIRY, _has_passed(case)):
        return _block_past_expiry(case)
    if trace.ask(TableRow.EXHAUSTED, _is_exhausted(case)):
        return _block_exhausted(case)
    if unknown := trace.ask(TableRow.UNKNOWN_SPACE, _block_unknown_space(case)):
        return unknown
    # Before anything is concluded from what is there, or is not: this may not be all of it.
    if obstacle := trace.ask(TableRow.OBSTACLE, find_obstacle(case)):
        return obstacle
    action = trace.ask(TableRow.IMPORT, plan_import(case)) or _plan_by_state(case)
    action = trace.hold(TableRow.OBSTACLE, action, hold_doubtful(case, action))
    action = trace.hold(TableRow.BUSY, action, hold_busy(case, action))
    return _hold_unlawful(case, action)


def _has_passed(case: Case) -> bool:
    expires_at = case.declaration.expires_at
    return expires_at is not None and expires_at <= case.now


def _is_exhausted(case: Case) -> bool:
    intents = case.owned.intents
    is_worn_out = bool(intents) and any(intent.attempts >= MOST_ATTEMPTS for intent in intents)
    return is_worn_out and not case.is_requested


def _plan_by_state(case: Case) -> PlannedAction:
    """Return the action that follows from the keys of the declaration (docs/planning.md, rows 2 to 13)."""
    owned = case.owned
    # A key without a receipt proves nothing about its raw key, however well it fits otherwise.
    if owned.current and owned.receipt:
        case.trace.skip(*WITHOUT_CURRENT)
        return _plan_current(case, owned.current, owned.receipt)
    case.trace.skip(*WITH_CURRENT)
    undelivered = case.trace.ask(TableRow.UNDELIVERED, find_undelivered(case))
    return plan_undelivered(case, undelivered) if undelivered else _plan_create(case)


def _block_past_expiry(case: Case) -> PlannedAction:
    """Return a create that is blocked, because the new key would be dead at birth (docs/planning.md, row 1)."""
    return block(
        create(case, Reason.DECLARED_IN_PAST),
        Guard.DECLARED_IN_PAST,
        "expires_at has passed: set a later one, use expires_in, or remove the declaration",
    )


def _block_unknown_space(case: Case) -> PlannedAction | None:
    """Return the blocked action of a service key whose space is unknown to the provider; None for any other."""
    owned, unknown = case.owned, case.snapshot.unknown_scopes
    if not unknown:  # nearly always
        return None
    why = next((unknown[reference] for reference in case.declaration.spaces if reference in unknown), None)
    if why is None:
        return None
    if owned.current and owned.receipt:
        return block(_keep(case, owned.current, owned.receipt, Differences()), Guard.UNKNOWN_SPACE, why)
    return block(create(case, Reason.ABSENT), Guard.UNKNOWN_SPACE, why)


def _hold_unlawful(case: Case, action: PlannedAction) -> PlannedAction:
    """Return the action, blocked if the declared rotation can never be lawful at this provider."""
    if action.blocked:
        return action
    found = [f"{message}: {advice}" for message, advice in find_unlawful_rotation(case.owned.desired, case.laws)]
    return block(action, Guard.UNLAWFUL, "; ".join(found)) if found else action


def _block_exhausted(case: Case) -> PlannedAction:
    """Return an action that waits for the user: trying a sixth time would fail a sixth time."""
    alive = case.owned.alive
    return block(
        replace(create(case, Reason.UNFINISHED), key_id=alive[0].id if alive else None),
        Guard.EXHAUSTED,
        f"{MOST_ATTEMPTS} attempts failed; see `keyplan ledger show`, fix the cause, "
        f"then run `keyplan rotate '{case.declaration.address}'` to start afresh",
    )


# Rows 2 to 4: no live key is ours.


def _plan_create(case: Case) -> PlannedAction:
    """Return the create for a declaration whose key is absent, gone or expired (docs/planning.md, rows 3 and 4).

    It is also the create of row 2 with `adopt: replace`, beside the foreign key.
    """
    # Only if nothing of ours lives: beside a key of ours, a namesake is simply another key.
    foreign = () if case.owned.alive else tuple(key for key in case.namesakes if could_be(case, key))
    receipt, is_beside = case.owned.receipt, case.declaration.adopt is Adopt.REPLACE
    if case.trace.ask(TableRow.FOREIGN, foreign and (receipt is None or not is_beside)):
        return create(case, Reason.ADOPTED) if is_beside else _plan_foreign(case, foreign)
    case.trace.ask(TableRow.ABSENT, receipt is None)
    if receipt is None:
        return create(case, Reason.ABSENT)
    case.trace.ask(TableRow.GONE, found=True)
    has_expired = receipt.expires_at is not None and receipt.expires_at <= case.now
    return create(case, Reason.EXPIRED if has_expired else Reason.GONE)


def could_be(case: Case, key: Observation) -> bool:
    """Whether an unmanaged namesake has the declaration's type, and its space if spaces are visible."""
    if key.key_type is not case.declaration.key_type:
        return False
    # An empty set means that no space could be seen, so the namesake may well be in ours.
    return not key.scope_ids or bool(key.scope_ids & set(case.owned.desired.scope_ids))


def _plan_foreign(case: Case, foreign: tuple[Observation, ...]) -> PlannedAction:
    """Return what happens to an unmanaged key that stands in the place of ours (docs/planning.md, row 2)."""
    key, *others = foreign
    adopt = case.declaration.adopt
    if adopt is Adopt.IMPORT:
        # What the places hold distinguishes namesakes; if two fit, nothing does.
        held = [one for one in foreign if not others or holds_key(case, one)]
        if len(held) == 1:
            return record_key(case, held[0])
    if adopt is Adopt.REFRESH and not others:
        return refresh_adopted(case, key, Guard.FOREIGN)
    refused = replace(create(case, Reason.FOREIGN), key_id=key.id, before=view_key(key))
    return block(refused, Guard.FOREIGN, _offer_import(foreign))


def _offer_import(foreign: tuple[Observation, ...]) -> str:
    """Return the one line that takes a foreign key over, for each of them if there are several."""
    key, *others = foreign
    if not others:
        return (
            f"a key of this name is there and not ours: add the line `import: {key.id}` to take it over as it is, "
            "or say adopt: refresh or adopt: replace for a new raw key"
        )
    lines = "; or ".join(f"`import: {one.id}` ({_date(one)})" for one in foreign)
    return f"{len(foreign)} keys have this name: add the line of the right one to take it over: {lines}"


def _date(key: Observation) -> str:
    used = f", last used {show_time(key.last_used_at)}" if key.last_used_at else ""
    return f"created {show_time(key.created_at)}{used}"


# Rows 6 to 13: one is current.


def _plan_current(case: Case, key: Observation, receipt: Receipt) -> PlannedAction:
    """Return the action for a declaration with a current key (docs/planning.md, rows 6 to 13)."""
    # Before all comparisons: an interrupted run may have ended the raw key that they would compare.
    if lost := case.trace.ask(TableRow.LOST, find_lost_key(case, key)):
        return finish_forward(case, lost)
    editable = case.laws.editable
    found = find_differences(case.owned.desired, key, receipt, case.longest_life, editable)
    reasons = _find_reasons(case, key, receipt, found.pressing)
    if not reasons:
        return _plan_unpressed(case, key, receipt, found)
    # If another row fits too, a rotation would follow the copy, and one apply has to be enough.
    if reasons == (Reason.UNDELIVERED,) and (source := find_source(case.slots, case.snapshot, receipt)):
        return _copy(case, key, receipt, source, found)
    action = renew(case, key, reasons[0], found.changes)
    # A sink may only seem to lack the key because it cannot prove anything, and this machine has no ledger.
    is_unknown_here = case.ledger_receipt is None and not case.owned.intents
    if reasons[0] is Reason.UNDELIVERED and is_unknown_here and not case.is_requested:
        return block_unproven(case, key, action)
    return action


def _plan_unpressed(case: Case, key: Observation, receipt: Receipt, found: Differences) -> PlannedAction:
    """Return the action for a current key that nothing calls to renew now (docs/planning.md, rows 9, 9b and 13)."""
    if case.trace.overrule(TableRow.CHANGED, found.repeated):
        return _block_repeated(case, key, found)
    # Asked only of a provider that can edit anything.
    edits = case.trace.overrule(TableRow.EDITED, found.editable) if case.laws.editable else ()
    if edits:
        return _update(case, key, receipt, found)
    if not case.trace.overrule(TableRow.DESCRIPTION, found.deferred):
        case.trace.ask(TableRow.UP_TO_DATE, found=True)
    return _keep(case, key, receipt, found)


def _update(case: Case, key: Observation, receipt: Receipt, found: Differences) -> PlannedAction:
    """Return the action that changes texts of a key in place (docs/planning.md, row 9c)."""
    return replace(
        _keep(case, key, receipt, found),
        verb=Verb.UPDATE,
        reason=Reason.CHANGED,
        changes=found.editable,
        explanation="update: the raw key stays, and consumers notice nothing",
        basis=keep_basis(case, key, update_receipt(case, key, receipt), UpdateBasis),
    )


def _block_repeated(case: Case, key: Observation, found: Differences) -> PlannedAction:
    """Return a renewal that is blocked: the key was issued for these very values, and the provider shows others."""
    stored = ", ".join(f"{change.field}: {_show(change)}" for change in found.repeated)
    is_named = any(change.field == NAME for change in found.repeated)
    former = f" with moved_from: {case.declaration.address}" if is_named else ""
    if any(change.field == EXPIRY for change in found.repeated):
        former += f"; if another party changed it, run `keyplan rotate '{case.declaration.address}'`"
    return block(
        renew(case, key, Reason.CHANGED, found.repeated),
        Guard.STORED_DIFFERENTLY,
        "the provider was asked for this when it issued the key, and stores it its own way; another key would be "
        f"the same: declare what it stores ({stored}){former}",
    )


def _show(change: FieldChange) -> str:
    return change.before if change.field == EXPIRY else f'"{escape(change.before)}"'


def _find_reasons(
    case: Case, key: Observation, receipt: Receipt, changes: tuple[FieldChange, ...]
) -> tuple[Reason, ...]:
    """Return which of rows 6 and 8 to 12 fit, in the order of docs/planning.md; nothing for row 13."""
    # All are collected, not only the first: whether a copy is enough depends on the others.
    trace, is_described = case.trace, bool(changes) and all(change.field == DESCRIPTION for change in changes)
    reasons: list[Reason] = []
    if trace.ask(TableRow.ROTATED_ELSEWHERE, _was_rotated_elsewhere(key, receipt)):
        reasons.append(Reason.ROTATED_ELSEWHERE)
    if trace.ask(TableRow.NOT_HELD, not case.is_fully_delivered):
        reasons.append(Reason.UNDELIVERED)
    trace.ask(TableRow.CHANGED, changes and not is_described)
    trace.ask(TableRow.DESCRIPTION, is_described)
    if changes:
        reasons.append(Reason.CHANGED)
    if trace.ask(TableRow.REQUESTED, _is_requested(case, receipt)):
        reasons.append(Reason.REQUESTED)
    reasons += _find_due(case, key, receipt)
    return tuple(reasons)


def _was_rotated_elsewhere(key: Observation, receipt: Receipt) -> bool:
    """Whether the raw key was changed outside keyplan (docs/planning.md, row 6). A missing form proves nothing."""
    return bool(receipt.redacted and key.edition and receipt.redacted != key.edition)


def _is_requested(case: Case, receipt: Receipt) -> bool:
    """Whether the user asked for a renewal, by command or by `generation` (docs/planning.md, row 10)."""
    return case.is_requested or receipt.generation != case.declaration.rotation.generation


def _find_due(case: Case, key: Observation, receipt: Receipt) -> list[Reason]:
    """Return which of rows 11 and 12 of docs/planning.md fit; `schedule` says from when on they do."""
    declared, trace = case.declaration, case.trace
    reasons: list[Reason] = []
    is_ending = can_be_extended(declared, key) and _is_due(due_before_expiry(declared, key, receipt, case.now), case)
    if trace.ask(TableRow.EXPIRING, is_ending):
        reasons.append(Reason.EXPIRING)
    if trace.ask(TableRow.TOO_OLD, _is_due(due_by_age(declared, receipt, case.now), case)):
        reasons.append(Reason.TOO_OLD)
    return reasons


def _is_due(due: datetime | None, case: Case) -> bool:
    return due is not None and due <= case.now


def _keep(case: Case, key: Observation, receipt: Receipt, found: Differences) -> PlannedAction:
    """Return the action that leaves a key as it is (docs/planning.md, row 13)."""
    owned = case.owned
    return PlannedAction(
        address=case.declaration.address,
        verb=Verb.KEEP,
        reason=Reason.MOVED if owned.previous_address else Reason.UP_TO_DATE,
        key_id=key.id,
        before=view_key(key),
        after=view_desired(owned.desired),
        previous_address=owned.previous_address,
        notes=list_notes(case, key, receipt, found),
        place=case.declaration.place,
        basis=keep_basis(case, key, update_receipt(case, key, receipt)),
    )


def _copy(case: Case, key: Observation, receipt: Receipt, source: Slot, found: Differences) -> PlannedAction:
    """Return the action that copies the current raw key into the slots that lack it (docs/planning.md, row 8)."""
    # It still lists only the slots that took the key: a sink without receipts recognizes our value by that list.
    updated = replace(update_receipt(case, key, receipt), delivered=receipt.delivered)
    lacking = lacking_slots(case.slots, case.snapshot, receipt)
    outdated = outdated_slots(case.slots, case.snapshot, updated)
    return replace(
        _keep(case, key, receipt, found),
        verb=Verb.DELIVER,
        reason=Reason.UNDELIVERED,
        explanation=f"deliver: no new key is needed, it is copied from {source}",
        locations=name_locations(lacking),
        basis=CopyBasis(
            desired=case.owned.desired,
            key=key,
            receipt=updated,
            superseded=updated.superseded,
            alive=list_alive(case),
            intents=case.owned.intents,
            slots=case.slots,
            is_own_credential=key.id in case.snapshot.own_keys,
            source=source,
            lacking=lacking,
            outdated=tuple(slot for slot in outdated if slot not in lacking),
        ),
    )
