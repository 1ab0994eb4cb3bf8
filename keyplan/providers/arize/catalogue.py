"""Merges the keys of several listings: each key once, with every space that any of the listings showed.

The result must not depend on the order in which listings arrive, as long as they agree on a key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from threading import Lock

from keyplan.model.identity import ScopeId
from keyplan.model.observation import Observation
from keyplan.providers.answers import JsonObject
from keyplan.providers.arize.parser import KeyParser, read_active, read_text


class KeyCatalogue:
    """The keys of all listings that belong to one request of the planner. Safe for threads."""

    def __init__(self, parser: KeyParser) -> None:
        self._parser = parser
        self._keys: dict[str, Observation] = {}
        self._lock = Lock()

    def add(self, items: Iterable[JsonObject], *, active: bool, space_id: ScopeId | None) -> None:
        """Add a page of a listing that asked for active keys, or for dead ones; of one space if `space_id` is given.

        Keys that are not in the state that was asked for are left out: the server may ignore the filter.
        """
        # The lock covers a page, not a key: a dozen threads that parse at once only take the interpreter from each
        # other.
        with self._lock:
            for item in items:
                known = self._keys.get(read_text(item.get("id")))
                if known is None or (active and not known.active):
                    self._add_new(item, active=active, space_id=space_id)
                elif read_active(item, default=active) is active:
                    self._add_spaces(known, item, space_id)

    def observations(self) -> tuple[Observation, ...]:
        """Return each key once, sorted by id."""
        return tuple(self._keys[key_id] for key_id in sorted(self._keys))

    def _add_new(self, item: JsonObject, *, active: bool, space_id: ScopeId | None) -> None:
        key = self._parser.read(item, active_by_default=active)
        if key is not None and key.active is active:
            self._keys[key.id] = _with_space(key, space_id)

    def _add_spaces(self, known: Observation, item: JsonObject, space_id: ScopeId | None) -> None:
        """Add the spaces that another listing shows of a known key.

        Only the access is parsed, and only if it can be new: all service keys of the declared spaces are listed twice,
        and to parse the rest again took a third of the time of parsing.
        """
        key = known
        if known.access is None and known.scope_ids is not None:
            scope_ids, access = self._parser.read_access(item)
            if scope_ids:
                key = replace(known, scope_ids=known.scope_ids | scope_ids, access=access)
        self._keys[key.id] = _with_space(key, space_id)


def _with_space(key: Observation, space_id: ScopeId | None) -> Observation:
    """Return the key with the space whose listing holds it: the item itself does not say (docs/arize-api.md, A14)."""
    if space_id is None or (key.scope_ids and space_id in key.scope_ids):
        return key
    return replace(key, scope_ids=(key.scope_ids or frozenset()) | {space_id})
