"""Where a value stands in a server's answer: a JSON pointer (RFC 6901), or a text that joins several of them.

A value may be a raw key, so nothing here puts one into a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Pointer: TypeAlias = tuple[str, ...]
"""The tokens of a JSON pointer, unescaped; none for the whole document."""

_JOINED: Final = re.compile(r"\$\{(?P<pointer>/[^{}]*)\}")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")


def read_pointer(text: str) -> Pointer:
    """Return the pointer that a text writes, which begins with a slash or is empty."""
    # RFC 6901, 4: ~1 first, so that ~01 becomes ~1 and not a slash.
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:])


def resolve(document: object, pointer: Pointer) -> object:
    """Return the value at a pointer; None if there is none, or if it is null."""
    value = document
    for token in pointer:
        if isinstance(value, Mapping):
            value = value.get(token)
        elif isinstance(value, Sequence) and not isinstance(value, str) and _INDEX.fullmatch(token):
            value = value[int(token)] if int(token) < len(value) else None
        else:
            return None
    return value


@dataclass(frozen=True, slots=True)
class Source:
    """Where one field is read: one pointer, or several with text between them."""

    text: str
    """As the definition writes it: ``/data/hash``, or ``${/publicKey}:${/secretKey}``."""

    def find(self, document: object) -> object:
        """Return the value; None if it, or one of its parts, is not there."""
        if not _JOINED.search(self.text):
            return resolve(document, read_pointer(self.text))
        parts = [resolve(document, read_pointer(found["pointer"])) for found in _JOINED.finditer(self.text)]
        if not all(isinstance(part, str) and part for part in parts):
            return None
        remaining = iter(parts)
        return _JOINED.sub(lambda _found: str(next(remaining)), self.text)

    def find_text(self, document: object) -> str:
        """Return the value as text; empty if it is not there, or neither text nor a whole number."""
        value = self.find(document)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        # JSON can hold half of a surrogate pair, which no file or terminal takes.
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
