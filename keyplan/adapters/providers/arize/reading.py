"""What can be learned from Arize: keys, spaces, laws. Implements `KeyReader`; has no mutating method."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.adapters.http import show_safely
from keyplan.adapters.providers.arize.client import ReadingClient
from keyplan.adapters.providers.arize.detecting import NOT_UNDERSTOOD, Detector
from keyplan.adapters.providers.arize.dialects import KEYS_PATH, Dialect
from keyplan.adapters.providers.arize.paging import iterate
from keyplan.adapters.providers.arize.parsing import KeyParser, Notices
from keyplan.adapters.providers.arize.spaces import SpaceFinder, ask_all
from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.manifest import KeyId, KeyType, SpaceId, SpaceRef
from keyplan.model.observation import Laws, Observation, Space


class ArizeReader:
    """One account of Arize, for reading."""

    def __init__(self, client: ReadingClient, detector: Detector, notices: Notices) -> None:
        self._client = client
        self._detector = detector
        self._notices = notices

    @property
    def base_url(self) -> str:
        """Where the API is, without trailing slash."""
        return self._client.base_url

    def laws(self) -> Laws:
        """Return the laws of the dialect in use. Raises ProviderError."""
        return self._detector.dialect().laws

    def presents(self, redacted: str) -> bool:
        """Whether a redacted form can be that of our own credential. Raises InputError where there is none."""
        return self._client.credential().fits(redacted)

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, where it differed most; None before any answer."""
        return self._client.clock_skew()

    def find_spaces(self, references: Collection[SpaceRef]) -> Mapping[SpaceRef, Space]:
        """Return every referenced space, in beta with its organization. Raises InputError, ProviderError."""
        with_organization = self._detector.dialect().laws.names_organizations
        return SpaceFinder(self._client).find(references, with_organization=with_organization)

    def list_keys(self, spaces: Collection[SpaceId]) -> tuple[Observation, ...]:
        """Return the active keys that the credential sees, those of `spaces` included, sorted by id.

        Raises ProviderDeniedError, ProviderRefusedError (with 404: a space is not accessible),
        ProviderUnavailableError.
        """
        by_space = [_Query(key_type=KeyType.SERVICE, space_id=space_id) for space_id in sorted(set(spaces))]
        return self._ask([*self._unfiltered(active=True), *(by_space if self.laws().shows_spaces else [])])

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, space_id: SpaceId | None
    ) -> tuple[Observation, ...]:
        """Return all keys that pass the filters, sorted by id; `active` None means both.

        Raises InputError where the dialect has no such filter, else like `list_keys`.
        """
        if space_id and not self.laws().shows_spaces:
            raise InputError("the alpha API cannot list the keys of one space", advice="leave the space filter out")
        states = (True, False) if active is None else (active,)
        if space_id or key_type:
            return self._ask([_Query(key_type=key_type, space_id=space_id, active=state) for state in states])
        return self._ask([query for state in states for query in self._unfiltered(active=state)])

    def _unfiltered(self, *, active: bool) -> list[_Query]:
        """Return what to ask for keys of both types."""
        # In beta a listing without a type may hold user keys alone; alpha's holds both (arize-api 4).
        types = tuple(KeyType) if self.laws().shows_spaces else (None,)
        return [_Query(key_type=key_type, active=active) for key_type in types]

    def _ask(self, queries: Sequence[_Query]) -> tuple[Observation, ...]:
        return _merge(key for keys in ask_all(self._list, queries) for key in keys)

    def _list(self, query: _Query) -> list[Observation]:
        dialect = self._detector.dialect()
        if query.active:
            return self._list_with(dialect, query, dialect.active_word)
        for word in dialect.dead_words[:-1]:
            try:
                return self._list_with(dialect, query, word)
            except ProviderRefusedError as error:
                if error.status not in NOT_UNDERSTOOD:
                    raise
        return self._list_with(dialect, query, dialect.dead_words[-1])

    def _list_with(self, dialect: Dialect, query: _Query, status: str) -> list[Observation]:
        """Return the keys that pass a query, the server's filter for their status not trusted."""
        wanted = dialect.filters(key_type=query.key_type, status=status, space_id=query.space_id)
        items = iterate(self._client, query.what, KEYS_PATH, wanted, "api_keys")
        parser = KeyParser(self._notices, shows_spaces=dialect.laws.shows_spaces)
        keys = (parser.read(item, active_unless_said=query.active) for item in items)
        return [query.place(key) for key in keys if key is not None and key.active is query.active]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    """One listing."""

    key_type: KeyType | None
    space_id: SpaceId | None = None
    active: bool = True

    @property
    def what(self) -> str:
        """What it is called in messages."""
        kind = f"{self.key_type.value} keys" if self.key_type else "keys"
        return f"list {kind} of space {show_safely(self.space_id)}" if self.space_id else f"list {kind}"

    def place(self, key: Observation) -> Observation:
        """Return the key with the space that it was found in: a filtered listing shows none (arize-api 3.6)."""
        if self.space_id is None or (key.space_ids and self.space_id in key.space_ids):
            return key
        return replace(key, space_ids=(key.space_ids or frozenset()) | {self.space_id})


def _merge(keys: Iterable[Observation]) -> tuple[Observation, ...]:
    """Return each key once, sorted by id, with all that any listing showed of its spaces; the first tells the rest."""
    merged: dict[KeyId, Observation] = {}
    for key in keys:
        first = merged.setdefault(key.id, key)
        if first.space_ids is not None and key.space_ids is not None:
            spaces, access = first.space_ids | key.space_ids, first.access or key.access
            if spaces != first.space_ids or access is not first.access:
                merged[key.id] = replace(first, space_ids=spaces, access=access)
    return tuple(key for _, key in sorted(merged.items()))
