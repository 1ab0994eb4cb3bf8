"""The current raw key, from one sink into those that lack it: intend, copy, verify, deliver, record.

In: a deliver action with its basis. Out: an outcome. Nothing happens at the provider but one harmless call with the raw
key, which is in memory only. Never: a raw key stored that is not the receipt's, or that no longer works.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from keyplan.applier.deliver import REPEATS, Delivering, Dispatch, fail, fail_undelivered
from keyplan.applier.issue import Intending, foretell, is_accepted_soon, make_intent
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, ProviderError, SinkError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.model.plan import CopyBasis, PlannedAction
from keyplan.model.receipt import Intent, Receipt
from keyplan.model.report import Done, Outcome
from keyplan.model.secret import RawKey
from keyplan.ports import Progress

_COMPLETES = "copies it into the sinks that still lack it"


class Copying:
    """Runs actions that store a raw key which is there already."""

    def __init__(self, bench: Workbench, progress: Progress) -> None:
        self._bench = bench
        self._progress = progress
        self._delivering = Delivering(bench)
        self._intending = Intending(bench)

    def run(self, action: PlannedAction, basis: CopyBasis) -> Outcome:
        """Copy a raw key into every slot that lacks it; what already took it stays in the receipt."""
        intent = make_intent(action, basis, self._bench.clock.now())
        try:
            self._progress.step(action.address, "intend")
            self._intending.note(basis.lacking, intent)
            self._progress.step(action.address, "copy")
            raw = self._fetch(basis)
            self._progress.step(action.address, "verify")
            self._require_working(raw, basis, action)
        except KeyplanError as error:
            self._intending.abandon(basis, basis.lacking, intent)
            return fail(action, error, foretell(action, intent, REPEATS))
        self._progress.step(action.address, "deliver")
        dispatch = self._delivering.deliver(basis.lacking, raw, _write_receipt(basis, (), self._bench.clock.now()))
        if dispatch.nobody_took_it:
            self._intending.abandon(basis, basis.lacking, intent)
            return fail_undelivered(action, dispatch, foretell(action, intent, REPEATS))
        return self._record(action, basis, intent, dispatch)

    def _fetch(self, basis: CopyBasis) -> RawKey:
        """Return the raw key that the source holds. Raises SinkError where it is not the receipt's."""
        sink = self._bench.sinks[basis.source.sink]
        raw = self._bench.persist(lambda: sink.read(basis.source), on=SinkUnavailableError)
        fingerprint = basis.receipt.fingerprint
        if raw is None or fingerprint is None or not fingerprint.matches(raw):
            raise SinkError(
                f"{basis.source.sink}:{basis.source.location} no longer holds the raw key that was delivered"
            )
        return raw

    def _require_working(self, raw: RawKey, basis: CopyBasis, action: PlannedAction) -> None:
        """Raise ProviderError where the raw key cannot be shown to work."""
        if not is_accepted_soon(raw, self._bench):
            raise ProviderError(
                f"the raw key in {basis.source.sink}:{basis.source.location} does not authenticate",
                advice=f"if the provider is well, renew it: keyplan rotate '{action.address}'",
            )

    def _record(self, action: PlannedAction, basis: CopyBasis, intent: Intent, dispatch: Dispatch) -> Outcome:
        told = _write_receipt(basis, dispatch.took, self._bench.clock.now())
        closes = () if dispatch.failures else (intent.id, *(old.id for old in basis.intents))
        self._progress.step(action.address, "record")
        try:
            self._bench.persist(lambda: self._bench.ledger.record(told, closes=closes), on=LedgerError)
            if former := action.previous_address:
                self._bench.persist(lambda: self._bench.ledger.forget(former), on=LedgerError)
            self._delivering.annotate(basis.outdated, told)
        except KeyplanError as error:
            return fail(action, error, foretell(action, intent, REPEATS))
        if dispatch.failures:
            return fail_undelivered(action, dispatch, foretell(action, intent, _COMPLETES))
        locations = tuple(f"{slot.sink}:{slot.location}" for slot in dispatch.took)
        return Done(action=action, key_id=told.key_id, delivered=locations)


def _write_receipt(basis: CopyBasis, took: tuple[Slot, ...], now: datetime) -> Receipt:
    """Return the receipt, listing what held the raw key before and what took it now."""
    places = [
        basis.receipt.entry_of(slot.delivered) or slot.delivered for slot in basis.slots if slot not in basis.lacking
    ]
    places += [replace(slot.delivered, at=now) for slot in took]
    return replace(basis.receipt, delivered=tuple(sorted(places)))
