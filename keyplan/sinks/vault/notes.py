"""What keyplan notes beside a secret in KV version 2: custom metadata, one owner for a secret, one note for a field.

Users may change custom metadata, too: no entry is touched that is not keyplan's.

    keyplan-owner            the manifest's owner, in plain text
    keyplan-whole            "true": keyplan made the secret, and every field of it is keyplan's
    keyplan-versions         "3-5,8": versions that keyplan wrote for one of several fields
    keyplan-note.FIELD-00    receipt and version of one field, as JSON, over as many entries as it takes
    keyplan-intent.FIELD-RUN-00    the intent of one run, likewise: what another run noted meanwhile is not replaced

An older keyplan kept the intent in the note.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.intent import Intent
from keyplan.model.receipt import Receipt
from keyplan.sinks import chunks
from keyplan.sinks.claims import name_claim

OWNER = "keyplan-owner"
_WHOLE = "keyplan-whole"
_VERSIONS = "keyplan-versions"
_MARKS = frozenset({OWNER, _WHOLE, _VERSIONS})
_NOTE = re.compile(r"keyplan-note\.(?P<field>.+)-[0-9]{2}", re.ASCII)
_INTENT = re.compile(r"keyplan-intent\.(?P<field>.+)-(?P<run>[0-9a-f]{10})-[0-9]{2}", re.ASCII)
_RANGE = re.compile(r"\b([0-9]{1,9})(?:-([0-9]{1,9}))?\b", re.ASCII)
_MOST_VERSIONS = 10_000
"""In one range; a user may have written anything there."""
_VALUE_BYTES = 512
_MOST_ENTRIES = 64
"""Limits of custom metadata, as OpenBao 2.7.2 answers them (and Vault's KV version 2 API documents them)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultNote:
    """What stands beside one field."""

    receipt: Receipt | None = None
    intent: Intent | None = None
    version: int = 0
    """Of the secret, when keyplan knew last that the field was as it had left it."""
    runs: frozenset[str] = frozenset()
    """Runs of which an intent is there, as far as it was read."""

    def to_json(self) -> str:
        """Return the note without its intent as ASCII text."""
        values = {"receipt": self.receipt and self.receipt.to_dict(), "version": self.version}
        return json.dumps({name: value for name, value in values.items() if value}, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> VaultNote:
        """Return the note that `to_json` wrote; an empty one where the text is damaged."""
        try:
            values: dict[str, Any] = json.loads(text or "{}")
            receipt, intent = values.get("receipt"), values.get("intent")
            return cls(
                receipt=Receipt.from_dict(receipt) if receipt else None,
                intent=Intent.from_dict(intent) if intent else None,
                version=int(values.get("version", 0)),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            # The owner's mark still counts: a damaged note only leads to another delivery.
            return cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultNotes:
    """All that keyplan noted beside one secret."""

    owner: str = ""
    """Empty if there is no mark."""
    is_whole: bool = False
    """Whether keyplan made the secret, so that all of its fields are keyplan's."""
    written: frozenset[int] = frozenset()
    """Versions that keyplan wrote for one of several fields, leaving the others as they were."""
    by_field: Mapping[str, VaultNote] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Mapping[str, str]) -> VaultNotes:
        """Return what custom metadata says."""
        fields = {found["field"] for name in entries if (found := _NOTE.fullmatch(name))}
        intents = _read_intents(entries)
        return cls(
            owner=entries.get(OWNER, ""),
            is_whole=entries.get(_WHOLE) == "true",
            written=_read_ranges(entries.get(_VERSIONS, "")),
            by_field={
                name: _add_intents(
                    VaultNote.from_json(chunks.join(entries, prefix=_prefix(name))), intents.get(name, {})
                )
                for name in sorted(fields | intents.keys())
            },
        )

    def having(self, name: str, note: VaultNote, *, owner: str, is_whole: bool) -> VaultNotes:
        """Return the notes with this one in the place of a field's former one."""
        return replace(self, owner=owner, is_whole=is_whole, by_field={**self.by_field, name: note})

    def without(self, name: str) -> VaultNotes:
        """Return the notes without a field's; where it was the last one, no mark is left either."""
        rest = {field_name: note for field_name, note in self.by_field.items() if field_name != name}
        return replace(self, by_field=rest) if rest else VaultNotes()

    def having_written(self, version: int, *, before: int) -> VaultNotes:
        """Return the notes after keyplan wrote a version, which casts no doubt on the fields that it kept.

        Nothing was written if that is the version `before`: another writer may have made that one.
        """
        is_shared = len(self.by_field) > 1
        written = self.written | {version} if version != before else self.written
        return replace(self, written=written if is_shared else frozenset())

    def are_ours(self, *, since: int, until: int) -> bool:
        """Whether keyplan wrote every version after `since`, up to `until`."""
        return all(version in self.written for version in range(since + 1, until + 1))

    def changes_from(self, entries: Mapping[str, str], name: str) -> dict[str, str | None]:
        """Return what to change of custom metadata for one field; None removes an entry.

        The notes of other fields are left as they stand: another process may be writing them at this moment.

        Raises SinkDeniedError where custom metadata has no room.
        """
        wanted = self._to_entries(name)
        ours = (entries.keys() & _MARKS) | chunks.names_under(entries, prefix=_prefix(name))
        # Of the intents, those that were seen: one that came since is another run's.
        ours |= {entry for entry in entries if (found := _INTENT.fullmatch(entry)) and found["field"] == name}
        if len(wanted) + len(entries.keys() - ours) > _MOST_ENTRIES:
            raise SinkDeniedError(
                f"its custom metadata has no room for {len(self.by_field)} receipts",
                advice="give some of these keys secrets of their own, with {name} in the path",
            )
        changed = {entry: value for entry, value in wanted.items() if entries.get(entry) != value}
        return changed | dict.fromkeys(ours - wanted.keys())

    def _to_entries(self, name: str) -> dict[str, str]:
        marks = {OWNER: self.owner, _WHOLE: "true" if self.is_whole else "", _VERSIONS: _write_ranges(self.written)}
        entries = {mark: value for mark, value in marks.items() if value}
        if note := self.by_field.get(name):
            if note.receipt or note.version or not note.intent:
                entries |= chunks.split(note.to_json(), prefix=_prefix(name), size=_VALUE_BYTES)
            if intent := note.intent:
                text = json.dumps(intent.to_dict(), separators=(",", ":"))
                entries |= chunks.split(text, prefix=_intent_prefix(name, name_run(intent)), size=_VALUE_BYTES)
        return entries


def name_run(intent: Intent) -> str:
    """Return the short name of one attempt of one run, in the names of its entries."""
    return name_claim(intent.id, intent.run, str(intent.attempts))


def _prefix(name: str) -> str:
    return f"keyplan-note.{name}"


def _intent_prefix(name: str, run: str) -> str:
    return f"keyplan-intent.{name}-{run}"


def _read_intents(entries: Mapping[str, str]) -> Mapping[str, Mapping[str, Intent]]:
    """Return all intents by field and run; one that is damaged counts as not there."""
    found: defaultdict[str, dict[str, Intent]] = defaultdict(dict)
    named = {(match["field"], match["run"]) for entry in entries if (match := _INTENT.fullmatch(entry))}
    for name, run in named:
        try:
            text = chunks.join(entries, prefix=_intent_prefix(name, run))
            found[name][run] = Intent.from_dict(json.loads(text or ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _add_intents(note: VaultNote, intents: Mapping[str, Intent]) -> VaultNote:
    """Return a note with the intent that counts: a run that was taken over may note its own once more, too late."""
    newest = max(intents.values(), key=lambda one: (one.until or one.at, one.id, one.run), default=note.intent)
    return replace(note, intent=newest, runs=frozenset(intents))


def _write_ranges(versions: frozenset[int]) -> str:
    """Return ``3-5,8``; the oldest are left out where an entry has no room for all."""
    ranges: list[tuple[int, int]] = []
    for version in sorted(versions):
        if ranges and ranges[-1][1] == version - 1:
            ranges[-1] = (ranges[-1][0], version)
        else:
            ranges.append((version, version))
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    while len(text := ",".join(texts)) > _VALUE_BYTES:
        texts = texts[1:]
    return text


def _read_ranges(text: str) -> frozenset[int]:
    found = [(int(first), int(last or first)) for first, last in _RANGE.findall(text)]
    return frozenset(
        version for first, last in found for version in range(first, min(last, first + _MOST_VERSIONS) + 1)
    )
