"""Drifts as JSON values, in the formats that `schemas/drift.v1.json` and `schemas/drifts.v1.json` publish."""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.documents.audit import write_entry
from keyplan.documents.plan import write_further
from keyplan.documents.report import Failure, write_failures
from keyplan.model.audit import AuditLook
from keyplan.model.drift import Drift, DriftFinding, DriftKind
from keyplan.model.manifest import Json, Waiver
from keyplan.model.observation import ScopeSurvey
from keyplan.model.place import Place
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(drift: Drift) -> dict[str, Json]:
    """Return the drift as JSON values; findings by kind, then address or name."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": drift.owner,
        "manifest": drift.manifest,
        "provider": {"base_url": drift.provider, "dialect": drift.dialect},
        **write_further(drift.further_providers),
        "at": write_time(drift.at),
        "kinds": [kind.value for kind in drift.kinds],
        "findings": [_write_finding(finding) for finding in drift.findings],
        "in_order": list(drift.in_order),
        "warnings": list(drift.warnings),
        **({"looked_in": _write_survey(drift.survey)} if drift.survey else {}),
        **({"audit_log": _write_look(drift.audit)} if drift.audit else {}),
        "summary": {
            **{kind.value: drift.count(kind) for kind in DriftKind},
            "accepted": len(drift.accepted),
            "alarms": len(drift.alarms),
            "in_order": len(drift.in_order),
        },
    }


def to_documents(drifts: Sequence[Drift], failures: Sequence[Failure] = ()) -> dict[str, Json]:
    """Return the drifts as JSON values: its own document for a single one, else a set."""
    if len(drifts) == 1 and not failures:
        return to_document(drifts[0])
    return {
        "format_version": FORMAT_VERSION,
        "alarms": sum(len(drift.alarms) for drift in drifts),
        "drifts": [to_document(drift) for drift in drifts],
        "errors": write_failures(failures),
    }


def _write_look(look: AuditLook) -> dict[str, Json]:
    return {"read": look.is_read, "reason": look.reason or None}


def _write_survey(survey: ScopeSurvey) -> dict[str, Json]:
    return {
        "complete": survey.is_complete,
        "spaces": [{"id": space.id, "name": space.name} for space in survey.looked_in],
        "refused": [{"id": space.id, "name": space.name} for space in survey.refused],
    }


def _write_finding(finding: DriftFinding) -> dict[str, Json]:
    return {
        "kind": finding.kind.value,
        "cause": finding.cause.value,
        "address": finding.address,
        "name": finding.name,
        "key_id": finding.key_id,
        "detail": finding.detail,
        "advice": finding.advice,
        "blocked_by": finding.guard.value if finding.guard else None,
        "report_only": finding.is_report_only,
        "expires_at": write_time(finding.expires_at) if finding.expires_at else None,
        "place": _write_place(finding.place) if finding.place else None,
        "waiver": _write_waiver(finding.waiver) if finding.waiver else None,
        "lapsed_waiver": _write_waiver(finding.lapsed) if finding.lapsed else None,
        **({"audit": [write_entry(entry) for entry in finding.audit]} if finding.audit else {}),
    }


def _write_waiver(waiver: Waiver) -> dict[str, Json]:
    return {
        "owner": waiver.owner,
        "reason": waiver.reason,
        "until": write_time(waiver.until),
        "place": _write_place(waiver.place),
    }


def _write_place(place: Place) -> dict[str, Json]:
    return {"file": place.file, "line": place.line, "column": place.column}
