"""An explanation as text for a terminal: what is declared, what exists, what was done, what the plan does and why."""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.model.calendar import Event
from keyplan.model.explanation import (
    NO_VALUE,
    AskedRow,
    Decision,
    DeclaredField,
    ExplainedKey,
    ExplainedPlace,
    Explanation,
    PastEvent,
    PlaceState,
    RowAnswer,
    TableRow,
    ValueSource,
)
from keyplan.model.receipt import UNKNOWN_TIME
from keyplan.model.times import show_time
from keyplan.renderers.descriptions import describe_action, describe_event
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.words import EVIDENCES, PLACE_STATES, ROWS, STANDINGS, format_reason

_LONG = 1000
_INDENT = " " * 2
_LABEL = 12
_ANSWERS = {RowAnswer.YES: "yes", RowAnswer.NO: "no", RowAnswer.NOT_ASKED: "-"}


def render_explanation(explanation: Explanation, palette: Palette = PLAIN) -> str:
    """Return the explanation in sections; those of which nothing is known are left out."""
    key = explanation.key
    sections = (
        ("Declaration", (_describe_field(one) for one in explanation.fields if one.is_given or one.value != NO_VALUE)),
        ("Key", _describe_key(key) if key else ()),
        ("Other live keys", map(_describe_other, explanation.others)),
        ("Places", map(_describe_place, explanation.places)),
        ("History", map(_describe_past, explanation.history)),
        ("Decision", _describe_decision(explanation)),
        ("Further actions", (line for one in explanation.further for line in _describe_further(one))),
        ("Next", map(_describe_next, explanation.events)),
    )
    blocks = [[_head(explanation, palette)]]
    for title, lines in sections:
        if found := list(lines):
            blocks.append([palette.paint(Tone.STRONG, title), *(f"{_INDENT}{line}" for line in found)])
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _head(explanation: Explanation, palette: Palette) -> str:
    subject, manifest = sanitize(explanation.subject), sanitize(explanation.manifest)
    address = explanation.address
    of = f" ({sanitize(address)})" if address and address != explanation.subject else ""
    return f"{palette.paint(Tone.STRONG, subject)}{of} in {manifest}: {STANDINGS[explanation.standing]}"


def _label(label: str, text: str) -> str:
    return f"{label:<{_LABEL}} {text}"


def _describe_field(one: DeclaredField) -> str:
    value = sanitize(one.value, width=_LONG)
    match one.source:
        case ValueSource.BUILT_IN:
            where = "built-in default"
        case ValueSource.DEFAULTS:
            where = f"{sanitize(str(one.place))} (defaults)"
        case ValueSource.DECLARATION:
            where = sanitize(str(one.place))
    return f"{one.name:<24} {value:<28} {where}"


def _describe_key(one: ExplainedKey) -> Iterator[str]:
    key = one.key
    yield _label("key id", sanitize(key.id))
    yield _label("name", sanitize(key.name))
    yield _label("type", key.key_type.value if key.key_type else "unknown")
    yield _label("status", "active" if key.active else "revoked")
    if key.redacted:
        yield _label("key", sanitize(key.redacted))
    if key.created_at != UNKNOWN_TIME:
        yield _label("created", show_time(key.created_at))
    yield _label("creator", _name_creator(one))
    yield _label("expires", show_time(key.expires_at) if key.expires_at else "never")
    if key.last_used_at:
        yield _label("last used", show_time(key.last_used_at))
    if key.scope_ids:
        yield _label("spaces", sanitize(", ".join(sorted(key.scope_ids)), width=_LONG))
    if key.marker:
        yield _label("marker", sanitize(f"of owner {key.marker.identity}"))
    yield _label("evidence", EVIDENCES[one.evidence])


def _name_creator(one: ExplainedKey) -> str:
    if not one.creator:
        return "not shown by the provider"
    known = one.creator_source or "none of this manifest's creators"
    return f"{sanitize(one.creator)} ({known})"


def _describe_other(one: ExplainedKey) -> str:
    created = f", created {show_time(one.key.created_at)}" if one.key.created_at != UNKNOWN_TIME else ""
    return f"{sanitize(one.key.id)}  {STANDINGS[one.standing]}{created}; {EVIDENCES[one.evidence]}"


def _describe_place(one: ExplainedPlace) -> str:
    detail = f": {sanitize(one.detail, width=_LONG)}" if one.detail else ""
    changed = f" (written {show_time(one.changed_at)})" if one.changed_at else ""
    state = PLACE_STATES[one.state]
    if one.state is PlaceState.CURRENT:
        state = f"{state}, proven"
    return f"{sanitize(one.location, width=_LONG)}  {state}{detail}{changed}"


def _describe_past(one: PastEvent) -> str:
    at = show_time(one.at) if one.at else "at an unknown time"
    key = f"  key {sanitize(one.key_id)}" if one.key_id else ""
    detail = f"  {sanitize(one.detail, width=_LONG)}" if one.detail else ""
    return f"{at:<20}  {one.occurrence.value:<10}{key}{detail}"


def _describe_decision(explanation: Explanation) -> Iterator[str]:
    """Yield what the plan does, the row that decides, and what the rows before it answered."""
    decision = explanation.decision
    yield from _describe_action(decision)
    if decision.row:
        yield _label("decided by", _name_row(decision.row))
    yield from _list_asked(decision)


def _describe_action(decision: Decision) -> Iterator[str]:
    action = decision.action
    if action is None:
        yield _label("plan", "does nothing with it")
        return
    blocked = f"blocked: {action.verb.value}" if action.blocked else action.verb.value
    yield _label("plan", f"{blocked} ({format_reason(action)})")
    yield from (_label(label, text) for label, text in describe_action(action))


def _name_row(row: TableRow) -> str:
    number = f"row {row.value}" if row.is_numbered else f"guard {row.value}"
    return f"{number}: {ROWS[row]}"


def _list_asked(decision: Decision) -> Iterator[str]:
    """Yield the rows up to the one that decides; of those after it, the ones that fit as well."""
    is_before = True
    for one in decision.asked:
        if is_before or one.answer is RowAnswer.YES:
            yield _describe_asked(one, decides=one.row is decision.row)
        is_before = is_before and one.row is not decision.row


def _describe_asked(one: AskedRow, *, decides: bool) -> str:
    fact = f" ({sanitize(one.fact, width=_LONG)})" if one.fact else ""
    mark = "  <- decides" if decides else ""
    return f"  {one.row.value:<14} {_ANSWERS[one.answer]:<4} {ROWS[one.row]}{fact}{mark}"


def _describe_further(decision: Decision) -> Iterator[str]:
    action = decision.action
    if action is None:
        return
    row = f", {_name_row(decision.row)}" if decision.row else ""
    key = f" key {sanitize(action.key_id)}" if action.key_id else ""
    blocked = "blocked: " if action.blocked else ""
    yield f"{blocked}{action.verb.value} {sanitize(action.address)}{key} ({format_reason(action)}){row}"


def _describe_next(event: Event) -> str:
    key = f"  key {sanitize(event.key_id)}" if event.key_id else ""
    detail = describe_event(event)
    return f"{show_time(event.at)}  {event.happening.value:<8}{key}" + (f"  {detail}" if detail else "")
