"""The current raw key, from one sink into those that lack it: intend, copy, verify, deliver, record.

In: a deliver action with its basis. Out: an outcome. Nothing happens at the provider but one harmless call with the raw
key, which is in memory only. Never: a raw key stored that is not the receipt's, or that no longer works.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.applier.deliver import REPEATS, Delivering, Dispatch, fail, fail_undelivered
from keyplan.applier.issue import Intending, basis_of, foretell, is_accepted_soon, make_intent
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, ProviderError, SinkError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.model.plan import Action, Basis
from keyplan.model.receipt import Delivered, Intent, Receipt
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

    def run(self, action: Action) -> Outcome:
        """Copy a raw key into every slot that lacks it; what already took it stays in the receipt."""
        copy = _Copy.of(basis_of(action))
        intent = make_intent(action, self._bench.clock.now())
        try:
            self._progress.step(action.address, "intend")
            self._intending.note(copy.lacking, intent)
            self._progress.step(action.address, "copy")
            raw = self._fetch(copy)
            self._progress.step(action.address, "verify")
            self._require_working(raw, copy, action)
        except KeyplanError as error:
            self._intending.abandon(action, copy.lacking, intent)
            return fail(action, error, foretell(action, intent, REPEATS))
        self._progress.step(action.address, "deliver")
        dispatch = self._delivering.deliver(copy.lacking, raw, copy.tell((), self._bench.clock.now()))
        if dispatch.nobody_took_it:
            self._intending.abandon(action, copy.lacking, intent)
            return fail_undelivered(action, dispatch, foretell(action, intent, REPEATS))
        return self._record(action, copy, intent, dispatch)

    def _fetch(self, copy: _Copy) -> RawKey:
        """Return the raw key that the source holds. Raises SinkError where it is not the receipt's."""
        sink = self._bench.sinks[copy.source.sink]
        raw = self._bench.persist(lambda: sink.read(copy.source), on=SinkUnavailableError)
        fingerprint = copy.receipt.fingerprint
        if raw is None or fingerprint is None or not fingerprint.matches(raw):
            raise SinkError(f"{copy.source.sink}:{copy.source.location} no longer holds the raw key that was delivered")
        return raw

    def _require_working(self, raw: RawKey, copy: _Copy, action: Action) -> None:
        """Raise ProviderError where the raw key cannot be shown to work."""
        if not is_accepted_soon(raw, self._bench):
            raise ProviderError(
                f"the raw key in {copy.source.sink}:{copy.source.location} does not authenticate",
                advice=f"if the provider is well, renew it: keyplan rotate '{action.address}'",
            )

    def _record(self, action: Action, copy: _Copy, intent: Intent, dispatch: Dispatch) -> Outcome:
        told = copy.tell(dispatch.took, self._bench.clock.now())
        closes = () if dispatch.failures else (intent.id, *(old.id for old in basis_of(action).intents))
        self._progress.step(action.address, "record")
        try:
            self._bench.persist(lambda: self._bench.ledger.record(told, closes=closes), on=LedgerError)
            if former := action.previous_address:
                self._bench.persist(lambda: self._bench.ledger.forget(former), on=LedgerError)
            self._delivering.annotate(basis_of(action).outdated, told)
        except KeyplanError as error:
            return fail(action, error, foretell(action, intent, REPEATS))
        if dispatch.failures:
            return fail_undelivered(action, dispatch, foretell(action, intent, _COMPLETES))
        locations = tuple(f"{slot.sink}:{slot.location}" for slot in dispatch.took)
        return Done(action=action, key_id=told.key_id, delivered=locations)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Copy:
    """A deliver action's basis, all of it there."""

    receipt: Receipt
    source: Slot
    lacking: tuple[Slot, ...]
    slots: tuple[Slot, ...]

    @classmethod
    def of(cls, basis: Basis) -> _Copy:
        if basis.receipt is None or basis.source is None:
            raise AssertionError("a deliver names its source and has a receipt")
        return cls(receipt=basis.receipt, source=basis.source, lacking=basis.lacking, slots=basis.slots)

    def tell(self, took: tuple[Slot, ...], now: datetime) -> Receipt:
        """Return the receipt, listing what held the raw key before and what took it now."""
        places = [self._place(slot) for slot in self.slots if slot not in self.lacking]
        places += [replace(slot.delivered, at=now) for slot in took]
        return replace(self.receipt, delivered=tuple(sorted(places)))

    def _place(self, slot: Slot) -> Delivered:
        return self.receipt.entry_of(slot.delivered) or slot.delivered
