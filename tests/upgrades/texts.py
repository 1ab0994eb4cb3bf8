"""Documents of ledgers as files that are read and compared with ease, and back to the very text that was stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def nest(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with each text that holds a document of the usual form as that document."""
    return {name: _to_document(value) for name, value in row.items()}


def compact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of which `nest` made this one."""
    return {name: _write(value) if isinstance(value, dict) else value for name, value in row.items()}


def unfold(text: str) -> str:
    """Return a document of the usual form on many lines; any other text as it is."""
    document = _to_document(text)
    if isinstance(document, str):
        return text
    return f"{json.dumps(document, ensure_ascii=False, indent=2)}\n"


def fold(text: str) -> str:
    """Return the text of which `unfold` made this one."""
    if not text.startswith("{"):
        return text
    stored = _write(_read(text))
    return stored if unfold(stored) == text else text


def replace_all(text: str, changed: Mapping[str, str]) -> str:
    """Return a text with every key of `changed` in it replaced."""
    for old, new in changed.items():
        text = text.replace(old, new)
    return text


def _to_document(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    document = _read(value)
    # Another form is stored than the one that is known here: kept as it is, because all of it counts.
    return document if _write(document) == value else value


def _read(text: str) -> Any:
    """Return a document; the text itself if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _write(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, sort_keys=True)
