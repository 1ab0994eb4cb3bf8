"""Drifts as sheets. Levels and dangers are tables; the planner decides what a finding is."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.renderers.descriptions import FOUND, describe_finding
from keyplan.renderers.drift_summary import list_drift_remarks, summarize_drifts
from keyplan.renderers.sheet import Level, Row, Sheet, Subject, sort_rows
from keyplan.renderers.words import CAUSES

# Accepted findings come last, and those that are only for information right before them.
_ACCEPTED, _FOR_INFORMATION = 1, 5
_DANGERS: Mapping[DriftKind, int] = {
    DriftKind.DRIFT: 80,
    DriftKind.EXPIRING: 60,
    DriftKind.UNMANAGED: 50,
    DriftKind.PENDING: 40,
}
_BLOCKED = 10
"""Added for a finding that the next apply does not fix."""


def build_drift_sheet(drift: Drift) -> Sheet:
    """Return the sheet of a drift; accepted findings are notices at its end."""
    return Sheet(
        about=Subject.DRIFT,
        manifest=drift.manifest,
        owner=drift.owner,
        rows=sort_rows([_build_row(finding) for finding in drift.findings]),
        summary=summarize_drifts([drift]),
        remarks=(*drift.warnings, *list_drift_remarks(drift)),
        unchanged=drift.in_order,
        is_different=bool(drift.alarms),
    )


def _build_row(finding: DriftFinding) -> Row:
    is_accepted = finding.waiver is not None
    return Row(
        subject=finding.address or finding.key_id or finding.name,
        mark="=" if is_accepted else "." if finding.is_report_only else "!",
        word=_format_word(finding),
        reason=_format_reason(finding),
        rule=f"drift/{finding.cause.value}",
        level=_choose_level(finding),
        danger=_rate_danger(finding),
        details=tuple((label, text) for label, text in describe_finding(finding) if label != FOUND),
        advice="" if is_accepted else finding.advice,
        place=finding.place,
    )


def _format_reason(finding: DriftFinding) -> str:
    """Return the cause in words with what was found, so that no format has to search the details for it."""
    if finding.cause is Cause.UNMANAGED:
        return f"an unmanaged {finding.detail or 'key'}: {finding.name}"
    phrase = CAUSES[finding.cause]
    return f"{phrase}: {finding.detail}" if finding.detail else phrase


def _format_word(finding: DriftFinding) -> str:
    """Return ``gone (drift)``: the cause, and its kind if the cause alone does not show it."""
    cause, kind = finding.cause.value, finding.kind
    asides = [kind.value] if kind in (DriftKind.DRIFT, DriftKind.PENDING) else []
    asides += ["accepted"] if finding.waiver else []
    return f"{cause} ({', '.join(asides)})" if asides else cause


def _choose_level(finding: DriftFinding) -> Level:
    if finding.waiver or finding.is_report_only:
        return Level.NOTICE
    is_error = finding.kind in (DriftKind.DRIFT, DriftKind.UNMANAGED) or finding.guard
    return Level.ERROR if is_error else Level.WARNING


def _rate_danger(finding: DriftFinding) -> int:
    if finding.waiver:
        return _ACCEPTED
    if finding.is_report_only:
        return _FOR_INFORMATION
    return _DANGERS[finding.kind] + (_BLOCKED if finding.guard else 0)
