"""Explanations as JSON values, in the format that `schemas/explanation.v1.json` publishes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from keyplan.documents.calendar import write_event
from keyplan.documents.plan import write_action_identity, write_further, write_turn
from keyplan.model.explanation import (
    AskedRow,
    Decision,
    DeclaredField,
    ExplainedKey,
    ExplainedPlace,
    Explanation,
    PastEvent,
)
from keyplan.model.place import Place
from keyplan.model.plan import Action
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(explanation: Explanation) -> dict[str, Any]:
    """Return the explanation as JSON values; everything in its own order."""
    return {
        "format_version": FORMAT_VERSION,
        "subject": explanation.subject,
        "manifest": explanation.manifest,
        "owner": explanation.owner,
        "provider": {"base_url": explanation.provider, "dialect": explanation.dialect},
        **write_further(explanation.further_providers),
        "now": write_time(explanation.now),
        "standing": explanation.standing.value,
        "address": explanation.address,
        "declaration": [_write_field(one) for one in explanation.fields],
        "key": _write_key(explanation.key) if explanation.key else None,
        "others": [_write_key(one) for one in explanation.others],
        "places": [_write_place(one) for one in explanation.places],
        "history": [_write_past(one) for one in explanation.history],
        "decision": _write_decision(explanation.decision),
        "further": [_write_decision(one) for one in explanation.further],
        "next": [write_event(event) for event in explanation.events],
    }


def _write_field(one: DeclaredField) -> dict[str, Any]:
    return {
        "field": one.name,
        "value": one.value,
        "source": one.source.value,
        "place": _write_source(one.place) if one.place else None,
    }


def _write_source(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _write_key(one: ExplainedKey) -> dict[str, Any]:
    return {
        **one.key.to_dict(),
        "standing": one.standing.value,
        "evidence": one.evidence.value,
        "creator_known_as": one.creator_source or None,
    }


def _write_place(one: ExplainedPlace) -> dict[str, Any]:
    return {
        "location": one.location,
        "state": one.state.value,
        "detail": one.detail,
        "changed_at": _write_instant(one.changed_at),
    }


def _write_past(one: PastEvent) -> dict[str, Any]:
    return {
        "at": _write_instant(one.at),
        "event": one.occurrence.value,
        "key_id": one.key_id,
        "detail": one.detail,
    }


def _write_decision(one: Decision) -> dict[str, Any]:
    return {
        "row": one.row.value if one.row else None,
        "action": _write_action(one.action) if one.action else None,
        "asked": [_write_asked(asked) for asked in one.asked],
    }


def _write_asked(one: AskedRow) -> dict[str, Any]:
    return {"row": one.row.value, "answer": one.answer.value, "fact": one.fact}


def _write_action(action: Action) -> dict[str, Any]:
    return {
        **write_action_identity(action),
        "explanation": action.explanation,
        "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in action.changes],
        "notes": list(action.notes),
        "blocked_by": action.blocked.guard.value if action.blocked else None,
        "advice": action.blocked.advice if action.blocked else None,
        **({"turn": write_turn(action.turn)} if action.turn else {}),
    }


def _write_instant(instant: datetime | None) -> str | None:
    return write_time(instant) if instant else None
