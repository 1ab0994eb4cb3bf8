"""Use cases that only look: the calendar, the explanation of a key, and the examination by `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial

from keyplan.app.identity_check import examine_identity
from keyplan.app.plan import guard_plan, make_guarded_plan
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_one_provider, open_provider, read_only_ledger, read_only_sinks
from keyplan.applier.doctor import DoctorPorts, examine
from keyplan.applier.observe import Readers, observe
from keyplan.model.calendar import Calendar
from keyplan.model.examination import Area, Examination
from keyplan.model.explanation import Explanation
from keyplan.model.identity import SinkName
from keyplan.model.plan import Request
from keyplan.planner.desired import resolve_in
from keyplan.planner.explanation import Explainer
from keyplan.planner.forecast import forecast
from keyplan.planner.plan import make_traced_plan
from keyplan.ports import Sink


def make_calendar(wiring: Wiring, workspace: Workspace, span: timedelta) -> Calendar:
    """Return what becomes due within `span` from now if the manifest stays as it is. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    with _open_readers(wiring, workspace) as readers:
        snapshot = observe(workspace.manifest, readers, now=wiring.clock.now())
    plan = make_guarded_plan(workspace.manifest, Request(), snapshot)
    return forecast(plan, snapshot, until=snapshot.now + span, manifest=workspace.manifest)


def explain_subject(wiring: Wiring, workspace: Workspace, subject: str) -> Explanation:
    """Return what is known of an address or a key id, and what the plan does with it. Writes nothing, takes no lock.

    Raises InputError, also if nothing knows the subject, ProviderError, SinkError and LedgerError.
    """
    manifest = workspace.manifest
    with _open_readers(wiring, workspace) as readers:
        snapshot = observe(manifest, readers, now=wiring.clock.now(), is_preflight=workspace.is_preflight)
        entries = tuple(readers.ledger.history())
    traced = make_traced_plan(manifest, resolve_in(manifest, snapshot), snapshot, Request())
    explainer = Explainer(
        manifest=manifest,
        snapshot=snapshot,
        traced=traced,
        plan=guard_plan(traced.plan, manifest, snapshot),
        entries=entries,
    )
    return explainer.explain(subject)


@contextmanager
def _open_readers(wiring: Wiring, workspace: Workspace) -> Iterator[Readers]:
    with open_provider(wiring, workspace) as provider:
        yield Readers(
            reader=provider.reader,
            ledger=read_only_ledger(wiring, workspace, provider),
            sinks=read_only_sinks(wiring, workspace),
        )


def examine_workspace(wiring: Wiring, workspace: Workspace) -> Examination:
    """Return what is fine and what is broken: provider, sinks, ledger, lock. Changes nothing."""
    manifest = workspace.manifest
    ports = DoctorPorts(
        providers={one.name: partial(open_one_provider, wiring, workspace, one) for one in manifest.providers},
        sinks={name: partial(_open_sink, wiring, workspace, name) for name in manifest.sinks},
        ledger=lambda account: wiring.ledger_reader(
            workspace.ledger, lineage=manifest.lineage, folder=workspace.folder, account=account
        ),
    )
    examination = examine(manifest, ports, now=wiring.clock.now())
    found = (*examination.findings, *examine_identity(wiring, workspace))
    about = [one for one in found if one.area is Area.PROVIDER]
    names = dict.fromkeys(one.provider for one in about)
    others = (one for one in found if one.area is not Area.PROVIDER)
    return replace(examination, findings=(*(one for name in names for one in about if one.provider == name), *others))


def _open_sink(wiring: Wiring, workspace: Workspace, name: SinkName) -> Sink:
    # One at a time: a sink that cannot be opened must not hide the state of the others.
    alone = replace(workspace.manifest, sinks={name: workspace.manifest.sinks[name]})
    return wiring.sinks(alone, folder=workspace.folder)[name]
