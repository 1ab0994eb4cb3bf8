"""When two texts count as one: names, descriptions and addresses, whichever way an editor or a server stores them.

Nothing here changes what is sent to a provider.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable
from fnmatch import fnmatchcase
from unicodedata import normalize


def compose(text: str) -> str:
    """Return the text in Unicode normal form C: an accented letter is one character, however it was typed."""
    # Nearly every text is ASCII, and asking that first takes a tenth of the time.
    return text if text.isascii() else normalize("NFC", text)


def decompose(text: str) -> str:
    """Return the text in Unicode normal form D, in which some file systems and editors write names."""
    return text if text.isascii() else normalize("NFD", text)


def trim(text: str) -> str:
    """Return the text in normal form C, without white space at its ends and at the ends of its lines."""
    return "\n".join(line.rstrip() for line in compose(text).split("\n")).strip()


def is_same(one: str, other: str) -> bool:
    """Whether two texts differ at most in their normal form and white space at ends: no reader sees that."""
    return one == other or trim(one) == trim(other)


_TEXT_DIGITS = 10
_TEXTS = ("name", "description")


def digest_texts(name: str, description: str) -> str:
    """Return 20 hex digits, ten of each text, that change whenever `is_same` says that a text is another one."""
    parts = (hashlib.sha256(trim(text).encode()).hexdigest()[:_TEXT_DIGITS] for text in (name, description))
    return "".join(parts)


def list_same_texts(one: str, other: str) -> frozenset[str]:
    """Return on which of ``name`` and ``description`` two digests agree; on neither if one of them is empty."""
    starts = range(0, _TEXT_DIGITS * len(_TEXTS), _TEXT_DIGITS)
    return frozenset(
        text
        for text, start in zip(_TEXTS, starts, strict=True)
        if one and one[start : start + _TEXT_DIGITS] == other[start : start + _TEXT_DIGITS]
    )


def fold(text: str) -> str:
    """Return a form shared by texts that look alike to a reader: compatible characters, cases and blanks are one."""
    if text.isascii():  # then it is in every normal form, and so is what `casefold` makes of it
        return " ".join(text.casefold().split())
    # Twice: folding the case of some characters gives what is not in normal form any longer.
    return " ".join(normalize("NFKC", normalize("NFKC", text).casefold()).split())


def list_composed(texts: Iterable[str]) -> frozenset[str]:
    """Return the texts in normal form C, to be given to `selects` as the known ones."""
    return frozenset(map(compose, texts))


def selects(pattern: str, text: str, known: Container[str]) -> bool:
    """Whether a pattern of the user selects a text, such as an address, among the `known` ones (in normal form C).

    A pattern that spells a known text selects that one alone, although it may read as a glob: ``user/ci[1]``.
    """
    spelt, given = compose(pattern), compose(text)
    return spelt == given or (spelt not in known and fnmatchcase(given, spelt))
