"""What a ledger remembers of past applies, and what its chain proves. Nothing here changes anything."""

from __future__ import annotations

import re
from collections.abc import Sequence

from keyplan.app.context import RunContext
from keyplan.app.workspace import Workspace, open_ledger_reader
from keyplan.errors import InputError
from keyplan.model.history import ChainCheck, HistoryEntry, check_chain
from keyplan.model.identity import Address

_HASH = re.compile(r"[0-9a-f]{64}")


def read_history(context: RunContext, workspace: Workspace, address: str | None = None) -> Sequence[HistoryEntry]:
    """Return past applies, newest first; with an address those alone that tried something there.

    Raises InputError, and LedgerError if the ledger cannot be read.
    """
    with open_ledger_reader(context.wiring, workspace) as reader:
        entries = reader.history()
    if address is None:
        return entries
    # Of entries of older keyplans it is not known what they did, so none of them is shown for an address.
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
