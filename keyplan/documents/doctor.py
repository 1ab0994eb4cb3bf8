"""What `keyplan doctor` found as JSON values, in the format that `schemas/doctor.v1.json` publishes."""

from __future__ import annotations

from keyplan.model.examination import Examination, Finding, Health
from keyplan.model.manifest import Json

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(examination: Examination) -> dict[str, Json]:
    """Return the examination as JSON values; findings in their order."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": examination.owner,
        "manifest": examination.manifest,
        "findings": [_write_finding(finding) for finding in examination.findings],
        "summary": {health.value: examination.count(health) for health in Health},
    }


def _write_finding(finding: Finding) -> dict[str, Json]:
    return {
        "area": finding.area.value,
        **({"provider": finding.provider} if finding.provider else {}),
        "subject": finding.subject,
        "sink": finding.sink,
        "health": finding.health.value,
        "detail": finding.detail,
        "advice": finding.advice,
    }
