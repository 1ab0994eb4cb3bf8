"""What a YAML scalar means in the core schema of YAML 1.2.2 (section 10.3.2).

Unlike YAML 1.1, nothing becomes a date, `014` is not an octal number, and `on` is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"

_WORDS: Mapping[str, Scalar] = MappingProxyType(
    {
        **dict.fromkeys(("", "~", "null", "Null", "NULL")),
        **dict.fromkeys(("true", "True", "TRUE"), True),
        **dict.fromkeys(("false", "False", "FALSE"), False),
        **dict.fromkeys((f"{sign}.{word}" for sign in ("", "+") for word in ("inf", "Inf", "INF")), float("inf")),
        **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
        **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    }
)
_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL_OR_HEXADECIMAL = re.compile(r"0(?:o[0-7]+|x[0-9a-fA-F]+)\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], Scalar]], ...] = (
    (_DECIMAL, int),
    (_OCTAL_OR_HEXADECIMAL, lambda text: int(text, 0)),
    (_FLOAT, float),
)
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9+/=._-]*\Z")
"""Needs no quotes unless it is read as something else than text."""
_MAY_BEGIN_A_NUMBER = frozenset("+-.0123456789")
_MAY_BEGIN_MORE_THAN_TEXT = _MAY_BEGIN_A_NUMBER | {word[:1] for word in _WORDS}
# Python refuses to convert integers of more than 4,300 digits; no field has use for a tenth of that.
_LONGEST_NUMBER = 400

_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {"int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}
)


def resolve_plain(text: str) -> Scalar:
    """Return what a plain scalar without a tag stands for."""
    # Most scalars are plain words, and this spares them three patterns.
    if text[:1] not in _MAY_BEGIN_MORE_THAN_TEXT:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _MAY_BEGIN_A_NUMBER and len(text) <= _LONGEST_NUMBER:
        for pattern, convert in _NUMBERS:
            if pattern.match(text):
                return convert(text)
    return text


def write_scalar(text: str) -> str:
    """Return a text as it has to be written in a manifest, on one line of visible ASCII, to be read as that text."""
    if _PLAIN_TEXT.match(text) and isinstance(resolve_plain(text), str):
        return text
    # YAML's double quotes know every escape of Python.
    escaped = text.encode("unicode_escape").decode().replace('"', '\\"')
    return f'"{escaped}"'


def construct(kind: str, text: str) -> Scalar:
    """Return a scalar that is tagged ``!!str``, ``!!int``, ``!!float``, ``!!bool`` or ``!!null``.

    Raises ValueError, with half a sentence, if the text does not fit the tag.
    """
    if kind == "str":
        return text
    value = resolve_plain(text)
    if type(value) not in _TYPES[kind]:
        raise ValueError(f"is not a value of the tag !!{kind}")
    return float(value) if kind == "float" and isinstance(value, int) else value


def is_scalar_tag(kind: str) -> bool:
    """Whether ``!!kind`` is a tag of the core schema for scalars."""
    return kind == "str" or kind in _TYPES
