"""Knows the service accounts of a server, and to which of them each key belongs. Safe for threads.

Accounts are asked for by id: a name can hold what a path cannot. It must never choose among several of one name.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from urllib.parse import quote

from keyplan.errors import InputError, ProviderUnavailableError
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import ScopeById, ScopeRef
from keyplan.model.observation import Observation, Scope
from keyplan.model.texts import compose
from keyplan.net.http import show_safely
from keyplan.providers.client import ProviderReadClient
from keyplan.providers.zenml.pages import fetch_all
from keyplan.providers.zenml.parser import read_account

ACCOUNTS_PATH = "/api/v1/service_accounts"


def path_of_keys(account_id: ScopeId) -> str:
    """Return the path of an account's keys."""
    return f"{ACCOUNTS_PATH}/{quote(account_id, safe='')}/api_keys"


def path_of_key(account_id: ScopeId, key_id: KeyId) -> str:
    """Return the path of a key."""
    return f"{path_of_keys(account_id)}/{quote(key_id, safe='')}"


class AccountDirectory:
    """The service accounts of one server. Remembers what was found, so that a change needs no further look-up."""

    def __init__(self, client: ProviderReadClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._scopes: dict[ScopeRef, Scope] = {}
        self._key_accounts: dict[KeyId, ScopeId] = {}

    def list_all(self) -> tuple[Scope, ...]:
        """Return every service account, sorted by id. Raises ProviderError."""
        what = "list service accounts"
        items = fetch_all(self._client, what, ACCOUNTS_PATH, {})
        try:
            accounts = {account.id: account for account in map(read_account, items)}
        except ValueError as error:
            raise ProviderUnavailableError(f"{what}: {self._client.base_url}: {error}") from error
        return tuple(accounts[account_id] for account_id in sorted(accounts))

    def find(self, references: Collection[ScopeRef]) -> Mapping[ScopeRef, Scope]:
        """Return the service account of every reference, by exact name, or by id.

        Raises:
            InputError: One is unknown or ambiguous.
            ProviderError: The server refused or cannot be reached.
        """
        if not references:
            return {}
        accounts = self.list_all()
        found = {reference: _choose(reference, accounts) for reference in references}
        with self._lock:
            self._scopes.update(found)
        return found

    def resolve(self, reference: ScopeRef) -> Scope:
        """Return a service account as `find` does; the server is asked only for one that was not found before."""
        with self._lock:
            known = self._scopes.get(reference)
        return known or self.find([reference])[reference]

    def remember(self, keys: Iterable[Observation], account_id: ScopeId) -> None:
        """Note that keys belong to a service account."""
        ids = [key.id for key in keys]
        with self._lock:
            self._key_accounts.update(dict.fromkeys(ids, account_id))

    def account_of(self, key_id: KeyId) -> ScopeId | None:
        """Return the service account of a key that was seen before; None for any other."""
        with self._lock:
            return self._key_accounts.get(key_id)


def _choose(reference: ScopeRef, accounts: Collection[Scope]) -> Scope:
    """Return the account that a reference means. Raises InputError."""
    if isinstance(reference, ScopeById):
        return _find_by_id(reference.space_id, accounts) or _refuse(reference.space_id, accounts)
    name = reference.name
    exact = [account for account in accounts if account.name == name]
    # The server distinguishes composed and decomposed accents; an editor may not.
    alike = exact or [account for account in accounts if compose(account.name) == compose(name)]
    if len(alike) > 1:
        ids = ", ".join(account.id for account in alike)
        raise InputError(
            f"service account '{show_safely(name)}' is the name of several accounts",
            advice=f"give the id of one: {ids}",
        )
    return alike[0] if alike else _find_by_id(name, accounts) or _refuse(name, accounts)


def _find_by_id(text: str, accounts: Iterable[Scope]) -> Scope | None:
    return next((account for account in accounts if account.id == text.lower()), None)


def _refuse(name: str, accounts: Iterable[Scope]) -> Scope:
    by_folded = {account.name.casefold(): account.name for account in accounts}
    near = get_close_matches(name.casefold(), by_folded, n=3)
    if near:
        advice = "did you mean " + " or ".join(f"'{show_safely(by_folded[each])}'" for each in near) + "?"
    else:
        advice = "create it in ZenML first: keyplan creates keys, not service accounts"
    raise InputError(f"service account '{show_safely(name)}' is unknown", advice=advice)
