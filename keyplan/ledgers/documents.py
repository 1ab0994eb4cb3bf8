"""The JSON documents that ledgers store, in and out. No document may hold a raw key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from keyplan.errors import LedgerError
from keyplan.model.history import HistoryEntry, chain_entry
from keyplan.model.ledger import Holder, Spending
from keyplan.model.times import read_time, write_time

_DECODER = json.JSONDecoder()
_BREAK, _NEXT = "\n", ",\n"


def to_text(values: Mapping[str, Any]) -> str:
    """Return a document of one line, with sorted fields and times as texts.

    Raises:
        LedgerError: A value has no form in JSON.
    """
    return json.dumps(values, default=_time_to_text, ensure_ascii=False, sort_keys=True)


def from_text(document: str) -> Mapping[str, Any]:
    """Return the fields of a document. Raises ValueError if it is not exactly one JSON value."""
    # Not `json.loads`: its search for blanks around the document takes 9 ms of 10,000 receipts.
    values: Mapping[str, Any]
    values, end = _DECODER.raw_decode(document)
    if end != len(document):
        raise ValueError(f"unexpected text after the document, at {end}")
    return values


def from_lines(documents: str) -> Iterable[Mapping[str, Any]]:
    """Return the fields of documents, one in each line. Raises ValueError as `from_text` does, at a bad line."""
    values: list[Mapping[str, Any]] = []
    breaks = documents.count("\n")
    # Lines that are objects without blanks around them take a third less time if the decoder takes all at once. No text
    # of JSON holds a line break, so that it stays between them. What does not add up is read again, line by line.
    if documents[:1] == "{" and documents[-1] == "}" and documents.count("}\n{") == breaks:
        with suppress(ValueError):
            values = _DECODER.decode(f"[{documents.replace(_BREAK, _NEXT)}]")
    return values if len(values) == breaks + 1 else map(from_text, documents.split("\n"))


def to_spending(values: Mapping[str, Any]) -> Spending:
    """Return when and where a plan was applied. Raises KeyError, TypeError or ValueError."""
    return Spending(digest=values["digest"], at=read_time(values["at"]), host=values["host"])


def to_holder(values: Mapping[str, Any]) -> Holder:
    """Return the holder of a lock. Raises KeyError, TypeError or ValueError."""
    return Holder(
        id=values["id"],
        owner=values["owner"],
        host=values["host"],
        pid=values["pid"],
        since=read_time(values["since"]),
        command=values["command"],
        until=read_time(values["until"]) if values.get("until") else None,
        number=values.get("number", 0),
    )


def to_history_entry(values: Mapping[str, Any]) -> HistoryEntry:
    """Return an apply of the history. Raises KeyError, TypeError, ValueError or AttributeError."""
    return HistoryEntry.from_dict(values)


def chain_stored(entry: HistoryEntry, before: Iterable[HistoryEntry]) -> HistoryEntry:
    """Return an entry as the transaction under way stores it: chained to those before it, which come newest first.

    Raises:
        LedgerError: A value has no form in JSON.
    """
    to_text(entry.to_dict())
    return chain_entry(entry, before)


def find_head(newest: HistoryEntry | None) -> str:
    """Return the hash of the newest entry; empty if there is none, or if it was written without a chain."""
    return newest.link.hash if newest and newest.link else ""


def _time_to_text(value: object) -> str:
    if isinstance(value, datetime):
        return write_time(value)
    raise LedgerError(f"a {type(value).__name__} cannot be stored in a ledger")
