"""A calendar as a drawing: an SVG file that stands alone, or a page with the dates of each address.

All text in it is escaped, and the SVG holds its own style and loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import htpy
from markupsafe import Markup

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.identity import Address
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_event
from keyplan.renderers.html.page import Tile, draw_tiles, render_page
from keyplan.renderers.html.timeline import (
    AXIS_HEIGHT,
    HEIGHT,
    WIDTH,
    Scale,
    draw_axis,
    draw_events,
    draw_legend,
    list_marks,
    shape,
)
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Style
from keyplan.renderers.words import HAPPENING_LABELS

_LONG = 1000
_LABEL, _GAP, _HEAD = 290, 10, 110
_IN_LINE = 3
"""So many marks stand in one line of the legend."""
_WHOLE = _LABEL + WIDTH + 2 * _GAP
_LETTERS = 44
# XML 1.0 2.2: besides controls and surrogates, which `sanitize` shows as escapes, these two are not characters.
_FORBIDDEN = re.compile("[\ufffe\uffff]")
# The most important first, each with the class of its tile.
_TILES: Sequence[tuple[str, Happening]] = (
    ("alarm", Happening.EXPIRES),
    ("wait", Happening.RETIRES),
    ("calm", Happening.ROTATES),
    ("calm", Happening.CREATES),
    ("calm", Happening.EMPTIES),
)
_COLOURS = """
svg { --ground: #ffffff; --text: #1a2129; --faint: #4d5966; --line: #c3cad3;
  --calm: #2f6f9f; --bar: #8fb7d6; --wait: #845400; --bad: #b3261e; --good: #1d6f42; }
@media (prefers-color-scheme: dark) { svg { --ground: #12171d; --text: #e8edf2; --faint: #b3bec9; --line: #45505c;
  --calm: #8ec1ff; --bar: #3d6f96; --wait: #f0b24a; --bad: #ff8a80; --good: #74d39b; } }
svg { overflow: visible; } .ground { fill: var(--ground); } .axis { stroke: var(--line); } .life { fill: var(--bar); }
.overlap { fill: none; stroke: var(--wait); stroke-width: 2; stroke-dasharray: 4 3; }
.rotates { fill: var(--calm); } .expires { fill: var(--bad); } .creates { fill: var(--good); }
.retires { fill: none; stroke: var(--wait); stroke-width: 2; }
text { fill: var(--faint); font: 11px system-ui, sans-serif; }
.title { fill: var(--text); font-size: 15px; font-weight: 600; } .key { fill: var(--text); }
"""


def render_svg(calendar: Calendar) -> str:
    """Return the calendar as one SVG document, a line for each address, the next to change first."""
    rows = _group(calendar.events)
    height = _HEAD + max(len(rows), 1) * HEIGHT + _GAP
    title = _clean(f"Keys of {calendar.owner} in {calendar.manifest}", width=100)
    size = {"width": _WHOLE, "height": height}
    drawing = shape("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WHOLE} {height}", **size, role="img")[
        shape("title")[title],
        shape("style")[Markup(_COLOURS)],  # noqa: S704 - a text of this module
        shape("rect", class_="ground", width=_WHOLE, height=height),
        shape("text", class_="title", x=_GAP, y=22)[title],
        shape("text", x=_GAP, y=40)[f"from {show_time(calendar.since)} to {show_time(calendar.until)}"],
        *_draw_legend(),
        _place(_LABEL + _GAP, _HEAD - AXIS_HEIGHT, AXIS_HEIGHT, draw_axis(_scale(calendar))),
        *_draw_rows(calendar, rows),
    ]
    return "".join(drawing.iter_chunks()) + "\n"


def render_calendar_page(calendar: Calendar, *, style: Style) -> str:
    """Return the calendar as a page: counts, the drawing of each address, and its dates in a fold."""
    scale, rows = _scale(calendar), _group(calendar.events)
    happenings = [event.happening for event in calendar.events]
    tiles = [Tile(happenings.count(one), HAPPENING_LABELS[one], tone) for tone, one in _TILES]
    blocked = sum(event.guard is not None for event in calendar.events)
    sections = [
        draw_tiles([Tile(blocked, "blocked", "alarm"), *tiles]),
        htpy.p[f"From {show_time(calendar.since)} to {show_time(calendar.until)}, if the manifest stays as it is."],
        draw_legend(),
        htpy.table(".calendar")[
            htpy.caption[f"What happens to the keys of {sanitize(calendar.manifest)}, the next to change first"],
            htpy.thead[htpy.tr[htpy.th(scope="col")["Key"], htpy.th(scope="col")["Dates", draw_axis(scale)]]],
            htpy.tbody[(_draw_page_row(address, events, calendar, scale) for address, events in rows.items())],
        ]
        if rows
        else htpy.p["Nothing is due."],
    ]
    title = f"Calendar of {calendar.owner}"
    made_at = style.made_at or calendar.since
    return render_page(
        title, sections, assets=style.assets, made_at=made_at, version=style.version, command="keyplan calendar"
    )


def _draw_page_row(address: Address, events: Sequence[Event], calendar: Calendar, scale: Scale) -> htpy.Element:
    return htpy.tr[
        htpy.td(data_label="Key")[
            htpy.details[
                htpy.summary[sanitize(address)],
                htpy.div(".fold")[htpy.dl[([htpy.dt[at], htpy.dd[text]] for at, text in map(_describe, events))]],
            ]
        ],
        htpy.td(".when", data_label="Dates")[draw_events(events, calendar.since, scale)],
    ]


def _describe(event: Event) -> tuple[str, str]:
    key = f" key {sanitize(event.key_id)}" if event.key_id else ""
    blocked = f" (blocked by {event.guard.value})" if event.guard else ""
    detail = describe_event(event)
    return show_time(event.at), f"{event.happening.value}{key}{blocked}" + (f": {detail}" if detail else "")


def _group(events: Sequence[Event]) -> Mapping[Address, list[Event]]:
    """Return the events by address; they are in the order of time, so the next to change comes first."""
    grouped: dict[Address, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.address, []).append(event)
    return grouped


def _draw_rows(calendar: Calendar, rows: Mapping[Address, Sequence[Event]]) -> Iterator[htpy.Element]:
    if not rows:
        yield shape("text", x=_GAP, y=_HEAD + 13)["Nothing is due."]
    for number, (address, events) in enumerate(rows.items()):
        top = _HEAD + number * HEIGHT
        yield shape("text", class_="key", x=_GAP, y=top + 13)[_shorten(_clean(address, width=256))]
        yield _place(_LABEL + _GAP, top, HEIGHT, draw_events(events, calendar.since, _scale(calendar)))


def _draw_legend() -> Iterator[htpy.Element]:
    for number, (mark, words) in enumerate(list_marks()):
        left, top = _GAP + number % _IN_LINE * 250, 46 + number // _IN_LINE * HEIGHT
        yield shape("g", transform=f"translate({left} {top})")[mark, shape("text", x=26, y=13)[words]]


def _place(left: float, top: float, height: int, drawing: htpy.Element) -> htpy.Element:
    """Return a drawing at its place in another one."""
    return shape("svg", x=left, y=top, width=WIDTH, height=height, overflow="visible")[drawing]


def _scale(calendar: Calendar) -> Scale:
    return Scale(calendar.since, calendar.until)


def _clean(text: str, *, width: int) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", sanitize(text, width=width))


def _shorten(text: str) -> str:
    """Return a text that fits beside the drawing. Its ends are kept, because names differ there."""
    half = _LETTERS // 2
    return text if len(text) <= _LETTERS else f"{text[:half]}…{text[-half:]}"
