"""One new raw key, from intent to receipt: intend, issue, verify, deliver, record, retire (DESIGN section 8).

In: a create, replace or refresh action with its basis. Out: an outcome. At every line at most one raw key
is in the air, and an intent that is on record says so. Never: two actions of one address at a time.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from keyplan.applier.deliver import REPEATS, Delivering, Dispatch, fail, fail_undelivered
from keyplan.applier.recover import Resolving
from keyplan.applier.workbench import Workbench
from keyplan.errors import InDoubtError, KeyplanError, LedgerError, ProviderError
from keyplan.model.observation import Slot
from keyplan.model.plan import CopyBasis, IssueBasis, PlannedAction, RefreshBasis, Verb
from keyplan.model.receipt import MOST_ATTEMPTS, Intent, IntentId, Receipt, Superseded
from keyplan.model.report import Done, Failed, InDoubt, Outcome
from keyplan.model.secret import RawKey
from keyplan.ports import Issued, Progress


class Intending:
    """Notes intents, and takes them back."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._delivering = Delivering(bench)

    def note(self, slots: tuple[Slot, ...], intent: Intent) -> None:
        """Note the intent in the ledger, then in these slots, which proves that each can be written.

        Raises LedgerError, SinkError.
        """
        self._bench.persist(lambda: self._bench.ledger.open_intent(intent), on=LedgerError)
        self._delivering.intend(slots, intent)

    def abandon(self, basis: IssueBasis | CopyBasis, slots: tuple[Slot, ...], intent: Intent) -> None:
        """Close an intent that led to nothing. One that an earlier run left open stays open, and counts on."""
        if intent.id in {old.id for old in basis.intents}:
            return
        # What cannot be retracted now is harmless: the next run finds nothing new behind it and closes it.
        self._delivering.retract(slots, (intent.id,))
        with suppress(LedgerError):
            self._bench.ledger.close_intent(intent.id)


def make_intent(action: PlannedAction, basis: IssueBasis | CopyBasis, now: datetime) -> Intent:
    """Return a new intent, or the open one of an earlier run with one attempt more."""
    # A copy makes no key, so it says nothing of marks; what an earlier run may have made keeps its own words.
    is_unmarked = not isinstance(basis, CopyBasis) and basis.future_marker is None
    held = basis.receipt.delivered if basis.receipt else ()
    if basis.intents and basis.intents[-1].attempts < MOST_ATTEMPTS:
        last = basis.intents[-1]
        again = replace(last, attempts=last.attempts + 1, is_unmarked=is_unmarked or last.is_unmarked, held=held)
        return replace(again, verb=action.verb.value, key_id=action.key_id) if action.issues_raw_key else again
    identity = f"{basis.desired.owner} {action.address} {now.isoformat()}"
    return Intent(
        id=IntentId(hashlib.sha256(identity.encode()).hexdigest()[:16]),
        owner=basis.desired.owner,
        address=action.address,
        verb=action.verb.value,
        key_id=action.key_id if action.issues_raw_key else None,
        alive_before=basis.alive,
        at=now,
        is_unmarked=is_unmarked,
        held=held,
    )


def foretell(action: PlannedAction, intent: Intent, usual: str) -> str:
    """Return what the next apply does about an intent that stays open: after too many attempts, nothing."""
    if intent.attempts < MOST_ATTEMPTS:
        return usual
    return (
        f"leaves it to a person after {MOST_ATTEMPTS} failed attempts: see `keyplan ledger show`, mend the cause, "
        f"then run `keyplan rotate '{action.address}'`"
    )


def is_accepted_soon(raw: RawKey, bench: Workbench) -> bool:
    """Whether the provider accepts the raw key within some seconds; no where it says nothing at all."""
    for _ in bench.pauses():
        with suppress(ProviderError):
            if bench.writer.verify(raw):
                return True
    return False


_FINISHES = "finds the key by its marker, gives it a new raw key and delivers that"
_RECOVERS = "goes on from the receipt beside the secret, or gives the key a new raw key"
_COMPLETES = "gives it a new raw key and delivers that to every sink"


class Issuing:
    """Runs actions that bring a raw key into the world."""

    def __init__(self, bench: Workbench, progress: Progress) -> None:
        self._bench = bench
        self._progress = progress
        self._delivering = Delivering(bench)
        self._intending = Intending(bench)
        self._resolving = Resolving(bench)

    def run(self, action: PlannedAction, basis: IssueBasis) -> Outcome:
        """Run one action to its end, or undo it, or leave an open intent that says what is missing."""
        intent = make_intent(action, basis, self._bench.clock.now())
        self._progress.step(action.address, "intend")
        try:
            self._intending.note(basis.slots, intent)
        except KeyplanError as error:
            self._intending.abandon(basis, basis.slots, intent)
            return fail(action, error, foretell(action, intent, REPEATS))
        self._progress.step(action.address, action.verb.value)
        try:
            issued = self._issue(action, basis, intent)
        except InDoubtError as error:
            next_run = foretell(action, intent, _FINISHES)
            return InDoubt(action=action, message=error.message, exit_status=error.exit_status, next_run=next_run)
        except KeyplanError as error:
            self._intending.abandon(basis, basis.slots, intent)
            return fail(action, error, foretell(action, intent, REPEATS))
        return self._hand_over(action, basis, intent, issued)

    def _issue(self, action: PlannedAction, basis: IssueBasis, intent: Intent) -> Issued:
        writer, now = self._bench.writer, self._bench.clock.now()
        try:
            if isinstance(basis, RefreshBasis):
                expires_at = basis.desired.refreshed_expiry(basis.key, self._bench.reader.laws(), now)
                return writer.refresh(basis.key.id, expires_at=expires_at, grace=action.overlap)
            return writer.create(basis.desired, expires_at=basis.desired.expiry_from(now))
        except InDoubtError as error:
            return self._resolving.resolve(action, basis, intent, error)

    def _hand_over(self, action: PlannedAction, basis: IssueBasis, intent: Intent, issued: Issued) -> Outcome:
        """Verify and deliver a raw key that exists, record it, and retire what it replaces."""
        self._progress.step(action.address, "verify")
        is_accepted = is_accepted_soon(issued.raw, self._bench)
        old_one_lives = action.verb is not Verb.REFRESH
        if not is_accepted and old_one_lives:
            message = f"the new key {issued.key.id} does not authenticate; it is deleted again and the old one lives on"
            failure = Failed(action=action, message=message, exit_status=ProviderError.exit_status, next_run=REPEATS)
            return self._undo(action, basis, intent, issued, failure)
        self._progress.step(action.address, "deliver")
        receipt = _receipt(action, basis, issued, self._bench.clock.now())
        dispatch = self._delivering.deliver(basis.slots, issued.raw, receipt)
        if dispatch.nobody_took_it and old_one_lives:
            return self._undo(action, basis, intent, issued, fail_undelivered(action, dispatch, REPEATS))
        return self._record(action, basis, intent, receipt, dispatch, is_accepted=is_accepted)

    def _undo(
        self, action: PlannedAction, basis: IssueBasis, intent: Intent, issued: Issued, failure: Failed
    ) -> Outcome:
        """Delete the key that was just made, and close its intent."""
        try:
            self._bench.writer.delete(issued.key.id)
        except ProviderError as error:
            left = f"{failure.message}; deleting {issued.key.id} again failed too: {error.message}"
            return replace(failure, message=left, next_run=foretell(action, intent, "deletes it, or finishes with it"))
        self._intending.abandon(basis, basis.slots, intent)
        return failure

    def _record(
        self,
        action: PlannedAction,
        basis: IssueBasis,
        intent: Intent,
        receipt: Receipt,
        dispatch: Dispatch,
        *,
        is_accepted: bool,
    ) -> Outcome:
        told = replace(receipt, delivered=tuple(sorted(slot.delivered for slot in dispatch.took)))
        closes = () if dispatch.failures else (intent.id, *(old.id for old in basis.intents))
        self._progress.step(action.address, "record")
        try:
            if dispatch.took:
                self._bench.persist(lambda: self._bench.ledger.record(told, closes=closes), on=LedgerError)
                self._forget_former(basis)
        except LedgerError as error:
            return fail(action, error, foretell(action, intent, _RECOVERS))
        if dispatch.failures:
            return fail_undelivered(action, dispatch, foretell(action, intent, _COMPLETES))
        return self._retire(action, receipt, dispatch, is_accepted=is_accepted)

    def _forget_former(self, basis: IssueBasis) -> None:
        """Drop the receipt of the address that a moved declaration had: it says nothing that the new one doesn't."""
        if basis.receipt and basis.receipt.address != basis.desired.address:
            former = basis.receipt.address
            self._bench.persist(lambda: self._bench.ledger.forget(former), on=LedgerError)

    def _retire(self, action: PlannedAction, receipt: Receipt, dispatch: Dispatch, *, is_accepted: bool) -> Outcome:
        """Delete the key that a replace without overlap leaves behind; the last effect of an action."""
        if action.verb is Verb.REPLACE and action.key_id and not action.overlap:
            old = action.key_id
            self._progress.step(action.address, "retire")
            try:
                self._bench.writer.delete(old)
            except ProviderError as error:
                message = f"the new key is delivered, but the old one, {old}, could not be deleted: {error.message}"
                return Failed(
                    action=action,
                    message=message,
                    advice=error.advice,
                    exit_status=error.exit_status,
                    next_run="deletes the old key",
                )
        doubt = () if is_accepted else ("the new raw key did not authenticate yet, and the old one is dead",)
        locations = tuple(f"{slot.sink}:{slot.location}" for slot in dispatch.took)
        return Done(action=action, key_id=receipt.key_id, delivered=locations, notes=doubt)


def _receipt(action: PlannedAction, basis: IssueBasis, issued: Issued, now: datetime) -> Receipt:
    desired, declared, key = basis.desired, basis.desired.declaration, issued.key
    superseded = basis.superseded
    if action.key_id and action.key_id != key.id:
        former = Superseded(key_id=action.key_id, switched_at=now, delete_after=now + action.overlap)
        superseded = tuple(sorted((*superseded, former)))
    return Receipt(
        owner=desired.owner,
        address=action.address,
        key_id=key.id,
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
