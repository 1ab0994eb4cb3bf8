"""Takes over a key that keyplan did not create (`keyplan import`). Changes nothing at the provider, and no secret."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.context import RunContext
from keyplan.app.history import note_command
from keyplan.app.workspace import Workspace, open_workbench
from keyplan.applier.observe import observe
from keyplan.applier.takeover import check_values, is_dead, record_import
from keyplan.applier.workbench import Workbench
from keyplan.errors import InputError, RefusedError
from keyplan.model.history import AppliedAction, HistoryNote
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Slot
from keyplan.model.plan import Reason, Verb
from keyplan.planner.authority import Authority
from keyplan.planner.desired import resolve_in
from keyplan.planner.takeover import Takeover, find_address, find_key, take_over
from keyplan.ports import KeyReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedKey:
    """A key that is recorded as a declaration's."""

    key_id: KeyId
    address: Address
    is_known: bool
    """Whether it was that declaration's key before, so that nothing was done."""
    changed_fields: tuple[str, ...] = ()
    """Fields in which the key differs from its declaration: the next apply creates a new key for them."""
    deferred_fields: tuple[str, ...] = ()
    """Fields in which it differs, and which wait for its next rotation."""
    unchecked: tuple[Slot, ...] = ()
    """Places that cannot be read: that they hold the key is taken on trust."""
    is_declared: bool = False
    """Whether the declaration names the key itself, with `import`."""
    history: HistoryNote | None = None
    """Where it stands in the ledger's history; None if nothing was done."""


def import_key(
    context: RunContext, workspace: Workspace, address: str, key_id: str, *, lock_timeout: timedelta
) -> ImportedKey:
    """Record that a key is a declaration's, after checking it and the sinks that can be read.

    Raises InputError if address or key is unknown, RefusedError if the key cannot be that declaration's, LedgerError,
    ProviderError and SinkError.
    """
    known = find_address(workspace.manifest, address)
    with open_workbench(
        context.wiring, workspace, command="import", lock_timeout=lock_timeout, say=context.say
    ) as bench:
        began = bench.clock.now()
        imported = _import(workspace.manifest, known, key_id, bench)
        if imported.is_known:
            return imported
        done = AppliedAction(
            address=imported.address,
            verb=Verb.IMPORT.value,
            reason=Reason.IMPORTED.value,
            status="done",
            key_id=imported.key_id,
        )
        note = note_command(
            bench.ledger, context, workspace, command=bench.runner.command, started_at=began, actions=(done,)
        )
        return replace(imported, history=note)


def _import(manifest: Manifest, address: Address, key_id: str, bench: Workbench) -> ImportedKey:
    now = bench.clock.now()
    snapshot = observe(manifest, bench.readers, now=now)
    key = find_key(snapshot, key_id)
    if key is None:
        raise _explain_absence(bench.reader, key_id)
    declared = next(one for one in manifest.keys if one.address == address)
    for reference in declared.spaces:
        if unknown := snapshot.unknown_scopes.get(reference):
            raise InputError(unknown)
    takeover = take_over(
        resolve_in(manifest, snapshot),
        snapshot,
        authority=Authority.of(manifest, snapshot),
        address=address,
        key=key,
    )
    if takeover.is_known:
        return _describe(takeover, manifest, unchecked=())
    near = bench.at(key.provider)
    unchecked = check_values(key, takeover.slots, near, holdings=snapshot.holdings)
    record_import(takeover.receipt, takeover.slots, near)
    return _describe(takeover, manifest, unchecked=unchecked)


def _describe(takeover: Takeover, manifest: Manifest, *, unchecked: tuple[Slot, ...]) -> ImportedKey:
    key_id, address, found = takeover.key.id, takeover.receipt.address, takeover.found
    return ImportedKey(
        key_id=key_id,
        address=address,
        is_known=takeover.is_known,
        changed_fields=tuple(change.field for change in found.changes if found.pressing),
        deferred_fields=tuple(change.field for change in found.deferred if not found.pressing),
        unchecked=unchecked,
        is_declared=any(declared.address == address and declared.import_id == key_id for declared in manifest.keys),
    )


def _explain_absence(reader: KeyReader, key_id: str) -> InputError | RefusedError:
    if is_dead(reader, key_id):
        return RefusedError(f"key {key_id} is dead: it was ended")
    return InputError(
        f"no key that this credential can see has the id '{key_id}'", advice="list them with: keyplan list"
    )
