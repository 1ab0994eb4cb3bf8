"""Use cases that only look: the calendar, and the examination by `doctor`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial

from keyplan.app.identity_check import examine_identity
from keyplan.app.plan import make_guarded_plan
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger
from keyplan.applier.doctor import DoctorPorts, examine
from keyplan.applier.observe import Readers, observe
from keyplan.model.calendar import Calendar
from keyplan.model.examination import Area, Examination
from keyplan.model.identity import SinkName
from keyplan.model.plan import Request
from keyplan.planner.forecast import forecast
from keyplan.ports import Sink


def make_calendar(wiring: Wiring, workspace: Workspace, span: timedelta) -> Calendar:
    """Return what becomes due within `span` from now if the manifest stays as it is. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    with open_provider(wiring, workspace) as provider:
        snapshot = observe(
            workspace.manifest,
            Readers(
                reader=provider.reader,
                ledger=read_only_ledger(wiring, workspace, provider),
                sinks=wiring.sinks(workspace.manifest, folder=workspace.folder),
            ),
            now=wiring.clock.now(),
        )
    return forecast(make_guarded_plan(workspace.manifest, Request(), snapshot), snapshot, until=snapshot.now + span)


def examine_workspace(wiring: Wiring, workspace: Workspace) -> Examination:
    """Return what is fine and what is broken: provider, sinks, ledger, lock. Changes nothing."""
    manifest = workspace.manifest
    ports = DoctorPorts(
        provider=partial(wiring.provider, manifest.provider, lineage=manifest.lineage, folder=workspace.folder),
        sinks={name: partial(_open_sink, wiring, workspace, name) for name in manifest.sinks},
        ledger=lambda account: wiring.ledger_reader(
            workspace.ledger, lineage=manifest.lineage, folder=workspace.folder, account=account
        ),
    )
    examination = examine(manifest, ports, now=wiring.clock.now())
    about_provider = [one for one in examination.findings if one.area is Area.PROVIDER]
    others = examination.findings[len(about_provider) :]
    return replace(examination, findings=(*about_provider, *examine_identity(wiring, workspace), *others))


def _open_sink(wiring: Wiring, workspace: Workspace, name: SinkName) -> Sink:
    # One at a time: a sink that cannot be opened must not hide the state of the others.
    alone = replace(workspace.manifest, sinks={name: workspace.manifest.sinks[name]})
    return wiring.sinks(alone, folder=workspace.folder)[name]
