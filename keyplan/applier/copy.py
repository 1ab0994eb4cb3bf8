"""The current raw key, from one sink into those that lack it: intend, copy, verify, deliver, record.

Nothing happens at the provider but one harmless call with the raw key, which is in memory only. A raw key that is not
the receipt's, or that no longer works, is never stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.applier.deliver import DeliveryResult, annotate, deliver
from keyplan.applier.intent import Attempt
from keyplan.applier.outcome import TRIES_AGAIN, fail, fail_undelivered, foretell
from keyplan.applier.retire import vacate
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, ProviderError, SinkError, SinkUnavailableError
from keyplan.model.basis import CopyBasis
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done, Failed, Outcome
from keyplan.model.secret import RawKey
from keyplan.ports import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A deliver action. `run` is the order of its effects; each step is a method below, in that order."""

    action: PlannedAction
    basis: CopyBasis
    bench: Workbench
    progress: Progress

    def run(self) -> Outcome:
        """Copy the raw key into every slot that lacks it; slots that took it stay in the receipt if others fail.

        The steps of docs/planning.md, "Applying", with a copy in place of "issue".
        """
        with Attempt(self.action, self.basis, self.bench) as attempt:
            try:
                # Intend before the raw key is read: a sink that cannot be written is found while no secret is in
                # memory.
                self.progress.step(self.action.address, "intend")
                attempt.open()
                raw = self._read_source()
                # Verify before deliver: a dead raw key would only be spread.
                self._verify(raw)
                delivery = self._deliver(attempt, raw)
            except KeyplanError as error:
                attempt.abandon()
                return fail(self.action, error, foretell(self.action, attempt.intent, TRIES_AGAIN))
            if isinstance(delivery, Failed):
                return delivery
            return self._record(attempt, delivery)

    def _read_source(self) -> RawKey:
        """Return the raw key that the source holds. Raises SinkError if it is not the receipt's."""
        self.progress.step(self.action.address, "copy")
        source, fingerprint = self.basis.source, self.basis.receipt.fingerprint
        sink = self.bench.sinks[source.sink]
        raw = self.bench.retry(lambda: sink.read(source), on=SinkUnavailableError)
        # Since the plan, a user or another run may have written there: to copy that would be worse than to fail.
        if raw is None or fingerprint is None or not fingerprint.matches(raw):
            raise SinkError(f"{source.sink}:{source.location} no longer holds the raw key that was delivered")
        return raw

    def _verify(self, raw: RawKey) -> None:
        """Raise ProviderError unless the provider accepts the raw key."""
        self.progress.step(self.action.address, "verify")
        source = self.basis.source
        if not self.bench.accepts(raw):
            raise ProviderError(
                f"the raw key in {source.sink}:{source.location} does not authenticate",
                advice=f"if the provider is well, renew it: keyplan rotate '{self.action.address}'",
            )

    def _deliver(self, attempt: Attempt, raw: RawKey) -> DeliveryResult | Failed:
        self.progress.step(self.action.address, "deliver")
        basis = self.basis
        receipt = _make_receipt(basis, (), self.bench.clock.now())
        delivery = deliver(basis.lacking, raw, receipt, attempt.intent, self.bench)
        # Nothing changed anywhere, so nothing is left to finish. If one slot may hold it, the intent stays open.
        if delivery.is_nowhere:
            attempt.abandon()
            return fail_undelivered(self.action, delivery, foretell(self.action, attempt.intent, TRIES_AGAIN))
        return delivery

    def _record(self, attempt: Attempt, delivery: DeliveryResult) -> Done | Failed:
        """Write to ledger and sinks which slots hold the raw key by now, and close the intents if all do."""
        action, basis, bench, intent = self.action, self.basis, self.bench, attempt.intent
        receipt = _make_receipt(basis, delivery.stored, bench.clock.now())
        closes = () if delivery.failures else (intent.id, *(earlier.id for earlier in basis.intents))
        self.progress.step(action.address, "record")
        try:
            bench.record(receipt, closes=closes)
            if closes:
                attempt.close()
            if former := action.previous_address:
                bench.retry(lambda: bench.ledger.forget(former), on=LedgerError)
            # The other slots last: their receipts are only out of date, and the next plan detects that.
            annotate(basis.outdated, receipt, bench)
        except KeyplanError as error:
            return fail(action, error, foretell(action, intent, TRIES_AGAIN))
        if delivery.failures:
            usual = "copies it into the sinks that still lack it"
            return fail_undelivered(action, delivery, foretell(action, intent, usual))
        return self._vacate(receipt, delivery)

    def _vacate(self, receipt: Receipt, delivery: DeliveryResult) -> Done | Failed:
        """Empty the places that the address leaves, now that all others hold the raw key."""
        action = self.action
        try:
            notes = vacate(receipt, self.basis.vacated, self.bench)
        except KeyplanError as error:
            return fail(action, error, TRIES_AGAIN)
        return Done(action=action, key_id=receipt.key_id, delivered=delivery.locations, notes=notes)


def _make_receipt(basis: CopyBasis, took: tuple[Slot, ...], now: datetime) -> Receipt:
    """Return the receipt, listing the slots that held the raw key before and those that took it now."""
    receipt = basis.receipt
    before = [slot.delivered for slot in basis.slots if slot not in basis.lacking]
    places = [receipt.entry_of(place) or place for place in before]
    places += [replace(slot.delivered, at=now) for slot in took]
    return replace(receipt, delivered=tuple(sorted(places))).without_left(places)
