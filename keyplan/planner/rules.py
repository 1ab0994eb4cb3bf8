"""One declaration's rows of the table in DESIGN section 6, first that fits.

In: a case, which is one estate and what concerns it. Out: its actions: one for the declaration itself,
and one for each further live key of it. Never: a guard of section 7, another declaration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any

from keyplan.model.manifest import Adopt
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import Change, CopyBasis, Guard, PlannedAction, Reason, Verb
from keyplan.model.receipt import MOST_ATTEMPTS, Delivered, Receipt
from keyplan.planner.actions import block, create, keep_basis, list_alive, renew
from keyplan.planner.diff import compare
from keyplan.planner.evidence import Case, find_source, lacking_slots, outdated_slots
from keyplan.planner.recovery import find_lost, find_undelivered, finish_forward, hold_back_unproven, recover
from keyplan.planner.retirement import remaining, retire
from keyplan.planner.schedule import can_be_extended, due_before_expiry, due_by_age
from keyplan.planner.views import name_locations, picture, picture_wish


def make(case: Case) -> PlannedAction:
    """Return the action for a declaration whose key is absent, gone or expired."""
    foreign = () if case.estate.alive else tuple(key for key in case.namesakes if _could_be(case, key))
    if foreign and case.declaration.adopt is not Adopt.REPLACE:
        return _adopt(case, foreign)
    receipt = case.estate.receipt
    if receipt is None:
        return create(case, Reason.ADOPTED if foreign else Reason.ABSENT)
    has_expired = receipt.expires_at is not None and receipt.expires_at <= case.now
    return create(case, Reason.EXPIRED if has_expired else Reason.GONE)


def _could_be(case: Case, key: Observation) -> bool:
    """Whether an unmanaged namesake has the declaration's type, and its space where spaces are visible."""
    if key.key_type is not case.declaration.key_type:
        return False
    return not key.space_ids or bool(key.space_ids & set(case.estate.desired.space_ids))


def _adopt(case: Case, foreign: tuple[Observation, ...]) -> PlannedAction:
    key, *others = foreign
    ids = ", ".join(one.id for one in foreign)
    refused = replace(create(case, Reason.FOREIGN), key_id=key.id, before=picture(key))
    if case.declaration.adopt is Adopt.REFUSE:
        advice = (
            f"a key of this name is there and not ours ({ids}): say adopt: refresh or adopt: replace, "
            "or take it over with `keyplan import`"
        )
    elif others:
        advice = f"{len(foreign)} keys have this name ({ids}): import the right one by id"
    else:
        action = renew(case, key, Reason.ADOPTED, compare(case.estate.desired, key, None))
        if action.verb is Verb.REFRESH:
            return action
        obstacle = action.explanation.removeprefix("replace: ")
        advice = f"adopt: refresh is not possible ({obstacle}): declare the key as it is, or say adopt: replace"
    return block(refused, Guard.FOREIGN, advice)


_MUTABLE = ("address", "name", "key_type", "space_ids", "protect", "on_remove", "superseded", "forgotten")
"""Fields of a receipt that follow the declaration while the raw key stays."""
_read_mutable = attrgetter(*_MUTABLE)
_PLACE = attrgetter("sink", "location")


def decide(case: Case) -> Iterator[PlannedAction]:
    """Yield the actions of one declaration: its own first, then those of its further live keys."""
    main = _decide_main(case)
    yield main
    yield from retire(case, main)


def warn(case: Case) -> Iterator[str]:
    """Yield what a reviewer should know although nothing is planned for it."""
    key, receipt, declared = case.estate.current, case.estate.receipt, case.declaration
    if key is None or receipt is None or declared.expires_at is None or can_be_extended(declared, key):
        return
    if declared.expires_at > case.now and _has_come(due_before_expiry(declared, key, receipt, case.now), case):
        yield (
            f"{declared.address} expires at {declared.expires_at.isoformat()}, which no rotation can change: "
            "raise expires_at in the manifest, or use expires_in"
        )


def _decide_main(case: Case) -> PlannedAction:
    declared, estate = case.declaration, case.estate
    if declared.expires_at is not None and declared.expires_at <= case.now:
        return block(
            create(case, Reason.DECLARED_IN_PAST),
            Guard.DECLARED_IN_PAST,
            "expires_at has passed: set a later one, use expires_in, or remove the declaration",
        )
    if any(intent.attempts >= MOST_ATTEMPTS for intent in estate.intents) and not case.is_requested:
        return _give_up(case)
    if estate.current and estate.receipt:
        return _judge(case, estate.current, estate.receipt)
    lost = find_undelivered(case)
    return recover(case, lost) if lost else make(case)


def _give_up(case: Case) -> PlannedAction:
    alive = case.estate.alive
    return block(
        replace(create(case, Reason.UNFINISHED), key_id=alive[0].id if alive else None),
        Guard.EXHAUSTED,
        f"{MOST_ATTEMPTS} attempts failed; see `keyplan ledger show`, mend the cause, "
        f"then run `keyplan rotate '{case.declaration.address}'` to start afresh",
    )


# Rows 6 to 13: one is current.


def _judge(case: Case, key: Observation, receipt: Receipt) -> PlannedAction:
    lost = find_lost(case, key)
    if lost:
        return finish_forward(case, lost)
    changes = compare(case.estate.desired, key, receipt)
    reasons = _find_reasons(case, key, receipt, changes)
    if not reasons:
        return _keep(case, key, receipt)
    # Where another row fits too, a copy would be followed by a rotation: one apply has to be enough.
    if reasons == (Reason.UNDELIVERED,) and (source := find_source(case.slots, case.snapshot, receipt)):
        return _deliver(case, key, receipt, source)
    action = renew(case, key, reasons[0], changes)
    is_unknown_here = case.ledger_receipt is None and not case.estate.intents
    if reasons[0] is Reason.UNDELIVERED and is_unknown_here and not case.is_requested:
        return hold_back_unproven(case, key, action)
    return action


def _find_reasons(case: Case, key: Observation, receipt: Receipt, changes: tuple[Change, ...]) -> tuple[Reason, ...]:
    """Return which of rows 6 and 8 to 12 fit, in their order; nothing for row 13."""
    reasons = []
    if _was_rotated(key, receipt):
        reasons.append(Reason.ROTATED_ELSEWHERE)
    if not case.is_settled:
        reasons.append(Reason.UNDELIVERED)
    if changes:
        reasons.append(Reason.CHANGED)
    if case.is_requested or receipt.generation != case.declaration.rotation.generation:
        reasons.append(Reason.REQUESTED)
    return (*reasons, *_find_due(case, key, receipt))


def _find_due(case: Case, key: Observation, receipt: Receipt) -> Iterator[Reason]:
    """Yield which of rows 11 and 12 fit, by time alone."""
    declared = case.declaration
    if can_be_extended(declared, key) and _has_come(due_before_expiry(declared, key, receipt, case.now), case):
        yield Reason.EXPIRING
    if _has_come(due_by_age(declared, receipt, case.now), case):
        yield Reason.TOO_OLD


def _was_rotated(key: Observation, receipt: Receipt) -> bool:
    return bool(receipt.redacted and key.redacted and receipt.redacted != key.redacted)


def _has_come(due: datetime | None, case: Case) -> bool:
    return due is not None and due <= case.now


def _keep(case: Case, key: Observation, receipt: Receipt) -> PlannedAction:
    estate = case.estate
    return PlannedAction(
        address=case.declaration.address,
        verb=Verb.KEEP,
        reason=Reason.MOVED if estate.previous_address else Reason.UP_TO_DATE,
        key_id=key.id,
        before=picture(key),
        after=picture_wish(estate.desired),
        previous_address=estate.previous_address,
        place=case.declaration.place,
        basis=keep_basis(case, key, _bring_up_to_date(case, key, receipt)),
    )


def _deliver(case: Case, key: Observation, receipt: Receipt, source: Slot) -> PlannedAction:
    """Return the action that copies the current raw key into the slots that lack it."""
    # Still listing what took it so far: a sink without marks has to tell our value from another's.
    told = replace(_bring_up_to_date(case, key, receipt), delivered=receipt.delivered)
    lacking = lacking_slots(case.slots, case.snapshot, receipt)
    outdated = outdated_slots(case.slots, case.snapshot, told)
    return replace(
        _keep(case, key, receipt),
        verb=Verb.DELIVER,
        reason=Reason.UNDELIVERED,
        explanation=f"deliver: no new key is needed, it is copied from {source.sink}:{source.location}",
        locations=name_locations(lacking),
        basis=CopyBasis(
            desired=case.estate.desired,
            key=key,
            receipt=told,
            superseded=told.superseded,
            alive=list_alive(case),
            intents=case.estate.intents,
            slots=case.slots,
            is_own_credential=key.id in case.snapshot.own_keys,
            source=source,
            lacking=lacking,
            outdated=tuple(slot for slot in outdated if slot not in lacking),
        ),
    )


def _bring_up_to_date(case: Case, key: Observation, receipt: Receipt) -> Receipt:
    """Return the receipt as it should read for the declaration of today; the raw key is the same."""
    declared = case.declaration
    today = (
        declared.address,
        declared.name,
        declared.key_type,
        case.estate.desired.space_ids,
        declared.protect,
        declared.on_remove,
        remaining(case, key),
        False,
    )
    # Nearly every receipt is up to date, and to look takes a fraction of the time of making another one.
    if _read_mutable(receipt) == today and _lists_places(receipt, case.slots):
        return receipt
    fields: dict[str, Any] = dict(zip(_MUTABLE, today, strict=True))
    return replace(receipt, **fields, delivered=tuple(sorted(_name_place(slot, receipt) for slot in case.slots)))


def _lists_places(receipt: Receipt, slots: tuple[Slot, ...]) -> bool:
    """Whether a receipt lists exactly these slots, sorted, with the options of today."""
    wanted = sorted(slots, key=_PLACE) if len(slots) > 1 else slots
    return len(wanted) == len(receipt.delivered) and all(
        entry.sink == slot.sink and entry.location == slot.location and entry.options == slot.options
        for entry, slot in zip(receipt.delivered, wanted, strict=True)
    )


def _name_place(slot: Slot, receipt: Receipt) -> Delivered:
    """Return a slot as the receipt lists it, with today's options and the time of a copy."""
    entry = receipt.entry_of(slot.delivered)
    return Delivered(slot.sink, slot.location, slot.options, entry.at if entry else None)
