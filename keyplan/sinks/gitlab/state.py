"""What stands at a place in GitLab, and what may be done with it: the variable, its mark, and keyplan's notes.

A value carries its mark in its description, written in one request with it: ``[keyplan OWNER DIGEST]``, DIGEST being
that of the raw key's fingerprint. Receipt and intent do not fit into the 255 characters of a description; they stand in
a second variable. In: variables. Out: judgements. Never: a request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Content, Holding
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks.gitlab.client import Variable
from keyplan.sinks.gitlab.places import Place
from keyplan.sinks.notes import Entry, Sidecar

_MARK = re.compile(r"\[keyplan (?P<owner>[a-z0-9][a-z0-9._-]*) (?P<digest>[0-9a-f]{32}|-)\]")


def write_mark(receipt: Receipt) -> str:
    """Return the description of a value."""
    digest = receipt.fingerprint.digest if receipt.fingerprint else "-"
    return f"Delivered by keyplan, which overwrites changes [keyplan {receipt.owner} {digest}]"


def write_notes(entry: Entry) -> str:
    """Return the value of the variable beside."""
    return Sidecar({"": entry}).to_bytes().decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What stands at one place."""

    variable: Variable | None
    notes: Entry | None

    @classmethod
    def of(cls, place: Place, variable: Variable | None, notes: Variable | None) -> Finding:
        """Return what two variables mean. Raises SinkUnavailableError where the notes cannot be understood."""
        text = notes.value.reveal() if notes is not None and notes.value is not None else ""
        named = f"variable {place.notes.key} of {place.home.title}"
        sidecar = Sidecar.from_bytes(text.encode() or None, named)
        return cls(variable=variable, notes=sidecar.entries.get(""))

    @property
    def mark(self) -> re.Match[str] | None:
        """The mark of the value; None where there is none."""
        return _MARK.search(self.variable.description) if self.variable else None

    def is_of(self, owner: str) -> bool:
        """Whether value, or notes without a value, are that owner's."""
        if self.variable:
            return self.mark is not None and self.mark["owner"] == owner
        return self.notes is not None and self.notes.owner == owner

    def hold(self, place: Place, owner: str) -> Holding:
        """Return what an owner may know of it."""
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        notes = self.notes if self.notes and self.notes.owner == owner else None
        return Holding(
            present=self.variable is not None,
            receipt=notes.receipt if notes and self.variable else None,
            intent=notes.intent if notes else None,
            content=self.compare(place) if notes else Content.UNREAD,
        )

    def compare(self, place: Place) -> Content:
        """Return whether the value is the receipt's. Of a hidden one only the mark can tell that it is not."""
        fingerprint = self.notes.receipt.fingerprint if self.notes and self.notes.receipt else None
        if self.variable is None or fingerprint is None:
            return Content.UNREAD
        raw = self.read(place)
        if raw is not None:
            return Content.MATCHES if fingerprint.matches(raw) else Content.DIFFERS
        is_marked = self.mark is not None and self.mark["digest"] == fingerprint.digest
        return Content.UNREAD if is_marked else Content.DIFFERS

    def read(self, place: Place) -> RawKey | None:
        """Return the raw key; None where there is none, or it is hidden."""
        if self.variable is None or self.variable.value is None:
            return None
        return RawKey(self.variable.value.reveal().removesuffix(place.suffix))

    def refuse_other_owner(self, place: Place, owner: str) -> None:
        """Raise SinkDeniedError where value or notes are another owner's."""
        owners = {self.notes.owner if self.notes else owner, self.mark["owner"] if self.mark else owner}
        for other in sorted(owners - {owner}):
            raise SinkDeniedError(
                f"{place.location}: belongs to the manifest of '{other}'", advice="choose another name or scope"
            )

    def refuse_unwritable(self, place: Place, owner: str) -> None:
        """Raise SinkDeniedError where the value may not be written by that owner."""
        self.refuse_other_owner(place, owner)
        if self.variable is None:
            return
        if self.mark is None and not place.may_overwrite:
            raise SinkDeniedError(
                f"{place.location}: a variable is there that keyplan did not put there",
                advice="delete it, choose another name, or set 'overwrite: true' on this sink",
            )
        if place.is_hidden and self.variable.value is not None:
            raise SinkDeniedError(
                f"{place.location}: a variable is there that is not hidden, and GitLab can't hide it any more",
                advice="delete it by hand, then apply again; or leave 'hidden' out",
            )

    @property
    def has_settled(self) -> bool:
        """Whether no intent is open: while one is, another value may be our own, from before a crash."""
        return self.notes is None or self.notes.intent is None
