"""Actions that issue nothing: delete a key, forget one, and keep the records of a key that stays.

No raw key passes through here. In each, the ledger's receipt is the last thing to go: while it stands, the next run
tries again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from typing import assert_never

from keyplan.applier.deliver import annotate
from keyplan.applier.intent import retract_intents
from keyplan.applier.outcome import TRIES_AGAIN, fail
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, SinkUnavailableError
from keyplan.model.basis import DeleteBasis, EmptyBasis, ForgetBasis, KeepBasis
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import PlannedAction, Reason
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done, Failed, Outcome


def retire(
    action: PlannedAction, basis: DeleteBasis | EmptyBasis | ForgetBasis, bench: Workbench, *, is_last: bool
) -> Outcome:
    """End a key, a place or a receipt; `is_last` if no further action of the address follows."""
    match basis:
        case DeleteBasis():
            return delete(action, basis, bench, is_last=is_last)
        case EmptyBasis():
            return empty(action, basis, bench)
        case ForgetBasis():
            return forget(action, basis, bench)
        case _:
            assert_never(basis)


def delete(action: PlannedAction, basis: DeleteBasis, bench: Workbench, *, is_last: bool) -> Outcome:
    """End a key; with the last key of an undeclared address, its places are emptied and its receipt is dropped."""
    try:
        # The key before its places: a consumer that reads an empty place would look broken while its key still works.
        bench.writer.delete(basis.key.id)
        # Only with the last key: without receipt and markers, the other keys of the address would be unmanaged.
        if is_last and action.reason is Reason.UNDECLARED:
            _drop_receipt(action, basis, bench)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return Done(action=action)


def forget(action: PlannedAction, basis: ForgetBasis, bench: Workbench) -> Outcome:
    """Drop the receipt of a key that is gone; of a key that lives, record that it is no longer managed."""
    try:
        if basis.key is None:
            _drop_receipt(action, basis, bench)
        else:
            # The record stays, because the marker on the key does: without it the next run would take the key for ours.
            note = _make_forgotten(action, basis.key, basis.receipt, bench)
            bench.record(note)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return Done(action=action, key_id=action.key_id)


def empty(action: PlannedAction, basis: EmptyBasis, bench: Workbench) -> Outcome:
    """Empty places that the address has left."""
    try:
        notes = vacate(basis.receipt, basis.slots, bench)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return Done(action=action, key_id=action.key_id, notes=notes)


def vacate(receipt: Receipt, slots: Collection[Slot], bench: Workbench) -> tuple[str, ...]:
    """Empty places that an address has left, then record that it has. `receipt` is what the ledger says of it.

    Returns a sentence for each that was not emptied after all, because it is in use. Raises SinkError and LedgerError;
    SinkBusyError if a place is no longer as the plan saw it.
    """
    if not slots:
        return ()
    filled = [slot for slot in slots if _is_filled_since(slot, receipt, bench)]
    # The places before the receipt, which is all that names them.
    for slot in slots:
        if slot not in filled:
            _withdraw(slot, receipt.owner, bench)
    emptied = receipt.without_left([slot.delivered for slot in slots])
    bench.record(emptied)
    return tuple(f"{slot} was not emptied: a newer key was delivered there" for slot in filled)


def _is_filled_since(slot: Slot, receipt: Receipt, bench: Workbench) -> bool:
    """Whether a newer key stands in a place since the address left it: it is a place in use under another name."""
    sink = bench.sinks[slot.sink]
    held = bench.retry(lambda: sink.inspect((slot,)).get(slot), on=SinkUnavailableError)
    left_at = next((one.place.at for one in receipt.left if one.place == slot.delivered), None)
    if held is None or held.receipt is None or left_at is None:
        return False
    return held.receipt.delivered_at > left_at


def keep(action: PlannedAction, basis: KeepBasis, bench: Workbench) -> Failed | None:
    """Bring receipts up to date with the declaration, and close intents that led to nothing. None if all went well."""
    receipt, closes = basis.receipt, tuple(intent.id for intent in basis.intents)
    try:
        annotate(basis.outdated, receipt, bench)
        # The ledger last, so that what it calls settled is settled in the sinks as well.
        retract_intents(closes, basis.slots, bench)
        if basis.ledger_outdated or closes:
            bench.record(receipt, closes=closes)
        if former := action.previous_address:
            bench.retry(lambda: bench.ledger.forget(former), on=LedgerError)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    return None


def _drop_receipt(action: PlannedAction, basis: DeleteBasis | ForgetBasis, bench: Workbench) -> None:
    """Empty an address's slots, then drop its receipt."""
    # A receipt that the ledger has under this address may by now belong to another key.
    if basis.receipt is None:
        return
    # The places before the receipt, which is all that names them once the declaration is gone.
    for slot in basis.slots:
        _withdraw(slot, basis.receipt.owner, bench)
    bench.retry(lambda: bench.ledger.forget(action.address), on=LedgerError)


def _withdraw(slot: Slot, owner: str, bench: Workbench) -> None:
    over = bench.seen[slot].revision if slot in bench.seen else None
    bench.retry(partial(bench.sinks[slot.sink].withdraw, slot, owner, over=over), on=SinkUnavailableError)


def _make_forgotten(action: PlannedAction, key: Observation, receipt: Receipt | None, bench: Workbench) -> Receipt:
    if receipt:
        return replace(receipt, forgotten=True)
    return Receipt(
        owner=key.marker.owner if key.marker else "",
        address=action.address,
        key_id=key.id,
        key_type=key.key_type or KeyType.USER,
        name=key.name,
        scope_ids=tuple(sorted(key.scope_ids or ())),
        created_at=key.created_at,
        delivered_at=bench.clock.now(),
        forgotten=True,
    )
