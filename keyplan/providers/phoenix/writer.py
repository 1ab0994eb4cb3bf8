"""Creates and deletes keys at a Phoenix server, and verifies raw keys. Implements `KeyWriter`."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from keyplan.errors import InDoubtError, InputError, ProviderUnavailableError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.ports import Issued
from keyplan.providers.client import ProviderClient
from keyplan.providers.phoenix.options import CALLER_PATH, OWN_PATH, SYSTEM_PATH
from keyplan.providers.phoenix.parser import read_raw_key, read_system_key, read_text


class PhoenixWriter:
    """Changes the keys of one Phoenix server."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a system key and return it with its raw key.

        Raises:
            InputError: It is not a system key, or the server would change its name.
            InDoubtError: A key may have been created, but its raw key did not arrive.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: Nothing was sent, or the server kept throttling.
        """
        what = f"create key '{show_safely(desired.declaration.name)}'"
        answer = self._client.issue(what, SYSTEM_PATH, {"data": _write_key(what, desired, expires_at)})
        item = answer.get("data")
        values = item if isinstance(item, Mapping) else {}
        raw = read_raw_key(values)
        if raw is None:
            # The server acted, but without the raw key the new key is of no use: recovery has to find and end it.
            raise InDoubtError(f"{what}: the server's answer has no usable key")
        try:
            return Issued(key=read_system_key(values), raw=raw)
        except ValueError as error:
            raise InDoubtError(f"{what}: the server's answer describes {error}") from None

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:  # noqa: ARG002 - the port's signature
        """Raise InputError: a key of Phoenix keeps its raw key for life."""
        raise InputError(
            f"refresh key {show_safely(key_id)}: Phoenix cannot refresh a key (law has_refresh: false)",
            advice="replace it: keyplan creates a new key, and ends the old one after the overlap",
        )

    def delete(self, key_id: KeyId) -> None:
        """Delete a system key or a user's key; it is not an error if it is already dead or unknown.

        Other processes of the server accept the raw key for up to 10 s more.

        Raises:
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached.
        """
        folder = OWN_PATH if _is_of_user(key_id) else SYSTEM_PATH
        self._client.end(f"delete key {show_safely(key_id)}", "DELETE", f"{folder}/{quote(key_id, safe='')}")

    def verify(self, raw: RawKey) -> bool:
        """Whether the server says who presents this raw key: 401 is no; anything else than a user says nothing.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        what = "verify a new raw key"
        answer = self._client.identify(what, CALLER_PATH, raw)
        if answer is None:
            return False
        caller = answer.get("data")
        if isinstance(caller, Mapping) and read_text(caller.get("id")):
            return True
        raise ProviderUnavailableError(
            f"{what}: the answer of {self._client.base_url} names no user", advice="check provider.base_url"
        )


def _write_key(what: str, desired: Desired, expires_at: datetime | None) -> dict[str, Any]:
    """Return what is sent to create a key. Raises InputError if the server cannot express it."""
    declared = desired.declaration
    if declared.key_type is not KeyType.SYSTEM:
        raise InputError(
            f"{what}: Phoenix lets users alone create keys of users, in a session of their own",
            advice="declare key_type: system, or create the key in Phoenix's settings",
        )
    if declared.name != declared.name.strip():
        # The listing would show another name than is declared, and every plan would replace the key.
        raise InputError(
            f"{what}: Phoenix removes white space around names", advice="declare the name without white space around it"
        )
    body: dict[str, Any] = {"name": declared.name}
    if desired.full_description:
        body["description"] = desired.full_description
    if expires_at is not None:
        body["expires_at"] = expires_at.isoformat()
    return body


def _is_of_user(key_id: KeyId) -> bool:
    """Whether an id is that of a user's key: ids are base64 of ``UserApiKey:N`` or ``SystemApiKey:N``."""
    try:
        return b64decode(key_id, validate=True).startswith(b"UserApiKey:")
    except (binascii.Error, ValueError):
        # Not an id of this server: it will say so.
        return False
