"""A calendar as text for a terminal: a chart of weeks, and a line per event in time order."""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_event
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Style, Tone
from keyplan.renderers.text.layout import INDENT, Line, fit_lines
from keyplan.renderers.text.weeks import draw_weeks
from keyplan.renderers.words import HAPPENING_NOUNS, HAPPENING_SIGNS, format_count, join_words

_PLAIN_STYLE = Style()
_DEFAULT_WIDTH = 80
"""Columns of the chart in a file or a pipe."""


def render_calendar(calendar: Calendar, *, style: Style = _PLAIN_STYLE) -> str:
    """Return the calendar as text: a chart of weeks, then a line for each event, and the counts as the last line."""
    owner, manifest = sanitize(calendar.owner), sanitize(calendar.manifest)
    span = f"from {show_time(calendar.since)} to {show_time(calendar.until)}"
    chart = list(draw_weeks(calendar, width=style.width or _DEFAULT_WIDTH, palette=style.palette))
    lines = [
        *fit_lines([Line(text=f"Keys of {owner} in {manifest}, {span}", is_dated=False), Line()], style),
        *([*chart, ""] if chart else []),
        *fit_lines((line for event in calendar.events for line in _describe(event, style)), style),
        *([""] if calendar.events else []),
        *fit_lines([Line(text=_summarize(calendar))], style),
    ]
    return "".join(f"{line}\n" for line in lines)


def _describe(event: Event, style: Style) -> Iterator[Line]:
    palette = style.palette
    _, tone = HAPPENING_SIGNS[event.happening]
    what = palette.paint(tone, f"{event.happening.value:<8}")
    key = f"  key {sanitize(event.key_id)}" if event.key_id else ""
    prefix = f"  {show_time(event.at)}  {what}  "
    yield Line(prefix=prefix, text=f"{sanitize(event.address)}{key}", hang=len(INDENT), is_dated=False)
    if event.guard:
        yield Line(prefix=INDENT, text=f"{palette.paint(Tone.ALARM, 'blocked')} by {event.guard.value}", is_dated=False)
    yield Line(prefix=INDENT, text=describe_event(event), hang=len(INDENT))


def _summarize(calendar: Calendar) -> str:
    happenings = [event.happening for event in calendar.events]
    counted = [format_count(happenings.count(one), HAPPENING_NOUNS[one]) for one in Happening if one in happenings]
    if not counted:
        return "Nothing is due."
    return f"{join_words(counted)}. Each change is made by the first apply after its time."
