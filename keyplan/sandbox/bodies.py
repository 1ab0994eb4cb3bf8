"""Reads request bodies field by field, and refuses with 400 the first field that is not as declared.

Undeclared fields and `null` are refused too, because no official client sends them (docs/arize-api.md, A6). No refusal
quotes a value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NoReturn, TypeVar

from keyplan.sandbox.formats import parse_instant
from keyplan.sandbox.responses import ProblemError

_T = TypeVar("_T")

_FEWEST_ITEMS = 1
_MOST_ITEMS = 100


class RequestBody:
    """A JSON object of a request, and its place in the request."""

    def __init__(self, content: Mapping[str, object], place: str = "") -> None:
        self._content = content
        self._place = place

    @classmethod
    def parse(cls, raw: bytes) -> RequestBody:
        """Read a request's body; an empty one counts as an empty object. Raises ProblemError 400."""
        try:
            # The body of a refresh is optional (docs/arize-api.md, A6).
            content = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            raise ProblemError(400, "The request body is not JSON.") from None
        if not isinstance(content, dict):
            raise ProblemError(400, "The request body is not a JSON object.")
        return cls(content)

    def __contains__(self, name: object) -> bool:
        return name in self._content

    def allow_only(self, *names: str) -> None:
        """Raise ProblemError 400 if there is any other field."""
        unknown = sorted(set(self._content) - set(names))
        if unknown:
            # A field of another generation, most likely; ignoring it would hide that the client speaks the wrong one.
            self._refuse(unknown[0].encode("ascii", "replace").decode(), "is not a field of this request")

    def text(self, name: str, *, longest: int) -> str:
        """Return a required string of at most `longest` characters."""
        value = self._required(name)
        if not isinstance(value, str) or not _is_unicode(value):
            self._refuse(name, "must be a string")
        if len(value) > longest:
            self._refuse(name, f"must be at most {longest} characters long")
        return value

    def optional_text(self, name: str, *, longest: int) -> str | None:
        """Return a string as `text` does, or None if the field is absent."""
        return self.text(name, longest=longest) if name in self else None

    def optional_instant(self, name: str) -> datetime | None:
        """Return a date-time in UTC, or None if the field is absent."""
        if name not in self:
            return None
        try:
            return parse_instant(self.text(name, longest=_MOST_ITEMS))
        except ValueError:
            self._refuse(name, "must be an RFC 3339 date-time")

    def optional_integer(self, name: str, *, lowest: int, highest: int) -> int | None:
        """Return a whole number within bounds, or None if the field is absent."""
        if name not in self:
            return None
        value = self._content[name]
        # JSON's true is an int in Python.
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            self._refuse(name, f"must be a whole number from {lowest} to {highest}")
        return value

    def optional_number(self, name: str, *, lowest: float, highest: float) -> float | None:
        """Return a number within bounds, or None if the field is absent."""
        if name not in self:
            return None
        value = self._content[name]
        if not isinstance(value, int | float) or isinstance(value, bool) or not lowest <= value <= highest:
            self._refuse(name, f"must be a number from {lowest:g} to {highest:g}")
        return float(value)

    def choice(self, name: str, words: Mapping[str, _T]) -> _T:
        """Return the value of a required word; words are case-sensitive (docs/arize-api.md, A8)."""
        value = self._required(name)
        if not isinstance(value, str) or value not in words:
            self._refuse(name, f"must be one of {', '.join(words)}")
        return words[value]

    def optional_choice(self, name: str, words: Mapping[str, _T]) -> _T | None:
        """Return the value of a word, or None if the field is absent."""
        return self.choice(name, words) if name in self else None

    def optional_object(self, name: str) -> RequestBody | None:
        """Return an object inside this one, or None if the field is absent."""
        if name not in self:
            return None
        return self._inner(self._content[name], name)

    def objects(self, name: str) -> tuple[RequestBody, ...]:
        """Return the 1 to 100 objects of a required array."""
        value = self._required(name)
        if not isinstance(value, list) or not _FEWEST_ITEMS <= len(value) <= _MOST_ITEMS:
            self._refuse(name, f"must be an array of {_FEWEST_ITEMS} to {_MOST_ITEMS} items")
        return tuple(self._inner(item, f"{name}[{index}]") for index, item in enumerate(value))

    def _inner(self, value: object, name: str) -> RequestBody:
        if not isinstance(value, dict):
            self._refuse(name, "must be an object")
        return RequestBody(value, f"{self._place}{name}.")

    def _required(self, name: str) -> object:
        if name not in self:
            self._refuse(name, "is required")
        return self._content[name]

    def _refuse(self, name: str, why: str) -> NoReturn:
        raise ProblemError(400, f"{self._place}{name} {why}.")


def _is_unicode(text: str) -> bool:
    # JSON can hold half of a surrogate pair, which cannot be stored or sent back.
    return not any("\ud800" <= character <= "\udfff" for character in text)
