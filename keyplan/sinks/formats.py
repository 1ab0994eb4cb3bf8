"""Reads and edits the content of a secret file: raw, dotenv or json. Pure: bytes in, bytes out.

Users may have written the rest of the file. Only the one value is set or removed, everything else stays as it was,
and an empty value is never written.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar, Protocol

from keyplan.errors import SinkDeniedError
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_time

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class FileFormat(Protocol):
    """How one raw key stands in a file."""

    @property
    def is_whole(self) -> bool:
        """Whether the raw key is all that matters in the file, so that it can be written without being read."""
        ...

    def read(self, content: bytes) -> str | None:
        """Return the value; None if there is none, or an empty one. Something unreadable gives some other text."""
        ...

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:
        """Return the content with this value. Raises SinkDeniedError if the format can't hold it."""
        ...

    def unset(self, content: bytes) -> bytes:
        """Return the content without the value; empty if nothing else was in it."""
        ...


@dataclass(frozen=True, slots=True)
class Raw:
    """The file is the raw key and nothing else, but for a final newline if asked for."""

    newline: bool = False

    is_whole: ClassVar[bool] = True

    def read(self, content: bytes) -> str | None:
        """Return the content without a final newline, which editors add automatically."""
        text = content.decode(errors="replace")
        return text.removesuffix("\n").removesuffix("\r") or None

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:  # noqa: ARG002 - the value is all there is
        """Return the value."""
        return f"{value}\n".encode() if self.newline else value.encode()

    def unset(self, content: bytes) -> bytes:  # noqa: ARG002 - nothing else is in it
        """Return nothing."""
        return b""


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """The file is one JSON object: the raw key as `key`, with what people ask of it."""

    is_whole: ClassVar[bool] = True

    def read(self, content: bytes) -> str | None:
        """Return `key`; all of the text if it is another document, which then is not taken for nothing."""
        text = content.decode(errors="replace").strip()
        try:
            found = json.loads(text)["key"]
        except (ValueError, TypeError, KeyError):
            return text or None
        return found if isinstance(found, str) and found else text

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:  # noqa: ARG002 - always written as a whole
        """Return the object."""
        document = {
            "key": value,
            "name": receipt.name,
            "address": receipt.address,
            "key_id": receipt.key_id,
            "created_at": write_time(receipt.created_at),
            "expires_at": write_time(receipt.expires_at) if receipt.expires_at else None,
            "redacted": receipt.redacted,
        }
        return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()

    def unset(self, content: bytes) -> bytes:  # noqa: ARG002 - nothing else is in it
        """Return nothing."""
        return b""


# One assignment, as shells and dotenv readers take it: quoted values may run over several lines, so that a line
# inside one is not mistaken for an assignment; what follows a value is a comment.
_ASSIGNMENT = re.compile(
    r"""
    ^(?P<head>\ufeff?[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*)
    (?P<value> '[^']*' | "(?:\\.|[^"\\])*" | [^\r\n]*? )
    (?P<tail>[ \t]*|[ \t]+\#[^\r\n]*)
    (?P<end>\r?\n|\Z)
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dotenv:
    """The file has lines ``NAME=value``, of which one is ours; other lines, comments and order stay.

    Readers disagree on which of several definitions of a name wins, so all of them are set and unset alike,
    and the last is read.
    """

    variable: str

    is_whole: ClassVar[bool] = False

    def read(self, content: bytes) -> str | None:
        """Return the variable's value, unquoted."""
        values = [_unquote(found["value"]) for found in self._find(content.decode(errors="replace"))]
        return (values[-1] or None) if values else None

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:  # noqa: ARG002 - lines carry no metadata
        """Return the content with the variable set where it stands, else at the end."""
        text, quoted = _decode(content), _quote(value, self.variable)
        for found in reversed(self._find(text)):
            text = text[: found.start("value")] + quoted + text[found.end("value") :]
        if not self._find(text):
            text += f"{_newline_for(text)}{self.variable}={quoted}{_newline_of(text)}"
        return _encode(text)

    def unset(self, content: bytes) -> bytes:
        """Return the content without the variable's lines."""
        text = _decode(content)
        for found in reversed(self._find(text)):
            text = text[: found.start()] + text[found.end() :]
        return _encode(text) if text.strip("\ufeff \t\r\n") else b""

    def _find(self, text: str) -> list[re.Match[str]]:
        return [found for found in _ASSIGNMENT.finditer(text) if found["name"] == self.variable]


def read_variables(content: bytes) -> list[tuple[str, str]]:
    """Return name and value, unquoted, of each line ``NAME=value`` of a dotenv file, in their order."""
    text = content.decode(errors="replace")
    return [(found["name"], _unquote(found["value"])) for found in _ASSIGNMENT.finditer(text)]


def _decode(content: bytes) -> str:
    # Other lines may hold bytes that are not UTF-8; surrogateescape writes them back unchanged.
    return content.decode(errors="surrogateescape")


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _newline_of(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _newline_for(text: str) -> str:
    return _newline_of(text) if text and not text.endswith("\n") else ""


def _quote(value: str, variable: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    if not value.isprintable():
        raise SinkDeniedError(
            f"the value of {variable} holds control characters, which no dotenv file can", advice="use format: raw"
        )
    if not set(value) & {"'", "\\"}:
        return f"'{value}'"
    escaped = re.sub(r'(["\\$`])', r"\\\1", value)
    return f'"{escaped}"'


def _unquote(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1]
    if len(text) > 1 and text[0] == text[-1] == '"':
        return _ESCAPED.sub(r"\1", text[1:-1])
    return text


@dataclass(frozen=True, slots=True)
class JsonField:
    """Implements FileFormat: the value is an object, of which one field is the raw key."""

    field: str

    is_whole: ClassVar[bool] = False

    def read(self, content: bytes) -> str | None:
        """Return the field; None if there is none. What is not a text comes as JSON."""
        found = _parse(content).get(self.field)
        return (found or None) if isinstance(found, str) else json.dumps(found) if found is not None else None

    def set(self, content: bytes, value: str, receipt: Receipt) -> bytes:  # noqa: ARG002 - the object is people's own
        """Return the object with this field. Raises SinkDeniedError if there is something else than an object."""
        return json.dumps({**_parse(content), self.field: value}, ensure_ascii=False).encode()

    def unset(self, content: bytes) -> bytes:
        """Return the object without the field; nothing if no other field is left. Raises like `set`."""
        others = {name: value for name, value in _parse(content).items() if name != self.field}
        return json.dumps(others, ensure_ascii=False).encode() if others else b""


def _parse(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content) if content.strip() else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SinkDeniedError(
            "what is there is no JSON object, so it has no fields", advice="take 'field' out, or name another secret"
        )
    return found
