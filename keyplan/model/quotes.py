"""Put what a user wrote into a message, short and harmless, and suggest what was probably meant.

What comes out is one line of visible characters: no control character, at most 40 characters of a value, and nothing
that looks like a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from keyplan.model.secret_shapes import looks_secret

_LONGEST_QUOTE = 40
_LONGEST_WORD = 64
_MOST_CANDIDATES = 200


def quote(text: str) -> str:
    """Return the text between quotation marks: cut, escaped, or only `(hidden)` if it looks like a secret."""
    # First of all: a cut secret is still most of a secret.
    if looks_secret(text):
        return "(hidden)"
    return f"'{escape(text)}'" if len(text) <= _LONGEST_QUOTE else f"'{escape(text[:_LONGEST_QUOTE])}...'"


def escape(text: str) -> str:
    """Return the text with everything invisible, direction-changing or unpaired as a backslash escape."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def list_words(words: Iterable[str]) -> str:
    """Return the words quoted, sorted and joined by commas."""
    return ", ".join(quote(word) for word in sorted(words))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'vault'?`` for the nearest known word; nothing if none is near."""
    near = nearest(word, known)
    return f"; did you mean {quote(near)}?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like another, upper and lower case being the same; None if none is."""
    return _nearest(word, tuple(sorted(known)))


@lru_cache(maxsize=1024)
def _nearest(word: str, known: tuple[str, ...]) -> str | None:
    # Both limits keep a file of many mistakes linear: likeness is quadratic in the length of words.
    if len(word) > _LONGEST_WORD or len(known) > _MOST_CANDIDATES:
        return None
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(word.lower(), by_lower, n=1)
    return by_lower[found[0]] if found else None
