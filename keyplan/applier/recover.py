"""A create or refresh whose answer was lost: list, find what really happened, and go on from there.

Never a second create, for the first may have happened. What cannot be found in time stays in doubt, its intent open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from keyplan.applier.workbench import Workbench
from keyplan.errors import InDoubtError, LedgerError, ProviderError
from keyplan.model.basis import IssueBasis, RefreshBasis
from keyplan.model.identity import UserId
from keyplan.model.intent import Intent
from keyplan.model.observation import Observation, Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Receipt
from keyplan.model.texts import is_same
from keyplan.ports import Issued

_ROUNDS = 3
"""How often a refresh that resolves a doubt may itself end in doubt."""


def recover(action: PlannedAction, basis: IssueBasis, intent: Intent, doubt: InDoubtError, bench: Workbench) -> Issued:
    """Return a known raw key of the key that the lost request made, or should have made: a refresh gives it one.

    Raises InDoubtError if no newcomer shows up in time, answers keep getting lost, or the provider cannot be listed.
    """
    for _ in range(_ROUNDS):
        try:
            key = _find_key(basis, intent, bench)
            if key is None:
                break
            laws = bench.reader.laws()
            if not laws.has_refresh:
                return _create_again(basis, key, bench, doubt)
            # A newcomer needs no grace: no consumer has its raw key. The refreshed key itself gets the planned overlap.
            grace = action.overlap if key.id == action.key_id else timedelta(0)
            if grace and laws.keeps_one_previous:
                # Consumers hold the raw key before the lost one, which lives on: another refresh would end it now.
                break
            expires_at = basis.desired.refreshed_expiry(key, laws, bench.clock.now())
            return bench.writer.refresh(key.id, expires_at=expires_at, grace=grace)
        except InDoubtError as error:
            doubt = error
        except ProviderError as error:
            # Not being able to look makes nothing more certain: the intent has to stay open.
            raise InDoubtError(f"{doubt.message}; then {error.message}", advice=error.advice) from error
    raise InDoubtError(doubt.message, advice=doubt.advice) from doubt


def _create_again(basis: IssueBasis, lost: Observation, bench: Workbench, doubt: InDoubtError) -> Issued:
    """Return a new key in place of one whose raw key was lost, if no refresh can give it another.

    Raises InDoubtError if the lost one may be another run's; ProviderError if it cannot be deleted.
    """
    if not is_alone(basis.slots, bench):
        raise InDoubtError(doubt.message, advice=doubt.advice)
    bench.writer.delete(lost.id)
    return bench.writer.create(basis.desired, expires_at=basis.desired.expiry_from(bench.clock.now()))


def renew_forward(action: PlannedAction, basis: IssueBasis, issued: Issued, intent: Intent, bench: Workbench) -> Issued:
    """Return a new raw key of the newest key of the address, after another run ended the one that was delivered.

    Raises ProviderError; InDoubtError if none of its keys lives, or an answer was lost.
    """
    now, known, laws = bench.clock.now(), {issued.key.id, action.key_id}, bench.reader.laws()
    if not laws.has_refresh or (laws.keeps_one_previous and action.overlap):
        raise InDoubtError(f"another run ended key {issued.key.id} right after it was delivered")
    basis = learn_creator(basis, issued)
    live = [key for key in bench.reader.list_keys(basis.desired.scope_ids) if key.is_live(now)]
    ours = [key for key in live if key.id in known or is_newcomer(key, basis, intent)]
    if not ours:
        raise InDoubtError(f"another run ended key {issued.key.id} right after it was delivered")
    newest = max(ours, key=lambda key: (key.created_at, key.id))
    expires_at = basis.desired.refreshed_expiry(newest, laws, now)
    return bench.writer.refresh(newest.id, expires_at=expires_at, grace=timedelta(0))


def is_alone(slots: Iterable[Slot], bench: Workbench) -> bool:
    """Whether no other run can be issuing for the same places: a shared ledger's lock or a sink keeps it away."""
    return bench.ledger.is_shared or any(bench.sinks[slot.sink].abilities.keeps_apart for slot in slots)


def record_again(receipts: Iterable[Receipt], bench: Workbench) -> None:
    """Write each receipt of a lost ledger to the new one. Raises LedgerError."""
    for receipt in receipts:
        bench.retry(partial(bench.ledger.record, receipt), on=LedgerError)


def _find_key(basis: IssueBasis, intent: Intent, bench: Workbench) -> Observation | None:
    """Return the newest newcomer, the others deleted; without one, for a refresh, the key itself if it lives."""
    refreshed = None
    # A listing may lag behind a create by seconds: one look that finds nothing proves nothing.
    for _ in bench.attempts():
        now = bench.clock.now()
        live = [key for key in bench.reader.list_keys(basis.desired.scope_ids) if key.is_live(now)]
        newcomers = [key for key in live if is_newcomer(key, basis, intent)]
        if newcomers:
            *others, newest = sorted(newcomers, key=lambda key: (key.created_at, key.id))
            # However many the lost request made, no consumer holds any of them: but one may be another run's.
            if is_alone(basis.slots, bench):
                for other in others:
                    bench.writer.delete(other.id)
            return newest
        if isinstance(basis, RefreshBasis):
            refreshed = next((key for key in live if key.id == basis.key.id), None)
    # No consumer can hold what a lost refresh gave this key, and its old raw key is dead or about to die.
    return refreshed


def learn_creator(basis: IssueBasis, issued: Issued) -> IssueBasis:
    """Return the basis with the creator that the answer to our own create names as one of ours.

    The first run in an account knows it from nowhere else.
    """
    if basis.creators is None or not issued.key.created_by:
        return basis
    return replace(basis, creators=basis.creators | {issued.key.created_by})


def is_newcomer(key: Observation, basis: IssueBasis, intent: Intent) -> bool:
    """Whether a key is one that this intent may have made, and nothing else can have."""
    declared, marker = basis.desired.declaration, basis.future_marker
    # An intent that an earlier run left open is older than some of the keys that this run found alive.
    if key.id in basis.alive or not intent.could_have_made(key.id, key.created_at):
        return False
    # Any user who may create keys can copy a marker or a name: only a key that one of our creators made is ours.
    if basis.creators is not None and key.created_by not in basis.creators | _inherited(basis):
        return False
    if marker:
        return key.marker == marker
    return (key.marker, key.key_type) == (None, declared.key_type) and is_same(key.name, declared.name)


def _inherited(basis: IssueBasis) -> frozenset[UserId]:
    """Return the creator that a refreshed key may have from the one before it (docs/arize-api.md, A26)."""
    return frozenset({basis.key.created_by}) if isinstance(basis, RefreshBasis) else frozenset()
