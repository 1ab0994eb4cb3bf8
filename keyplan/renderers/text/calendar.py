"""A calendar as a person reads it: a line per event, in time order.

In: a calendar. Out: text. Never: a name that is not inert.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.times import write_duration
from keyplan.renderers.palette import PLAIN, Palette, Tone
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import REASONS, join_words, say_count, say_time

_TONES: Mapping[Happening, Tone] = {
    Happening.CREATES: Tone.ADD,
    Happening.ROTATES: Tone.CHANGE,
    Happening.RETIRES: Tone.DESTROY,
    Happening.EXPIRES: Tone.ALARM,
}
_NOUNS: Mapping[Happening, str] = {
    Happening.CREATES: "new key",
    Happening.ROTATES: "rotation",
    Happening.RETIRES: "retirement",
    Happening.EXPIRES: "expiration",
}
_INDENT = " " * 6


def render_calendar(calendar: Calendar, palette: Palette = PLAIN) -> str:
    """Return the calendar as text, its counts as the last line."""
    owner, manifest = inert(calendar.owner), inert(calendar.manifest)
    head = f"Keys of {owner} in {manifest}, from {say_time(calendar.since)} to {say_time(calendar.until)}"
    lines = [head, "", *(line for event in calendar.events for line in _describe(event, palette))]
    return "".join(f"{line}\n" for line in (*lines, *([""] if calendar.events else []), _summarize(calendar)))


def say_event(event: Event) -> str:
    """Return why and how something happens, in a few words; inert."""
    reason = REASONS[event.reason] if event.reason else ""
    return "; ".join(filter(None, (reason, _say_overlap(event), inert(event.note, width=1000))))


def _describe(event: Event, palette: Palette) -> list[str]:
    what = palette.paint(_TONES[event.happening], f"{event.happening.value:<8}")
    key = f"  key {inert(event.key_id)}" if event.key_id else ""
    lines = [f"  {say_time(event.at)}  {what}  {inert(event.address)}{key}"]
    if event.guard:
        lines.append(f"{_INDENT}{palette.paint(Tone.ALARM, 'blocked')} by {event.guard.value}")
    return [*lines, f"{_INDENT}{say_event(event)}"]


def _say_overlap(event: Event) -> str:
    """Return how long the old key works on; empty for what is no renewal."""
    if event.overlap is None:
        return ""
    return f"overlap {write_duration(event.overlap)}" if event.overlap else "no overlap"


def _summarize(calendar: Calendar) -> str:
    happenings = [event.happening for event in calendar.events]
    counted = [say_count(happenings.count(one), _NOUNS[one]) for one in Happening if one in happenings]
    if not counted:
        return "Nothing falls due."
    return f"{join_words(counted)}. What an apply has to do is done by the first one after its time."
