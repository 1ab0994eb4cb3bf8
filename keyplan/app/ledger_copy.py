"""Copies what a ledger knows of one manifest into another ledger, while nothing else can write either of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest

from keyplan.app.context import RunContext
from keyplan.app.workspace import Workspace, open_ledger
from keyplan.errors import InputError, RefusedError
from keyplan.model.history import HistoryEntry
from keyplan.model.ledger import Memory
from keyplan.ports import Ledger

_COMMAND = "ledger copy"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCopy:
    """What was copied. What was there already is not counted."""

    receipts: int
    intents: int
    applies: int


def copy_ledger(context: RunContext, source: Workspace, target: Workspace, *, lock_timeout: timedelta) -> LedgerCopy:
    """Copy receipts, open intents and history from one ledger of a manifest to another; it can be repeated.

    Raises:
        InputError: Both are the same ledger, the source holds nothing, or one can't be used.
        RefusedError: The target knows something else of this manifest. Nothing was written.
        LedgerError: A ledger failed; what was copied stays, and another copy goes on.
        LedgerLockedError: A lock is not free within `lock_timeout`.
    """
    if source.ledger_id == target.ledger_id:
        raise InputError("a ledger can't be copied onto itself", advice="name two ledgers")
    wiring = context.wiring
    with open_ledger(wiring, source) as old, open_ledger(wiring, target) as new:
        # Before a lock, which makes a ledger of a misspelt name.
        if old.recall() == Memory():
            raise InputError(
                f"the ledger {source.ledger_name} holds nothing of this manifest: there is nothing to copy",
                advice="check its name; 'manifest' is the manifest's own",
            )
        with (
            # The source first, as it is the one that runs may still use.
            old.lock(wiring.holder(_COMMAND), patience=lock_timeout, lease=source.ledger.lease),
            new.lock(wiring.holder(_COMMAND), patience=lock_timeout, lease=target.ledger.lease),
        ):
            return _copy(old, new)


def _copy(old: Ledger, new: Ledger) -> LedgerCopy:
    known, present = old.recall(), new.recall()
    entries = _find_missing(old.history(), new.history())
    _refuse_others(known, present)
    receipts = [receipt for receipt in known.receipts if receipt not in present.receipts]
    intents = [intent for intent in known.intents if intent not in present.intents]
    # Intents first: a receipt without the intent that is open beside it would look finished.
    for intent in intents:
        new.open_intent(intent)
    for receipt in receipts:
        new.record(receipt)
    for entry in entries:
        new.remember(entry)
    return LedgerCopy(receipts=len(receipts), intents=len(intents), applies=len(entries))


def _refuse_others(known: Memory, present: Memory) -> None:
    """Return if the target knows only what the source knows. Raises RefusedError otherwise."""
    receipts = {receipt.address: receipt for receipt in known.receipts}
    others = [receipt.address for receipt in present.receipts if receipts.get(receipt.address) != receipt]
    intents = {intent.id: intent for intent in known.intents}
    others += [intent.address for intent in present.intents if intents.get(intent.id) != intent]
    if others:
        raise _make_refusal(f"it says something else of {others[0]}")


def _find_missing(old: Sequence[HistoryEntry], new: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """Return the applies that the target lacks, oldest first. Raises RefusedError if it has had others."""
    oldest, there = [*reversed(old)], [*reversed(new)]
    if any(entry is not None and entry != other for entry, other in zip_longest(there, oldest)):
        raise _make_refusal("it has had applies of its own")
    return oldest[len(there) :]


def _make_refusal(why: str) -> RefusedError:
    return RefusedError(
        f"the ledger to copy to is in use for this manifest: {why}; nothing was copied",
        advice="copy into a new one, or compare them first: keyplan ledger show --ledger PATH|URL",
    )
