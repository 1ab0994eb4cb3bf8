"""Builds a new ledger from the receipts in the sinks (`keyplan ledger rebuild`). The old file is kept, renamed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.app.context import RunContext
from keyplan.app.history import note_command
from keyplan.app.plan import make_guarded_plan
from keyplan.app.workspace import Workspace, open_ledger, open_workbench
from keyplan.applier.observe import observe
from keyplan.applier.recover import record_again
from keyplan.errors import InputError, RefusedError
from keyplan.model.history import HistoryNote
from keyplan.model.ledger import Memory
from keyplan.model.plan import Request
from keyplan.planner.rebuild import RebuiltLedger, rebuild_receipts
from keyplan.ports import Ledger, RebuildableLedger


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """What a rebuild found, and where the old ledger is now."""

    found: RebuiltLedger
    set_aside: str
    """Path of the old file; empty if there was nothing in it."""
    history: HistoryNote
    """Where it stands in the history of the new ledger, of which it is the first entry."""


def rebuild_ledger(context: RunContext, workspace: Workspace, *, lock_timeout: timedelta, is_forced: bool) -> Rebuild:
    """Set the ledger aside, and record the receipts that the sinks hold in a new one. Keys and sinks stay as they are.

    Raises InputError if ledgers of this type can't be rebuilt, RefusedError if the ledger is whole and `is_forced` is
    false; LedgerError, ProviderError and SinkError.
    """
    wiring = context.wiring
    with open_ledger(wiring, workspace) as ledger:
        set_aside = _set_aside(ledger, now=wiring.clock.now(), lock_timeout=lock_timeout, is_forced=is_forced)
    with open_workbench(
        wiring, workspace, command="ledger rebuild", lock_timeout=lock_timeout, say=context.say
    ) as bench:
        manifest, now = workspace.manifest, bench.clock.now()
        snapshot = observe(manifest, bench.readers, now=now)
        found = rebuild_receipts(make_guarded_plan(manifest, Request(), snapshot), snapshot, manifest.lineage)
        record_again(found.receipts, bench)
        note = note_command(bench.ledger, context, workspace, command=bench.runner.command, started_at=now)
    return Rebuild(found=found, set_aside=set_aside, history=note)


def _set_aside(ledger: Ledger, *, now: datetime, lock_timeout: timedelta, is_forced: bool) -> str:
    """Return the new path of the old ledger; empty if there was nothing in it."""
    if not isinstance(ledger, RebuildableLedger):
        raise InputError(
            "a ledger of this type can't be set aside: nothing was done", advice="restore it with its own tools"
        )
    if not ledger.is_damaged():
        if ledger.recall() == Memory():
            return ""
        if not is_forced:
            raise RefusedError(
                "the ledger is whole, and knows more than the sinks do: nothing was done",
                advice="to build a new one all the same: keyplan ledger rebuild --force",
            )
    return ledger.set_aside(at=now, patience=lock_timeout)
