"""Whether the value in a place is the one that its receipt or a plan speaks of: the same rule for every sink.

Nothing is loaded or stored, and no value leaves a call.
"""

from __future__ import annotations

from keyplan.model.observation import Content, Revision
from keyplan.model.secret import RawKey
from keyplan.sinks import concurrency
from keyplan.sinks.value_store import Loaded, Seals


def compare(loaded: Loaded, value: RawKey | None, seals: Seals) -> Content:
    """Return whether a present value is its receipt's, by its fingerprint, or else by its seal."""
    entry = loaded.entry
    if entry is None or entry.receipt is None:
        return Content.UNREAD
    fingerprint = entry.receipt.fingerprint
    if value is not None:
        if fingerprint is None:
            return Content.UNREAD
        return Content.MATCHES if fingerprint.matches(value) else Content.DIFFERS
    if seals is Seals.HINT or not entry.seal:
        return Content.UNREAD
    if entry.seal != loaded.seal:
        return Content.DIFFERS
    is_proven = seals is Seals.VERSION and fingerprint is not None
    return Content.MATCHES if is_proven else Content.UNREAD


def is_doubtful(loaded: Loaded, content: Content, seals: Seals) -> bool:
    """Whether a value that can't be compared bears another seal than the one that was stored."""
    if content is not Content.UNREAD or seals is not Seals.HINT:
        return False
    noted = loaded.entry.seal if loaded.entry else ""
    return bool(noted) and noted != loaded.seal


def revise(loaded: Loaded, *, is_present: bool, has_notes: bool) -> Revision:
    """Return what shows whether another run was there since: the notes, or the store's own sign of the value."""
    if has_notes:
        return concurrency.digest_notes(loaded.entry, is_present=is_present)
    return concurrency.digest_sign(f"{loaded.seal} {loaded.changed_at or ''}".strip())
