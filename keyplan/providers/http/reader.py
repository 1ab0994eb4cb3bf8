"""Reads the keys of one API as its definition says; has no method that changes anything. Implements `KeyReader`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from keyplan.errors import InputError
from keyplan.model.identity import ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import Json, KeyType, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.providers.client import ProviderReadClient
from keyplan.providers.http.definition import Definition
from keyplan.providers.http.page_walk import fetch_items
from keyplan.providers.http.parser import ItemParser
from keyplan.providers.http.templates import fill_path, find_words


class HttpReader:
    """Reads one account."""

    def __init__(self, client: ProviderReadClient, definition: Definition, variables: Mapping[str, Json]) -> None:
        self._client = client
        self._definition = definition
        self._variables = variables
        self._parser = ItemParser(definition, client.clock)

    @property
    def base_url(self) -> str:
        """The account's address, without trailing slash: with the path of the listing, if that names a variable."""
        # Keys of two projects are two accounts: a ledger of one must not take those of the other for gone.
        path = self._definition.listing.path
        if not any(find_words(path)):
            return self._client.base_url
        return f"{self._client.base_url}{fill_path(path, self._variables)}".rstrip("/")

    def laws(self) -> Laws:
        """Return the laws that the definition states."""
        return self._definition.laws

    def presents(self, redacted: str) -> bool:
        """Whether a redacted form can be that of the credential in use.

        Raises:
            InputError: The credential cannot be fetched.
        """
        return self._definition.laws.shows_redacted and self._client.credential().fits(redacted)

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, the largest difference so far; None before the first answer."""
        return self._client.clock_skew()

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return nothing: keys of this provider have no scopes.

        Raises:
            InputError: There is a reference.
        """
        if references:
            raise InputError(f"{self._definition.name} keys have no scope")
        return {}

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:  # noqa: ARG002 - there are no scopes
        """Return all keys that are not switched off, each id once, sorted by id.

        Raises:
            ProviderDeniedError: The credential is not accepted or may not list keys.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached, or the listing is not what the definition says.
        """
        return tuple(key for key in self._fetch() if key.active)

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters, sorted by id; `active` None: both states.

        Raises the errors of `list_keys`; InputError if there is a filter by scope.
        """
        if scope_id:
            raise InputError(f"{self._definition.name} keys have no scope", advice="leave the scope filter out")
        if key_type not in (None, KeyType.API):
            return ()
        return tuple(key for key in self._fetch() if active is None or key.active is active)

    def _fetch(self) -> tuple[Observation, ...]:
        definition = self._definition
        items = fetch_items(self._client, definition.listing, definition.fields.id, self._variables)
        keys = [self._parser.read(key_id, item) for key_id, item in items]
        return tuple(sorted(keys, key=lambda key: key.id))
