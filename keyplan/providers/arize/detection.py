"""Finds out which generation of the API a server speaks, unless the manifest names it.

The answer is the same for all threads and for the rest of the run.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http import HTTPStatus

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.manifest import Json, KeyType
from keyplan.providers.answers import JsonObject
from keyplan.providers.arize.dialects import ALPHA, BETA, DIALECTS, KEYS_PATH, Dialect
from keyplan.providers.arize.pages import with_page_size
from keyplan.providers.arize.parser import UniqueNotices
from keyplan.providers.client import ProviderReadClient

NOT_UNDERSTOOD = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
"""How a server answers words of a generation that it does not speak (docs/arize-api.md, A31)."""


def choose_dialect(options: Mapping[str, Json]) -> Dialect | None:
    """Return the dialect that the manifest names; None for `auto`.

    Raises:
        InputError: `api` is none of `auto`, `alpha` and `beta`.
    """
    word = options.get("api", "auto")
    if word == "auto":
        return None
    if not isinstance(word, str) or word not in DIALECTS:
        raise InputError("provider.api must be auto, alpha or beta")
    return DIALECTS[word]


# Alpha refuses upper-case words, while beta might accept what alpha sends.
_QUESTION = BETA.filters(key_type=KeyType.USER, status=BETA.active_word)


class DialectDetector:
    """Knows the dialect of one server; asks the server once, when the dialect is first needed."""

    def __init__(self, client: ProviderReadClient, notices: UniqueNotices, chosen: Dialect | None) -> None:
        self._client = client
        self._notices = notices
        self._dialect = chosen
        self._lock = threading.Lock()

    def dialect(self) -> Dialect:
        """Return the dialect in use.

        Raises:
            ProviderDeniedError: The credential is not accepted.
            ProviderRefusedError: The server refused the request for another reason than its words.
            ProviderUnavailableError: The server cannot be reached.
        """
        return self._find({**_QUESTION, "limit": "1"})[0]

    def begin_listing(self) -> tuple[Dialect, JsonObject | None]:
        """Return the dialect in use; if the server had to be asked for it, with the first page of active user keys.

        That saves the listing that follows one request. Raises the errors of `dialect`.
        """
        return self._find(with_page_size(_QUESTION))

    def _find(self, question: Mapping[str, str]) -> tuple[Dialect, JsonObject | None]:
        answer: JsonObject | None = None
        # Other threads wait here for the first one's answer instead of sending the same request.
        with self._lock:
            if self._dialect is None:
                answer = self._ask(question)
                self._dialect = ALPHA if answer is None else BETA
        name = self._dialect.laws.dialect
        self._notices.show(f"the API-keys endpoints of Arize are in {name}; they may change without notice")
        return self._dialect, answer

    def _ask(self, question: Mapping[str, str]) -> JsonObject | None:
        """Return what a server answers to beta's words; None if it does not understand them."""
        try:
            return self._client.get("find out the API's generation", KEYS_PATH, question)
        except ProviderRefusedError as error:
            if error.status not in NOT_UNDERSTOOD:
                raise
            return None
