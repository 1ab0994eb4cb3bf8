"""Whose a place is, by the marks that keyplan left there: the same rule for every sink. Nothing is loaded or stored.

A receipt and an intent name the manifest that wrote them, and the address; a bare mark names an owner alone.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.errors import SinkDeniedError
from keyplan.model.identity import Identity, Lineage
from keyplan.sinks.notes import Entry


def find_other_manifest(lineage: Lineage, entry: Entry | None, *, mark: str = "") -> Identity | None:
    """Return the manifest that holds a place, if it is not ours; None if it is ours or nothing is marked.

    A place is ours only if everything that is marked there is ours: a receipt of ours under another owner's mark, or
    beside another manifest's intent, is not.

    Args:
        lineage: whose marks are ours.
        entry: what is noted of the value.
        mark: the owner that an object is marked with, beside the entries of its values; empty if it is not marked.
    """
    # The intent first: it is the newest of the marks, and names who is about to write there.
    for note in (entry.intent, entry.receipt) if entry else ():
        if note is not None and not lineage.covers(note.identity, note.address):
            return note.identity
    for owner in (entry.owner if entry else "", mark):
        if owner and not is_own_owner(lineage, owner):
            return Identity(owner)
    return None


def is_own_owner(lineage: Lineage, owner: str) -> bool:
    """Whether a mark that names only an owner is ours: the present one, a former one, or one of an origin."""
    if owner == lineage.identity.owner:
        return True
    known = (*lineage.identities, *(origin.identity for origin in lineage.origins))
    return any(identity.owner == owner for identity in known)


def explain_other_manifest(location: str, other: Identity) -> SinkDeniedError:
    """Return the refusal to write a place that another manifest holds: it names that manifest, and what to do."""
    named = f"'{other.owner}' (id '{other.id}')" if other.id else f"'{other.owner}'"
    return SinkDeniedError(
        f"{location}: belongs to the manifest of {named}",
        advice="choose another place, or let that manifest give it up first; if this manifest takes its place, name it "
        "under 'formerly', or in the key's 'moved_from'",
    )


def begin_note(entry: Entry | None, *, owner: str, seal: str) -> Entry:
    """Return what is noted, or the note to begin with: it speaks of the value that is there now."""
    if entry is None:
        return Entry(owner=owner, seal=seal)
    # Beside a receipt the mark stays its owner's until the value changes hands: an intent that is retracted must leave
    # a former owner's place as it was.
    return entry if entry.receipt is not None else replace(entry, owner=owner)
