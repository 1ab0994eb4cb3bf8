"""What is known of one key beside the plan, for its fold on a page: evidence, places, history, the next dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import htpy

from keyplan.model.calendar import Event
from keyplan.model.explanation import ExplainedPlace, PastEvent, PlaceState
from keyplan.model.overview import Dossier, KeyLife
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_event
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import EVIDENCES, PLACE_STATES

_LONG = 1000
_MOST_PAST, _MOST_NEXT = 20, 20
_Line: TypeAlias = tuple[str, str]


def draw_dossier(life: KeyLife) -> Iterator[htpy.Element]:
    """Yield a heading and a list for each part of which something is known."""
    parts = (
        ("Evidence", list(_list_evidence(life.dossier))),
        ("Places", [_describe_place(one) for one in life.dossier.places]),
        ("History", _list_past(life.dossier.history)),
        ("Next", _list_next(life.events)),
    )
    for title, lines in parts:
        if lines:
            # No heading element: a thousand folds would bury the headings of the page.
            yield htpy.div[
                htpy.p(".part")[title],
                htpy.dl[([htpy.dt[label], htpy.dd[text]] for label, text in lines)],
            ]


def _list_evidence(dossier: Dossier) -> Iterator[_Line]:
    if dossier.key is None:
        return
    yield "whose it is", EVIDENCES[dossier.key.evidence]
    if creator := dossier.key.creator:
        known = dossier.key.creator_source or "none of this manifest's creators"
        yield "creator", sanitize(f"{creator} ({known})", width=_LONG)


def _describe_place(one: ExplainedPlace) -> _Line:
    state = PLACE_STATES[one.state]
    if one.state is PlaceState.CURRENT:
        state = f"{state}, proven"
    detail = f": {one.detail}" if one.detail else ""
    written = f" (written {show_time(one.changed_at)})" if one.changed_at else ""
    return sanitize(one.location, width=_LONG), sanitize(f"{state}{detail}{written}", width=_LONG)


def _list_past(events: Sequence[PastEvent]) -> list[_Line]:
    """Return the newest events in time order, after a line that counts those before them."""
    earlier = len(events) - _MOST_PAST
    counted = [("before that", f"{earlier} more; keyplan explain shows them")] if earlier > 0 else []
    return [*counted, *map(_describe_past, events[-_MOST_PAST:])]


def _describe_past(one: PastEvent) -> _Line:
    key = f" key {one.key_id}" if one.key_id else ""
    detail = f": {one.detail}" if one.detail else ""
    at = show_time(one.at) if one.at else "at an unknown time"
    return at, sanitize(f"{one.occurrence.value}{key}{detail}", width=_LONG)


def _list_next(events: Sequence[Event]) -> list[_Line]:
    left = len(events) - _MOST_NEXT
    counted = [("after that", f"{left} more; keyplan calendar shows them")] if left > 0 else []
    return [*map(_describe_next, events[:_MOST_NEXT]), *counted]


def _describe_next(event: Event) -> _Line:
    detail = describe_event(event)
    blocked = f" (blocked by {event.guard.value})" if event.guard else ""
    return show_time(event.at), f"{event.happening.value}{blocked}" + (f": {detail}" if detail else "")
