"""What sinks share where they read answers: another shape is the server's failure, and a listing has a ceiling.

No answer is quoted, and no listing that was cut off is taken for complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from keyplan.errors import SinkUnavailableError
from keyplan.model.manifest import Json

MAX_KEYS: Final = 200_000
"""How many entries one listing may have unless the sink says otherwise."""
CEILING: Final[Mapping[str, Any]] = {
    "max_keys": {
        "type": "integer",
        "minimum": 1,
        "maximum": 100_000_000,
        "default": MAX_KEYS,
        "description": "How many entries one listing may have; a longer one is an error, never cut off.",
    },
}
"""The option of every sink that lists."""
MISREAD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What code that reads an answer raises if the answer has another shape."""
_LEAST_PER_PAGE = 10
"""Of the entries that pages have on average; a server may give fewer than it is asked for."""
_SPARE_PAGES = 100
"""How many pages more a listing may have: a server that filters may give empty ones."""
_ADVICE = "check that the sink's options and the proxy lead to the right server"


def read_max_keys(options: Mapping[str, Json]) -> int:
    """Return the option `max_keys`."""
    number = options.get("max_keys")
    return number if isinstance(number, int) else MAX_KEYS


@contextmanager
def understood(place: str, *, advice: str = _ADVICE) -> Iterator[None]:
    """Raise SinkUnavailableError if the block, which only reads an answer, cannot make sense of it."""
    try:
        yield
    except MISREAD:
        raise explain_misread(place, advice=advice) from None


def explain_misread(place: str, *, advice: str = _ADVICE) -> SinkUnavailableError:
    """Return the error for an answer of another shape. Raise it `from None`: the cause quotes the answer."""
    return SinkUnavailableError(f"{place}: the answer has an unknown form", advice=advice)


def to_text(value: object) -> str:
    """Return a text. Raises TypeError if it is something else, and ValueError if no request could carry it."""
    if not isinstance(value, str):
        raise TypeError("not a text")
    # JSON can hold half of a surrogate pair.
    value.encode()
    return value


def to_texts(value: object) -> dict[str, str]:
    """Return a mapping of texts to texts; null is an empty one. Raises TypeError if it is something else."""
    return {to_text(name): to_text(text) for name, text in to_mapping(value).items()}


def to_mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; null is an empty one. Raises TypeError if it is something else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value


def to_list(value: object) -> list[Any]:
    """Return a JSON list; null is an empty one. Raises TypeError if it is something else."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


class Listing:
    """How far a listing has come, and may still go."""

    def __init__(self, what: str, *, max_keys: int) -> None:
        self._what = what
        self._max_keys = max_keys
        self._pages = 0
        self._entries = 0
        self._cursors: set[str] = set()

    def add_page(self, entries: int, *, cursor: str = "") -> None:
        """Count a page, and note what leads to the next one.

        Raises:
            SinkUnavailableError: There are more entries than allowed, or the pages have no end.
        """
        self._pages += 1
        self._entries += entries
        if self._entries > self._max_keys:
            raise SinkUnavailableError(
                f"{self._what}: there are more than {self._max_keys}",
                advice="check the sink's options; if there are so many, raise 'max_keys' of this sink",
            )
        if cursor in self._cursors or self._pages > _SPARE_PAGES + self._max_keys // _LEAST_PER_PAGE:
            raise SinkUnavailableError(f"{self._what}: the pages have no end (page {self._pages})", advice=_ADVICE)
        if cursor:
            self._cursors.add(cursor)
