"""What can be changed at Arize, and whether a raw key works. Implements `KeyWriter`."""

from __future__ import annotations

from datetime import datetime, timedelta

from keyplan.errors import InDoubtError
from keyplan.model.desired import Desired
from keyplan.model.manifest import KeyId
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.ports import Issued
from keyplan.providers.arize.client import Client
from keyplan.providers.arize.detection import Detector
from keyplan.providers.arize.dialects import KEYS_PATH, path_of
from keyplan.providers.arize.errors import JsonObject
from keyplan.providers.arize.parser import KeyParser, Notices, read_raw_key


class ArizeWriter:
    """One account of Arize, for changing."""

    def __init__(self, client: Client, detector: Detector, notices: Notices) -> None:
        self._client = client
        self._detector = detector
        self._notices = notices

    def create(self, desired: Desired, *, expires_at: datetime | None) -> Issued:
        """Make a key and return it with its raw key.

        Raises InputError where the dialect cannot say what is wanted; InDoubtError, ProviderDeniedError,
        ProviderRefusedError, ProviderUnavailableError.
        """
        body = self._detector.dialect().write_create(desired, expires_at)
        what = f"create key '{show_safely(desired.declaration.name)}'"
        return self._read_issued(what, self._client.issue(what, KEYS_PATH, body))

    def refresh(self, key_id: KeyId, *, expires_at: datetime | None, grace: timedelta) -> Issued:
        """Give a key a new raw key; the answer's id may be another (docs/arize-api.md, A22).

        Raises like `create`; InputError where the dialect has no such grace.
        """
        body = self._detector.dialect().write_refresh(expires_at, grace)
        what = f"refresh key {show_safely(key_id)}"
        answer = self._client.issue(what, f"{path_of(KEYS_PATH, key_id)}/refresh", body)
        # An answer without an id speaks of the key that was asked for.
        return self._read_issued(what, {**answer, "id": answer.get("id") or key_id})

    def delete(self, key_id: KeyId) -> None:
        """End a key for good; one that is already gone is no error.

        Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        dialect = self._detector.dialect()
        self._client.end(f"delete key {show_safely(key_id)}", dialect.delete_method, dialect.delete_path(key_id))

    def verify(self, raw: RawKey) -> bool:
        """Whether the API knows who presents this raw key: 401 is no, 403 is yes.

        Raises ProviderUnavailableError where the answer says nothing about the key.
        """
        return self._client.authenticates("verify a new raw key", f"{KEYS_PATH}?limit=1", raw)

    def _read_issued(self, what: str, answer: JsonObject) -> Issued:
        parser = KeyParser(self._notices, shows_spaces=self._detector.dialect().laws.shows_spaces)
        key, raw = parser.read(answer), read_raw_key(answer)
        if key is None or raw is None:
            missing = "id" if key is None else "usable key"
            raise InDoubtError(f"{what}: the server's answer has no {missing}")
        return Issued(key=key, raw=raw)
