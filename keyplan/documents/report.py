"""Reports as JSON values, in the formats that `schemas/report.v1.json` and `schemas/reports.v1.json` publish."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from keyplan.documents.plan import write_action_identity, write_summary, write_vacancy
from keyplan.errors import KeyplanError
from keyplan.model.manifest import Json
from keyplan.model.plan import Action, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""

Failure: TypeAlias = tuple[str, KeyplanError]
"""The path of a manifest that has no result, and why."""


def to_document(report: Report) -> dict[str, Json]:
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
        # Only if something was left, so that all other reports are what they always were.
        **({"left": [write_action_identity(action) for action in report.left]} if report.left else {}),
        **write_history(report),
    }


def write_history(report: Report) -> dict[str, Json]:
    """Return where the apply stands in the history; nothing from a ledger that keeps no chain."""
    if report.history_failure:
        return {"history": {"failure": report.history_failure}}
    link = report.history
    return {"history": {"number": link.number, "head": link.hash}} if link else {}


def to_documents(reports: Sequence[Report], failures: Sequence[Failure] = ()) -> dict[str, Json]:
    """Return the reports as JSON values: its own document for a single one, else a set."""
    if len(reports) == 1 and not failures:
        return to_document(reports[0])
    return {
        "format_version": FORMAT_VERSION,
        "complete": not failures and all(is_complete(report) for report in reports),
        "reports": [to_document(report) for report in reports],
        "errors": write_failures(failures),
    }


def write_failures(failures: Sequence[Failure]) -> list[dict[str, Json]]:
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


def is_complete(report: Report) -> bool:
    """Whether every action of the apply is done; blocked actions are not part of it."""
    return all(isinstance(outcome, Done) for outcome in report.outcomes)


def _write_outcome(outcome: Outcome) -> dict[str, Json]:
    return {**write_action_identity(outcome.action), **_write_result(outcome)}


def _write_places(action: Action) -> dict[str, Json]:
    """Return the places that an action emptied or leaves; nothing if there is none, as in what older keyplans wrote."""
    emptied = action.locations if action.verb is Verb.EMPTY else ()
    emptied += tuple(one.location for one in action.vacancies if one.is_emptied)
    remaining = [write_vacancy(one) for one in action.vacancies if not one.is_emptied]
    return {**({"emptied": list(emptied)} if emptied else {}), **({"vacancies": remaining} if remaining else {})}


def _write_result(outcome: Outcome) -> dict[str, Json]:
    match outcome:
        case Done():
            return {
                "status": "done",
                "current_key_id": outcome.key_id,
                "delivered": list(outcome.delivered),
                "notes": list(outcome.notes),
                **_write_places(outcome.action),
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
