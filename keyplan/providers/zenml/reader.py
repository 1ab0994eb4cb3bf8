"""Reads keys and service accounts from ZenML; has no method that changes anything. Implements `KeyReader`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus

from keyplan.errors import ProviderRefusedError, ProviderUnavailableError
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.net.http import show_safely
from keyplan.providers.client import ProviderReadClient
from keyplan.providers.zenml.accounts import AccountDirectory, path_of_keys
from keyplan.providers.zenml.laws import ZENML_LAWS
from keyplan.providers.zenml.pages import fetch_all
from keyplan.providers.zenml.parser import read_key

_MOST_AT_ONCE = 8


class ZenmlReader:
    """Reads one ZenML server."""

    def __init__(self, client: ProviderReadClient, accounts: AccountDirectory) -> None:
        self._client = client
        self._accounts = accounts

    @property
    def base_url(self) -> str:
        """The server's address, without trailing slash."""
        return self._client.base_url

    def laws(self) -> Laws:
        """Return the laws of ZenML; nothing is asked."""
        return ZENML_LAWS

    def presents(self, redacted: str) -> bool:  # noqa: ARG002 - no key has a redacted form here
        """Whether a redacted form can be that of the credential in use: it never can."""
        return False

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, the largest difference so far; None before the first answer."""
        return self._client.clock_skew()

    def find_scopes(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the service account of every reference, by exact name, or by id.

        Raises:
            InputError: One is unknown or ambiguous.
            ProviderError: The server refused or cannot be reached.
        """
        return self._accounts.find(references)

    def list_scopes(self) -> tuple[Scope, ...]:
        """Return every service account, sorted by id. Raises ProviderError."""
        return self._accounts.list_all()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        """Return the keys of all service accounts, suspended ones too, each id once, sorted by id.

        Raises:
            ProviderDeniedError: The credential is not accepted.
            ProviderRefusedError: The server refused; status 404 if one of `spaces` does not exist (any more).
            ProviderUnavailableError: The server cannot be reached, or a listing is incomplete.
        """
        # Not those of `spaces` alone: a key whose declaration was removed may be the last one of its account, and what
        # a listing does not show is taken for gone.
        named = frozenset(spaces)
        ids = sorted(named | {account.id for account in self._accounts.list_all()})
        return self._fetch(ids, named)

    def search_keys(
        self, *, key_type: KeyType | None, active: bool | None, scope_id: ScopeId | None
    ) -> tuple[Observation, ...]:
        """Return the keys that pass the filters, sorted by id; `active` None: both states. Deleted keys are not shown.

        Raises the errors of `list_keys`.
        """
        if key_type not in {None, KeyType.SERVICE}:
            return ()
        keys = self.list_keys([]) if scope_id is None else self._fetch([scope_id], frozenset([scope_id]))
        return tuple(key for key in keys if active is None or key.active is active)

    def find_account(self, key_id: KeyId) -> ScopeId | None:
        """Return the service account of a key, looked for in all of them if need be; None if no such key exists.

        Raises the errors of `list_keys`.
        """
        known = self._accounts.account_of(key_id)
        if known is None:
            self.list_keys([])
            known = self._accounts.account_of(key_id)
        return known

    def _fetch(self, account_ids: Sequence[ScopeId], named: frozenset[ScopeId]) -> tuple[Observation, ...]:
        if not account_ids:
            return ()
        workers = min(_MOST_AT_ONCE, len(account_ids))
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="zenml") as pool:
            listings = list(pool.map(lambda account_id: self._fetch_account(account_id, named), account_ids))
        keys = {key.id: key for listed in listings for key in listed}
        return tuple(keys[key_id] for key_id in sorted(keys))

    def _fetch_account(self, account_id: ScopeId, named: frozenset[ScopeId]) -> tuple[Observation, ...]:
        shown = show_safely(account_id)
        what = f"list the keys of service account {shown}"
        try:
            # Without `hydrate` there is no description, so no marker, and no time of rotation.
            items = fetch_all(self._client, what, path_of_keys(account_id), {"hydrate": "true"})
        except ProviderRefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            if account_id not in named:
                # Deleted since the accounts were listed, and all its keys with it.
                return ()
            raise ProviderRefusedError(
                f"{what}: it does not exist any more",
                status=error.status,
                advice="deleting a service account ends all its keys; create it again, or remove its keys here",
            ) from error
        try:
            keys = tuple(read_key(item, account_id) for item in items)
        except ValueError as error:
            raise ProviderUnavailableError(f"{what}: {self.base_url}: a key cannot be read: {error}") from error
        self._accounts.remember(keys, account_id)
        return keys
