"""How dangerous an action is to those who use the keys: the order of every view of a plan or a report.

Views alone are ordered so. Documents and execution keep the plan's own order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import TypeVar

from keyplan.model.plan import Action, Reason, Verb

AnyAction = TypeVar("AnyAction", bound=Action)


class Danger(IntEnum):
    """What an action means for consumers, the worst first."""

    CUTS_OFF = 0
    """A key that consumers may hold stops at once."""
    DESTROYS = 1
    """An old key ends whose successor is in place."""
    REPLACES = 2
    BLOCKED = 3
    REFRESHES = 4
    DELIVERS = 5
    CREATES = 6
    IMPORTS = 7
    NOTES = 8
    """Nothing happens at the provider or in a sink."""


_DANGERS: Mapping[Verb, Danger] = {
    Verb.DELETE: Danger.CUTS_OFF,
    Verb.REPLACE: Danger.REPLACES,
    Verb.REFRESH: Danger.REFRESHES,
    Verb.UPDATE: Danger.DELIVERS,
    Verb.DELIVER: Danger.DELIVERS,
    Verb.EMPTY: Danger.DELIVERS,
    Verb.CREATE: Danger.CREATES,
    Verb.IMPORT: Danger.IMPORTS,
    Verb.FORGET: Danger.NOTES,
    Verb.KEEP: Danger.NOTES,
}
_SUCCEEDED = (Reason.SUPERSEDED, Reason.UNFINISHED)
"""Reasons to delete a key that no consumer should hold any longer."""


def rate_danger(action: Action) -> Danger:
    """Return what an action means for consumers; one that is blocked means nothing yet."""
    if action.blocked:
        return Danger.BLOCKED
    if action.cuts_off:
        return Danger.CUTS_OFF
    if action.verb is Verb.DELETE and action.reason in _SUCCEEDED:
        return Danger.DESTROYS
    return _DANGERS[action.verb]


def order_actions(actions: Iterable[AnyAction]) -> list[AnyAction]:
    """Return actions as views show them: by danger, then those of one verb, reason and guard together, by space."""

    def rank(action: Action) -> tuple[int, str, str, str, str]:
        guard = action.blocked.guard.value if action.blocked else ""
        # An address begins with type and space.
        return rate_danger(action), action.verb.value, action.reason.value, guard, action.address

    return sorted(actions, key=rank)
