"""The intent of an action that stores a raw key: noted before its first effect, and closed if it led to nothing.

In: an action with its basis. Out: an intent that ledger and sinks know. Never: an intent of an earlier run closed
before what it led to is known.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from keyplan.errors import LedgerError
from keyplan.flow.delivering import Delivering
from keyplan.flow.workbench import Workbench
from keyplan.model.observation import Slot
from keyplan.model.plan import Action, Basis
from keyplan.model.receipt import MOST_ATTEMPTS, Intent, IntentId


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

    def abandon(self, action: Action, slots: tuple[Slot, ...], intent: Intent) -> None:
        """Close an intent that led to nothing. One that an earlier run left open stays open, and counts on."""
        if intent.id in {old.id for old in basis_of(action).intents}:
            return
        # What cannot be retracted now is harmless: the next run finds nothing new behind it and closes it.
        self._delivering.retract(slots, (intent.id,))
        with suppress(LedgerError):
            self._bench.ledger.close_intent(intent.id)


def basis_of(action: Action) -> Basis:
    """Return the basis of an action that is applied. Raises AssertionError for one that was read from a file."""
    if action.basis is None:
        raise AssertionError("only a plan that was just made can be applied")
    return action.basis


def make_intent(action: Action, now: datetime) -> Intent:
    """Return a new intent, or the open one of an earlier run with one attempt more."""
    basis = basis_of(action)
    # A copy makes no key, so it says nothing of marks; what an earlier run may have made keeps its own words.
    is_unmarked = action.issues_raw_key and basis.future_marker(action.verb) is None
    held = basis.receipt.delivered if basis.receipt else ()
    if basis.intents and basis.intents[-1].attempts < MOST_ATTEMPTS:
        last = basis.intents[-1]
        again = replace(last, attempts=last.attempts + 1, is_unmarked=is_unmarked or last.is_unmarked, held=held)
        return replace(again, verb=action.verb.value, key_id=action.key_id) if action.issues_raw_key else again
    identity = f"{basis.wanted.owner} {action.address} {now.isoformat()}"
    return Intent(
        id=IntentId(hashlib.sha256(identity.encode()).hexdigest()[:16]),
        owner=basis.wanted.owner,
        address=action.address,
        verb=action.verb.value,
        key_id=action.key_id if action.issues_raw_key else None,
        alive_before=basis.alive,
        at=now,
        is_unmarked=is_unmarked,
        held=held,
    )


def foretell(action: Action, intent: Intent, usual: str) -> str:
    """Return what the next apply does about an intent that stays open: after too many attempts, nothing."""
    if intent.attempts < MOST_ATTEMPTS:
        return usual
    return (
        f"leaves it to a person after {MOST_ATTEMPTS} failed attempts: see `keyplan ledger show`, mend the cause, "
        f"then run `keyplan rotate '{action.address}'`"
    )
