"""Drifts as sheets. Levels and dangers are tables; the planner decides what a finding is."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.renderers.descriptions import FOUND, describe_finding
from keyplan.renderers.drift_summary import list_drift_remarks, summarize_drifts
from keyplan.renderers.sheet import Level, Row, Sheet, Subject, sort_rows

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
_PHRASES: Mapping[Cause, str] = {
    Cause.GONE: "deleted outside keyplan",
    Cause.EXPIRED: "the key has expired",
    Cause.ROTATED_ELSEWHERE: "rotated outside keyplan",
    Cause.ALTERED: "changed at the provider",
    Cause.SINK_LOST: "a sink does not hold its raw key",
    Cause.DUPLICATE: "a second live key carries our marker",
    Cause.FOREIGN: "a key with this name exists that keyplan did not make",
    Cause.UNSEEN: "the provider shows its key neither as active nor as revoked",
    Cause.UNKNOWN_CREATOR: "a key carries its marker, and keyplan cannot tell who made it",
    Cause.RECEIPT_NOT_BELIEVED: "what is noted beside its secret is not believed",
    Cause.IMPORTED: "the manifest says which key it is",
    Cause.CLAIMED: "a key that a stranger made carries our marker",
    Cause.STRAY: "a key carries this owner's marker, and no record knows it",
    Cause.TRANSFERRED: "another manifest manages it",
    Cause.UNPROVEN: "nothing proves that its raw key was ever delivered",
    Cause.ABSENT: "no key yet",
    Cause.CHANGED: "changed in the manifest",
    Cause.UNDELIVERED: "not yet in every sink that the manifest names",
    Cause.REQUESTED: "requested",
    Cause.MOVED: "moved to another address",
    Cause.DUE: "older than its rotation allows",
    Cause.WAITING: "its renewal waits for its turn in the rollout",
    Cause.UNFINISHED: "an earlier run did not finish",
    Cause.SUPERSEDED: "an old key whose successor is in place",
    Cause.LEFT: "a place that is no longer used",
    Cause.UNDECLARED: "no longer in the manifest",
    Cause.IN_PAST: "its expires_at is in the past",
    Cause.POLICY: "as declared, but blocked",
    Cause.EXPIRES_SOON: "expires soon",
}


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
    phrase = _PHRASES[finding.cause]
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
