"""A calendar as text for a terminal: a chart of weeks, and a line per event in time order."""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_event
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.text.weeks import draw_weeks
from keyplan.renderers.words import format_count, join_words

_TONES: Mapping[Happening, Tone] = {
    Happening.CREATES: Tone.ADD,
    Happening.ROTATES: Tone.CHANGE,
    Happening.RETIRES: Tone.DESTROY,
    Happening.EMPTIES: Tone.CHANGE,
    Happening.EXPIRES: Tone.ALARM,
}
_NOUNS: Mapping[Happening, str] = {
    Happening.CREATES: "new key",
    Happening.ROTATES: "rotation",
    Happening.RETIRES: "retirement",
    Happening.EMPTIES: "emptied place",
    Happening.EXPIRES: "expiration",
}
_INDENT = " " * 6


def render_calendar(calendar: Calendar, palette: Palette = PLAIN, *, width: int = 80) -> str:
    """Return the calendar as text: a chart of weeks, then a line for each event, and the counts as the last line."""
    owner, manifest = sanitize(calendar.owner), sanitize(calendar.manifest)
    head = f"Keys of {owner} in {manifest}, from {show_time(calendar.since)} to {show_time(calendar.until)}"
    chart = list(draw_weeks(calendar, width=width, palette=palette))
    events = [line for event in calendar.events for line in _describe(event, palette)]
    lines = [head, "", *([*chart, ""] if chart else []), *events]
    return "".join(f"{line}\n" for line in (*lines, *([""] if calendar.events else []), _summarize(calendar)))


def _describe(event: Event, palette: Palette) -> list[str]:
    what = palette.paint(_TONES[event.happening], f"{event.happening.value:<8}")
    key = f"  key {sanitize(event.key_id)}" if event.key_id else ""
    lines = [f"  {show_time(event.at)}  {what}  {sanitize(event.address)}{key}"]
    if event.guard:
        lines.append(f"{_INDENT}{palette.paint(Tone.ALARM, 'blocked')} by {event.guard.value}")
    return [*lines, f"{_INDENT}{describe_event(event)}"]


def _summarize(calendar: Calendar) -> str:
    happenings = [event.happening for event in calendar.events]
    counted = [format_count(happenings.count(one), _NOUNS[one]) for one in Happening if one in happenings]
    if not counted:
        return "Nothing is due."
    return f"{join_words(counted)}. Each change is made by the first apply after its time."
