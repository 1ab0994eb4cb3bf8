"""Makes the overview of each manifest, and pages for a browser. Reads only, takes no lock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from keyplan import __version__
from keyplan.app.drift import look, open_readers
from keyplan.app.pages import read_assets, require_pages
from keyplan.app.plan import guard_plan, warn_of_skew
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace
from keyplan.documents.report import Failure
from keyplan.model.drift import Drift
from keyplan.model.overview import Overview
from keyplan.model.plan import Plan, Request
from keyplan.model.report import Report
from keyplan.planner.archive import Archive
from keyplan.planner.desired import resolve_in
from keyplan.planner.drift import find_drift
from keyplan.planner.forecast import forecast
from keyplan.planner.overview import make_overview
from keyplan.planner.plan import make_traced_plan
from keyplan.renderers.formats import (
    DRIFT_FORMATS,
    PLAN_FORMATS,
    REPORT_FORMATS,
    build_drift_sheet,
    build_error_sheet,
    render,
)
from keyplan.renderers.sheet import Subject
from keyplan.renderers.style import Style


def survey_workspace(wiring: Wiring, workspace: Workspace, span: timedelta) -> Overview:
    """Return what exists, what is found and what becomes due within `span` from now.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    manifest = workspace.manifest
    with open_readers(wiring, workspace) as readers:
        snapshot, skew = look(wiring, manifest, readers, is_preflight=workspace.is_preflight)
        entries = tuple(readers.ledger.history())
    traced = make_traced_plan(manifest, resolve_in(manifest, snapshot), snapshot, Request())
    plan = warn_of_skew(guard_plan(traced.plan, manifest, snapshot), skew)
    drift = find_drift(plan, snapshot, manifest=manifest)
    calendar = forecast(plan, snapshot, until=snapshot.now + span, manifest=manifest)
    return make_overview(plan, drift, calendar, Archive(manifest, snapshot, traced, entries))


def render_page(overviews: Sequence[Overview], failures: Sequence[Failure] = ()) -> str:
    """Return one page about all manifests. Raises InputError if a package that makes it is not installed."""
    require_pages()
    from keyplan.renderers.html.report import render_report_page  # noqa: PLC0415 - the extra's package is not everywhere

    return render_report_page(
        [(overview, build_drift_sheet(overview.drift)) for overview in overviews],
        failed=[build_error_sheet(error, about=Subject.DRIFT, manifest=manifest) for manifest, error in failures],
        assets=read_assets(),
        version=__version__,
    )


def render_as_page(what: Plan | Report | Drift, as_format: str) -> str:
    """Return one of these in one of `PAGES`.

    Raises InputError for a format that it does not have, and as `require_pages` does.
    """
    require_pages()
    style = Style(assets=read_assets(), version=__version__)
    if isinstance(what, Plan):
        return render(PLAN_FORMATS, [what], as_format=as_format, style=style)
    if isinstance(what, Report):
        return render(REPORT_FORMATS, [what], as_format=as_format, style=replace(style, made_at=what.finished_at))
    return render(DRIFT_FORMATS, [what], as_format=as_format, style=replace(style, made_at=what.at))
