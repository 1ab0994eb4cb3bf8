"""Keys that a plan only shows: row 16 of docs/planning.md, and the keys of others that resemble ours.

None of them is ever touched, and a user who can only create keys can change only what is listed here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from keyplan.model.identity import KeyId, ProviderName, ScopeId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation
from keyplan.model.plan import KeyView, PlannedAction, Reason, Request, Verb
from keyplan.planner.authority import Authority
from keyplan.planner.case import Case
from keyplan.planner.key_view import view_key, view_marked
from keyplan.planner.ownership import Ownership
from keyplan.planner.rules import could_be

_Kind: TypeAlias = tuple[ProviderName, KeyType, str]
_MOST_WARNINGS = 5
"""So many keys of one sort are named in warnings; the plan's document lists all."""


def list_unmanaged(ownership: Ownership) -> tuple[KeyView, ...]:
    """Return the keys that no manifest marks: they are only listed (docs/planning.md, row 16)."""
    return tuple(view_key(key) for key in ownership.unmanaged)


class Inventory:
    """The keys that a plan only shows. With targets they were not all read, and none is listed."""

    def __init__(self, ownership: Ownership, authority: Authority, cases: list[Case], request: Request) -> None:
        self._ownership = ownership
        self._authority = authority
        self._cases = cases
        self._is_partial = request.is_partial

    def unmanaged(self, actions: list[PlannedAction]) -> tuple[KeyView, ...]:
        """Return the keys that no manifest marks, without those that an action is about: they are shown there."""
        if self._is_partial:
            return ()
        told = {action.key_id for action in actions} | self._list_foreign(actions)
        return tuple(view for view in list_unmanaged(self._ownership) if view.id not in told)

    def _list_foreign(self, actions: list[PlannedAction]) -> set[KeyId | None]:
        """Return the ids of all keys that stand in the place of a declaration, and block it."""
        blocked = {action.address for action in actions if action.blocked and action.reason is Reason.FOREIGN}
        return {
            key.id
            for case in self._cases
            if case.declaration.address in blocked
            for key in case.namesakes
            if could_be(case, key)
        }

    def claimed(self) -> tuple[KeyView, ...]:
        """Return the keys that are marked for us, and that are not known to be made by one of ours."""
        blocking = {key.id for case in self._cases if case.owned.current is None for key in case.undecided}
        undecided = (key for found in self._ownership.undecided.values() for key in found if key.id not in blocking)
        found = sorted((*self._ownership.claimed, *undecided), key=lambda key: key.id)
        return () if self._is_partial else tuple(view_marked(key) for key in found)

    def strays(self, deleted: Collection[KeyId | None]) -> tuple[KeyView, ...]:
        """Return the keys of this owner that no record knows, without those that are to be deleted."""
        found = (key for key in self._ownership.strays if key.id not in deleted)
        return () if self._is_partial else tuple(view_marked(key) for key in found)

    def elsewhere(self) -> tuple[KeyView, ...]:
        """Return the keys of other manifests that have the type and name of a declaration."""
        others = self._ownership.others
        wanted = _list_wanted(self._cases if others else ())  # nearly always there are none
        return tuple(view_marked(key) for key in others if _is_wanted(key, wanted))

    def _namesakes_of_strangers(self) -> tuple[KeyView, ...]:
        """Return the unmanaged keys that have the type and name of a declaration and that a stranger made."""
        unmanaged = self._ownership.unmanaged
        wanted = _list_wanted(case for case in (self._cases if unmanaged else ()) if not case.owned.alive)
        namesakes = (key for key in unmanaged if _is_wanted(key, wanted))
        return tuple(view_marked(key) for key in namesakes if not self._authority.may_have_made(key))

    def warnings(self, actions: list[PlannedAction]) -> Iterator[str]:
        """Yield what a reviewer should know of these keys, a sentence each, the first of each sort and their number."""
        deleted = {action.key_id for action in actions if action.reason is Reason.STRAY}
        yield from _name_first(
            self.claimed(),
            lambda one: (
                f"key {one.id} carries this manifest's marker and was created by {_name_creator(one)}, who is "
                "none of this manifest's creators: it is not touched"
            ),
        )
        amount = sum(action.verb is Verb.DELETE for action in actions) + len(self.strays(deleted))
        yield from _name_first(
            self.strays(deleted),
            lambda one: (
                f"key {one.id} carries this owner's marker without a manifest id, and no record knows it: "
                f"another manifest may need it, so it is not touched (to delete such keys: --allow-deletes {amount})"
            ),
        )
        yield from _name_first(
            self._namesakes_of_strangers(),
            lambda one: (
                f"key {one.id} has the type and name of a declaration and was created by "
                f"{_name_creator(one)}, who is none of this manifest's creators: it is not touched and stops nothing"
            ),
        )
        yield from _name_first(
            self.elsewhere(),
            lambda one: (
                f"key {one.id} has the type and name of a declaration and is managed by owner {one.owner}: "
                "it is not touched"
            ),
        )


def _list_wanted(cases: Iterable[Case]) -> Mapping[_Kind, frozenset[ScopeId]]:
    """Return the provider, type and name of each declaration, and the scopes of all that share them."""
    wanted: defaultdict[_Kind, frozenset[ScopeId]] = defaultdict(frozenset)
    for case in cases:
        declared = case.declaration
        wanted[declared.provider, declared.key_type, declared.name] |= set(case.owned.desired.scope_ids)
    return wanted


def _is_wanted(key: Observation, wanted: Mapping[_Kind, frozenset[ScopeId]]) -> bool:
    """Whether a key has provider, type and name of a declaration, and one of its scopes as far as both are known."""
    scopes = wanted.get((key.provider, key.key_type, key.name)) if key.key_type else None
    if scopes is None:
        return False
    return not (key.scope_ids and scopes) or bool(key.scope_ids & scopes)


def _name_first(views: Sequence[KeyView], describe: Callable[[KeyView], str]) -> Iterator[str]:
    yield from map(describe, views[:_MOST_WARNINGS])
    if len(views) > _MOST_WARNINGS:
        yield f"{len(views) - _MOST_WARNINGS} more of such keys: {describe(views[_MOST_WARNINGS])}"


def _name_creator(view: KeyView) -> str:
    return f"user {view.creator}" if view.creator else "a user whom the provider does not show"
