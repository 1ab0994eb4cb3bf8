"""Creates, rotates, changes and deletes keys at ZenML, and verifies raw keys. Implements `KeyWriter` and `Editor`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from keyplan.errors import InDoubtError, InputError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.observation import Observation
from keyplan.model.secret import RawKey
from keyplan.model.times import spell_duration
from keyplan.net.http import show_safely
from keyplan.ports import Issued
from keyplan.providers.answers import JsonObject
from keyplan.providers.client import ProviderClient
from keyplan.providers.zenml.accounts import AccountDirectory, path_of_key, path_of_keys
from keyplan.providers.zenml.laws import ZENML_LAWS
from keyplan.providers.zenml.parser import read_key, read_raw_key, read_rotated
from keyplan.providers.zenml.reader import ZenmlReader

_MINUTE = timedelta(minutes=1)
_LONGEST_NAME = 255
_LONGEST_DESCRIPTION = 65_535
_WHO_AM_I = "/api/v1/current-user"
_TAKEN = "a key of this name exists there: import it, rename or delete it, or declare another name"


class ZenmlWriter:
    """Changes the keys of one ZenML server."""

    def __init__(self, client: ProviderClient, accounts: AccountDirectory, reader: ZenmlReader) -> None:
        self._client = client
        self._accounts = accounts
        self._reader = reader

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key and return it with its raw key.

        Raises:
            InputError: An expiry is asked for, a text is too long, or the service account is unknown.
            InDoubtError: A key may have been created, but its raw key did not arrive.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused; status 409 if the account has a key of this name.
            ProviderUnavailableError: Nothing was sent, or the server kept throttling.
        """
        _refuse_expiry(expires_at)
        texts, account_id = _write_texts(desired), self._find_scope(desired)
        what = f"create key '{show_safely(desired.declaration.name)}'"
        # The server answers the same request again in the same way for 300 s, raw key included. One that it refused
        # or that another run overtook is not kept, so each logical create has a number of its own.
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        with _explain_taken():
            answer = self._client.issue(what, path_of_keys(account_id), texts, headers=headers, repeatable=True)
        return self._read_issued(what, answer, account_id, lambda: read_key(answer, account_id))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; its id stays. The old one works for `grace`, in whole minutes, rounded up.

        Raises the errors of `create`; InputError if the grace is longer than the laws allow.
        """
        _refuse_expiry(expires_at)
        if grace > ZENML_LAWS.longest_grace:
            longest = spell_duration(ZENML_LAWS.longest_grace)
            raise InputError(f"keyplan keeps an old raw key of ZenML alive for at most {longest}")
        what, minutes = f"rotate key {show_safely(key_id)}", ceil(grace / _MINUTE)
        account_id = self._expect_account(what, key_id)
        path, body = f"{path_of_key(account_id, key_id)}/rotate", {"retain_period_minutes": minutes}
        # Never repeated after a lost answer: a second rotation would end the raw key that consumers still hold.
        answer = self._client.issue(what, path, body, method="PUT")
        return self._read_issued(what, answer, account_id, lambda: read_rotated(answer, account_id, minutes))

    def update(self, key_id: KeyId, desired: Desired) -> Observation:
        """Give a key the declared name and description, with marker; raw key and id stay.

        Raises:
            InputError: A text is too long.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused; 404 if the key is gone, 409 if another key has this name.
            ProviderUnavailableError: The server cannot be reached, or its answer cannot be understood.
        """
        texts = _write_texts(desired)
        what = f"change key '{show_safely(desired.declaration.name)}'"
        account_id = self._expect_account(what, key_id)
        with _explain_taken():
            answer = self._client.change(what, "PUT", path_of_key(account_id, key_id), texts)
        try:
            return read_key(answer, account_id)
        except ValueError as error:
            raise ProviderUnavailableError(f"{what}: the server's answer cannot be read: {error}") from error

    def delete(self, key_id: KeyId) -> None:
        """Delete a key; it is not an error if it does not exist (any more).

        Raises:
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached.
        """
        account_id = self._reader.find_account(key_id)
        if account_id is not None:
            self._client.end(f"delete key {show_safely(key_id)}", "DELETE", path_of_key(account_id, key_id))

    def verify(self, raw: RawKey) -> bool:
        """Whether the server accepts this raw key as a credential: 401 is no, also for a suspended key or account.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        return self._client.authenticates("verify a new raw key", _WHO_AM_I, raw)

    def _find_scope(self, desired: Desired) -> ScopeId:
        scope = desired.declaration.scope
        if scope is None:
            raise InputError(f"{desired.address}: a key of ZenML needs a service_account")
        return self._accounts.resolve(scope).id

    def _expect_account(self, what: str, key_id: KeyId) -> ScopeId:
        account_id = self._reader.find_account(key_id)
        if account_id is None:
            raise ProviderRefusedError(f"{what}: no service account has such a key", status=HTTPStatus.NOT_FOUND)
        return account_id

    def _read_issued(
        self, what: str, answer: JsonObject, account_id: ScopeId, read: Callable[[], Observation]
    ) -> Issued:
        raw = read_raw_key(answer)
        try:
            key = read()
        except ValueError as error:
            # The server acted. No text of the answer is in the reason: beside it stands a raw key.
            raise InDoubtError(f"{what}: the server's answer cannot be read: {error}") from None
        self._accounts.remember([key], account_id)
        if raw is None:
            raise InDoubtError(f"{what}: the server's answer has no usable key")
        return Issued(key=key, raw=raw)


def _refuse_expiry(expires_at: datetime | None) -> None:
    # The server would drop the field without a word, and the key would live for ever.
    if expires_at is not None:
        raise InputError("keys of ZenML have no expiry", advice="remove expires_in or expires_at")


def _write_texts(desired: Desired) -> dict[str, str]:
    """Return name and description as they are sent. Raises InputError for what the server refuses without saying."""
    name, description = desired.declaration.name, desired.full_description
    if not 0 < len(name) <= _LONGEST_NAME:
        raise InputError(f"{desired.address}: a name has 1 to {_LONGEST_NAME} characters at ZenML")
    if len(description) > _LONGEST_DESCRIPTION:
        raise InputError(f"{desired.address}: a description has at most {_LONGEST_DESCRIPTION} characters at ZenML")
    return {"name": name, "description": description}


@contextmanager
def _explain_taken() -> Iterator[None]:
    try:
        yield
    except ProviderRefusedError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        raise ProviderRefusedError(error.message, status=error.status, advice=_TAKEN) from error
