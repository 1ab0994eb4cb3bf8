"""Word a mistake against a JSON Schema for the person who wrote the YAML.

A schema may bring its own sentence as `errorMessage`, which editors know too. The value of a field that may hold a
secret is never shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from keyplan.model.quotes import list_words, nearest, quote, suggest

Wording: TypeAlias = tuple[str | None, str]
"""The field that is meant, if it is not the value itself, and the rest of the sentence."""

_TYPE_WORDS = MappingProxyType(
    {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "true or false",
        "object": "a mapping",
        "array": "a list",
        "null": "empty",
    }
)
_SENSITIVE = re.compile(r"credential|token|passw|passphrase|secret|api_?key|private", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A value that one keyword of a schema refuses."""

    keyword: str
    wanted: Any
    """What the schema gives for the keyword."""
    value: Any
    path: tuple[str | int, ...]
    """From the checked value to this one: names of fields, and indexes from 0."""
    schema: Mapping[str, Any]
    """The part of the schema that the keyword stands in."""
    is_name: bool = False
    """Whether the value is the name of a field of what stands at the path."""
    fits_several: bool = False
    """Whether several alternatives fit, and only one should."""

    @property
    def own_message(self) -> str:
        """What the schema itself has to say; empty if it leaves the wording to this module."""
        return str(self.schema.get("errorMessage", ""))

    @property
    def may_be_secret(self) -> bool:
        """Whether the value must not be shown, going by the fields on the way to it."""
        return any(isinstance(step, str) and _SENSITIVE.search(step) for step in self.path)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The schemas of the fields that the value may have."""
        fields: Mapping[str, Any] = self.schema.get("properties", {})
        return fields


def name_field(path: Sequence[str | int], key: str | None, subject: str) -> str:
    """Return how a message calls the value at a path: ``field 'name'``, ``an item of 'keys'``, or the subject."""
    if key is not None:
        return f"field {quote(key)}"
    names = [step for step in path if isinstance(step, str)]
    if not names:
        return subject
    return f"field {quote(names[-1])}" if path[-1] == names[-1] else f"an item of {quote(names[-1])}"


def describe_mistake(mistake: Mistake) -> Iterator[Wording]:
    """Yield the wordings of a mistake, one for each field that it is about."""
    if mistake.is_name:
        yield mistake.value, f"has a bad name: it {mistake.own_message or 'is not allowed'}"
    else:
        yield from _WORDS.get(mistake.keyword, _describe_anything)(mistake)


def _describe_anything(mistake: Mistake) -> Iterator[Wording]:
    yield None, mistake.own_message or f"does not satisfy the schema's {quote(mistake.keyword)}"


def _describe_type(mistake: Mistake) -> Iterator[Wording]:
    kinds = [mistake.wanted] if isinstance(mistake.wanted, str) else mistake.wanted
    if not mistake.own_message:
        yield None, _must_be(kinds, mistake)
    elif "string" in kinds:
        yield None, f"{mistake.own_message}, not {_name_type(mistake.value)}"
    else:
        yield None, mistake.own_message


def _must_be(kinds: Iterable[str], mistake: Mistake) -> str:
    *others, last = dict.fromkeys(_TYPE_WORDS[kind] for kind in kinds)
    either = f"{', '.join(others)} or {last}" if others else last
    # `yes`, `on` and the like are text in YAML 1.2, which surprises those who know YAML 1.1.
    is_word = last == _TYPE_WORDS["boolean"] and isinstance(mistake.value, str) and not mistake.may_be_secret
    return f"must be {either}, not {'the text ' + quote(mistake.value) if is_word else _name_type(mistake.value)}"


def _name_type(value: Any) -> str:
    """Return what a value is, in words."""
    match value:
        case None:
            return _TYPE_WORDS["null"]
        case bool():
            return _TYPE_WORDS["boolean"]
        case int() | float():
            return _TYPE_WORDS["number"]
        case str():
            return _TYPE_WORDS["string"]
        case Mapping():
            return _TYPE_WORDS["object"]
        case _:
            return _TYPE_WORDS["array"]


def _describe_enum(mistake: Mistake) -> Iterator[Wording]:
    allowed = [str(choice) for choice in mistake.wanted]
    if isinstance(mistake.value, str):
        yield None, f"must be one of {list_words(allowed)}{_but_is(mistake)}{suggest(mistake.value, allowed)}"
    else:
        yield None, f"must be one of {list_words(allowed)}, not {_name_type(mistake.value)}"


def _but_is(mistake: Mistake) -> str:
    """Return ``, not 'redd'``; nothing if the value may be a secret."""
    return "" if mistake.may_be_secret else f", not {quote(mistake.value)}"


def _describe_const(mistake: Mistake) -> Iterator[Wording]:
    yield None, mistake.own_message or f"must be {mistake.wanted}"


def _describe_pattern(mistake: Mistake) -> Iterator[Wording]:
    yield None, f"{mistake.own_message or 'must have another form'}{_but_is(mistake)}"


def _describe_unknown(mistake: Mistake) -> Iterator[Wording]:
    for key in mistake.value:
        if key not in mistake.fields:
            yield key, f"is unknown{_hint(key, mistake.fields)}"


def _hint(key: str, known: Mapping[str, Any]) -> str:
    """Return where an unknown field belongs: under a known one, or it is a slip of one."""
    parents = [parent for parent, schema in known.items() if key in schema.get("properties", {})]
    if parents:
        return f"; it belongs under {quote(parents[0])}"
    return suggest(key, known) or (f"; known fields: {', '.join(sorted(known))}" if known else "")


def _describe_missing(mistake: Mistake) -> Iterator[Wording]:
    is_closed = mistake.schema.get("additionalProperties") is False
    # A misspelt field is reported once, as unknown, and not as missing too.
    misspelt = {nearest(key, mistake.fields) for key in mistake.value if is_closed and key not in mistake.fields}
    for key in mistake.wanted:
        if key not in mistake.value and key not in misspelt:
            yield key, "is missing"


def _describe_shortest(mistake: Mistake) -> Iterator[Wording]:
    least: int = mistake.wanted
    yield None, "must not be empty" if least == 1 else f"must have at least {least} {_unit(mistake.value)}"


def _describe_longest(mistake: Mistake) -> Iterator[Wording]:
    counts = f"{len(mistake.value):,} {_unit(mistake.value)}; at most {mistake.wanted:,} are allowed"
    yield None, f"has {counts}"


def _unit(value: Any) -> str:
    return "characters" if isinstance(value, str) else "items"


def _describe_least(mistake: Mistake) -> Iterator[Wording]:
    yield None, f"must be at least {mistake.wanted:,}"


def _describe_most(mistake: Mistake) -> Iterator[Wording]:
    yield None, f"must be at most {mistake.wanted:,}"


def _describe_no_alternative(mistake: Mistake) -> Iterator[Wording]:
    alternatives: Sequence[Mapping[str, Any]] = mistake.wanted
    kinds = [str(alternative.get("type")) for alternative in alternatives]
    names = [name for alternative in alternatives for name in alternative.get("required", ())]
    if mistake.own_message:
        yield None, mistake.own_message
    elif all(kind in _TYPE_WORDS for kind in kinds) and not mistake.fits_several:
        yield None, _must_be(kinds, mistake)
    elif names:
        yield None, f"must have exactly one of the fields {list_words(names)}"
    else:
        yield None, "has no allowed form"


_WORDS: Mapping[str, Callable[[Mistake], Iterator[Wording]]] = MappingProxyType(
    {
        "additionalProperties": _describe_unknown,
        "anyOf": _describe_no_alternative,
        "const": _describe_const,
        "enum": _describe_enum,
        "maxItems": _describe_longest,
        "maxLength": _describe_longest,
        "maximum": _describe_most,
        "minItems": _describe_shortest,
        "minLength": _describe_shortest,
        "minProperties": _describe_shortest,
        "minimum": _describe_least,
        "oneOf": _describe_no_alternative,
        "pattern": _describe_pattern,
        "required": _describe_missing,
        "type": _describe_type,
    }
)
