"""Hides every secret that a run has seen in a text that is about to leave the process.

Each `Credential` and `RawKey` is noted here when it is made, before anything can be done with it. No text may leave
without `hide`. docs/decisions/0025 says which forms of a secret are found, and which are not.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn, TypeAlias

if TYPE_CHECKING:
    from keyplan.model.manifest import Json

HIDDEN = "(hidden)"
SHORTEST = 8
"""Shorter secrets are not looked for: hiding ``root`` would take words out of every text."""
MOST_SECRETS = 32_768
"""Of each kind; of more, the oldest are forgotten, so that a service that runs for years stays small."""
_BLOCK = 8
SURE = 2 * _BLOCK - 1
"""So many characters hold a whole block of a text, at any position. Shorter pieces of a secret are not found."""
_COMPARED = 4096
_MOST_TRIES = 4
_MOST_FORMS = 32
_BLANKS = " \t\r\n"
_BLOCKS = re.compile(".{8}", re.DOTALL)
_PLAIN_RUNS = re.compile(r"[A-Za-z0-9._~-]{15,}")
_BASE64_RUNS = re.compile(r"[A-Za-z0-9+/_-]{15,}")
"""What a plain secret can be a piece of, as it is and in base64: `SURE` characters or more."""
_MOST_SEARCHES = 16
_LONG = 65_536
_HALF_ESCAPE = re.compile(r"(?:&#?\w{0,7}|(?<!\\)(?:\\\\)*\\u?[0-9a-fA-F]{0,3}|%[0-9a-fA-F]?)\Z")
"""An escape of JSON, XML or a URL whose end would be hidden: what is left of it must not break a document."""
_STRING = re.compile(r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)"(?P<colon>\s*:)?', re.DOTALL)
_FIELD = re.compile(r"[$@]?[A-Za-z_]+")
"""A name in a published format, which no secret may take away: a field, never a value."""
Range: TypeAlias = tuple[int, int]


class _Index:
    """Some secrets, and where they stand in a text. Safe for threads: each change is one step."""

    def __init__(self) -> None:
        self.secrets: dict[str, None] = {}
        self._short: dict[str, None] = {}
        """Forms that may stand in a text without a whole block of it."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}{HIDDEN}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("the secrets of a run are neither pickled nor copied")

    def add(self, secret: str) -> None:
        """Note a secret."""
        from keyplan.model.secret_forms import find_parts, list_forms  # noqa: PLC0415 - help and version see no secret

        for part in find_parts(secret):
            for form in list_forms(part) if len(part) >= SHORTEST else ():
                if len(form) < SURE:
                    self._short[form] = None
                else:
                    self._add_form(form)
        # Last: who finds it here relies on its forms.
        self.secrets[secret] = None

    def find(self, text: str, blocks: Sequence[str]) -> Iterator[Range]:
        """Yield where secrets stand in a text, or pieces of them of `SURE` characters or more; ranges may overlap.

        `blocks` are those of the text, which are cut once for all indexes.
        """
        for form in tuple(self._short):
            yield from _find_all(text, form)
        known = self._blocks
        if known.keys().isdisjoint(blocks):
            return
        covered = 0
        for number, block in enumerate(blocks):
            at = number * _BLOCK
            if block in known and covered < at + _BLOCK:
                for found in self._match(text, at, block):
                    covered = max(covered, found[1])
                    yield found

    @property
    @abstractmethod
    def _blocks(self) -> Mapping[str, object]:
        """The blocks of eight characters that are looked for."""

    @abstractmethod
    def _add_form(self, form: str) -> None: ...

    @abstractmethod
    def _match(self, text: str, at: int, block: str) -> Iterator[Range]:
        """Yield what of the forms stands around a block of a text."""


class _Pieces(_Index):
    """Finds a piece of a secret that was cut at any position."""

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[str, str] = {}
        """The first form that holds a block."""
        self._others: dict[str, list[str]] = {}
        """Further forms that hold it."""

    @property
    def _blocks(self) -> Mapping[str, object]:
        return self._first

    def _add_form(self, form: str) -> None:
        for start in range(len(form) - _BLOCK + 1):
            block = form[start : start + _BLOCK]
            if self._first.setdefault(block, form) is not form:
                self._others.setdefault(block, []).append(form)

    def _match(self, text: str, at: int, block: str) -> Iterator[Range]:
        # Each form, because one ends where another goes on: a backslash is doubled in JSON alone. What very many forms
        # share, such as the header of a JWT, is not a secret; their other blocks are their own.
        for form in (self._first[block], *self._others.get(block, ())[:_MOST_FORMS]):
            if found := _find_piece(text, form, at):
                yield found


class _Beginnings(_Index):
    """Finds a secret by its beginning, which is what a cut leaves. For tens of thousands: a block takes 100 bytes.

    A run reads thousands of raw keys and writes a few short texts. So most secrets wait, and their blocks are noted
    only once a text has the first block of one of their forms.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[str, frozenset[str]] = {}
        """Secrets without blocks so far, with the first block of each form once that was asked for."""
        self._searches = 0
        self._beginnings: dict[str, None] = {}
        """The blocks of the first `SURE` characters of each form."""
        self._forms: dict[str, list[str]] = {}
        """The forms that begin with so many characters."""
        self._sorted: dict[str, list[str]] = {}

    def add(self, secret: str) -> None:
        """Note a secret."""
        from keyplan.model.secret_forms import PLAIN  # noqa: PLC0415 - as above

        if len(secret) >= SURE and PLAIN.fullmatch(secret):
            self._waiting[secret] = frozenset()
            self.secrets[secret] = None
        else:
            super().add(secret)

    def find(self, text: str, blocks: Sequence[str]) -> Iterator[Range]:
        """Yield where secrets begin in a text, as `_Index.find` does."""
        for secret in self._choose(text) if self._waiting else ():
            super().add(secret)
            # Only now, so that another thread finds it either here or there.
            self._waiting.pop(secret, None)
        return super().find(text, blocks)

    def _choose(self, text: str) -> Sequence[str]:
        """Return the waiting secrets that may stand in a text; all of them once that is cheaper than to choose."""
        # No form of a waiting secret has other characters, and none is found by less than its first `SURE` ones.
        as_it_is, in_base64 = _PLAIN_RUNS.findall(text), _BASE64_RUNS.findall(text)
        if not as_it_is and not in_base64:
            return ()
        self._searches += 1
        if self._searches > _MOST_SEARCHES or len(text) > _LONG:
            return tuple(self._waiting)
        blocks, digits = _cut_everywhere(as_it_is), _cut_everywhere(in_base64)
        return [
            secret
            for secret in tuple(self._waiting)
            if secret[:_BLOCK] in blocks or (digits and not digits.isdisjoint(self._find_beginnings(secret)))
        ]

    def _find_beginnings(self, secret: str) -> frozenset[str]:
        from keyplan.model.secret_forms import list_forms  # noqa: PLC0415 - as above

        found = self._waiting.get(secret)
        if not found:
            # Another thread may have noted its blocks meanwhile; that it waits again then does no harm.
            found = self._waiting[secret] = frozenset(form[:_BLOCK] for form in list_forms(secret[:SURE]))
        return found

    @property
    def _blocks(self) -> Mapping[str, object]:
        return self._beginnings

    def _add_form(self, form: str) -> None:
        self._forms.setdefault(form[:SURE], []).append(form)
        for start in range(_BLOCK):
            self._beginnings[form[start : start + _BLOCK]] = None

    def _match(self, text: str, at: int, block: str) -> Iterator[Range]:
        del block  # it says that a form may begin here, and not which
        for start in range(max(0, at - _BLOCK + 1), at + 1):
            if text[start : start + SURE] in self._forms:
                near = self._find_near(text[start : start + _COMPARED], text[start : start + SURE])
                yield start, max(_extend(text, form, start, 0, step=1)[0] for form in near) + 1

    def _find_near(self, text: str, beginning: str) -> Sequence[str]:
        """Return the two forms of a beginning between which a text is sorted: none has more in common with it."""
        forms, known = self._forms[beginning], self._sorted.get(beginning, ())
        if len(forms) != len(known):
            known = self._sorted[beginning] = sorted(forms)
        place = bisect_left(known, text)
        return known[max(0, place - 1) : place + 1]


def _cut_everywhere(runs: Sequence[str]) -> set[str]:
    return {run[start : start + _BLOCK] for run in runs for start in range(len(run) - _BLOCK + 1)}


def _find_all(text: str, form: str) -> Iterator[Range]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _find_piece(text: str, form: str, at: int) -> Range | None:
    """Return the longest piece of a form around a block of a text; None if it is too short to be sure."""
    block = text[at : at + _BLOCK]
    whole = text.find(form, max(0, at + _BLOCK - len(form)), at + len(form))
    if whole >= 0:
        return whole, whole + len(form)
    offset, tries, best = form.find(block), 0, None
    # A form that repeats itself holds a block many times.
    while offset >= 0 and tries < _MOST_TRIES:
        start, before = _extend(text, form, at, offset, step=-1)
        end, after = _extend(text, form, at + _BLOCK - 1, offset + _BLOCK - 1, step=1)
        if before + _BLOCK + after >= SURE and (best is None or end + 1 - start > best[1] - best[0]):
            best = start, end + 1
        offset, tries = form.find(block, offset + 1), tries + 1
    return best


def _extend(text: str, form: str, at: int, offset: int, *, step: int) -> tuple[int, int]:
    """Return the last place up to which text and form agree in a direction, and how many characters further that is.

    Blanks in the text alone are passed over: base64 is broken into lines, and logs are wrapped.
    """
    agreed = 0
    while 0 <= offset + step < len(form):
        place = at + step
        while 0 <= place < len(text) and text[place] in _BLANKS and text[place] != form[offset + step]:
            place += step
        if not 0 <= place < len(text) or text[place] != form[offset + step]:
            break
        at, offset, agreed = place, offset + step, agreed + 1
    return at, agreed


class _Kind:
    """Two generations of secrets of one kind: when the younger is full, the older is forgotten."""

    def __init__(self, index: type[_Index]) -> None:
        self._index = index
        self._generations = (index(), index())

    def note(self, secret: str) -> None:
        young, _ = self._generations
        if secret in young.secrets:
            return
        if len(young.secrets) >= MOST_SECRETS // 2:
            young, _ = self._generations = self._index(), young
        young.add(secret)

    def indexes(self) -> list[_Index]:
        return [index for index in self._generations if index.secrets]

    def forget(self) -> None:
        self._generations = (self._index(), self._index())


_KINDS = _CREDENTIALS, _RAW_KEYS = _Kind(_Pieces), _Kind(_Beginnings)
_PASSING: list[_Index] = []
"""Secrets of others, each index for as long as a block runs."""
_RUNS: list[None] = []
"""One for each run under way in this process."""


def note_credential(secret: str) -> None:
    """Hide this credential from now on, unless it is shorter than `SHORTEST`."""
    _CREDENTIALS.note(secret)


def note_raw_key(secret: str) -> None:
    """Hide this raw key from now on, unless it is shorter than `SHORTEST`."""
    _RAW_KEYS.note(secret)


@contextmanager
def passing_secrets() -> Iterator[Callable[[str], None]]:
    """Yield a function that takes a text to hide until the block ends.

    For secrets of unknown parties: kept, any number of them would push our own out of the generations.
    """
    index = _Beginnings()
    _PASSING.append(index)
    try:
        yield index.add
    finally:
        _PASSING.remove(index)


@contextmanager
def own_secrets() -> Iterator[None]:
    """Run a block as a run: if it is the only one, what earlier runs in this process saw is forgotten first.

    What the last run saw stays hidden after its end, because its results are shown then.
    """
    if not _RUNS:
        forget_secrets()
    _RUNS.append(None)
    try:
        yield
    finally:
        _RUNS.pop()


def forget_secrets() -> None:
    """Hide nothing any longer."""
    for kind in _KINDS:
        kind.forget()


def hide(text: str) -> str:
    """Return a text without the secrets that were seen. JSON stays JSON with the same fields."""
    hidden = _hide(text)
    if hidden is text:
        return text
    return hide_in_strings(text) if _is_json(text) else hidden


def hide_in_strings(text: str) -> str:
    """Return a text of which only what stands in double quotes can be a secret, and no name of a field is touched."""
    return text if _hide(text) is text else _STRING.sub(_hide_string, text)


def hide_fields(document: Mapping[str, Json]) -> Mapping[str, Json]:
    """Return a JSON object without secrets in its values; names of fields stay."""
    return {name if _FIELD.fullmatch(name) else _hide(name): _hide_value(each) for name, each in document.items()}


def _hide_value(value: Json) -> Json:
    if isinstance(value, str):
        return _hide(value)
    if isinstance(value, Mapping):
        return hide_fields(value)
    return [_hide_value(each) for each in value] if isinstance(value, Sequence) else value


def _hide_string(found: re.Match[str]) -> str:
    if found["colon"] and _FIELD.fullmatch(found["text"]):
        return found[0]
    return f'"{_hide(found["text"])}"{found["colon"] or ""}'


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _hide(text: str) -> str:
    """Return the same object if there is nothing to hide."""
    indexes = [*(index for kind in _KINDS for index in kind.indexes()), *_PASSING]
    blocks = _BLOCKS.findall(text) if indexes else ()
    ranges = sorted(found for index in indexes for found in index.find(text, blocks))
    if not ranges:
        return text
    pieces, end = list[str](), 0
    for start, until in (_widen(text, one) for one in ranges):
        if start > end or not pieces:
            pieces += [text[end:start], HIDDEN]
        end = max(end, until)
    return "".join([*pieces, text[end:]])


def _widen(text: str, found: Range) -> Range:
    """Return a range that begins and ends between escapes."""
    start, end = found
    if half := _HALF_ESCAPE.search(text, max(0, start - _BLOCK), start):
        start = half.start()
    hidden = text[start:end]
    is_open = (len(hidden) - len(hidden.rstrip("\\"))) % 2
    return start, min(end + is_open, len(text))
