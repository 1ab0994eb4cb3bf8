"""Detects the drift of one manifest. Opens read-only ports: no use of them can change anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

from keyplan.app.audit import look_up_changes
from keyplan.app.plan import make_guarded_plan, warn_of_skew
from keyplan.app.provider_ports import open_reader_ports
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, read_only_ledger, read_only_sinks
from keyplan.applier.observe import Readers, observe
from keyplan.model.drift import Drift, DriftKind
from keyplan.model.manifest import Manifest, Unmanaged
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, Request
from keyplan.planner.drift import DEFAULT_WARNING, find_drift
from keyplan.sinks.read_only import ReadOnlySink

__all__ = ["DEFAULT_WARNING", "detect_drift", "look", "open_readers"]


@contextmanager
def open_readers(wiring: Wiring, workspace: Workspace) -> Iterator[Readers]:
    """Yield read-only ports of a workspace. They need no more than the reader's credential."""
    manifest = workspace.manifest
    with ExitStack() as opened:
        keys = open_reader_ports(
            manifest,
            lambda settings: wiring.key_reader(settings, lineage=manifest.lineage, folder=workspace.folder),
            opened.callback,
        )
        yield Readers(
            reader=keys.reader,
            ledger=read_only_ledger(wiring, workspace, keys),
            sinks={name: ReadOnlySink(sink) for name, sink in read_only_sinks(wiring, workspace).items()},
        )


def look(
    wiring: Wiring, manifest: Manifest, readers: Readers, *, is_preflight: bool
) -> tuple[Snapshot, timedelta | None]:
    """Return what read-only ports show, and how far the provider's clock is off. Raises as `detect_drift` does."""
    snapshot = observe(manifest, readers, now=wiring.clock.now(), is_preflight=is_preflight)
    reading = {one.name for one in manifest.providers if one.reader_credential}
    if reading:
        # The key that is presented here is not the one that an apply presents, which alone is guarded.
        others = {key.id for key in snapshot.keys if key.provider not in reading}
        snapshot = replace(snapshot, own_keys=snapshot.own_keys & others)
    return snapshot, readers.reader.clock_skew()


def detect_drift(
    wiring: Wiring,
    workspace: Workspace,
    *,
    only: Collection[DriftKind] = (),
    within: timedelta = DEFAULT_WARNING,
    is_audited: bool = False,
) -> tuple[Drift, FreshPlan, Snapshot]:
    """Return what drifted, and the plan and snapshot that say so. Writes nothing, takes no lock.

    If `is_audited`, alarms have what the provider's own log says of them, if it has one and the credential may read it.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    manifest = workspace.manifest
    if DriftKind.UNMANAGED in only and manifest.unmanaged is Unmanaged.IGNORE:
        manifest = replace(manifest, unmanaged=Unmanaged.REPORT)  # who asks for them wants to see them
    with open_readers(wiring, workspace) as readers:
        snapshot, skew = look(wiring, manifest, readers, is_preflight=workspace.is_preflight)
        plan = warn_of_skew(make_guarded_plan(manifest, Request(), snapshot), skew)
        drift = find_drift(plan, snapshot, manifest=manifest, only=only, within=within)
        # Runs of unreviewed manifests show their answers to strangers, and the log holds addresses of people.
        if is_audited and workspace.asks_sinks:
            drift = look_up_changes(readers.reader, drift, snapshot, wiring.clock)
    return drift, plan, snapshot
