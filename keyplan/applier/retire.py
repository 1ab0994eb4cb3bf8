"""The end of keys and of memories: delete, forget, and the bookkeeping of what is kept.

In: delete, forget and keep actions with their basis. Out: an outcome; None for a kept key that is in order.
Never: a raw key.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.applier.deliver import REPEATS, Delivering, fail
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation
from keyplan.model.plan import DeleteBasis, ForgetBasis, KeepBasis, PlannedAction, Reason
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done, Outcome


class Ending:
    """Runs actions that issue nothing."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._delivering = Delivering(bench)

    def delete(self, action: PlannedAction, basis: DeleteBasis) -> Outcome:
        """End a key for good."""
        try:
            self._bench.writer.delete(basis.key.id)
        except KeyplanError as error:
            return fail(action, error, REPEATS)
        return Done(action=action)

    def dismiss(self, action: PlannedAction, basis: DeleteBasis) -> Outcome:
        """End the last key of an address for good; where nobody declares it, its receipt goes too."""
        try:
            self._bench.writer.delete(basis.key.id)
            if action.reason is Reason.UNDECLARED:
                self._drop(action, basis)
        except KeyplanError as error:
            return fail(action, error, REPEATS)
        return Done(action=action)

    def forget(self, action: PlannedAction, basis: ForgetBasis) -> Outcome:
        """Drop a receipt of a key that is gone; for one that lives, note that it is nobody's any longer.

        The note stays, because the marker on the key does: without it the next run would take the key for ours.
        """
        try:
            if basis.key is None:
                self._drop(action, basis)
            else:
                note = _farewell(action, basis.key, basis.receipt, self._bench)
                self._bench.persist(lambda: self._bench.ledger.record(note), on=LedgerError)
        except KeyplanError as error:
            return fail(action, error, REPEATS)
        return Done(action=action, key_id=action.key_id)

    def keep(self, action: PlannedAction, basis: KeepBasis) -> Outcome | None:
        """Bring receipts up to date with the declaration, and close intents that led to nothing."""
        receipt = basis.receipt
        closes = tuple(intent.id for intent in basis.intents)
        try:
            self._delivering.annotate(basis.outdated, receipt)
            self._delivering.retract(basis.slots, closes)
            if basis.ledger_outdated or closes:
                self._bench.persist(lambda: self._bench.ledger.record(receipt, closes=closes), on=LedgerError)
            if former := action.previous_address:
                self._bench.persist(lambda: self._bench.ledger.forget(former), on=LedgerError)
        except KeyplanError as error:
            return fail(action, error, REPEATS)
        return None

    def _drop(self, action: PlannedAction, basis: DeleteBasis | ForgetBasis) -> None:
        """Empty an undeclared address's slots, then drop its receipt: as long as it stands, the next run tries again.

        Where there is no receipt, another's may stand under that address.
        """
        if basis.receipt:
            self._delivering.withdraw(basis.slots, basis.receipt.owner)
            self._bench.persist(lambda: self._bench.ledger.forget(action.address), on=LedgerError)


def _farewell(action: PlannedAction, key: Observation, receipt: Receipt | None, bench: Workbench) -> Receipt:
    if receipt:
        return replace(receipt, forgotten=True)
    return Receipt(
        owner=key.marker.owner if key.marker else "",
        address=action.address,
        key_id=key.id,
        key_type=key.key_type or KeyType.USER,
        name=key.name,
        space_ids=tuple(sorted(key.space_ids or ())),
        created_at=key.created_at,
        delivered_at=bench.clock.now(),
        forgotten=True,
    )
