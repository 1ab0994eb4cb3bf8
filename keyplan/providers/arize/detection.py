"""Which generation of the API a server speaks: told by the manifest, or found out once per run.

In: the manifest's word and a client. Out: a dialect, the same for every thread and the rest of the run.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.manifest import Json, KeyType
from keyplan.providers.arize.client import ReadingClient
from keyplan.providers.arize.dialects import ALPHA, BETA, DIALECTS, KEYS_PATH, Dialect
from keyplan.providers.arize.parser import Notices

NOT_UNDERSTOOD = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""How a server says that it doesn't know a word of another generation (docs/arize-api.md, A31)."""


def choose_dialect(options: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect that the manifest names; None for `auto`. Raises InputError on another word."""
    word = options.get("api", "auto")
    if word == "auto":
        return None
    if not isinstance(word, str) or word not in DIALECTS:
        raise InputError("provider.api must be auto, alpha or beta")
    return DIALECTS[word]


class Detector:
    """Knows the dialect, from the first time somebody asks."""

    def __init__(self, client: ReadingClient, notices: Notices, chosen: Dialect | None) -> None:
        self._client = client
        self._notices = notices
        self._dialect = chosen
        self._lock = threading.Lock()

    def dialect(self) -> Dialect:
        """Return the dialect in use; asks the server unless the manifest says it.

        Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        with self._lock:
            if self._dialect is None:
                self._dialect = self._detect()
        name = self._dialect.laws.dialect
        self._notices.tell(f"the API-keys endpoints of Arize are in {name}; they may change without notice")
        return self._dialect

    def _detect(self) -> Dialect:
        wanted = BETA.filters(key_type=KeyType.USER, status=BETA.active_word)
        try:
            self._client.read("find out the API's generation", KEYS_PATH, {**wanted, "limit": "1"})
        except ProviderRefusedError as error:
            if error.status not in NOT_UNDERSTOOD:
                raise
            return ALPHA
        return BETA
