"""What can be learned from Arize: keys, spaces, laws. Implements `KeyReader`; has no mutating method."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.manifest import KeyType, SpaceId, SpaceRef
from keyplan.model.observation import Laws, Observation, Space
from keyplan.net.http import show_safely
from keyplan.providers.arize.catalogue import Catalogue
from keyplan.providers.arize.client import ReadingClient
from keyplan.providers.arize.detection import NOT_UNDERSTOOD, Detector
from keyplan.providers.arize.dialects import KEYS_PATH, Dialect
from keyplan.providers.arize.pages import fetch_pages
from keyplan.providers.arize.parser import KeyParser, Notices
from keyplan.providers.arize.spaces import SpaceFinder, ask_all


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
        # One listing shows active keys or dead ones, never both (docs/arize-api.md, A11).
        states = (True, False) if active is None else (active,)
        if space_id or key_type:
            return self._ask([_Query(key_type=key_type, space_id=space_id, active=state) for state in states])
        return self._ask([query for state in states for query in self._unfiltered(active=state)])

    def _unfiltered(self, *, active: bool) -> list[_Query]:
        """Return what to ask for keys of both types."""
        # In beta a listing without a type may hold user keys alone; alpha's holds both (docs/arize-api.md, A13).
        types = tuple(KeyType) if self.laws().shows_spaces else (None,)
        return [_Query(key_type=key_type, active=active) for key_type in types]

    def _ask(self, queries: Sequence[_Query]) -> tuple[Observation, ...]:
        dialect = self._detector.dialect()
        catalogue = Catalogue(KeyParser(self._notices, shows_spaces=dialect.laws.shows_spaces))
        ask_all(lambda query: self._list(dialect, query, catalogue), queries)
        return catalogue.observations()

    def _list(self, dialect: Dialect, query: _Query, catalogue: Catalogue) -> None:
        if query.active:
            self._list_with(dialect, query, dialect.active_word, catalogue)
            return
        for word in dialect.dead_words[:-1]:
            try:
                self._list_with(dialect, query, word, catalogue)
            except ProviderRefusedError as error:
                if error.status not in NOT_UNDERSTOOD:
                    raise
            else:
                return
        self._list_with(dialect, query, dialect.dead_words[-1], catalogue)

    def _list_with(self, dialect: Dialect, query: _Query, status: str, catalogue: Catalogue) -> None:
        wanted = dialect.filters(key_type=query.key_type, status=status, space_id=query.space_id)
        for page in fetch_pages(self._client, query.what, KEYS_PATH, wanted, "api_keys"):
            catalogue.add(page, active=query.active, space_id=query.space_id)


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
