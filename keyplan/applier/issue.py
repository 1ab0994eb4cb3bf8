"""One new raw key, from intent to receipt: intend, issue, verify, deliver, record, retire.

This is the only module that orders these effects (docs/planning.md, "Applying"). At every line at most one raw key of
the address is unrecorded, and an open intent says so. Never two actions of one address at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from keyplan.applier.deliver import DeliveryResult, deliver
from keyplan.applier.intent import abandon_intent, make_intent, open_intent
from keyplan.applier.outcome import TRIES_AGAIN, fail, fail_undelivered, foretell
from keyplan.applier.recover import recover
from keyplan.applier.workbench import Workbench
from keyplan.errors import InDoubtError, KeyplanError, LedgerError, ProviderError
from keyplan.model.basis import CreateBasis, IssueBasis, RefreshBasis
from keyplan.model.identity import NO_USER, UserId
from keyplan.model.plan import PlannedAction, Verb
from keyplan.model.receipt import Intent, Receipt, Superseded
from keyplan.model.report import Done, Failed, InDoubt, Outcome
from keyplan.ports import Issued, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """A create, replace or refresh. `run` is the order of its effects; each step is a method below, in that order."""

    action: PlannedAction
    basis: IssueBasis
    bench: Workbench
    progress: Progress

    def run(self) -> Outcome:
        """Run the action to its end, or undo it, or leave an open intent from which the next run goes on."""
        # Intend first: without it, a crash right after the next step would leave a live key that nobody holds, and
        # nothing that tells the next run to look for it. It also proves that the sinks can be written.
        intent = self._intend()
        if isinstance(intent, Failed):
            return intent
        # From here until it is recorded, only the intent and the key's own marker show that the key exists.
        issued = self._issue(intent)
        if not isinstance(issued, Issued):
            return issued
        # Verify before deliver: a secret that works must not be overwritten with one that does not.
        notes = self._verify(intent, issued)
        if isinstance(notes, Failed):
            return notes
        receipt = _make_receipt(self.action, self.basis, issued, self.bench.clock.now())
        delivery = self._deliver(intent, issued, receipt)
        if isinstance(delivery, Failed):
            return delivery
        # Record after deliver: a receipt that came first would call a key delivered that no consumer can read.
        recorded = self._record(intent, receipt, delivery)
        if isinstance(recorded, Failed):
            return recorded
        # Retire last: until every sink holds the new raw key, consumers hold the old one.
        return self._retire(recorded, delivery, notes)

    def _intend(self) -> Intent | Failed:
        """Write the intent to ledger and sinks (docs/planning.md, "Applying", step "intend")."""
        intent = make_intent(self.action, self.basis, self.bench.clock.now())
        self.progress.step(self.action.address, "intend")
        try:
            open_intent(intent, self.basis.slots, self.bench)
        except KeyplanError as error:
            return self._give_up(intent, error)
        return intent

    def _issue(self, intent: Intent) -> Issued | Failed | InDoubt:
        """Create or refresh, once (docs/planning.md, "Applying", step "issue")."""
        self.progress.step(self.action.address, self.action.verb.value)
        try:
            return self._create_or_refresh(intent)
        except InDoubtError as error:
            # The intent stays open: it is all that tells the next run to look for a key that nobody holds.
            usual = "finds the key by its marker, gives it a new raw key and delivers that"
            next_run = foretell(self.action, intent, usual)
            return InDoubt(action=self.action, message=error.message, exit_status=error.exit_status, next_run=next_run)
        except KeyplanError as error:
            # The provider did nothing, and said so.
            return self._give_up(intent, error)

    def _create_or_refresh(self, intent: Intent) -> Issued:
        desired, writer, now = self.basis.desired, self.bench.writer, self.bench.clock.now()
        try:
            match self.basis:
                case RefreshBasis(key=key):
                    expires_at = desired.refreshed_expiry(key, self.bench.reader.laws(), now)
                    return writer.refresh(key.id, expires_at=expires_at, grace=self.action.overlap)
                case CreateBasis():
                    return writer.create(desired, expires_at=desired.expiry_from(now))
                case _:
                    assert_never(self.basis)
        except InDoubtError as doubt:
            # Never a second create: the first may have made a key, and none is idempotent (docs/arize-api.md, A19).
            return recover(self.action, self.basis, intent, doubt, self.bench)

    def _verify(self, intent: Intent, issued: Issued) -> tuple[str, ...] | Failed:
        """Return what the report notes about the new raw key (docs/planning.md, "Applying", step "verify").

        A created key that the provider does not accept is deleted again; a refreshed one goes on, with a note.
        """
        self.progress.step(self.action.address, "verify")
        if self.bench.accepts(issued.raw):
            return ()
        if isinstance(self.basis, RefreshBasis):
            # The old raw key is dead or dying: what the sinks hold is not better than this one.
            return ("the new raw key did not authenticate yet, and the old one is dead",)
        message = f"the new key {issued.key.id} does not authenticate; it is deleted again and the old one lives on"
        failure = Failed(
            action=self.action, message=message, exit_status=ProviderError.exit_status, next_run=TRIES_AGAIN
        )
        return self._undo(intent, issued, failure)

    def _deliver(self, intent: Intent, issued: Issued, receipt: Receipt) -> DeliveryResult | Failed:
        """Store raw key and receipt in every sink (docs/planning.md, "Applying", step "deliver")."""
        self.progress.step(self.action.address, "deliver")
        delivery = deliver(self.basis.slots, issued.raw, receipt, self.bench)
        # If only some sinks took it, both keys live on: consumers of those read the new one, all others the old one.
        # A refresh cannot be undone: its intent stays open, and the next run gives it another raw key.
        if delivery.is_nowhere and isinstance(self.basis, CreateBasis):
            return self._undo(intent, issued, fail_undelivered(self.action, delivery, TRIES_AGAIN))
        return delivery

    def _record(self, intent: Intent, receipt: Receipt, delivery: DeliveryResult) -> Receipt | Failed:
        """Write the receipt and close the intents (docs/planning.md, "Applying", step "record")."""
        action, basis = self.action, self.basis
        recorded = replace(receipt, delivered=tuple(sorted(slot.delivered for slot in delivery.stored)))
        closes = () if delivery.failures else (intent.id, *(earlier.id for earlier in basis.intents))
        self.progress.step(action.address, "record")
        try:
            if delivery.stored:
                # One transaction for both: no crash leaves a recorded key beside an intent that calls it unfinished.
                self.bench.retry(lambda: self.bench.ledger.record(recorded, closes=closes), on=LedgerError)
                self._forget_former_address()
        except LedgerError as error:
            usual = "goes on from the receipt beside the secret, or gives the key a new raw key"
            return fail(action, error, foretell(action, intent, usual))
        if delivery.failures:
            usual = "gives it a new raw key and delivers that to every sink"
            return fail_undelivered(action, delivery, foretell(action, intent, usual))
        return recorded

    def _forget_former_address(self) -> None:
        """Drop the receipt of the address that a moved declaration had: the new one says the same."""
        receipt = self.basis.receipt
        if receipt and receipt.address != self.basis.desired.address:
            self.bench.retry(lambda: self.bench.ledger.forget(receipt.address), on=LedgerError)

    def _retire(self, receipt: Receipt, delivery: DeliveryResult, notes: tuple[str, ...]) -> Done | Failed:
        """Delete the key that a replace leaves behind (docs/planning.md, "Applying", step "retire")."""
        action = self.action
        # With an overlap the old key lives on, and a later plan deletes it (docs/planning.md, row 14).
        if action.verb is Verb.REPLACE and action.key_id and not action.overlap:
            self.progress.step(action.address, "retire")
            try:
                self.bench.writer.delete(action.key_id)
            except ProviderError as error:
                left = f"the new key is delivered, but the old one, {action.key_id}, could not be deleted"
                failure = fail(action, error, "deletes the old key")
                return replace(failure, message=f"{left}: {error.message}")
        return Done(action=action, key_id=receipt.key_id, delivered=delivery.locations, notes=notes)

    def _give_up(self, intent: Intent, error: KeyplanError) -> Failed:
        """Return the failure of an action that issued nothing, its intent closed."""
        abandon_intent(intent, self.basis, self.basis.slots, self.bench)
        return fail(self.action, error, foretell(self.action, intent, TRIES_AGAIN))

    def _undo(self, intent: Intent, issued: Issued, failure: Failed) -> Failed:
        """Delete the key that was just made, close its intent, and return the failure that led to it."""
        try:
            # Before the intent is closed: a crash between the two would else leave a live key that nobody holds.
            self.bench.writer.delete(issued.key.id)
        except ProviderError as error:
            left = f"{failure.message}; deleting {issued.key.id} again failed too: {error.message}"
            next_run = foretell(self.action, intent, "deletes it, or finishes with it")
            return replace(failure, message=left, next_run=next_run)
        abandon_intent(intent, self.basis, self.basis.slots, self.bench)
        return failure


def _find_creator(basis: IssueBasis, issued: Issued) -> UserId:
    """Return who made the key, if it goes back to a create of ours: an adopted key says nothing about us."""
    if isinstance(basis, CreateBasis):
        return issued.key.created_by
    return basis.receipt.creator if basis.receipt and basis.receipt.key_id == basis.key.id else NO_USER


def _make_receipt(action: PlannedAction, basis: IssueBasis, issued: Issued, now: datetime) -> Receipt:
    """Return the receipt that goes beside the raw key; which sinks took it is not known yet."""
    desired, declared, key = basis.desired, basis.desired.declaration, issued.key
    superseded = basis.superseded
    # A refresh may answer with another id (docs/arize-api.md, A22): then the old one is superseded, as after a replace.
    if action.key_id and action.key_id != key.id:
        former = Superseded(key_id=action.key_id, switched_at=now, delete_after=now + action.overlap)
        superseded = tuple(sorted((*superseded, former)))
    return Receipt(
        owner=desired.owner,
        manifest_id=desired.identity.id,
        address=action.address,
        key_id=key.id,
        creator=_find_creator(basis, issued),
        key_type=declared.key_type,
        name=declared.name,
        space_ids=desired.space_ids,
        access=desired.access.digest() if desired.access else "",
        created_at=key.created_at,
        expires_at=key.expires_at,
        declared_expires_at=declared.expires_at,
        redacted=key.redacted,
        fingerprint=issued.raw.fingerprint(key.id),
        delivered_at=now,
        protect=declared.protect,
        on_remove=declared.on_remove,
        generation=declared.rotation.generation,
        superseded=superseded,
    )
