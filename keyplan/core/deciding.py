"""One declaration's rows of the table in DESIGN section 6, first that fits.

In: a case, which is one estate and what concerns it. Out: its actions: one for the declaration itself,
and one for each further live key of it. Never: a guard of section 7, another declaration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from keyplan.core.ageing import can_be_extended, due_before_expiry, due_by_age
from keyplan.core.cases import Case
from keyplan.core.comparing import compare
from keyplan.core.making import make
from keyplan.core.picturing import name_locations, picture, picture_wish
from keyplan.core.proving import find_source, lacking_slots
from keyplan.core.recovering import find_lost, find_undelivered, finish_forward, hold_back_unproven, recover
from keyplan.core.renewing import block, create, make_basis, renew
from keyplan.core.retiring import remaining, retire
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import Action, Change, Guard, Reason, Verb
from keyplan.model.receipt import MOST_ATTEMPTS, Delivered, Receipt


def decide(case: Case) -> Iterator[Action]:
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


def _decide_main(case: Case) -> Action:
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


def _give_up(case: Case) -> Action:
    alive = case.estate.alive
    return block(
        replace(create(case, Reason.UNFINISHED), key_id=alive[0].id if alive else None),
        Guard.EXHAUSTED,
        f"{MOST_ATTEMPTS} attempts failed; see `keyplan ledger show`, mend the cause, "
        f"then run `keyplan rotate '{case.declaration.address}'` to start afresh",
    )


# Rows 6 to 13: one is current.


def _judge(case: Case, key: Observation, receipt: Receipt) -> Action:
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
    declared = case.declaration
    is_expiring = can_be_extended(declared, key) and _has_come(
        due_before_expiry(declared, key, receipt, case.now), case
    )
    checks = (
        (Reason.ROTATED_ELSEWHERE, _was_rotated(key, receipt)),
        (Reason.UNDELIVERED, not case.is_settled),
        (Reason.CHANGED, bool(changes)),
        (Reason.REQUESTED, case.is_requested or receipt.generation != declared.rotation.generation),
        (Reason.EXPIRING, is_expiring),
        (Reason.TOO_OLD, _has_come(due_by_age(declared, receipt, case.now), case)),
    )
    return tuple(reason for reason, fits in checks if fits)


def _was_rotated(key: Observation, receipt: Receipt) -> bool:
    return bool(receipt.redacted and key.redacted and receipt.redacted != key.redacted)


def _has_come(due: datetime | None, case: Case) -> bool:
    return due is not None and due <= case.now


def _keep(case: Case, key: Observation, receipt: Receipt) -> Action:
    estate = case.estate
    return Action(
        address=case.declaration.address,
        verb=Verb.KEEP,
        reason=Reason.MOVED if estate.previous_address else Reason.UP_TO_DATE,
        key_id=key.id,
        before=picture(key),
        after=picture_wish(estate.desired),
        previous_address=estate.previous_address,
        place=case.declaration.place,
        basis=make_basis(case, key, told=_bring_up_to_date(case, key, receipt)),
    )


def _deliver(case: Case, key: Observation, receipt: Receipt, source: Slot) -> Action:
    """Return the action that copies the current raw key into the slots that lack it."""
    # Still listing what took it so far: a sink without marks has to tell our value from another's.
    told = replace(_bring_up_to_date(case, key, receipt), delivered=receipt.delivered)
    basis = make_basis(case, key, told=told)
    lacking = lacking_slots(case.slots, case.snapshot, receipt)
    outdated = tuple(slot for slot in basis.outdated if slot not in lacking)
    return replace(
        _keep(case, key, receipt),
        verb=Verb.DELIVER,
        reason=Reason.UNDELIVERED,
        explanation=f"deliver: no new key is needed, it is copied from {source.sink}:{source.location}",
        locations=name_locations(lacking),
        basis=replace(basis, lacking=lacking, source=source, outdated=outdated),
    )


def _bring_up_to_date(case: Case, key: Observation, receipt: Receipt) -> Receipt:
    """Return the receipt as it should read for the declaration of today; the raw key is the same."""
    declared = case.declaration
    delivered = tuple(sorted(_name_place(slot, receipt) for slot in case.slots))
    today: dict[str, Any] = {
        "address": declared.address,
        "name": declared.name,
        "key_type": declared.key_type,
        "space_ids": case.estate.desired.space_ids,
        "protect": declared.protect,
        "on_remove": declared.on_remove,
        "forgotten": False,
        "delivered": delivered,
        "superseded": remaining(case, key),
    }
    # Nearly every receipt is up to date, and to look takes a third of the time of making another one.
    is_same = all(getattr(receipt, field) == value for field, value in today.items())
    if is_same and [place.options for place in delivered] == [place.options for place in receipt.delivered]:
        return receipt
    return replace(receipt, **today)


def _name_place(slot: Slot, receipt: Receipt) -> Delivered:
    """Return a slot as the receipt lists it, with today's options and the time of a copy."""
    entry = receipt.entry_of(slot.delivered)
    return Delivered(slot.sink, slot.location, slot.options, entry.at if entry else None)
