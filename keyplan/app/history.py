"""What a ledger remembers of past applies and commands, what its chain proves, and the entry of a command."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from keyplan.app.author import find_author
from keyplan.app.context import RunContext
from keyplan.app.workspace import Workspace, open_ledger, open_ledger_reader
from keyplan.errors import InputError, LedgerError
from keyplan.model.history import AppliedAction, ChainCheck, HistoryEntry, HistoryNote, check_chain
from keyplan.model.identity import Address
from keyplan.ports import Ledger

_HASH = re.compile(r"[0-9a-f]{64}")


def read_history(context: RunContext, workspace: Workspace, address: str | None = None) -> Sequence[HistoryEntry]:
    """Return past applies, newest first; with an address those alone that tried something there.

    Raises InputError, and LedgerError if the ledger cannot be read.
    """
    with open_ledger_reader(context.wiring, workspace) as reader:
        entries = reader.history()
    if address is None:
        return entries
    # What entries of older versions did is not known, so none of them is shown for an address.
    return tuple(entry for entry in entries if entry.concerns(Address(address)))


def verify_history(context: RunContext, workspace: Workspace, head: str | None = None) -> ChainCheck:
    """Return what the chain of the history proves, with a head that was kept elsewhere or without one.

    Raises InputError if the head is not a hash, and LedgerError if the ledger cannot be read.
    """
    if head is not None and not _HASH.fullmatch(head):
        raise InputError(
            f"the head '{head}' is not a hash", advice="give all 64 hex digits that an apply printed as its head"
        )
    with open_ledger_reader(context.wiring, workspace) as reader:
        return check_chain(reader.history(), head)


def break_lock(context: RunContext, workspace: Workspace, lock_id: str) -> HistoryNote:
    """Break the lock of that id, and return where that is written in the history.

    Raises InputError if it is not held under that id, LedgerError if the ledger cannot be used.
    """
    with open_ledger(context.wiring, workspace) as ledger:
        began = context.wiring.clock.now()
        ledger.unlock(lock_id)
        command = f"ledger unlock {lock_id}"
        return note_command(ledger, context, workspace, command=command, started_at=began)


def note_command(
    ledger: Ledger,
    context: RunContext,
    workspace: Workspace,
    *,
    command: str,
    started_at: datetime,
    actions: tuple[AppliedAction, ...] = (),
) -> HistoryNote:
    """Add a command other than apply that changed the ledger to its history; return where it is written there.

    Call it when the change is made: a failure to write the history is reported, and undoes nothing.
    """
    entry = HistoryEntry(
        digest="",
        started_at=started_at,
        finished_at=context.wiring.clock.now(),
        added=0,
        changed=0,
        destroyed=0,
        failed=0,
        author=find_author(context.environment, workspace.folder),
        host=context.wiring.holder(command).host,
        command=command,
        actions=actions,
    )
    try:
        stored = ledger.remember(entry)
    except LedgerError as error:
        return HistoryNote(link=None, failure=error.message)
    return HistoryNote(link=stored.link if stored else None)
