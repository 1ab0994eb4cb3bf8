"""The events of an apply, one JSON object each, in the words of Terraform's machine-readable UI.

An event never holds a raw key, and `@message` is sanitized, because readers of the stream print it. The caller adds the
time.

Source: developer.hashicorp.com/terraform/internals/machine-readable-ui. Published as `schemas/event.v1.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from keyplan.documents.plan import write_vacancy
from keyplan.documents.report import is_complete, write_history
from keyplan.errors import KeyplanError
from keyplan.model.manifest import Json
from keyplan.model.place import Place
from keyplan.model.plan import Action, Plan, Summary, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.summary import count_further
from keyplan.renderers.words import PAST, format_reason

FORMAT_VERSION = "1.0"
"""A minor version adds types and fields, which a reader ignores; a major one changes meaning, which it refuses."""

_LONG = 1000
_ACTIONS: Mapping[Verb, str] = {
    Verb.CREATE: "create",
    Verb.REPLACE: "replace",
    Verb.REFRESH: "update",
    Verb.UPDATE: "update",
    Verb.DELIVER: "update",
    Verb.IMPORT: "import",
    Verb.EMPTY: "update",
    Verb.DELETE: "delete",
    Verb.FORGET: "forget",
    Verb.KEEP: "noop",
}
"""What Terraform calls an action in these events; keyplan's own verb is beside it."""


def describe_version(version: str) -> dict[str, Json]:
    """Return the first event of every stream: by its `ui` a reader knows whether it understands the rest."""
    return make_event("version", f"keyplan {version}", keyplan=version, ui=FORMAT_VERSION)


def describe_plan(plan: Plan) -> Iterator[dict[str, Json]]:
    """Yield an event for each action that is planned, one for each that is blocked, and the counts."""
    for action in plan.actions:
        if action.blocked:
            yield _diagnostic(
                "warning",
                f"{action.address}: {action.verb.value} is blocked by {action.blocked.guard.value}",
                action.blocked.advice,
                action.place,
                address=action.address,
            )
        elif action.verb is not Verb.KEEP or action.vacancies:
            message = f"{action.address}: Plan to {action.verb.value}: {format_reason(action)}"
            change = {**_resource(action), "reason": action.reason.value, "place": _format_place(action.place)}
            change |= _format_vacancies(action)
            yield make_event("planned_change", message, change=change)
    for warning in plan.warnings:
        yield _diagnostic("warning", warning, "", None)
    yield describe_summary(plan.summary, "plan")


def describe_summary(summary: Summary, operation: str) -> dict[str, Json]:
    """Return the event with the counts of a plan or an apply; Terraform calls what is destroyed removed."""
    planned = f"Plan: {summary.add} to add, {summary.change} to change, {summary.destroy} to destroy."
    done = f"Resources: {summary.add} added, {summary.change} changed, {summary.destroy} destroyed."
    further = {"retire": summary.retire, "blocked": summary.blocked, "cut_off": summary.cut_off}
    changes: dict[str, Json] = {
        "add": summary.add,
        "change": summary.change,
        "remove": summary.destroy,
        "operation": operation,
        # Only if not zero, so that all other streams are what they always were.
        **{name: number for name, number in further.items() if number},
    }
    message = " ".join([planned if operation == "plan" else done, *count_further(summary)])
    return make_event("change_summary", message, changes=changes)


def describe_start(action: Action) -> dict[str, Json]:
    """Return the event of an action that begins."""
    return make_event("apply_start", f"{action.address}: {action.verb.value} begins", hook=_resource(action))


def describe_step(action: Action, what: str, elapsed_seconds: float) -> dict[str, Json]:
    """Return the event of an action that reached a step."""
    hook = {**_resource(action), "step": what, "elapsed_seconds": elapsed_seconds}
    return make_event("apply_progress", f"{action.address}: {what}", hook=hook)


def describe_outcome(outcome: Outcome, elapsed_seconds: float) -> Iterator[dict[str, Json]]:
    """Yield the event of an action that ended, and a diagnostic if it is not done."""
    action, hook = outcome.action, {**_resource(outcome.action), "elapsed_seconds": elapsed_seconds}
    address = action.address
    match outcome:
        case Done():
            done = {**hook, "id_value": outcome.key_id, "delivered": list(outcome.delivered)}
            yield make_event("apply_complete", f"{address}: {PAST[action.verb]}", hook={**done, "status": "done"})
            for note in outcome.notes:
                yield _diagnostic("warning", f"{address}: {note}", "", action.place, address=address)
        case Failed() | InDoubt():
            status = "failed" if isinstance(outcome, Failed) else "in_doubt"
            message = f"{address}: {status.replace('_', ' ')}: {outcome.message}"
            hook |= {"status": status, "exit_status": outcome.exit_status, "next_run": outcome.next_run}
            yield make_event("apply_errored", message, level="error", hook=hook)
            advice = outcome.advice if isinstance(outcome, Failed) else ""
            yield _diagnostic("error", f"{address}: {outcome.message}", advice, action.place, address=address)
        case NotTried():
            message = f"{address}: not tried: {outcome.why}"
            yield make_event("apply_errored", message, level="error", hook={**hook, "status": "not_tried"})
        case _:
            assert_never(outcome)


def describe_error(error: KeyplanError) -> dict[str, Json]:
    """Return the diagnostic of a run that ended with an error."""
    return _diagnostic("error", error.message, error.advice, None)


def describe_end(report: Report) -> Iterator[dict[str, Json]]:
    """Yield the last two events of an apply."""
    yield describe_summary(report.summary, "apply")
    kinds = {"done": Done, "failed": Failed, "in_doubt": InDoubt, "not_tried": NotTried}
    counts = {name: sum(isinstance(one, kind) for one in report.outcomes) for name, kind in kinds.items()}
    complete = is_complete(report)
    final: dict[str, Json] = {
        "complete": complete,
        "digest": report.digest,
        "interrupted_by": report.interrupted_by,
        **counts,
        **write_history(report),
    }
    if report.left:
        final["left"] = len(report.left)
    message = "Apply complete!" if complete else "Apply ended, and not everything is done."
    yield make_event("final", message, level="info" if complete else "error", result=final)


def make_event(kind: str, message: str, *, level: str = "info", **fields: Json) -> dict[str, Json]:
    """Return an event of that type; its message is made one harmless line."""
    return {
        "@level": level,
        "@message": sanitize(message, width=_LONG),
        "@module": "keyplan.ui",
        "type": kind,
        **fields,
    }


def _diagnostic(
    severity: str, summary: str, detail: str, place: Place | None, *, address: str | None = None
) -> dict[str, Json]:
    diagnostic = {
        "severity": severity,
        "summary": summary,
        "detail": detail,
        "address": address,
        "range": _format_place(place),
    }
    level = "error" if severity == "error" else "warn"
    return make_event("diagnostic", f"{severity}: {summary}", level=level, diagnostic=diagnostic)


def _resource(action: Action) -> dict[str, Json]:
    view = action.after or action.before
    resource = {
        "addr": action.address,
        "resource_type": view.key_type.value if view and view.key_type else None,
        "resource_name": view.name if view else None,
    }
    return {
        "resource": resource,
        "action": _ACTIONS[action.verb],
        "verb": action.verb.value,
        "id_key": "id",
        "id_value": action.key_id,
    }


def _format_vacancies(action: Action) -> dict[str, Json]:
    """Return the places that an address leaves; left out if there is none."""
    return {"vacancies": [write_vacancy(one) for one in action.vacancies]} if action.vacancies else {}


def _format_place(place: Place | None) -> dict[str, Json] | None:
    if place is None:
        return None
    return {"filename": place.file, "start": {"line": place.line, "column": place.column}}
