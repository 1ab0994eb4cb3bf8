"""Calendars as JSON values, in the format that `schemas/calendar.v1.json` publishes."""

from __future__ import annotations

from keyplan.documents.plan import write_further
from keyplan.model.calendar import Calendar, Event
from keyplan.model.manifest import Json
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(calendar: Calendar) -> dict[str, Json]:
    """Return the calendar as JSON values; events in their own order: by time, then address."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": calendar.owner,
        "manifest": calendar.manifest,
        "provider": {"base_url": calendar.provider, "dialect": calendar.dialect},
        **write_further(calendar.further_providers),
        "since": write_time(calendar.since),
        "until": write_time(calendar.until),
        "events": [write_event(event) for event in calendar.events],
    }


def write_event(event: Event) -> dict[str, Json]:
    """Return one event as JSON values."""
    return {
        "at": write_time(event.at),
        "event": event.happening.value,
        "address": event.address,
        "key_id": event.key_id,
        "verb": event.verb.value if event.verb else None,
        "reason": event.reason.value if event.reason else None,
        "overlap_seconds": None if event.overlap is None else event.overlap.total_seconds(),
        "blocked_by": event.guard.value if event.guard else None,
        "note": event.note,
    }
