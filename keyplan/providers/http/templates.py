"""What is sent, as a definition writes it: paths, queries and bodies with words such as ``${name}``.

The grammar is closed: ``${word}`` stands for a value, ``$${`` for ``${`` itself, and nothing else is done. A value is
put in as a value, so no name or description can change the form of a body or the way of a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote

from keyplan.errors import InputError
from keyplan.model.checked_file import JsonPath
from keyplan.model.manifest import Json

_WORD: Final = re.compile(r"\$\$\{|\$\{(?P<word>[^{}]*)\}")
_LEFT_OUT: Final = object()
_STEPS: Final = frozenset({".", ".."})


def find_words(value: Json, path: JsonPath = ()) -> Iterator[tuple[JsonPath, str, bool]]:
    """Yield each word in a value with the path of its text, and whether the text is only that word."""
    if isinstance(value, str):
        for found in _WORD.finditer(value):
            if found["word"] is not None:
                yield path, found["word"], found.group() == value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_words(inner, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_words(item, (*path, index))


def fill_body(body: Mapping[str, Json], words: Mapping[str, Json]) -> dict[str, Json]:
    """Return a body with the values of its words.

    A text that is only one word becomes its value, of whatever type; if that is None, its field or item is left
    out.
    """
    return {key: filled for key, inner in body.items() if (filled := _fill(inner, words)) is not _LEFT_OUT}  # type: ignore[misc]  # the marker is never kept


def fill_path(path: str, words: Mapping[str, Json]) -> str:
    """Return a path with the values of its words, each of them percent-encoded as one part of it.

    Raises:
        InputError: A value is empty, ``.`` or ``..``, which would lead to another path.
    """
    return _WORD.sub(lambda found: _encode(found, words), path)


def fill_query(query: Mapping[str, Json], words: Mapping[str, Json]) -> dict[str, str]:
    """Return the parameters of a query as texts, with the values of their words; truth values as true and false."""
    return {name: _write(filled) for name, filled in fill_body(query, words).items()}


def _fill(value: Json, words: Mapping[str, Json]) -> object:
    if isinstance(value, str):
        found = _WORD.fullmatch(value)
        if found and found["word"] is not None:
            given = words[found["word"]]
            return _LEFT_OUT if given is None else given
        return _WORD.sub(lambda part: _write(words[part["word"]]) if part["word"] is not None else "${", value)
    if isinstance(value, Mapping):
        return fill_body(value, words)
    if isinstance(value, list):
        return [filled for item in value if (filled := _fill(item, words)) is not _LEFT_OUT]
    return value


def _encode(found: re.Match[str], words: Mapping[str, Json]) -> str:
    if found["word"] is None:
        return quote("${", safe="")
    text = _write(words[found["word"]])
    if not text or text in _STEPS:
        raise InputError(f"'{text}' for ${{{found['word']}}} would lead to another path")
    return quote(text, safe="")


def _write(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
