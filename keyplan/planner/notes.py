"""What a reviewer should know of a key that is kept, and that stops nothing. Nothing here decides what is done.

A note is a headline and a detail. Its times come from the key or its receipt: no note depends on when it was made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta

from keyplan.model.field_change import FieldChange
from keyplan.model.identity import Address
from keyplan.model.manifest import Declaration
from keyplan.model.observation import Observation
from keyplan.model.plan import Action, Verb
from keyplan.model.quotes import escape
from keyplan.model.receipt import Receipt
from keyplan.model.texts import is_same
from keyplan.model.times import write_duration, write_second
from keyplan.planner.case import Case
from keyplan.planner.diff import (
    DESCRIPTION,
    NAME,
    Differences,
    issue_time,
    same_instant,
    was_asked_for,
)
from keyplan.planner.schedule import next_rotation

_MOST_NAMED = 3
"""So many keys with one headline are shown one by one; of more, as many are named and the rest is counted."""
_SLOW_DELIVERY = timedelta(hours=1)
"""A life that is shorter than asked for by less is one that was delivered slowly."""


def list_notes(case: Case, key: Observation, receipt: Receipt, found: Differences) -> tuple[str, ...]:
    """Return the notes of a kept key: what waits for its next rotation, what the provider changed, what is not seen."""
    # Each is asked for what it is about before it is called: nearly every key has no note, and a generator of nothing
    # costs more than what it would look at.
    notes: list[str] = []
    if case.slots is not case.next_slots:
        notes += _note_places(case)
    if found.deferred:
        notes += _note_deferred(case, key, receipt, found.deferred)
    notes += _note_expiry(case, key, receipt)
    notes += _note_texts(case, key, found)
    notes += _note_unseen(case, key, receipt)
    return tuple(notes)


def summarize_notes(actions: Iterable[Action]) -> Iterator[str]:
    """Yield the notes of kept keys, which a plan does not list; many of one headline as one sentence."""
    by_headline: defaultdict[str, list[tuple[Address, str]]] = defaultdict(list)
    for action in actions:
        if action.verb is Verb.KEEP and action.blocked is None:
            for note in action.notes:
                by_headline[note.partition(": ")[0]].append((action.address, note))
    for headline, noted in by_headline.items():
        if len(noted) <= _MOST_NAMED:
            yield from (f"{address}: {note}" for address, note in noted)
            continue
        named = ", ".join(address for address, _ in noted[:_MOST_NAMED])
        sentences = {note for _, note in noted}
        what = next(iter(sentences)) if len(sentences) == 1 else headline
        yield f"{named} and {len(noted) - _MOST_NAMED} more: {what}"


def _note_places(case: Case) -> Iterator[str]:
    """Yield where a key stays although its template names another place by now."""
    for slot, following in zip(case.slots, case.next_slots, strict=True):
        if slot != following:
            yield f"it stays in {slot} until its next rotation, which goes to {following}"


def _note_deferred(case: Case, key: Observation, receipt: Receipt, deferred: tuple[FieldChange, ...]) -> Iterator[str]:
    for change in deferred:
        values = f"from {_show(change.before)} to {_show(change.after)}"
        yield f"{change.field} changes with the next rotation: {values}{_say_when(case, key, receipt)}"


def _say_when(case: Case, key: Observation, receipt: Receipt) -> str:
    date = next_rotation(case.declaration, key, receipt, case.now)
    return f", on {write_second(date)}" if date else ", which nothing schedules"


def _note_expiry(case: Case, key: Observation, receipt: Receipt) -> Iterator[str]:
    """Yield whether the key ends at another time than the declaration asks for, and why that is left so."""
    declared = case.declaration
    if key.expires_at is None and declared.expires_in is None and declared.expires_at is None:
        return
    if was_asked_for(case.owned.desired, receipt):
        if _is_as_declared(declared, key, receipt):
            return
        ends = f"ends at {write_second(key.expires_at)}" if key.expires_at else "never ends"
        yield f"expiry is the provider's own: the key {ends}, and {_say_expiry(declared)} was asked for"
    elif declared.expires_at is None and not _is_as_declared(declared, key, receipt):
        date = next_rotation(declared, key, receipt, case.now)
        when = f"takes effect on {write_second(date)}" if date else "takes effect then, and nothing schedules one"
        yield f"expiry changes with the next rotation: {_say_expiry(declared)} {when}"


def _is_as_declared(declared: Declaration, key: Observation, receipt: Receipt) -> bool:
    if declared.expires_in is None:
        return same_instant(key.expires_at, declared.expires_at)
    issued_at = issue_time(key, receipt)
    if key.expires_at is None or issued_at is None:
        return key.expires_at is not None
    return abs(issued_at + declared.expires_in - key.expires_at) <= _SLOW_DELIVERY


def _say_expiry(declared: Declaration) -> str:
    if declared.expires_in:
        return f"expires_in: {write_duration(declared.expires_in)}"
    return f"expires_at: {write_second(declared.expires_at)}" if declared.expires_at else "no expiry"


def _note_texts(case: Case, key: Observation, found: Differences) -> Iterator[str]:
    name, description = case.declaration.name, case.owned.desired.shown_description
    if key.name == name and key.description == description:  # nearly always
        return
    for field, shown, wish in ((NAME, key.name, name), (DESCRIPTION, key.description, description)):
        # What waits for the next rotation is reported already.
        if shown != wish and not is_same(shown, wish) and all(change.field != field for change in found.changes):
            yield f"{field} is stored in the provider's own form: {_show(shown)}"


def _note_unseen(case: Case, key: Observation, receipt: Receipt) -> Iterator[str]:
    """Yield which fields neither the API shows nor the receipt remembers."""
    fields = [] if key.key_type else ["key_type"]
    if case.owned.desired.access is not None and key.access is None and not receipt.access:
        fields += ["roles"] if key.scope_ids else ["roles", "spaces"]
    if fields:
        yield f"not verifiable: {', '.join(fields)}, in the {case.laws.dialect} API"


def _show(text: str) -> str:
    return f'"{escape(text)}"'
