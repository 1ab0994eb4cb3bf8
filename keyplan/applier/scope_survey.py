"""Looks for keys in every space that a credential can see: a listing without a space may miss those of other users.

A space that refuses the credential is named, and keeps no other space from being looked in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from keyplan.errors import ProviderDeniedError, ProviderRefusedError
from keyplan.model.identity import ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation, Scope, ScopeSurvey
from keyplan.ports import KeyReader

_MOST_AT_ONCE = 8


@runtime_checkable
class SpaceLister(Protocol):
    """A `KeyReader` that can name the spaces of its credential."""

    def list_scopes(self) -> tuple[Scope, ...]:
        """Return every space that the credential can see, sorted by id; raises as every method of `KeyReader`."""
        ...


@runtime_checkable
class EagerLister(Protocol):
    """A `KeyReader` that can begin to list before it knows the spaces: over a network that saves their look-up."""

    def list_while(self, find: Callable[[], Collection[ScopeId]]) -> tuple[Observation, ...]:
        """Return what `list_keys` returns for the spaces that `find` returns, which is called once.

        Raises what `list_keys` and `find` raise.
        """
        ...


def list_while(reader: KeyReader, find: Callable[[], Collection[ScopeId]]) -> tuple[Observation, ...]:
    """Return the keys that `reader.list_keys` lists for the spaces that `find` returns; raises what both raise."""
    return reader.list_while(find) if isinstance(reader, EagerLister) else reader.list_keys(find())


def shows_partly(laws: Laws) -> bool:
    """Whether a listing without a space may miss keys: one that proves absence holds those of all spaces already."""
    return laws.shows_scopes and not laws.listing_proves_absence


def list_further_spaces(reader: KeyReader, known: Collection[Scope]) -> tuple[Scope, ...] | None:
    """Return the spaces that the credential can see beside known ones; None if the provider cannot list them.

    Raises ProviderError.
    """
    if not isinstance(reader, SpaceLister) or not shows_partly(reader.laws()):
        return None
    ids = {space.id for space in known}
    return tuple(space for space in reader.list_scopes() if space.id not in ids)


def walk_spaces(
    reader: KeyReader, spaces: Collection[Scope], *, active: bool | None = True
) -> tuple[tuple[Observation, ...], ScopeSurvey]:
    """Return the service keys of spaces, sorted by id, and which spaces were looked in. Raises ProviderError."""

    def search(space: Scope) -> tuple[Observation, ...] | None:
        try:
            return reader.search_keys(key_type=KeyType.SERVICE, active=active, scope_id=space.id)
        except (ProviderDeniedError, ProviderRefusedError):
            return None

    with ThreadPoolExecutor(max_workers=_MOST_AT_ONCE) as pool:
        found = dict(zip(spaces, pool.map(search, spaces), strict=True))
    keys = {key.id: key for listed in found.values() for key in listed or ()}
    survey = ScopeSurvey(
        looked_in=tuple(space for space, listed in found.items() if listed is not None),
        refused=tuple(space for space, listed in found.items() if listed is None),
        is_complete=True,
    )
    return tuple(keys[key_id] for key_id in sorted(keys)), survey


def merge_keys(first: Collection[Observation], others: Collection[Observation]) -> tuple[Observation, ...]:
    """Return keys, each id once, sorted by id; of two observations of a key the first knows more."""
    merged = {key.id: key for key in (*others, *first)}
    return tuple(merged[key_id] for key_id in sorted(merged))
