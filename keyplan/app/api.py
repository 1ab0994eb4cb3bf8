"""keyplan as a Python library: the same way as the command line's, without a word on any stream.

In: manifests, plans. Out: plans, reports, text. Never: a question, an exit, a signal handler.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from keyplan.app.apply import require_same, require_unspent, spend
from keyplan.app.files import STDIN, read_input, read_policies
from keyplan.app.files import read_manifest as read_manifest_in
from keyplan.app.plan import DEFAULT_PARALLELISM, look, open_workbench, plan_now
from keyplan.app.wiring import PluginWiring
from keyplan.app.workspace import Place, place_beside
from keyplan.applier.apply import apply as apply_plan
from keyplan.cli.options import process_environment
from keyplan.cli.progress import Silence
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.cli.signals import Interrupts
from keyplan.documents.plan import digest
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan, Request
from keyplan.model.report import Report
from keyplan.renderers.formats import render_inventory, render_plan, render_report

_AT_ONCE = timedelta(0)


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Return a manifest, read and checked; offline, without a credential.

    Raises ManifestError with every problem, and InputError where the file cannot be read.
    """
    return read_manifest_in(read_input(os.fspath(path), open_session()))


def plan(
    manifest: Manifest | str | os.PathLike[str],
    *,
    rotate: Iterable[str] = (),
    targets: Iterable[str] = (),
    allow_deletes: int | None = None,
    allow_missing: int | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    session: Session | None = None,
) -> Plan:
    """Return what an apply would do now; changes nothing.

    `rotate` and `targets` are addresses or globs, `policies` paths of policy files, `ledger` a path other than
    ``.keyplan/ledger.db`` beside the manifest. `session` replaces the process's environment, folder and plugins.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    inside = session or open_session()
    request = Request(
        rotate=tuple(sorted(set(rotate))),
        targets=tuple(sorted(set(targets))),
        allow_deletes=allow_deletes,
        allow_missing=allow_missing,
    )
    return look(inside.wiring, _locate(manifest, inside, ledger, [os.fspath(policy) for policy in policies]), request)


def apply(
    what: Plan | Manifest | str | os.PathLike[str],
    *,
    parallelism: int = DEFAULT_PARALLELISM,
    lock_timeout: timedelta = _AT_ONCE,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    session: Session | None = None,
) -> Report:
    """Make, renew and delete keys until they match the manifest, and return what was done.

    A plan runs only if planning again gives the same, and once; its manifest is read again. A manifest is
    planned and applied without further ado. A plan is held against its own policies again, unless others are
    named. Failures of single keys are in the report.

    Raises PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    inside = session or open_session()
    reviewed = what if isinstance(what, Plan) else None
    named = [os.fspath(policy) for policy in policies] or (reviewed.policies if reviewed else ())
    place = _locate(what.manifest if isinstance(what, Plan) else what, inside, ledger, named)
    with open_workbench(inside.wiring, place, command="apply", patience=lock_timeout) as bench:
        if reviewed:
            require_unspent(reviewed, bench.ledger)
        current = plan_now(
            place.manifest,
            reviewed.request if reviewed else Request(),
            reader=bench.reader,
            ledger=bench.ledger,
            sinks=bench.sinks,
            now=bench.clock.now(),
        )
        if reviewed:
            require_same(reviewed, current)
        if reviewed and current.changes:
            spend(reviewed, bench.ledger, now=bench.clock.now(), host=inside.wiring.holder("apply").host)
        return apply_plan(
            current,
            digest=digest(current),
            ports=bench,
            parallelism=parallelism,
            progress=Silence(),
            stop=inside.interrupts,
        )


def render(what: Plan | Report | Sequence[Observation], format: str = "text") -> str:  # noqa: A002 - the word users expect
    """Return a plan, a report or keys as the command line prints them.

    Formats of plans and reports: text, json, markdown, github (annotations), gitlab, junit, sarif; of keys: table
    (also called text), json, csv. Raises InputError on others.
    """
    if isinstance(what, Plan):
        return render_plan(what, as_format=format)
    if isinstance(what, Report):
        return render_report(what, as_format=format)
    return render_inventory(what, as_format="table" if format == "text" else format)


def open_session(environment: Mapping[str, str] | None = None) -> Session:
    """Return a session that is silent: the process's environment, or another, and its working directory."""
    known = process_environment() if environment is None else environment
    return Session(
        environment=known,
        folder=Path.cwd(),
        screen=Screen(stdin=None, stdout=None, stderr=None, environment=known),
        interrupts=Interrupts(lambda _notice: None),
        read_stdin=lambda _limit: b"",
        wire=PluginWiring,
    )


def _locate(
    manifest: Manifest | str | os.PathLike[str],
    session: Session,
    ledger: str | os.PathLike[str] | None,
    policies: Iterable[str],
) -> Place:
    if not isinstance(manifest, Manifest):
        manifest = read_manifest_in(read_input(os.fspath(manifest), session))
    folder = session.folder if manifest.path == STDIN else (session.folder / manifest.path).absolute().parent
    return place_beside(
        manifest,
        folder,
        session,
        ledger=None if ledger is None else Path(ledger),
        policies=read_policies(tuple(policies), session),
    )
