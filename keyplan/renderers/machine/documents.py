"""The published JSON documents as text, and the list of live keys as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from keyplan.documents import audit as audit_document
from keyplan.documents import calendar as calendar_document
from keyplan.documents import doctor as examination_document
from keyplan.documents import drift as drift_document
from keyplan.documents import explanation as explanation_document
from keyplan.documents import failure as failure_document
from keyplan.documents import leak as leak_document
from keyplan.documents import ledger as ledger_document
from keyplan.documents import plan_set as plan_set_document
from keyplan.documents import rehearsal as rehearsal_document
from keyplan.documents import report as report_document
from keyplan.documents import validation as validation_document
from keyplan.documents.report import Failure
from keyplan.model.audit import Audit
from keyplan.model.calendar import Calendar
from keyplan.model.drift import Drift
from keyplan.model.examination import Examination
from keyplan.model.explanation import Explanation
from keyplan.model.history import ChainCheck, HistoryEntry
from keyplan.model.identity import ProviderName
from keyplan.model.leak import Leak
from keyplan.model.ledger import Holder, Memory
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan
from keyplan.model.policy import Validation
from keyplan.model.rehearsal import Rehearsal
from keyplan.model.report import Report
from keyplan.renderers.json_text import render_json

_NO_PROVIDERS: Mapping[ProviderName, str] = {}


def render_plans(plans: Sequence[Plan], failures: Sequence[Failure] = ()) -> str:
    """Return the document of `schemas/plan.v1.json`, or for several plans of `schemas/plans.v1.json`."""
    return render_json(plan_set_document.to_documents(plans, failures))


def render_reports(reports: Sequence[Report], failures: Sequence[Failure] = ()) -> str:
    """Return the document of `schemas/report.v1.json`, or for several reports of `schemas/reports.v1.json`."""
    return render_json(report_document.to_documents(reports, failures))


def render_failures(failures: Sequence[Failure], exit_status: int) -> str:
    """Return the document of `schemas/failure.v1.json`."""
    return render_json(failure_document.to_document(failures, exit_status=exit_status))


def render_misuse(message: str, advice: str, exit_status: int) -> str:
    """Return a wrong command line as a document of `schemas/failure.v1.json`."""
    return render_json(failure_document.to_usage_document(message, advice=advice, exit_status=exit_status))


def render_validations(validations: Sequence[Validation]) -> str:
    """Return the document of `schemas/validation.v1.json`."""
    return render_json(validation_document.to_document(validations))


def render_examination(examination: Examination) -> str:
    """Return the document of `schemas/doctor.v1.json`."""
    return render_json(examination_document.to_document(examination))


def render_explanation(explanation: Explanation) -> str:
    """Return the document of `schemas/explanation.v1.json`."""
    return render_json(explanation_document.to_document(explanation))


def render_leak(leak: Leak) -> str:
    """Return the document of `schemas/leak.v1.json`."""
    return render_json(leak_document.to_document(leak))


def render_ledger(memory: Memory, lock: Holder | None) -> str:
    """Return the document of `schemas/ledger.v1.json`."""
    return render_json(ledger_document.to_document(memory, lock))


def render_audit(audit: Audit) -> str:
    """Return the document of `schemas/audit.v1.json`."""
    return render_json(audit_document.to_document(audit))


def render_history(entries: Sequence[HistoryEntry]) -> str:
    """Return the document of `schemas/history.v1.json`."""
    return render_json(ledger_document.to_history_document(entries))


def render_check(check: ChainCheck) -> str:
    """Return the document of `schemas/history-check.v1.json`."""
    return render_json(ledger_document.to_check_document(check))


def render_locks(lock: Holder | None, leader: Holder | None) -> str:
    """Return the document of `schemas/lock.v1.json`."""
    return render_json(ledger_document.to_lock_document(lock, leader))


def render_calendar(calendar: Calendar) -> str:
    """Return the document of `schemas/calendar.v1.json`."""
    return render_json(calendar_document.to_document(calendar))


def render_rehearsal(rehearsal: Rehearsal) -> str:
    """Return the document of `schemas/rehearsal.v1.json`."""
    return render_json(rehearsal_document.to_document(rehearsal))


def render_drifts(drifts: Sequence[Drift], failures: Sequence[Failure] = ()) -> str:
    """Return the document of `schemas/drift.v1.json`, or for several drifts of `schemas/drifts.v1.json`."""
    return render_json(drift_document.to_documents(drifts, failures))


def render_inventory(keys: Iterable[Observation], providers: Mapping[ProviderName, str] = _NO_PROVIDERS) -> str:
    """Return a JSON array with an object per key, in the API's own field names; with the name of one of several."""
    return render_json(
        [{**key.to_dict(), **({"provider": providers[key.provider]} if providers else {})} for key in keys]
    )
