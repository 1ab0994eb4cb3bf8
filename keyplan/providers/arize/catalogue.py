"""Keys of several listings become one catalogue: each key once, with all that any listing showed of its spaces.

In: pages of listings, from any thread. Out: keys, sorted by id. Never: what a server filtered taken for granted; a key
that depends on which listing came first, as long as all of them say the same of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from threading import Lock

from keyplan.model.manifest import SpaceId
from keyplan.model.observation import Observation
from keyplan.providers.arize.errors import JsonObject
from keyplan.providers.arize.parser import KeyParser, read_active, read_text


class Catalogue:
    """What all listings of one question showed."""

    def __init__(self, parser: KeyParser) -> None:
        self._parser = parser
        self._keys: dict[str, Observation] = {}
        self._turn = Lock()

    def add(self, items: Iterable[JsonObject], *, active: bool, space_id: SpaceId | None) -> None:
        """Take in a page of a listing of active keys, or of dead ones; `space_id` says whose keys it was to show.

        What is not as active as that is left out.
        """
        # A page at a time, not a key: a dozen threads that parse at once only take the interpreter from each other.
        with self._turn:
            for item in items:
                known = self._keys.get(read_text(item.get("id")))
                if known is None or (active and not known.active):
                    self._add_new(item, active=active, space_id=space_id)
                elif read_active(item, unless_said=active) is active:
                    self._add_spaces(known, item, space_id)

    def observations(self) -> tuple[Observation, ...]:
        """Return each key once, sorted by id."""
        return tuple(self._keys[key_id] for key_id in sorted(self._keys))

    def _add_new(self, item: JsonObject, *, active: bool, space_id: SpaceId | None) -> None:
        key = self._parser.read(item, active_unless_said=active)
        if key is not None and key.active is active:
            self._keys[key.id] = _place(key, space_id)

    def _add_spaces(self, known: Observation, item: JsonObject, space_id: SpaceId | None) -> None:
        """Add what another listing shows of a key's spaces; nothing is parsed where that can be nothing new.

        All service keys of the declared spaces are listed twice, and the rest of what is said of them is the same: to
        parse them twice took a third of the time of parsing.
        """
        key = known
        if known.access is None and known.space_ids is not None:
            space_ids, access = self._parser.read_access(item)
            if space_ids:
                key = replace(known, space_ids=known.space_ids | space_ids, access=access)
        self._keys[key.id] = _place(key, space_id)


def _place(key: Observation, space_id: SpaceId | None) -> Observation:
    """Return the key with the space that it was found in: a filtered listing shows none (docs/arize-api.md, A14)."""
    if space_id is None or (key.space_ids and space_id in key.space_ids):
        return key
    return replace(key, space_ids=(key.space_ids or frozenset()) | {space_id})
