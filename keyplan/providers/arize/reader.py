"""Reads keys, spaces, laws and the audit log from Arize; has no method that changes anything.

Implements `KeyReader` and `Auditable`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.audit import AuditLog, AuditQuery
from keyplan.model.identity import ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.net.http import show_safely
from keyplan.providers.arize.audit import read_audit_log
from keyplan.providers.arize.catalogue import KeyCatalogue
from keyplan.providers.arize.detection import NOT_UNDERSTOOD, DialectDetector
from keyplan.providers.arize.dialects import KEYS_PATH, Dialect
from keyplan.providers.arize.pages import fetch_pages
from keyplan.providers.arize.parser import KeyParser, UniqueNotices
from keyplan.providers.arize.spaces import SpaceFinder, map_parallel
from keyplan.providers.client import ProviderReadClient


class ArizeReader:
    """Reads one Arize account."""

    def __init__(self, client: ProviderReadClient, detector: DialectDetector, notices: UniqueNotices) -> None:
        self._client = client
        self._detector = detector
        self._notices = notices

    @property
    def base_url(self) -> str:
        """The API's address, without trailing slash."""
        return self._client.base_url

    def laws(self) -> Laws:
        """Return the laws of the dialect in use.

        Raises:
            ProviderError: The server has to be asked for its dialect, and cannot be.
        """
        return self._detector.dialect().laws

    def presents(self, redacted: str) -> bool:
        """Whether a redacted form can be that of the credential in use.

        Raises:
            InputError: The credential cannot be fetched.
        """
        return self._client.credential().fits(redacted)

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, the largest difference so far; None before the first answer."""
        return self._client.clock_skew()

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the space of every reference, in beta with its organization.

        Raises:
            InputError: A space is unknown or ambiguous, or its organization cannot be found.
            ProviderError: The server refused or cannot be reached.
        """
        with_organization = self._detector.dialect().laws.names_organizations
        return SpaceFinder(self._client).find(references, with_organization=with_organization)

    def list_scopes(self) -> tuple[Scope, ...]:
        """Return every space that the credential can see, sorted by id.

        Raises:
            ProviderError: The server refused or cannot be reached.
        """
        return SpaceFinder(self._client).list_all()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Return the active keys that the credential sees and those of `spaces`, each id once, sorted by id.

        Raises:
            ProviderDeniedError: The credential is not accepted or may not list these keys.
            ProviderRefusedError: The server refused; status 404 means that a space is not accessible.
            ProviderUnavailableError: The server cannot be reached, or a listing is incomplete.
        """
        # A listing without a space may miss the service keys of other users, so each space is listed too.
        by_space = [_Listing(key_type=KeyType.SERVICE, space_id=space_id) for space_id in sorted(set(spaces))]
        return self._fetch([*self._unfiltered(active=True), *(by_space if self.laws().shows_scopes else [])])

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return all keys that pass the filters, sorted by id; `active` None means both states.

        Raises the errors of `list_keys`; InputError if the dialect has no such filter.
        """
        if scope_id and not self.laws().shows_scopes:
            raise InputError("the alpha API cannot list the keys of one space", advice="leave the space filter out")
        # One listing shows active keys or dead ones, never both (docs/arize-api.md, A11).
        states = (True, False) if active is None else (active,)
        if scope_id or key_type:
            return self._fetch([_Listing(key_type=key_type, space_id=scope_id, active=state) for state in states])
        return self._fetch([listing for state in states for listing in self._unfiltered(active=state)])

    def read_audit(self, query: AuditQuery) -> AuditLog:
        """Return what the account's audit log says of the keys of a query.

        Raises:
            ProviderError: The credential may not read it, the server has none, or it cannot be understood.
        """
        return read_audit_log(self._client, query)

    def _unfiltered(self, *, active: bool) -> list[_Listing]:
        """Return the listings that together hold the keys of both types."""
        # In beta a listing without a type may hold user keys alone; alpha's holds both (docs/arize-api.md, A13).
        types = (KeyType.USER, KeyType.SERVICE) if self.laws().shows_scopes else (None,)
        return [_Listing(key_type=key_type, active=active) for key_type in types]

    def _fetch(self, listings: Sequence[_Listing]) -> tuple[Observation, ...]:
        dialect = self._detector.dialect()
        catalogue = KeyCatalogue(KeyParser(self._notices, shows_scopes=dialect.laws.shows_scopes))
        map_parallel(lambda listing: self._fetch_listing(dialect, listing, catalogue), listings)
        return catalogue.observations()

    def _fetch_listing(self, dialect: Dialect, listing: _Listing, catalogue: KeyCatalogue) -> None:
        if listing.active:
            self._fetch_status(dialect, listing, dialect.active_word, catalogue)
            return
        # Servers of one generation have different words for dead keys; a wrong one is refused (docs/arize-api.md, A8).
        for word in dialect.dead_words[:-1]:
            try:
                self._fetch_status(dialect, listing, word, catalogue)
            except ProviderRefusedError as error:
                if error.status not in NOT_UNDERSTOOD:
                    raise
            else:
                return
        self._fetch_status(dialect, listing, dialect.dead_words[-1], catalogue)

    def _fetch_status(self, dialect: Dialect, listing: _Listing, status: str, catalogue: KeyCatalogue) -> None:
        # Pages go into the catalogue as they arrive, so that no listing is held in memory as JSON.
        filters = dialect.filters(key_type=listing.key_type, status=status, space_id=listing.space_id)
        for page in fetch_pages(self._client, listing.what, KEYS_PATH, filters, "api_keys"):
            catalogue.add(page, active=listing.active, space_id=listing.space_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """The filters of one listing."""

    key_type: KeyType | None
    space_id: ScopeId | None = None
    active: bool = True

    @property
    def what(self) -> str:
        """Its name in messages."""
        kind = f"{self.key_type.value} keys" if self.key_type else "keys"
        return f"list {kind} of space {show_safely(self.space_id)}" if self.space_id else f"list {kind}"
