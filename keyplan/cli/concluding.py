"""Exit statuses: what a plan and a report mean for whoever started keyplan (DESIGN section 11)."""

from __future__ import annotations

from enum import IntEnum

from keyplan.model.plan import Plan
from keyplan.model.report import Report
from keyplan.model.report_document import is_complete


class ExitStatus(IntEnum):
    """The statuses that no error class has."""

    DONE = 0
    UNFORESEEN = 1
    DIFFERENT = 2
    REFUSED = 4
    USAGE = 64
    SIGNALLED = 128
    """Plus the signal's number."""


def conclude_plan(plan: Plan, *, is_detailed: bool) -> int:
    """Return the status of a plan: 4 where something is blocked, 2 for differences where details are asked."""
    if plan.blocked or plan.refuses_unmanaged:
        return ExitStatus.REFUSED
    return ExitStatus.DIFFERENT if is_detailed and plan.changes else ExitStatus.DONE


def conclude_apply(plan: Plan, report: Report) -> int:
    """Return the status of an apply: the signal's, else the first failure's, else as for a plan."""
    if report.interrupted_by is not None:
        return ExitStatus.SIGNALLED + report.interrupted_by
    if report.failures:
        return report.failures[0].exit_status
    if not is_complete(report):
        return ExitStatus.UNFORESEEN
    return conclude_plan(plan, is_detailed=False)
