"""A calendar as iCalendar (RFC 5545), for a team's calendar to subscribe to or import.

Untrusted text must not start another property or component. The UID of an event never changes while the event is the
same: a calendar program would show it twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from keyplan.model.calendar import Calendar, Event
from keyplan.model.mask import hide
from keyplan.renderers.descriptions import describe_event
from keyplan.renderers.sanitize import sanitize

_MOST_OCTETS = 75
# RFC 5545 3.3.11: these are written with a backslash in a TEXT value. Line breaks never get here, see `sanitize`.
_ESCAPED = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,"})


def render_ics(calendar: Calendar) -> str:
    """Return the calendar as one iCalendar object; events are instants and block no time."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//keyplan//keyplan//EN", "CALSCALE:GREGORIAN"]
    for event in calendar.events:
        lines += _list_properties(event, calendar)
    # Hidden here already: a secret that is folded is two pieces of one.
    return "".join(f"{folded}\r\n" for line in (*lines, "END:VCALENDAR") for folded in fold(hide(line)))


def fold(line: str) -> Iterator[str]:
    """Yield a content line in pieces of at most 75 octets, each but the first after a blank (RFC 5545 3.1)."""
    piece = ""
    for character in line:
        # Fold between characters only: half of a UTF-8 sequence is not text.
        if len(f"{piece}{character}".encode()) > _MOST_OCTETS:
            yield piece
            piece = " "
        piece += character
    yield piece


def _list_properties(event: Event, calendar: Calendar) -> Iterator[str]:
    blocked = f" (blocked by {event.guard.value})" if event.guard else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{_build_uid(event, calendar)}"
    yield f"DTSTAMP:{_format_time(calendar.since)}"
    yield f"DTSTART:{_format_time(event.at)}"
    yield f"SUMMARY:{_escape(f'{event.address} {event.happening.value}{blocked}')}"
    yield f"DESCRIPTION:{_escape(describe_event(event))}"
    yield f"CATEGORIES:{event.happening.value.upper()}"
    # RFC 5545 3.8.2.7: an event that blocks no time.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _build_uid(event: Event, calendar: Calendar) -> str:
    """Return the same UID for the same event, in every calendar that has it."""
    # A key that exists does each thing once, so its id is enough even if the time moves. A future key has no id yet.
    which = event.key_id or _format_time(event.at)
    parts = (calendar.provider, calendar.owner, event.address, event.happening.value, which)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{digest[:32]}@keyplan"


def _format_time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escape(text: str) -> str:
    return sanitize(text, width=1000).translate(_ESCAPED)
