"""One field of one secret in Vault, with all that is known of it. Nothing is sent here, and no value is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Loaded, Presence
from keyplan.sinks.vault.client import VaultSecret
from keyplan.sinks.vault.notes import VaultNote, VaultNotes
from keyplan.sinks.vault.places import VaultPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultLoaded(Loaded):
    """A field as the engine takes it, with what the store itself knows of it."""

    field: VaultField


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultField:
    """One field of one secret."""

    target: VaultPlace
    secret: VaultSecret
    notes: VaultNotes

    @property
    def note(self) -> VaultNote | None:
        """What keyplan noted of the field; None if it noted nothing."""
        return self.notes.by_field.get(self.target.field)

    @property
    def is_alone(self) -> bool:
        """Whether keyplan made the secret, and for no other field than this."""
        return self.notes.is_whole and set(self.notes.by_field) <= {self.target.field}

    @property
    def others(self) -> Mapping[str, Any]:
        """The other fields of the secret, as far as they can be read."""
        return {name: value for name, value in (self.secret.fields or {}).items() if name != self.target.field}

    def load(self, *, holds_receipts: bool) -> VaultLoaded:
        """Return what the engine decides from."""
        note = self.note
        entry = None
        if holds_receipts and note is not None:
            entry = Entry(owner=self.notes.owner, receipt=note.receipt, intent=note.intent, seal=str(note.version))
        return VaultLoaded(
            field=self,
            presence=self._find_presence(),
            content=self._read(),
            entry=entry,
            owner=self.notes.owner,
            seal=self._find_seal(),
            changed_at=self.secret.written_at,
            note_age=self._find_age(),
        )

    def _find_age(self) -> timedelta | None:
        """Return how long ago the note was written; None if that may have been the note of another field."""
        noted_at, seen_at = self.secret.noted_at, self.secret.seen_at
        if noted_at is None or seen_at is None or len(self.notes.by_field) != 1:
            return None
        # The header of an answer has no fractions of a second.
        return max(seen_at - noted_at, timedelta(0))

    def _read(self) -> bytes | None:
        """Return the field's text; None if there is none, or it can't be read."""
        if self.secret.fields is None or self.target.field not in self.secret.fields:
            return None
        held = self.secret.fields[self.target.field]
        return (held if isinstance(held, str) else json.dumps(held)).encode()

    def _find_presence(self) -> Presence:
        """Return whether the field has a value; if it can't be read, whether it must be taken to have one."""
        if self.secret.fields is not None or not self.secret.is_live:
            return Presence.AS_READ
        if self.note is None:
            return Presence.AS_READ if self.notes.is_whole else Presence.POSSIBLE
        # Written since the intent was noted: that may have been keyplan, before a crash.
        is_written = self.note.receipt is not None or not self.notes.is_whole or self._was_written_by_others(self.note)
        return Presence.PRESENT if is_written else Presence.AS_READ

    def _find_seal(self) -> str:
        """Return the noted version while no other program wrote the secret since, else the current one."""
        if self.note is None or self._was_written_by_others(self.note):
            return str(self.secret.version)
        return str(self.note.version)

    def _was_written_by_others(self, note: VaultNote) -> bool:
        """Whether there are versions since the noted one that keyplan did not write for another field."""
        return not self.notes.are_ours(since=note.version, until=self.secret.version)
