"""Splits one text over several small metadata entries of a store: tags, labels, annotations, custom metadata.

Pieces of two different writes must never be joined to one text, even if a store kept entries of an older one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

HEADER_CHARACTERS = 12
"""Longest header: two digits, hyphen, eight digits, hyphen."""
_MOST_ENTRIES = 99
_DIGEST_DIGITS = 8
_HEADER = re.compile(r"([0-9]{1,2})-([0-9a-f]{8})-", re.ASCII)


def split(text: str, *, prefix: str, size: int) -> dict[str, str]:
    """Return the entries ``PREFIX-00``, ``PREFIX-01`` and so on that hold a text, each at most `size` characters.

    The first one starts with how many there are and a digest of the text, in digits, a to f and hyphens. The text
    should be ASCII, so that characters are bytes. An empty text makes one entry.

    Raises ValueError if it needs more than 99 entries.
    """
    room = size - HEADER_CHARACTERS
    pieces = [text[:room], *(text[start : start + size] for start in range(room, len(text), size))]
    if len(pieces) > _MOST_ENTRIES:
        raise ValueError(f"{len(text)} characters need more than {_MOST_ENTRIES} entries of {size}")
    pieces[0] = f"{len(pieces)}-{_digest(text)}-{pieces[0]}"
    return {_name(prefix, index): piece for index, piece in enumerate(pieces)}


def join(entries: Mapping[str, str], *, prefix: str) -> str | None:
    """Return the text that `split` put under a prefix; None if there is none, or it is not whole.

    Entries under other names do not matter, nor do those that are left of a former, longer text.
    """
    # The digest in the header proves that all pieces come from one write; a count alone would accept a mixture.
    header = _HEADER.match(entries.get(_name(prefix, 0), ""))
    if header is None:
        return None
    names = [_name(prefix, index) for index in range(int(header[1]))]
    if any(name not in entries for name in names):
        return None
    text = "".join(entries[name] for name in names)[header.end() :]
    return text if _digest(text) == header[2] else None


def names_under(entries: Mapping[str, str], *, prefix: str) -> frozenset[str]:
    """Return the names of all entries that `split` may have made under a prefix, those of older writings included."""
    pattern = re.compile(rf"{re.escape(prefix)}-[0-9]{{2}}", re.ASCII)
    return frozenset(name for name in entries if pattern.fullmatch(name))


def _name(prefix: str, index: int) -> str:
    return f"{prefix}-{index:02d}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_DIGITS]
