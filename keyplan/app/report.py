"""Makes the overview of each manifest, and the page of them all. Reads only, takes no lock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib.resources import files

from keyplan import __version__
from keyplan.app.drift import detect_drift
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace
from keyplan.documents.report import Failure
from keyplan.model.overview import Overview
from keyplan.planner.forecast import forecast
from keyplan.planner.overview import make_overview
from keyplan.renderers.formats import build_drift_sheet, build_error_sheet
from keyplan.renderers.sheet import Subject
from keyplan.system.optional import require

_EXTRA = "report"


def survey_workspace(wiring: Wiring, workspace: Workspace, span: timedelta) -> Overview:
    """Return what exists, what is found and what becomes due within `span` from now.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    drift, plan, snapshot = detect_drift(wiring, workspace)
    return make_overview(plan, drift, forecast(plan, snapshot, until=snapshot.now + span))


def require_pages() -> None:
    """Return if pages can be made here. Raises InputError if a package that makes them is not installed."""
    require("htpy", extra=_EXTRA)


def render_page(overviews: Sequence[Overview], failures: Sequence[Failure] = ()) -> str:
    """Return one page about all manifests. Raises InputError if a package that makes it is not installed."""
    require_pages()
    from keyplan.renderers.html.page import Assets  # noqa: PLC0415 - the extra's package is not everywhere
    from keyplan.renderers.html.report import render_report_page  # noqa: PLC0415 - likewise

    folder = files("keyplan.renderers.html")
    return render_report_page(
        [(overview, build_drift_sheet(overview.drift)) for overview in overviews],
        failed=[build_error_sheet(error, about=Subject.DRIFT, manifest=manifest) for manifest, error in failures],
        assets=Assets(css=folder.joinpath("report.css").read_text(), js=folder.joinpath("report.js").read_text()),
        version=__version__,
    )
