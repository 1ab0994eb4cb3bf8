"""A calendar as iCalendar (RFC 5545), for a team's calendar to subscribe to or import.

In: a calendar. Out: text with CRLF line ends, no line longer than 75 octets. Never: text of somebody else that could
start another property or component; a UID that changes while the event is the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

from keyplan.model.calendar import Calendar, Event
from keyplan.renderers.sanitize import inert
from keyplan.renderers.text.calendar import say_event

_MOST_OCTETS = 75
# RFC 5545 3.3.11: these are written with a backslash in a TEXT value. Line breaks never get here: `inert` shows them.
_ESCAPED = str.maketrans({"\\": r"\\", ";": r"\;", ",": r"\,"})


def render_ics(calendar: Calendar) -> str:
    """Return the calendar as one iCalendar object; each event is an instant that keeps nobody busy."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//keyplan//keyplan//EN", "CALSCALE:GREGORIAN"]
    for event in calendar.events:
        lines += _write_event(event, calendar)
    return "".join(f"{folded}\r\n" for line in (*lines, "END:VCALENDAR") for folded in fold(line))


def fold(line: str) -> Iterator[str]:
    """Yield a content line in pieces of at most 75 octets, each but the first after a blank (RFC 5545 3.1)."""
    piece = ""
    for character in line:
        # Between characters only: half of a UTF-8 sequence would be no text.
        if len(f"{piece}{character}".encode()) > _MOST_OCTETS:
            yield piece
            piece = " "
        piece += character
    yield piece


def _write_event(event: Event, calendar: Calendar) -> Iterator[str]:
    blocked = f" (blocked by {event.guard.value})" if event.guard else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{_identify(event, calendar)}"
    yield f"DTSTAMP:{_write_time(calendar.since)}"
    yield f"DTSTART:{_write_time(event.at)}"
    yield f"SUMMARY:{_escape(f'{event.address} {event.happening.value}{blocked}')}"
    yield f"DESCRIPTION:{_escape(say_event(event))}"
    yield f"CATEGORIES:{event.happening.value.upper()}"
    # RFC 5545 3.8.2.7: it does not make anybody busy.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _identify(event: Event, calendar: Calendar) -> str:
    """Return the same UID for the same event, whenever it is foreseen.

    A key that exists does each thing once, whenever that is; one that does not exist yet is told by the time.
    """
    which = event.key_id or _write_time(event.at)
    parts = (calendar.provider, calendar.owner, event.address, event.happening.value, which)
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return f"{digest[:32]}@keyplan"


def _write_time(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escape(text: str) -> str:
    return inert(text, width=1000).translate(_ESCAPED)
