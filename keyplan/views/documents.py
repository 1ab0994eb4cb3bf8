"""JSON for programs: the published documents of plan and report, as text."""

from __future__ import annotations

import json
from typing import Any

from keyplan.model import plan_document, report_document
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
