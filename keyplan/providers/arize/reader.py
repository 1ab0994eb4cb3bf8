"""Reads keys, spaces, laws and the audit log from Arize; has no method that changes anything.

Implements `KeyReader` and `Auditable`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

from keyplan.errors import InputError
from keyplan.model.audit import AuditLog, AuditQuery
from keyplan.model.identity import ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.providers.arize.audit import read_audit_log
from keyplan.providers.arize.detection import DialectDetector
from keyplan.providers.arize.dialects import Dialect
from keyplan.providers.arize.listings import KeyListing, ListingRun
from keyplan.providers.arize.parser import KeyParser, UniqueNotices
from keyplan.providers.arize.spaces import SpaceFinder
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
        return self.list_while(lambda: spaces)

    def list_while(self, find: Callable[[], Collection[ScopeId]]) -> tuple[Observation, ...]:
        """Return the keys of `list_keys` for the spaces that `find` returns; it runs while other keys are listed.

        Raises the errors of `list_keys`, and those of `find`.
        """
        dialect, first = self._detector.begin_listing()
        with self._open_run(dialect) as run:
            run.begin(_list_unfiltered(dialect, active=True), first)
            spaces = sorted(set(find()))
            # A listing without a space may miss the service keys of other users, so each space is listed too.
            if dialect.laws.shows_scopes:
                run.begin(KeyListing(key_type=KeyType.SERVICE, space_id=space_id) for space_id in spaces)
            return run.finish()

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
        dialect = self._detector.dialect()
        with self._open_run(dialect) as run:
            for state in states:
                is_filtered = scope_id or key_type
                one = KeyListing(key_type=key_type, space_id=scope_id, active=state)
                run.begin([one] if is_filtered else _list_unfiltered(dialect, active=state))
            return run.finish()

    def read_audit(self, query: AuditQuery) -> AuditLog:
        """Return what the account's audit log says of the keys of a query.

        Raises:
            ProviderError: The credential may not read it, the server has none, or it cannot be understood.
        """
        return read_audit_log(self._client, query)

    def _open_run(self, dialect: Dialect) -> ListingRun:
        return ListingRun(self._client, dialect, KeyParser(self._notices, shows_scopes=dialect.laws.shows_scopes))


def _list_unfiltered(dialect: Dialect, *, active: bool) -> list[KeyListing]:
    """Return the listings that together hold the keys of both types."""
    # In beta a listing without a type may hold user keys alone; alpha's holds both (docs/arize-api.md, A13).
    types = (KeyType.USER, KeyType.SERVICE) if dialect.laws.shows_scopes else (None,)
    return [KeyListing(key_type=key_type, active=active) for key_type in types]
