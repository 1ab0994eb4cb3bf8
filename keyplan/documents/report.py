"""A report as JSON values, in the format that `schemas/report.v1.json` publishes.

In: a `Report`. Out: its document. Never: a raw key, which no report holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, assert_never

from keyplan.documents.plan import write_action_identity, write_summary
from keyplan.errors import KeyplanError
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.model.times import write_time

Failure: TypeAlias = tuple[str, KeyplanError]
"""The name of a manifest, and what went wrong with it."""


def write_failures(failures: Sequence[Failure]) -> list[dict[str, Any]]:
    """Return the failures as JSON values, in their order."""
    return [
        {
            "manifest": manifest,
            "message": error.message,
            "advice": error.advice,
            "exit_status": error.exit_status,
        }
        for manifest, error in failures
    ]


FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(report: Report) -> dict[str, Any]:
    """Return the report as JSON values; outcomes in the plan's order."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": report.owner,
        "manifest": report.manifest,
        "digest": report.digest,
        "started_at": write_time(report.started_at),
        "finished_at": write_time(report.finished_at),
        "complete": is_complete(report),
        "outcomes": [_write_outcome(outcome) for outcome in report.outcomes],
        "summary": write_summary(report.summary),
        "interrupted_by": report.interrupted_by,
    }


def to_documents(reports: Sequence[Report], failures: Sequence[Failure] = ()) -> dict[str, Any]:
    """Return the reports as JSON values: a single one's own document, or a set that holds each of theirs."""
    if len(reports) == 1 and not failures:
        return to_document(reports[0])
    return {
        "format_version": FORMAT_VERSION,
        "complete": not failures and all(is_complete(report) for report in reports),
        "reports": [to_document(report) for report in reports],
        "errors": write_failures(failures),
    }


def is_complete(report: Report) -> bool:
    """Whether everything that was begun or should have been begun is done; what a guard blocked is no part of it."""
    return all(isinstance(outcome, Done) for outcome in report.outcomes)


def _write_outcome(outcome: Outcome) -> dict[str, Any]:
    return {**write_action_identity(outcome.action), **_write_result(outcome)}


def _write_result(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done():
            return {
                "status": "done",
                "current_key_id": outcome.key_id,
                "delivered": list(outcome.delivered),
                "notes": list(outcome.notes),
            }
        case Failed():
            return {
                "status": "failed",
                "message": outcome.message,
                "advice": outcome.advice,
                "exit_status": outcome.exit_status,
                "next_run": outcome.next_run,
            }
        case InDoubt():
            return {
                "status": "in_doubt",
                "message": outcome.message,
                "exit_status": outcome.exit_status,
                "next_run": outcome.next_run,
            }
        case NotTried():
            return {"status": "not_tried", "message": outcome.why}
        case _:
            assert_never(outcome)
