"""A create or refresh whose answer was lost: list, find what really happened, and finish from there.

In: the action, its intent, and the doubt. Out: a raw key that is known, fresh from a second refresh; or the
doubt again, where nothing shows up in time. Never: a second create, for the first may have happened.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial

from keyplan.applier.workbench import Workbench
from keyplan.errors import InDoubtError, LedgerError, ProviderError
from keyplan.model.observation import Observation
from keyplan.model.plan import IssueBasis, PlannedAction, RefreshBasis
from keyplan.model.receipt import Intent, Receipt
from keyplan.ports import Issued

_ROUNDS = 3
"""How often a refresh that resolves a doubt may itself end in doubt."""


class Resolving:
    """Looks at the provider until it is clear what an unanswered request did."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def resolve(self, action: PlannedAction, basis: IssueBasis, intent: Intent, doubt: InDoubtError) -> Issued:
        """Return the raw key of what the lost request made or should have made.

        Raises InDoubtError where no newcomer shows up in time, answers keep getting lost, or looking fails.
        """
        for _ in range(_ROUNDS):
            try:
                key = self._find(action, basis, intent)
                if key is None:
                    break
                return self._refresh(action, basis, key)
            except InDoubtError as error:
                doubt = error
            except ProviderError as error:
                # Not being able to look makes nothing more certain: the intent has to stay open.
                raise InDoubtError(f"{doubt.message}; then {error.message}", advice=error.advice) from error
        raise InDoubtError(doubt.message, advice=doubt.advice) from doubt

    def _find(self, action: PlannedAction, basis: IssueBasis, intent: Intent) -> Observation | None:
        """Return the newest newcomer, extra ones deleted; else, for a refresh, the key itself if it lives."""
        survivor = None
        for _ in self._bench.pauses():
            alive = self._list(basis)
            newcomers = sorted(
                (key for key in alive if _is_newcomer(key, basis, intent)),
                key=lambda key: (key.created_at, key.id),
            )
            if newcomers:
                for extra in newcomers[:-1]:
                    self._bench.writer.delete(extra.id)
                return newcomers[-1]
            survivor = next((key for key in alive if key.id == action.key_id), None)
        # Nobody can hold what a lost refresh gave this key, and its old raw key is dead or about to die.
        return survivor if isinstance(basis, RefreshBasis) else None

    def _list(self, basis: IssueBasis) -> tuple[Observation, ...]:
        now = self._bench.clock.now()
        keys = self._bench.reader.list_keys(basis.desired.space_ids)
        return tuple(key for key in keys if key.is_live(now))

    def _refresh(self, action: PlannedAction, basis: IssueBasis, key: Observation) -> Issued:
        """Give a key a known raw key. A newcomer needs no grace; the key itself gets the one it was to have."""
        grace = action.overlap if key.id == action.key_id else timedelta(0)
        expires_at = basis.desired.refreshed_expiry(key, self._bench.reader.laws(), self._bench.clock.now())
        return self._bench.writer.refresh(key.id, expires_at=expires_at, grace=grace)


def _is_newcomer(key: Observation, basis: IssueBasis, intent: Intent) -> bool:
    declared, marker = basis.desired.declaration, basis.future_marker
    # An intent that an earlier run left open is older than some of the keys that this run found alive.
    if key.id in basis.alive or not intent.could_have_made(key.id, key.created_at):
        return False
    if marker:
        return key.marker == marker
    return (key.marker, key.name, key.key_type) == (None, declared.name, declared.key_type)


def record_again(receipts: Iterable[Receipt], bench: Workbench) -> None:
    """Keep each receipt in the ledger. Raises LedgerError."""
    for receipt in receipts:
        bench.persist(partial(bench.ledger.record, receipt), on=LedgerError)
