"""The lines under a headline: label and text of everything else that is known of an action, a finding or an event.

All formats show the same lines, so that a reviewer finds in a pull request what a terminal shows. No line can hold a
raw key, because no action, finding or event has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from keyplan.model.field_change import NOTHING, FieldChange
from keyplan.model.identity import KeyId
from keyplan.model.plan import Action, Guard, KeyView, Verb
from keyplan.model.times import show_time, spell_duration, write_duration
from keyplan.model.vacancy import Vacancy
from keyplan.renderers.audit_summary import describe_entry
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.words import REASONS

if TYPE_CHECKING:
    # A plan as text needs neither noun; without them, it starts 5 ms sooner.
    from keyplan.model.calendar import Event
    from keyplan.model.drift import DriftFinding

FOUND = "found"
"""The label of a finding's detail."""

_LONG = 1000
_ABOUT_ANOTHER_KEY = (Guard.FOREIGN, Guard.IMPORT)
_SPACES = "spaces"
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def describe_action(action: Action, space_names: Mapping[str, str] = _NO_NAMES) -> Iterator[tuple[str, str]]:
    """Yield label and text of each further line of an action; sanitized.

    Spaces are called as `space_names` has them by id; ids stand only for those that the manifest calls by id.
    """
    if action.blocked and action.blocked.guard in _ABOUT_ANOTHER_KEY:
        # A grown account has many: what would be made says nothing there, and the advice names key and place.
        yield "what to do", sanitize(action.blocked.advice, width=_LONG)
        return
    if action.verb is Verb.CREATE and action.after:
        yield from _describe_new_key(action.after, space_names)
    yield from _describe_changes(action, space_names)
    if action.explanation and action.verb is not Verb.IMPORT:
        yield "why", sanitize(action.explanation, width=_LONG)
    for sentence in action.consequences:
        yield "then", sanitize(sentence, width=_LONG)
    for location in action.locations:
        yield _label_location(action), sanitize(location, width=_LONG)
    yield from map(_describe_vacancy, action.vacancies)
    yield from (("note", sanitize(note, width=_LONG)) for note in action.notes)
    if action.verb in (Verb.DELETE, Verb.FORGET, Verb.IMPORT) and action.key_id:
        # The name of an imported key stands in its address.
        yield from _describe_old_key(None if action.verb is Verb.IMPORT else action.before, action.key_id)
    if action.blocked:
        yield "guard", action.blocked.guard.value
        yield "what to do", sanitize(action.blocked.advice, width=_LONG)


def describe_places(action: Action) -> Iterator[tuple[str, str]]:
    """Yield label and text of each place that an action which is done has emptied, or leaves; sanitized."""
    if action.verb is Verb.EMPTY:
        yield from (("emptied", sanitize(location, width=_LONG)) for location in action.locations)
    for vacancy in action.vacancies:
        label, text = _describe_vacancy(vacancy)
        yield "emptied" if vacancy.is_emptied else label, text


def _describe_vacancy(vacancy: Vacancy) -> tuple[str, str]:
    """Return label and text of a place that an address leaves; sanitized."""
    location = sanitize(vacancy.location, width=_LONG)
    if vacancy.leaves:
        return "leaves", f"{location} ({sanitize(vacancy.leaves, width=_LONG)})"
    if vacancy.empty_after:
        return "empties", f"{location} after {show_time(vacancy.empty_after)}"
    if vacancy.overlap:
        return "empties", f"{location} {spell_duration(vacancy.overlap)} after this apply"
    return "empties", location


def _describe_changes(action: Action, space_names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    several = len(action.after.spaces) > 1 if action.after else False
    moved = [change for change in action.changes if change.title == _SPACES != change.field]
    for change in action.changes:
        if change in moved:
            continue
        if change.field == _SPACES:
            yield (
                _SPACES,
                f"{_quote(_rename(change.before, space_names))} -> {_quote(_rename(change.after, space_names))}",
            )
            continue
        _, _, space = change.field.partition(" ")
        where = f" in {space_names.get(space, space)}" if several and change.title != change.field else ""
        yield sanitize(f"{change.title}{where}"), f"{_quote(change.before)} -> {_quote(change.after)}"
    if moved:
        lost = _list_spaces(moved, space_names, is_before=True)
        gained = _list_spaces(moved, space_names, is_before=False)
        yield _SPACES, f"{_quote(lost)} -> {_quote(gained)}"


def _rename(spaces: str, space_names: Mapping[str, str]) -> str:
    return ", ".join(space_names.get(space, space) for space in spaces.split(", "))


def _list_spaces(moved: Sequence[FieldChange], space_names: Mapping[str, str], *, is_before: bool) -> str:
    """Return the spaces that a key loses or gains, by name, each with its role if these are not all the same."""
    roles = {change.field: change.before if is_before else change.after for change in moved}
    found = {field: role for field, role in roles.items() if role != NOTHING}
    shows_roles = len({side for change in moved for side in (change.before, change.after)} - {NOTHING}) > 1
    words = []
    for field, role in found.items():
        space = field.removeprefix("space ")
        words.append(space_names.get(space, space) + (f" ({role})" if shows_roles else ""))
    return ", ".join(sorted(words))


def _describe_old_key(view: KeyView | None, key_id: KeyId) -> Iterator[tuple[str, str]]:
    # The address says whose the key is now; the name is what others know it by.
    if view:
        yield "name", sanitize(view.name)
    yield "key id", sanitize(key_id)


def _label_location(action: Action) -> str:
    if action.verb is Verb.IMPORT:
        return "place" if action.consequences else "held by"
    return "goes to" if action.stores_raw_key else "empties"


def name_finding(finding: DriftFinding) -> str:
    """Return what a finding is about: its address, or name and id of a key without one. Not sanitized."""
    return finding.address or f"{finding.name}  {finding.key_id or ''}".rstrip()


def describe_finding(finding: DriftFinding) -> Iterator[tuple[str, str]]:
    """Yield label and text of each further line of a finding except its advice. Not sanitized.

    The text goes to Markdown, XML and SARIF as well, and each of them escapes raw text in its own way.
    """
    if finding.detail:
        yield FOUND, finding.detail
    if finding.key_id and finding.address:
        yield "key id", finding.key_id
    yield from (("audit log", describe_entry(entry)) for entry in finding.audit)
    if finding.guard:
        yield "blocked by", finding.guard.value
    if finding.waiver:
        until = show_time(finding.waiver.until)
        yield "accepted", f"by {finding.waiver.owner} until {until}: {finding.waiver.reason}"
    if finding.lapsed:
        ended = show_time(finding.lapsed.until)
        yield "waiver ended", f"at {ended}; {finding.lapsed.owner} had accepted it: {finding.lapsed.reason}"


def describe_event(event: Event) -> str:
    """Return why and how an event of a calendar happens, in a few words; sanitized."""
    reason = REASONS[event.reason] if event.reason else ""
    return "; ".join(filter(None, (reason, _describe_overlap(event), sanitize(event.note, width=_LONG))))


def _describe_new_key(view: KeyView, space_names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if view.description:
        yield "description", _quote(view.description)
    if view.spaces:
        yield view.scope_word or _SPACES, ", ".join(sanitize(space_names.get(space, space)) for space in view.spaces)
    if view.roles:
        yield "roles", sanitize(_name_roles(view, space_names), width=_LONG)
    if view.expires_at:
        yield "expires", show_time(view.expires_at)
    if view.expires_in:
        yield "expires", f"{spell_duration(view.expires_in)} after it is made"


def _name_roles(view: KeyView, space_names: Mapping[str, str]) -> str:
    """Return the roles of a key as a manifest writes them if it has one space; else each with what it is for."""
    roles = view.roles
    if len(view.spaces) == 1:
        # An id may end with "=" itself, as base64 does; no role begins with it.
        return re.sub(r"\bspace [^=]+=+", "space_role=", re.sub(r"\borganization [^=]+=+", "org_role=", roles))
    for space in view.spaces:
        roles = roles.replace(f"space {space}=", f"space {space_names.get(space, space)}=")
    return roles


def _describe_overlap(event: Event) -> str:
    """Return how long the old key works after a rotation; empty for every other event."""
    if event.overlap is None:
        return ""
    return f"overlap {write_duration(event.overlap)}" if event.overlap else "no overlap"


def _quote(text: str) -> str:
    return f'"{sanitize(text, width=120)}"' if text else "(none)"
