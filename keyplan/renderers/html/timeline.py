"""The next months of one key as a drawing: its life, its overlaps, and a mark of its own shape for each happening."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import htpy

from keyplan.model.calendar import Event, Happening
from keyplan.model.overview import KeyLife, LifeState
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import HAPPENINGS

WIDTH, HEIGHT, AXIS_HEIGHT = 480, 18, 22
"""Of a drawing, in its own units."""
_MIDDLE = HEIGHT / 2
_MONTH_STEPS = 3
"""An axis has so many marks between its ends."""


class Scale:
    """Instants as positions from left to right."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since = since
        self._until = until

    def place(self, at: datetime) -> float:
        """Return where an instant is, in units of the drawing; before and after the span, its ends."""
        share = (at - self._since) / (self._until - self._since)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 1)

    def marks(self) -> Iterator[datetime]:
        """Yield the instants that an axis names, the first and the last included."""
        step: timedelta = (self._until - self._since) / (_MONTH_STEPS + 1)
        for number in range(_MONTH_STEPS + 2):
            yield self._since + number * step


def draw_axis(scale: Scale) -> htpy.Element:
    """Return the dates above the drawings. They are decoration: each drawing names its own."""
    marks = list(scale.marks())
    anchors = ["start", *["middle"] * _MONTH_STEPS, "end"]
    return htpy.svg(viewBox=f"0 0 {WIDTH} {AXIS_HEIGHT}", aria_hidden="true")[
        *(
            shape("text", x=scale.place(at), y=12, text_anchor=anchor)[f"{at:%Y-%m-%d}"]
            for at, anchor in zip(marks, anchors, strict=True)
        ),
        shape("line", class_="axis", x1=0, x2=WIDTH, y1=18, y2=18),
    ]


def draw_life(life: KeyLife, scale: Scale) -> htpy.Element:
    """Return the drawing of a key, with its events in words for those who do not see it."""
    return _draw(life.events, _draw_bar(_find_begin(life), life.events, life.standing, scale), scale)


def draw_events(events: Sequence[Event], since: datetime, scale: Scale) -> htpy.Element:
    """Return the drawing of an address of which only its events are known; it has a key unless one is created."""
    is_new = any(event.happening is Happening.CREATES for event in events)
    begin = _find_create(events) if is_new else since
    return _draw(events, _draw_bar(begin, events, LifeState.CURRENT, scale), scale)


def _draw(events: Sequence[Event], bar: htpy.Element | None, scale: Scale) -> htpy.Element:
    words = describe_events(events)
    return htpy.svg(viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=words)[
        shape("title")[words],
        shape("line", class_="axis", x1=0, x2=WIDTH, y1=_MIDDLE, y2=_MIDDLE),
        bar,
        *(_draw_overlap(event, scale) for event in events if event.overlap),
        *(draw_event(event.happening, scale.place(event.at)) for event in events if event.happening in _SHAPES),
    ]


def describe_events(events: Sequence[Event]) -> str:
    """Return what a drawing shows, in words: ``rotates 2027-01-02, expires 2027-02-01``; sanitized."""
    told = [f"{HAPPENINGS[event.happening]} {event.at:%Y-%m-%d}" for event in events]
    return sanitize(", ".join(told), width=1000) if told else "nothing happens in this time"


def _draw_bar(
    begin: datetime | None, events: Sequence[Event], standing: LifeState, scale: Scale
) -> htpy.Element | None:
    """Return the time in which consumers have a working key; None if they never have."""
    if begin is None:
        return None
    left, right = scale.place(begin), _find_end(events, standing, scale)
    return shape("rect", class_="life", x=left, y=_MIDDLE - 3, width=max(right - left, 1), height=6)


def _find_begin(life: KeyLife) -> datetime | None:
    return life.created_at if life.standing is not LifeState.MISSING else _find_create(life.events)


def _find_create(events: Sequence[Event]) -> datetime | None:
    return next((event.at for event in events if event.happening is Happening.CREATES and not event.guard), None)


def _find_end(events: Sequence[Event], standing: LifeState, scale: Scale) -> float:
    """Return where the life ends. A rotation does not end that of an address: consumers go on with the next key."""
    ends = (Happening.EXPIRES,) if standing in (LifeState.CURRENT, LifeState.MISSING) else _ENDS
    return next((scale.place(event.at) for event in events if event.happening in ends), float(WIDTH))


_ENDS = (Happening.EXPIRES, Happening.RETIRES)


def _draw_overlap(event: Event, scale: Scale) -> htpy.Element:
    begin = scale.place(event.at)
    end = scale.place(event.at + (event.overlap or timedelta(0)))
    return shape("line", class_="overlap", x1=begin, x2=max(end, begin + 4), y1=HEIGHT - 2, y2=HEIGHT - 2)


def draw_event(happening: Happening, x: float) -> htpy.Element:
    """Return the mark of an event: each happening has a shape of its own."""
    return shape("path", class_=happening.value, d=_SHAPES[happening].format(x=x, left=x - 5, right=x + 5))


_SHAPES: Mapping[Happening, str] = {
    Happening.CREATES: "M{left} 8 H{right} V11 H{left} Z M{x} 4 h2 v11 h-3 v-11 Z",
    Happening.ROTATES: "M{x} 3 L{right} 9 L{x} 15 L{left} 9 Z",
    Happening.RETIRES: "M{left} 4 H{right} V14 H{left} Z",
    Happening.EXPIRES: "M{x} 3 L{right} 15 H{left} Z",
}
"""Paths by happening; what empties a place ends no key, and has none."""


def list_marks() -> Iterator[tuple[htpy.Element, str]]:
    """Yield what may stand in a drawing, 20 units wide, and what it means."""
    yield shape("rect", class_="life", x=0, y=6, width=20, height=6), "consumers have a key"
    yield from ((draw_event(happening, 10), HAPPENINGS[happening]) for happening in _SHAPES)
    yield shape("line", class_="overlap", x1=0, x2=20, y1=9, y2=9), "overlap: the old key works, too"


def draw_legend() -> htpy.Element:
    """Return what each shape means."""
    return htpy.ul(".legend")[
        (htpy.li[htpy.svg(viewBox=f"0 0 20 {HEIGHT}", aria_hidden="true")[mark], words] for mark, words in list_marks())
    ]


def shape(name: str, **attributes: str | float) -> htpy.Element:
    """Return an element of SVG."""
    return htpy.Element(name)({key.rstrip("_").replace("_", "-"): str(value) for key, value in attributes.items()})
