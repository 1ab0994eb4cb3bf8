"""The keys that exist at a provider, managed by keyplan or not; nothing here changes any."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from keyplan.model.manifest import KeyType, SpaceById, SpaceId, SpaceRef
from keyplan.model.observation import Observation
from keyplan.ports import KeyReader, ProviderPorts


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFilter:
    """Which keys to list; the default lists every active key."""

    key_type: KeyType | None = None
    """None for both types."""
    active: bool | None = True
    """None for both states."""
    space: SpaceRef | None = None
    """Only service keys of this space; None for all keys."""
    limit: int | None = None
    """At most so many keys, the first in the order of the list; None for all."""


def list_keys(provider: ProviderPorts, wanted: KeyFilter) -> tuple[Observation, ...]:
    """Return the keys that pass the filter, sorted by id, and close the provider.

    Raises:
        InputError: The space is unknown, or the provider has no such filter.
        ProviderError: The provider cannot be read.
    """
    with closing(provider):
        reader = provider.reader
        keys = reader.search_keys(
            key_type=wanted.key_type, active=wanted.active, space_id=_find_space(reader, wanted.space)
        )
    # Cut after the listing, not at the provider: its pages need not be sorted by id, so a limit there could
    # show other keys from one run to the next.
    return keys[: wanted.limit]


def _find_space(reader: KeyReader, space: SpaceRef | None) -> SpaceId | None:
    if space is None:
        return None
    return space.space_id if isinstance(space, SpaceById) else reader.find_spaces([space])[space].id
