"""Intents: written before an effect, so that any later run, on any machine, knows what an interrupted one began."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial

from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError, SinkError, SinkUnavailableError
from keyplan.model.basis import CopyBasis, IssueBasis
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import MOST_ATTEMPTS, Intent, IntentId


def make_intent(action: PlannedAction, basis: IssueBasis | CopyBasis, now: datetime) -> Intent:
    """Return a new intent, or the open one of an earlier run with one attempt more."""
    is_copy = isinstance(basis, CopyBasis)
    # A copy makes no key, so it says nothing of markers.
    is_unmarked = not isinstance(basis, CopyBasis) and basis.future_marker is None
    held = basis.receipt.delivered if basis.receipt else ()
    if basis.intents and basis.intents[-1].attempts < MOST_ATTEMPTS:
        last = basis.intents[-1]
        # `alive_before` stays the first attempt's: what any attempt made since is a newcomer, and must be found.
        again = replace(last, attempts=last.attempts + 1, is_unmarked=is_unmarked or last.is_unmarked, held=held)
        return again if is_copy else replace(again, verb=action.verb.value, key_id=action.key_id)
    identity = f"{basis.desired.owner} {action.address} {now.isoformat()}"
    return Intent(
        id=IntentId(hashlib.sha256(identity.encode()).hexdigest()[:16]),
        owner=basis.desired.owner,
        manifest_id=basis.desired.identity.id,
        address=action.address,
        verb=action.verb.value,
        key_id=None if is_copy else action.key_id,
        alive_before=basis.alive,
        at=now,
        is_unmarked=is_unmarked,
        held=held,
    )


def open_intent(intent: Intent, slots: Collection[Slot], bench: Workbench) -> None:
    """Write an intent to the ledger, then beside each slot, which proves that each can be written.

    Raises LedgerError, SinkError.
    """
    # The ledger first: an intent in a sink alone is not seen by a run of a manifest that no longer names that sink.
    bench.retry(lambda: bench.ledger.open_intent(intent), on=LedgerError)
    for slot in slots:
        bench.retry(partial(bench.sinks[slot.sink].intend, slot, intent), on=SinkUnavailableError)


def abandon_intent(intent: Intent, basis: IssueBasis | CopyBasis, slots: Collection[Slot], bench: Workbench) -> None:
    """Close an intent that led to nothing. One that an earlier run left open stays open, and keeps its count."""
    # That earlier run may have made a key: only a delivery, or the planner, may say that nothing is behind it.
    if intent.id in {earlier.id for earlier in basis.intents}:
        return
    retract_intents((intent,), slots, bench)
    # An intent that cannot be closed is harmless: the next run finds nothing new behind it, and closes it.
    with suppress(LedgerError):
        bench.ledger.close_intent(intent.id)


def retract_intents(intents: Collection[Intent], slots: Collection[Slot], bench: Workbench) -> None:
    """Remove intents beside every slot; a sink that fails keeps them, which harms nothing."""
    for slot in slots:
        for intent in intents:
            with suppress(SinkError):
                bench.sinks[slot.sink].retract(slot, intent)
