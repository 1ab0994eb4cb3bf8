"""What there is to say of an action beside its verb and reason: a label and a text each.

In: an action. Out: lines that are inert for a terminal. Never: a raw key, which no action holds.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.model.plan import Action, KeyView, Verb
from keyplan.model.times import write_duration
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import say_time


def describe_action(action: Action) -> Iterator[tuple[str, str]]:
    """Yield label and text of each further line of an action; inert for a terminal."""
    if action.verb is Verb.CREATE and action.after:
        yield from _view_details(action.after)
    for change in action.changes:
        yield inert(change.field), f"{_quote(change.before)} -> {_quote(change.after)}"
    if action.explanation:
        yield "why", inert(action.explanation, width=1000)
    for sentence in action.consequences:
        yield "then", inert(sentence, width=1000)
    for location in action.locations:
        yield "goes to" if action.stores_raw_key else "empties", inert(location, width=1000)
    if action.verb in (Verb.DELETE, Verb.FORGET) and action.key_id:
        yield "key id", inert(action.key_id)
    if action.blocked:
        yield "guard", action.blocked.guard.value
        yield "what to do", inert(action.blocked.advice, width=1000)


def _view_details(view: KeyView) -> Iterator[tuple[str, str]]:
    if view.description:
        yield "description", _quote(view.description)
    if view.spaces:
        yield "spaces", ", ".join(inert(space) for space in view.spaces)
    if view.roles:
        yield "roles", inert(view.roles, width=1000)
    if view.expires_at:
        yield "expires", say_time(view.expires_at)
    if view.expires_in:
        yield "expires", f"{write_duration(view.expires_in)} after it is made"


def _quote(text: str) -> str:
    return f'"{inert(text, width=120)}"' if text else "(none)"
