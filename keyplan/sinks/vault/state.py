"""What was found at a target of the `vault` sink, and what follows from it. Pure.

In: a target, its secret, the notes beside it. Out: holdings, refusals, and how the field may be written. Never: a value
in a repr or an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Content, Holding
from keyplan.model.secret import RawKey
from keyplan.sinks.vault.client import Secret
from keyplan.sinks.vault.notes import Note, Notes
from keyplan.sinks.vault.places import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One field of one secret, with all that is known of it."""

    target: Target
    secret: Secret
    notes: Notes

    @property
    def note(self) -> Note | None:
        """What keyplan noted of the field; None where it noted nothing."""
        return self.notes.by_field.get(self.target.field)

    @property
    def is_alone(self) -> bool:
        """Whether keyplan made the secret, and for no other field than this."""
        return self.notes.is_whole and set(self.notes.by_field) <= {self.target.field}

    @property
    def others(self) -> Mapping[str, Any]:
        """The other fields of the secret, as far as they can be read."""
        return {name: value for name, value in (self.secret.fields or {}).items() if name != self.target.field}

    @property
    def is_present(self) -> bool:
        """Whether the field has a value; where it can't be read, whether it must be taken to have one."""
        if self.secret.fields is not None:
            return self.value() is not None
        if not self.secret.is_live or self.note is None:
            return self.secret.is_live and not self.notes.is_whole
        # Written since the intent was noted: that may have been us, before a crash.
        return self.note.receipt is not None or not self.notes.is_whole or self._was_written_by_others(self.note)

    def value(self) -> RawKey | None:
        """Return the raw key in the field; None where there is none, or it can't be read."""
        if self.secret.fields is None or self.target.field not in self.secret.fields:
            return None
        held = self.secret.fields[self.target.field]
        text = self.target.format.read((held if isinstance(held, str) else json.dumps(held)).encode())
        return RawKey(text) if text else None

    @property
    def content(self) -> Content:
        """The value beside its own receipt; where it can't be read, the version beside the noted one."""
        if self.note is None or self.note.receipt is None or not self.is_present:
            return Content.UNREAD
        value, fingerprint = self.value(), self.note.receipt.fingerprint
        if value is None:
            return Content.DIFFERS if self._was_written_by_others(self.note) else Content.UNREAD
        if fingerprint is None:
            return Content.UNREAD
        return Content.MATCHES if fingerprint.matches(value) else Content.DIFFERS

    def _was_written_by_others(self, note: Note) -> bool:
        """Whether there are versions since the noted one that keyplan did not write for another field."""
        return not self.notes.are_ours(since=note.version, until=self.secret.version)

    @property
    def is_a_persons(self) -> bool:
        """Whether somebody put another value in the place of ours."""
        # While an intent is open, another value than the receipt's may be our own, from before a crash.
        interrupted = self.note is not None and self.note.intent is not None
        return not interrupted and self.content is Content.DIFFERS

    def hold(self, owner: str) -> Holding:
        """Return what the sink holds, as far as it is this owner's."""
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        note = self.note if self.notes.owner == owner else None
        return Holding(
            present=self.is_present,
            receipt=note.receipt if note and self.is_present else None,
            intent=note.intent if note else None,
            content=self.content if note else Content.UNREAD,
        )

    def refuse_other_owner(self, owner: str) -> None:
        """Raise SinkDeniedError where the secret carries another owner's mark."""
        if self.notes.owner not in {"", owner}:
            raise SinkDeniedError(
                f"{self.target.location}: belongs to the manifest of '{self.notes.owner}'",
                advice="choose another path, or let that manifest give it up first",
            )

    def refuse_unwritable(self, owner: str) -> None:
        """Raise SinkDeniedError where the field holds something that is not keyplan's to overwrite."""
        self.refuse_other_owner(owner)
        if self.note is not None or self.target.may_overwrite or not self.is_present:
            return
        if self.secret.fields is None:
            raise SinkDeniedError(
                f"{self.target.location}: something may be there already, and the policy does not let keyplan look",
                advice="let the policy read it, choose another path, or set 'overwrite: true' on this sink",
            )
        raise SinkDeniedError(
            f"{self.target.location}: something is there that keyplan did not put there",
            advice="move it away, choose another path, or set 'overwrite: true' on this sink",
        )
