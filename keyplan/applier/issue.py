"""One new raw key, from intent to receipt: intend, issue, verify, deliver, record, retire.

This is the only module that orders these effects (docs/planning.md, "Applying"). At every line at most one raw key of
the address is unrecorded, and an open intent says so. Never two actions of one address at a time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from keyplan.applier.deliver import DeliveryResult, deliver
from keyplan.applier.intent import Attempt
from keyplan.applier.outcome import TRIES_AGAIN, fail, fail_undelivered, foretell
from keyplan.applier.recover import recover, renew_forward
from keyplan.applier.retire import vacate
from keyplan.applier.rivals import Lookout, find_rival, was_refreshed
from keyplan.applier.update import update_texts
from keyplan.applier.workbench import Workbench
from keyplan.errors import (
    InDoubtError,
    KeyplanError,
    LeaseLostError,
    LedgerError,
    ProviderError,
    SinkBusyError,
    SinkError,
)
from keyplan.model.basis import CreateBasis, IssueBasis, RefreshBasis
from keyplan.model.identity import NO_USER, UserId
from keyplan.model.intent import Intent
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction, Reason, Verb
from keyplan.model.receipt import Receipt, Superseded
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome
from keyplan.model.texts import digest_texts
from keyplan.ports import Issued, Progress

_ROUNDS = 3
"""How often a raw key that another run has ended is renewed in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """A receipt, and what became of its raw key."""

    receipt: Receipt
    result: DeliveryResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuance:
    """A create, replace or refresh. `run` is the order of its effects; each step is a method below, in that order."""

    action: PlannedAction
    basis: IssueBasis
    bench: Workbench
    progress: Progress
    lookout: Lookout | None = None
    """Looks for other runs after a create; None if ledger or sinks keep them away."""

    def run(self) -> Outcome:
        """Run the action to its end, or undo it, or leave an open intent from which the next run goes on."""
        with Attempt(self.action, self.basis, self.bench) as attempt:
            try:
                return self._run(attempt)
            except LeaseLostError as error:
                # At any step: another run may be at work here by now, so not even an undo is left to this one.
                usual = "finds out how far this run came, and finishes it"
                return fail(self.action, error, foretell(self.action, attempt.intent, usual))

    def _run(self, attempt: Attempt) -> Outcome:
        breaker, slots = self.bench.breaker, self.basis.slots
        if why := breaker.explain_tripped(slots):
            return NotTried(action=self.action, why=why)
        # Intend first: without it, a crash right after the next step would leave a live key whose raw key is lost,
        # and nothing that makes the next run look for it. It also proves that the sinks can be written, and keeps
        # other runs away from them.
        if failure := self._intend(attempt):
            return failure
        with breaker.admit(slots, ends_key=self._ends_key()) as why:
            if why:
                # Another lane learned it since: without the breaker, this key would be ended for a dead sink.
                attempt.abandon()
                return NotTried(action=self.action, why=why)
            return self._issue_and_deliver(attempt)

    def _issue_and_deliver(self, attempt: Attempt) -> Outcome:
        # From here until it is recorded, only the intent and the key's own marker show that the key exists.
        issued = self._issue(attempt)
        if not isinstance(issued, Issued):
            return issued
        # Verify before deliver: a secret that works must not be overwritten with one that does not.
        self.progress.step(self.action.address, "verify")
        if not self.bench.accepts(issued.raw):
            return self._end_unverified(attempt, issued)
        return self._hand_over(attempt, issued)

    def _hand_over(self, attempt: Attempt, issued: Issued) -> Outcome:
        """Deliver a raw key that works, record it, and retire what it takes the place of."""
        receipt = _make_receipt(self.action, self.basis, issued, self.bench.clock.now())
        delivery = self._deliver(attempt, issued, receipt)
        if isinstance(delivery, Failed):
            return delivery
        # Confirm: a sink that cannot compare may have taken it although another run has ended it meanwhile.
        confirmed = self._confirm(attempt, issued, StoredKey(receipt=receipt, result=delivery))
        if not isinstance(confirmed, StoredKey):
            return confirmed
        # Record after deliver: a receipt that came first would call a key delivered that no consumer can read.
        recorded = self._record(attempt, confirmed)
        if isinstance(recorded, Failed):
            return recorded
        # Retire last: until every sink holds the new raw key, consumers hold the old one.
        return self._retire(recorded, confirmed)

    def _ends_key(self) -> bool:
        """Whether issuing ends a live key at once, and can't be undone if no sink takes the new one."""
        return isinstance(self.basis, RefreshBasis) and not self.action.overlap

    def _intend(self, attempt: Attempt) -> Failed | None:
        """Write the intent to ledger and sinks (docs/planning.md, "Applying", step "intend")."""
        self.progress.step(self.action.address, "intend")
        try:
            attempt.open()
        except KeyplanError as error:
            return self._give_up(attempt, error)
        return None

    def _issue(self, attempt: Attempt) -> Issued | Failed | InDoubt:
        """Create or refresh, once (docs/planning.md, "Applying", step "issue")."""
        self.progress.step(self.action.address, self.action.verb.value)
        try:
            if self.lookout is None:
                return self._create_or_refresh(attempt.intent)
            with self.lookout.taking_part():
                issued = self._create_or_refresh(attempt.intent)
                return self._give_way(attempt, issued, self.lookout)
        except InDoubtError as error:
            # The intent stays open: only it makes the next run look for a key whose raw key is lost.
            return self._doubt(attempt, error)
        except LeaseLostError:
            raise
        except KeyplanError as error:
            # The provider did nothing, and said so.
            return self._give_up(attempt, error)

    def _create_or_refresh(self, intent: Intent) -> Issued:
        desired, writer, now = self.basis.desired, self.bench.writer, self.bench.clock.now()
        try:
            match self.basis:
                case RefreshBasis(key=key):
                    update_texts(self.action, self.basis, self.bench)
                    expires_at = desired.refreshed_expiry(key, self.bench.reader.laws(), now)
                    return writer.refresh(key.id, expires_at=expires_at, grace=self.action.overlap)
                case CreateBasis():
                    return writer.create(desired, expires_at=desired.expiry_from(now))
                case _:
                    assert_never(self.basis)
        except InDoubtError as doubt:
            # Never a second create: the first may have made a key, and none is idempotent (docs/arize-api.md, A19).
            return recover(self.action, self.basis, intent, doubt, self.bench)

    def _give_way(self, attempt: Attempt, issued: Issued, lookout: Lookout) -> Issued | Failed:
        """Return the new key, unless another run made one for this address before: then this one is deleted again."""
        # A refresh that keeps the id makes no newcomer: there the second verification decides.
        if issued.key.id in self.basis.alive:
            return issued
        try:
            rival = find_rival(issued, self.basis, attempt.intent, lookout.look())
        except ProviderError:
            # Not to deliver would be the greater harm: this raw key exists in memory alone.
            return issued
        if rival is None:
            return issued
        other = f"another run made key {rival.id} for this address at the same time"
        message = f"{other}; this run's own, {issued.key.id}, is deleted again"
        failure = Failed(
            action=self.action, message=message, exit_status=SinkBusyError.exit_status, next_run=TRIES_AGAIN
        )
        return self._undo(attempt, issued, failure, is_overtaken=True)

    def _end_unverified(self, attempt: Attempt, issued: Issued) -> Failed | InDoubt:
        """Return the outcome of a raw key that the provider does not accept (step "verify").

        A created key is deleted again. A refreshed one goes only where the present value does not work either.
        """
        if isinstance(self.basis, CreateBasis):
            message = f"the new key {issued.key.id} does not authenticate; it is deleted again and the old one lives on"
            failure = Failed(
                action=self.action, message=message, exit_status=ProviderError.exit_status, next_run=TRIES_AGAIN
            )
            return self._undo(attempt, issued, failure)
        dead = [slot for slot in self.basis.slots if not self._may_work(slot)]
        receipt = _make_receipt(self.action, self.basis, issued, self.bench.clock.now())
        delivery = deliver(dead, issued.raw, receipt, attempt.intent, self.bench)
        taken = (
            f"delivered to {', '.join(delivery.locations)}, which held a dead one" if delivery.stored else "kept back"
        )
        message = f"the new raw key of {issued.key.id} did not authenticate; it was {taken}"
        return self._doubt(attempt, InDoubtError(message))

    def _may_work(self, slot: Slot) -> bool:
        """Whether a place may hold a raw key that works, after a refresh whose own raw key was not accepted."""
        sink = self.bench.sinks[slot.sink]
        try:
            if sink.abilities.readable:
                raw = sink.read(slot)
                with suppress(ProviderError):
                    return raw is not None and self.bench.writer.verify(raw)
            seen, now = self.bench.seen.get(slot), sink.inspect((slot,)).get(slot)
        except SinkError:
            return True
        if seen is None or now is None or not seen.receipt or self.action.overlap:
            return True
        # As the plan saw it: then it holds what this refresh has ended.
        return now.receipt is None or not now.receipt.agrees_with(seen.receipt)

    def _deliver(self, attempt: Attempt, issued: Issued, receipt: Receipt) -> DeliveryResult | Failed:
        """Store raw key and receipt in every sink (docs/planning.md, "Applying", step "deliver")."""
        self.progress.step(self.action.address, "deliver")
        delivery = deliver(self.basis.slots, issued.raw, receipt, attempt.intent, self.bench)
        # If only some sinks took it, both keys live on: consumers of those read the new one, all others the old one.
        # A refresh cannot be undone: its intent stays open, and the next run gives it another raw key.
        if delivery.is_nowhere and isinstance(self.basis, CreateBasis):
            return self._undo(attempt, issued, fail_undelivered(self.action, delivery, TRIES_AGAIN))
        return delivery

    def _confirm(self, attempt: Attempt, issued: Issued, delivery: StoredKey) -> StoredKey | InDoubt:
        """Return the delivery of a raw key that still works after it was delivered.

        Only a sink that cannot compare may hold one that another run has ended: that one is renewed forward.
        """
        if all(self.bench.sinks[slot.sink].abilities.compares for slot in delivery.result.stored):
            return delivery
        self.progress.step(self.action.address, "confirm")
        for _ in range(_ROUNDS):
            if not self.bench.is_refused(issued.raw) and not self._is_overtaken(issued):
                return delivery
            try:
                issued = renew_forward(self.action, self.basis, issued, attempt.intent, self.bench)
            except (InDoubtError, ProviderError) as error:
                return self._doubt(attempt, InDoubtError(error.message, advice=error.advice))
            receipt = _make_receipt(self.action, self.basis, issued, self.bench.clock.now())
            # Without the intent, which the first delivery has closed in the places that took it.
            again = deliver(self.basis.slots, issued.raw, receipt, None, self.bench)
            delivery = StoredKey(receipt=receipt, result=again)
        return self._doubt(attempt, InDoubtError("another run keeps renewing this key at the same time"))

    def _is_overtaken(self, issued: Issued) -> bool:
        """Whether another run refreshed the key after this one, while the grace of that keeps this raw key alive."""
        # Not this action's overlap: a create has none, and another run may have refreshed what it made with a grace.
        if self.lookout is None or self.basis.desired.declaration.rotation.overlap == timedelta(0):
            return False
        try:
            shown = next((key for key in self.lookout.look() if key.id == issued.key.id), None)
        except ProviderError:
            return False
        return shown is not None and was_refreshed(issued.key, shown)

    def _record(self, attempt: Attempt, delivery: StoredKey) -> Receipt | Failed:
        """Write the receipt and close the intents (docs/planning.md, "Applying", step "record")."""
        action, basis, intent, result = self.action, self.basis, attempt.intent, delivery.result
        delivered = tuple(sorted(slot.delivered for slot in result.stored))
        # What did not get this raw key holds an older one: it stays known until it is filled again, or emptied.
        recorded = replace(delivery.receipt, delivered=delivered, left=basis.left).without_left(delivered)
        closes = () if result.failures else (intent.id, *(earlier.id for earlier in basis.intents))
        self.progress.step(action.address, "record")
        try:
            if result.stored:
                # One transaction for both: no crash leaves a recorded key beside an intent that calls it unfinished.
                self.bench.record(recorded, closes=closes)
                self._forget_former_address()
        except LedgerError as error:
            usual = "goes on from the receipt beside the secret, or gives the key a new raw key"
            return fail(action, error, foretell(action, intent, usual))
        if result.failures:
            usual = "gives it a new raw key and delivers that to every sink"
            return fail_undelivered(action, result, foretell(action, intent, usual))
        attempt.close()
        return recorded

    def _forget_former_address(self) -> None:
        """Drop the receipt of the address that a moved declaration had: the new one says the same."""
        receipt = self.basis.receipt
        if receipt and receipt.address != self.basis.desired.address:
            self.bench.retry(lambda: self.bench.ledger.forget(receipt.address), on=LedgerError)

    def _retire(self, receipt: Receipt, delivery: StoredKey) -> Done | Failed:
        """Delete the key, and empty the places, that it leaves behind (docs/planning.md, "Applying", step "retire")."""
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
        try:
            notes = vacate(receipt, self.basis.vacated, self.bench)
        except KeyplanError as error:
            failure = fail(action, error, "empties it")
            left = "the new key is delivered, but a place that it leaves could not be emptied"
            return replace(failure, message=f"{left}: {error.message}")
        return Done(action=action, key_id=receipt.key_id, delivered=delivery.result.locations, notes=notes)

    def _doubt(self, attempt: Attempt, error: InDoubtError) -> InDoubt:
        """Return the outcome of an action whose intent stays open."""
        usual = "finds the key by its marker, gives it a new raw key and delivers that"
        next_run = foretell(self.action, attempt.intent, usual)
        return InDoubt(action=self.action, message=error.message, exit_status=error.exit_status, next_run=next_run)

    def _give_up(self, attempt: Attempt, error: KeyplanError) -> Failed:
        """Return the failure of an action that issued nothing, its intent closed."""
        attempt.abandon()
        return fail(self.action, error, foretell(self.action, attempt.intent, TRIES_AGAIN))

    def _undo(self, attempt: Attempt, issued: Issued, failure: Failed, *, is_overtaken: bool = False) -> Failed:
        """Delete the key that was just made, close its intent, and return the failure that led to it."""
        try:
            # Before the intent is closed: a crash between the two would leave a live key whose raw key is lost.
            self.bench.writer.delete(issued.key.id)
        except ProviderError as error:
            left = f"{failure.message}; deleting {issued.key.id} again failed too: {error.message}"
            next_run = foretell(self.action, attempt.intent, "deletes it, or finishes with it")
            return replace(failure, message=left, next_run=next_run)
        attempt.abandon(is_overtaken=is_overtaken)
        return failure


def _find_creator(basis: IssueBasis, issued: Issued) -> UserId:
    """Return who made the key, if it goes back to a create of ours: an adopted key says nothing about us."""
    if isinstance(basis, CreateBasis):
        return issued.key.created_by
    return basis.receipt.creator if basis.receipt and basis.receipt.key_id == basis.key.id else NO_USER


def _digest_answer(basis: IssueBasis, issued: Issued) -> str:
    """Return the digest of name and description as the provider answered them; empty if that is what was asked for.

    A text that the answer leaves out counts as asked for, or as it was answered before.
    """
    desired, key = basis.desired, issued.key
    asked = desired.texts_digest
    answered = digest_texts(key.name or desired.declaration.name, key.description or desired.shown_description)
    if answered != asked:
        return answered
    is_told_before = isinstance(basis, RefreshBasis) and basis.receipt is not None and basis.receipt.asked == asked
    return basis.receipt.answered if is_told_before and basis.receipt else ""


def _digest_answered_access(basis: IssueBasis, issued: Issued) -> str:
    """Return the digest of roles and spaces as the provider answered them; empty if unknown or as asked for."""
    wanted, answered = basis.desired.access, issued.key.access
    asked = wanted.digest() if wanted else ""
    if answered is not None:
        return answered.digest() if answered.digest() != asked else ""
    # A refresh changes neither, and its answer need not show them.
    is_told_before = isinstance(basis, RefreshBasis) and basis.receipt is not None and basis.receipt.access == asked
    return basis.receipt.answered_access if is_told_before and basis.receipt else ""


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
        scope_ids=desired.scope_ids,
        access=desired.access.digest() if desired.access else "",
        created_at=key.created_at,
        expires_at=key.expires_at,
        declared_expires_at=declared.expires_at,
        declared_expires_in=declared.expires_in,
        asked=desired.texts_digest,
        answered=_digest_answer(basis, issued),
        answered_access=_digest_answered_access(basis, issued),
        redacted=key.edition,
        fingerprint=issued.raw.fingerprint(key.id),
        delivered_at=now,
        protect=declared.protect,
        on_remove=declared.on_remove,
        generation=declared.rotation.generation,
        superseded=superseded,
        # A raw key that was lost on its way was not in use.
        renewed=basis.receipt is not None or (basis.key is not None and action.reason is not Reason.UNFINISHED),
    )
