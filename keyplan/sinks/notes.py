"""What keyplan notes beside a secret file: whose it is, its receipt, its open intent. Never the raw key.

One sidecar, ``.NAME.keyplan.json``, per secret file; in it one entry per variable of a dotenv file, or one
under the empty name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from keyplan.errors import SinkUnavailableError
from keyplan.model.intent import Intent
from keyplan.model.quick import quick
from keyplan.model.receipt import Receipt

FORMAT_VERSION = 1


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is noted of one value."""

    owner: str
    receipt: Receipt | None = None
    intent: Intent | None = None
    seal: str = ""
    """Digest of the file as it was stored, if the value in it cannot be read back; else empty."""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """All entries beside one file, by variable."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def having(self, variable: str, entry: Entry | None) -> Sidecar:
        """Return a sidecar with this entry in place of the variable's former one; None: without one."""
        others = {name: other for name, other in self.entries.items() if name != variable}
        return Sidecar(others if entry is None else others | {variable: entry})

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        document = {
            "format_version": FORMAT_VERSION,
            "note": "keyplan's notes on the secret file beside this one; it holds no secret",
            "entries": _entries_to_dict(self.entries),
        }
        # On one line: json indents without its C encoder, which took an eighth of an apply's processor time.
        return (json.dumps(document, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes | None, name: str) -> Sidecar:
        """Return what `to_bytes` wrote; an empty one if there is no file.

        Raises SinkUnavailableError if it cannot be understood: taken for empty, it would hide whose the file is.
        """
        if content is None:
            return cls()
        try:
            document = json.loads(content.decode())
            is_newer = document["format_version"] > FORMAT_VERSION
            entries = {} if is_newer else document["entries"]
            sidecar = cls({variable: _entry_from_dict(values) for variable, values in entries.items()})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SinkUnavailableError(
                f"{name} is damaged: the owner of the file beside it is not known",
                advice="remove both files; the next apply delivers a new raw key",
            ) from error
        if is_newer:
            raise SinkUnavailableError(f"{name} was written by a newer keyplan", advice="upgrade keyplan")
        return sidecar


def write_note(entry: Entry) -> str:
    """Return a note as one line of JSON, as short as it can be: some stores hold a thousand characters."""
    document = {"format_version": FORMAT_VERSION, "entries": _entries_to_dict({"": entry})}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def read_note(text: str | None, name: str) -> Entry | None:
    """Return what `write_note` wrote; None for None. Raises SinkUnavailableError if it can't be understood."""
    return Sidecar.from_bytes(None if text is None else text.encode(), name).entries.get("")


def _entries_to_dict(entries: Mapping[str, Entry]) -> dict[str, Any]:
    return {name: _entry_to_dict(entry) for name, entry in sorted(entries.items())}


def _entry_to_dict(entry: Entry) -> dict[str, Any]:
    values: dict[str, Any] = {"owner": entry.owner}
    if entry.receipt:
        values["receipt"] = entry.receipt.to_dict()
    if entry.intent:
        values["intent"] = entry.intent.to_dict()
    if entry.seal:
        values["seal"] = entry.seal
    return values


def _entry_from_dict(values: Mapping[str, Any]) -> Entry:
    receipt, intent = values.get("receipt"), values.get("intent")
    return Entry(
        owner=values["owner"],
        receipt=Receipt.from_dict(receipt) if receipt else None,
        intent=Intent.from_dict(intent) if intent else None,
        seal=values.get("seal", ""),
    )
