"""Reads the keys of one Phoenix server; has no method that changes anything. Implements `KeyReader`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from keyplan.errors import InputError, ProviderUnavailableError
from keyplan.model.identity import ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.providers.answers import JsonObject
from keyplan.providers.client import ProviderReadClient
from keyplan.providers.phoenix.laws import PHOENIX_LAWS
from keyplan.providers.phoenix.options import SYSTEM_PATH, USERS_PATH
from keyplan.providers.phoenix.parser import read_system_key, read_user_key

PAGE_SIZE: Final = 1000
"""The largest page of users' keys that the server allows."""
_NO_LIST: Final = "check provider.base_url: another server, or another version of Phoenix, seems to answer"


class PhoenixReader:
    """Reads one Phoenix server."""

    def __init__(self, client: ProviderReadClient) -> None:
        self._client = client

    @property
    def base_url(self) -> str:
        """The server's address, without trailing slash."""
        return self._client.base_url

    def laws(self) -> Laws:
        """Return the laws of Phoenix; nothing is asked."""
        return PHOENIX_LAWS

    def presents(self, redacted: str) -> bool:  # noqa: ARG002 - the port's signature; no redacted form is ever shown
        """Return False: Phoenix shows no redacted forms."""
        return False

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, the largest difference so far; None before the first answer."""
        return self._client.clock_skew()

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return nothing: Phoenix has one flat set of system keys.

        Raises:
            InputError: A scope is asked for.
        """
        if references:
            raise InputError(
                f"keys of Phoenix have no {PHOENIX_LAWS.scope_word}", advice="declare name and key_type: system alone"
            )
        return {}

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:  # noqa: ARG002 - no key has a scope
        """Return all system keys and all keys of users, sorted by id.

        Raises:
            ProviderDeniedError: The credential is not accepted or may not list keys.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached, or a listing is incomplete or no listing.
        """
        return self._list(KeyType.SYSTEM, KeyType.USER)

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return what passes the filters, sorted by id; dead keys are never listed.

        Raises the errors of `list_keys`; InputError for a scope.
        """
        if scope_id:
            raise InputError(f"keys of Phoenix have no {PHOENIX_LAWS.scope_word}", advice="leave the filter out")
        if active is False:
            return ()
        return self._list(*((KeyType.SYSTEM, KeyType.USER) if key_type is None else (key_type,)))

    def _list(self, *key_types: KeyType) -> tuple[Observation, ...]:
        found: dict[str, Observation] = {}
        if KeyType.SYSTEM in key_types:
            what = "list system keys"
            items = self._read_items(what, self._client.get(what, SYSTEM_PATH))
            self._check_number(what, len(items))
            found.update(self._parse(what, items, read_system_key))
        if KeyType.USER in key_types:
            for page in self._fetch_user_pages("list keys of users"):
                found.update(self._parse("list keys of users", page, read_user_key))
        return tuple(found[key_id] for key_id in sorted(found))

    def _fetch_user_pages(self, what: str) -> Iterator[list[Any]]:
        parameters, cursors, number = {"limit": str(PAGE_SIZE)}, set[str](), 0
        while True:
            answer = self._client.get(what, USERS_PATH, parameters)
            items = self._read_items(what, answer)
            number += len(items)
            self._check_number(what, number)
            yield items
            cursor = answer.get("next_cursor")
            if cursor is None:
                return
            # Without items or with a known cursor, pages would follow for ever.
            if not isinstance(cursor, str) or not items or cursor in cursors:
                raise ProviderUnavailableError(f"{what}: {self.base_url}: the pages have no end", advice=_NO_LIST)
            cursors.add(cursor)
            parameters["cursor"] = cursor

    def _read_items(self, what: str, answer: JsonObject) -> list[Any]:
        items = answer.get("data")
        if not isinstance(items, list):
            raise ProviderUnavailableError(f"{what}: the answer of {self.base_url} has no list 'data'", advice=_NO_LIST)
        return items

    def _check_number(self, what: str, number: int) -> None:
        if number > self._client.max_keys:
            raise ProviderUnavailableError(
                f"{what}: {self.base_url} lists more than {self._client.max_keys}",
                advice="check the address; if there are so many, raise provider.max_keys in the manifest",
            )

    def _parse(
        self, what: str, items: list[Any], read: Callable[[JsonObject], Observation]
    ) -> Iterator[tuple[str, Observation]]:
        for item in items:
            try:
                key = read(item if isinstance(item, Mapping) else {})
            except ValueError as error:
                # Left out, the key would count as gone and be created again.
                raise ProviderUnavailableError(f"{what}: {self.base_url}: {error}", advice=_NO_LIST) from None
            yield key.id, key
