"""A text in which a key may have leaked: a raw key, a redacted form, a whole log or diff. It is hostile, and a secret.

Nothing shows it or a piece of it. The search takes time and memory in proportion to the text, whatever stands in it.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import unquote

from keyplan.errors import InputError
from keyplan.model.mask import HIDDEN
from keyplan.model.secret import READABLE_MINIMUM, REDACTION, RawKey, SuspectedSecret, split_redacted
from keyplan.model.secret_forms import list_forms

MOST_BYTES = 4 * 1024 * 1024
"""A larger text is refused: a leak is in a piece of it."""
MOST_CANDIDATES = 2000
_DEPTH = 2
"""How often base64 is taken off: a Docker configuration is encoded, and again in a Kubernetes Secret."""
_LONGEST_KEY = 160
_SHORTEST_KEY = 20
_SHORTEST_ANCHOR = 2
_DIGITS_A_BLOCK = 4
# Colours, cursor movements, titles of windows (ECMA-48; xterm's control sequences), and what is not seen.
_UNSEEN = re.compile(
    r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,256}(?:\x07|\x1b\\)?|.)?"
    r"|[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u2060\ufeff]"
)
# A line that was wrapped goes on behind what a diff, a quotation or a log puts before each line.
_WRAP = re.compile(r"[ \t]{0,16}(?:\\|=)?\n[ \t]{0,64}[+\->|#*]{0,3}[ \t]{0,64}")
_CODE = re.compile(r"\\{1,4}u00([0-7][0-9a-fA-F])|\\{1,4}x([0-7][0-9a-fA-F])")
_RAW_KEY = re.compile(r"(?<![A-Za-z0-9])ak-[a-z0-9]{50}(?![A-Za-z0-9])")
"""The shape in the examples of the vendor (docs/arize-api.md, A34)."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}")
_TO_STANDARD = str.maketrans("-_", "+/")
_KEY_CHARACTERS = re.compile(r"[A-Za-z0-9_-]*")
_BEGINNING = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9_-]")


@dataclass(slots=True)
class FormMatch:
    """What a text holds of the keys with one redacted form."""

    raws: list[RawKey] = field(default_factory=list)
    """Texts that the form can stand for, each once; the likeliest first."""
    is_shown: bool = False
    """Whether the redacted form itself stands in the text."""


class LeakedText:
    """A text that is searched, and never shown."""

    __slots__ = ("__text",)

    def __init__(self, data: bytes) -> None:
        """Raises InputError if it is larger than `MOST_BYTES`."""
        if len(data) > MOST_BYTES:
            raise InputError(
                f"the text is larger than {MOST_BYTES // 1024**2} MiB", advice="give the part with the key"
            )
        # UTF-16, as some shells write it, is the same text with a zero beside each letter.
        text = data.replace(b"\0", b"").decode("utf-8", "replace")
        self.__text = _UNSEEN.sub("", text.replace("\r\n", "\n"))

    def __repr__(self) -> str:
        return f"LeakedText{HIDDEN}"

    def find(self, redacted: Collection[str]) -> Mapping[str, FormMatch]:
        """Return what stands in the text of keys with these redacted forms, by form.

        Raises InputError if far more of it could be such a key than a real text holds.
        """
        index = _FormIndex(redacted)
        for view in _list_views(self.__text):
            index.search(view)
        return index.found

    def count_unknown(self, known: Mapping[str, FormMatch]) -> int:
        """Return how many different texts look like a raw key of Arize, and fit none of the forms in `known`."""
        looks = sorted(set(_RAW_KEY.findall(self.__text)))[:MOST_CANDIDATES]
        # No raw keys: noted as such, the secrets of others would push ours out of the mask.
        return sum(not any(look.fits(form) for form in known) for look in map(SuspectedSecret, looks))


class _FormIndex:
    """Redacted forms by their beginnings, and what was found of them."""

    def __init__(self, redacted: Collection[str]) -> None:
        self.found: dict[str, FormMatch] = {}
        self._by_head: dict[str, list[tuple[str, str]]] = {}
        self._seen: set[tuple[str, str]] = set()
        for form in sorted(set(redacted)):
            head, _, tail = split_redacted(form)
            # As `RawKey.fits` has it: fewer readable characters prove nothing.
            if head and len(head) + len(tail) >= READABLE_MINIMUM:
                self._by_head.setdefault(head, []).append((tail, form))
        heads = sorted(self._by_head)
        self._lengths = sorted({len(head) for head in heads})
        anchor = _common_beginning(heads[0], heads[-1]) if heads else ""
        self._encoded: list[re.Pattern[str]] = []
        self._places = _BEGINNING
        if len(anchor) >= _SHORTEST_ANCHOR:
            self._places = re.compile(re.escape(anchor))
            forms = [anchor]
            for _ in range(_DEPTH):
                # The anchor as base64 writes it, and that as base64 writes it: nothing else has to be decoded.
                forms = [encoded for form in forms for encoded in list_forms(form) if encoded != form]
                self._encoded.append(re.compile("|".join(map(re.escape, sorted(forms)))))

    def search(self, text: str, depth: int = 0) -> None:
        """Note what stands in a text, also as base64, and as base64 in base64."""
        if not self._by_head:
            return
        self._search_plain(text)
        for encoded in self._encoded[: _DEPTH - depth]:
            for decoded in _decode_base64(text, encoded):
                self.search(decoded, depth + 1)

    def _search_plain(self, text: str) -> None:
        for place in self._places.finditer(text):
            for length in self._lengths:
                after = place.start() + length
                for tail, form in self._by_head.get(text[place.start() : after], ()):
                    self._look(text, place.start(), after, tail, form)

    def _look(self, text: str, start: int, after: int, tail: str, form: str) -> None:
        redaction = REDACTION.match(text, after)
        if redaction and text.startswith(tail, redaction.end()):
            self.found.setdefault(form, FormMatch()).is_shown = True
            return
        run = _KEY_CHARACTERS.match(text, after, start + _LONGEST_KEY)
        end = run.end() if run else after
        # From the end: a key mostly ends where the letters do, and what follows it is rarely glued to it.
        while (at := text.rfind(tail, after, end)) >= 0 and at + len(tail) - start >= _SHORTEST_KEY:
            self._add(text[start : at + len(tail)], form)
            # Without a readable end, only the letters show where the key ends.
            end = at + len(tail) - 1 if tail else after - 1

    def _add(self, candidate: str, form: str) -> None:
        if (candidate, form) in self._seen:
            return
        self._seen.add((candidate, form))
        if len(self._seen) > MOST_CANDIDATES:
            raise InputError(
                f"more than {MOST_CANDIDATES} different pieces of the text could be a key",
                advice="give the part with the key",
            )
        self.found.setdefault(form, FormMatch()).raws.append(RawKey(candidate))


def _common_beginning(first: str, last: str) -> str:
    """Return how all texts begin of which these are the first and the last in their order."""
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]


def _list_views(text: str) -> Iterator[str]:
    """Yield a text as it is, and as it reads without one of the encodings in which a key can stand."""
    yield text
    joined = _WRAP.sub("", text) if "\n" in text else text
    if joined != text:
        yield joined
    if "%" in text:
        yield unquote(joined)
    if "\\" in text:
        yield _CODE.sub(lambda code: chr(int(code[1] or code[2], 16)), joined)
    if "&#" in text:
        yield unescape(joined)


def _decode_base64(text: str, wanted: re.Pattern[str]) -> Iterator[str]:
    """Yield what the base64 with something wanted means, in all alignments: words may be glued to it."""
    runs = (found.translate(_TO_STANDARD) for found in _BASE64.findall(text))
    pieces = [run for run in runs if wanted.search(run)]
    for offset in range(_DIGITS_A_BLOCK) if pieces else ():
        yield b"\n".join(_decode(run[offset:]) for run in pieces).replace(b"\0", b"").decode("latin-1")


def _decode(digits: str) -> bytes:
    # One digit beyond a block holds no byte, and the padding is often cut off.
    whole = digits[:-1] if len(digits) % _DIGITS_A_BLOCK == 1 else digits
    return a2b_base64(whole + "=" * (-len(whole) % _DIGITS_A_BLOCK))
