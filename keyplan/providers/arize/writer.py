"""Creates, refreshes and deletes keys at Arize, and verifies raw keys. Implements `KeyWriter`."""

from __future__ import annotations

from datetime import datetime, timedelta

from keyplan.errors import InDoubtError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.ports import Issued
from keyplan.providers.answers import JsonObject
from keyplan.providers.arize.detection import DialectDetector
from keyplan.providers.arize.dialects import KEYS_PATH, path_of
from keyplan.providers.arize.parser import KeyParser, UniqueNotices, read_raw_key
from keyplan.providers.client import ProviderClient


class ArizeWriter:
    """Changes the keys of one Arize account."""

    def __init__(self, client: ProviderClient, detector: DialectDetector, notices: UniqueNotices) -> None:
        self._client = client
        self._detector = detector
        self._notices = notices

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Create a key and return it with its raw key.

        Raises:
            InputError: The dialect cannot express the access that is declared.
            InDoubtError: A key may have been created, but its raw key did not arrive.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: Nothing was sent, or the server kept throttling.
        """
        body = self._detector.dialect().write_create(desired, expires_at)
        what = f"create key '{show_safely(desired.declaration.name)}'"
        return self._read_issued(what, self._client.issue(what, KEYS_PATH, body))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; the id in the answer may differ (docs/arize-api.md, A22).

        Raises the errors of `create`; InputError if the dialect grants no such grace.
        """
        body = self._detector.dialect().write_refresh(expires_at, grace)
        what = f"refresh key {show_safely(key_id)}"
        answer = self._client.issue(what, f"{path_of(KEYS_PATH, key_id)}/refresh", body)
        # An answer without an id is about the key that was named.
        return self._read_issued(what, {**answer, "id": answer.get("id") or key_id})

    def delete(self, key_id: KeyId) -> None:
        """Delete or revoke a key; it is not an error if the key is already dead or unknown (docs/arize-api.md, A28).

        Raises:
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused.
            ProviderUnavailableError: The server cannot be reached.
        """
        dialect = self._detector.dialect()
        self._client.end(f"delete key {show_safely(key_id)}", dialect.delete_method, dialect.delete_path(key_id))

    def verify(self, raw: RawKey) -> bool:
        """Whether the API accepts this raw key as a credential: 401 is no, 403 is yes.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        # The cheapest call that needs a credential: no call says who the caller is (docs/arize-api.md, A2).
        return self._client.authenticates("verify a new raw key", f"{KEYS_PATH}?limit=1", raw)

    def _read_issued(self, what: str, answer: JsonObject) -> Issued:
        parser = KeyParser(self._notices, shows_scopes=self._detector.dialect().laws.shows_scopes)
        key, raw = parser.read(answer), read_raw_key(answer)
        if key is None or raw is None:
            # The server acted, but without the raw key the new key is of no use: recovery has to find and end it.
            missing = "id" if key is None else "usable key"
            raise InDoubtError(f"{what}: the server's answer has no {missing}")
        return Issued(key=key, raw=raw)
