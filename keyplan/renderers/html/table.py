"""Every key of a manifest as a table to search, sort and filter; the script only hides and orders rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import htpy

from keyplan.model.calendar import Happening
from keyplan.model.overview import KeyLife, LifeState, Overview
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_action
from keyplan.renderers.html.dossier import draw_dossier
from keyplan.renderers.html.timeline import Scale, draw_axis, draw_life
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import format_reason

_LONG = 1000
_LAST = "9"
"""Sorts after every date: a key without a date comes last."""


class _Choice(NamedTuple):
    """An entry of the filter: the state of rows that it shows, and what it says."""

    state: str
    words: str


FILTERS = (
    _Choice("attention", "need attention"),
    _Choice("changes", "change with the next apply"),
    _Choice("rotates", "rotate in this time"),
    _Choice("expires", "expire without renewal"),
    _Choice("superseded", "superseded keys"),
)


def draw_table(overview: Overview, attention: frozenset[str], *, number: int) -> htpy.Element:
    """Return search, filter and table; `attention` are the subjects of findings, `number` makes ids unique."""
    scale = Scale(overview.since, overview.until)
    names = overview.plan.space_names
    return htpy.section(data_keys=True)[
        _draw_controls(number),
        htpy.table[
            htpy.caption[
                f"Keys of {sanitize(overview.plan.manifest)}, and what happens to them until {overview.until:%Y-%m-%d}"
            ],
            htpy.thead[
                htpy.tr[
                    (htpy.th(scope="col")[htpy.button(type="button")[title]] for title in ("Key", "State", "Expires")),
                    htpy.th(scope="col")["Next events", draw_axis(scale)],
                ]
            ],
            htpy.tbody[(_draw_row(life, scale, names, attention) for life in overview.keys)],
        ],
    ]


def _draw_controls(number: int) -> htpy.Element:
    # Hidden without the script, which alone makes them work.
    return htpy.div(".controls", hidden=True)[
        htpy.label(for_=f"search-{number}")["Search", htpy.input(id=f"search-{number}", type="search")],
        htpy.label(for_=f"filter-{number}")[
            "Show",
            htpy.select(id=f"filter-{number}")[
                htpy.option(value="")["all keys"], (htpy.option(value=one.state)[one.words] for one in FILTERS)
            ],
        ],
        htpy.span(role="status"),
    ]


def _draw_row(life: KeyLife, scale: Scale, names: Mapping[str, str], attention: frozenset[str]) -> htpy.Element:
    states = list(_list_states(life, attention))
    text = " ".join(
        [
            life.address,
            life.name,
            life.key_id or "",
            *life.spaces,
            *(one.location for one in life.dossier.places),
            life.standing.value,
        ]
    )
    return htpy.tr(data_states=" ".join(states), data_text=sanitize(text, width=2000).lower())[
        _cell("Key", sanitize(life.address))[
            htpy.details[
                htpy.summary[sanitize(life.address)],
                htpy.div(".fold")[htpy.dl[_describe(life, names)], draw_dossier(life)],
            ]
        ],
        _cell("State", f"{'0' if 'attention' in states else '1'}{life.standing.value}")[_draw_state(life, states)],
        _cell("Expires", _sortable(life.expires_at))[_date(life.expires_at, "never" if life.key_id else "")],
        htpy.td(".when", data_label="Next events", data_sort=_next_event(life))[draw_life(life, scale)],
    ]


def _cell(label: str, sort: str) -> htpy.Element:
    return htpy.td(data_label=label, data_sort=sort)


def _list_states(life: KeyLife, attention: frozenset[str]) -> Iterator[str]:
    happenings = {event.happening for event in life.events}
    if life.action.blocked or life.address in attention:
        yield "attention"
    if life.action.is_change and not life.action.blocked:
        yield "changes"
    if Happening.ROTATES in happenings:
        yield "rotates"
    if Happening.EXPIRES in happenings:
        yield "expires"
    if life.standing is LifeState.OLD:
        yield "superseded"


def _draw_state(life: KeyLife, states: Sequence[str]) -> htpy.Node:
    tone = "alarm" if "attention" in states else "wait" if "changes" in states else "calm"
    action = life.action
    planned = f"{action.verb.value}{' (blocked)' if action.blocked else ''}: " if action.is_change else ""
    return [
        htpy.span(class_=f"badge {tone}")[life.standing.value],
        " ",
        htpy.span(".faint")[f"{planned}{format_reason(action)}"],
    ]


def _describe(life: KeyLife, names: Mapping[str, str]) -> Iterator[htpy.Node]:
    """Yield label and text of everything that is known of a key."""
    pairs = [
        ("key id", life.key_id or ""),
        ("type", life.key_type.value if life.key_type else ""),
        ("spaces", ", ".join(life.spaces)),
        ("created", _show(life.created_at)),
        ("delivered", _show(life.delivered_at)),
        ("last used", _show(life.last_used_at)),
        *describe_action(life.action, names),
    ]
    return ([htpy.dt[label], htpy.dd[sanitize(text, width=_LONG)]] for label, text in dict.fromkeys(pairs) if text)


def _show(at: datetime | None) -> str:
    return show_time(at) if at else ""


def _date(at: datetime | None, otherwise: str) -> htpy.Node:
    return htpy.time(datetime=show_time(at))[f"{at:%Y-%m-%d}"] if at else otherwise


def _sortable(at: datetime | None) -> str:
    return show_time(at) if at else _LAST


def _next_event(life: KeyLife) -> str:
    return _sortable(life.events[0].at if life.events else None)
