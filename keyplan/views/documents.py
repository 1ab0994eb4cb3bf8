"""JSON for programs: the published documents of plan, report, calendar and examination, as text."""

from __future__ import annotations

import json
from typing import Any

from keyplan.model import calendar_document, examination_document, plan_document, report_document
from keyplan.model.calendar import Calendar
from keyplan.model.examination import Examination
from keyplan.model.plan import Plan
from keyplan.model.report import Report


def render_document(document: dict[str, Any] | list[Any]) -> str:
    """Return indented JSON in ASCII, so that nothing in it reaches a terminal as a control."""
    return json.dumps(document, indent=2) + "\n"


def render_plan(plan: Plan) -> str:
    """Return the document of `schemas/plan.v1.json`."""
    return render_document(plan_document.to_document(plan))


def render_report(report: Report) -> str:
    """Return the document of `schemas/report.v1.json`."""
    return render_document(report_document.to_document(report))


def render_examination(examination: Examination) -> str:
    """Return the document of `schemas/doctor.v1.json`."""
    return render_document(examination_document.to_document(examination))


def render_calendar(calendar: Calendar) -> str:
    """Return the document of `schemas/calendar.v1.json`."""
    return render_document(calendar_document.to_document(calendar))
