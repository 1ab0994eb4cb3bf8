"""The mark and the note that keyplan keeps in the tags of a secret in Azure Key Vault; other tags are kept.

Azure takes 15 tags of 256 characters (Azure, "About keys, secrets, and certificates"), so the note is compressed
and must never need more.

    keyplan-owner      the manifest's owner; tags belong to one version, so that one set by hand has none
    keyplan-note-00    receipt and intent: JSON, deflated, base64url, over as many tags as it takes
    keyplan-void       the version does not count: it keeps a place, or was deleted and recovered
    keyplan-left       keyplan has no part in the secret any more, whatever older versions say
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.sinks import chunks
from keyplan.sinks.notes import Entry, read_note, write_note

_OWNER, _NOTE, _VOID, _LEFT = "keyplan-owner", "keyplan-note", "keyplan-void", "keyplan-left"
_MOST_TAGS = 15
_TAG_SIZE = 256
_LONGEST_NOTE = 1024 * 1024
"""Of what a user may have written there, no more is decompressed."""


def write_tags(entry: Entry, tags: Mapping[str, str], *, is_void: bool, location: str) -> dict[str, str]:
    """Return the tags of a version: other people's as they were, and keyplan's.

    Raises SinkDeniedError if they are too many.
    """
    text = base64.urlsafe_b64encode(zlib.compress(write_note(entry).encode(), level=9)).decode()
    marks = {_OWNER: entry.owner, **chunks.split(text, prefix=_NOTE, size=_TAG_SIZE)}
    written = {**others(tags), **marks, **({_VOID: "yes"} if is_void else {})}
    if len(written) > _MOST_TAGS:
        raise SinkDeniedError(
            f"{location}: Azure's {_MOST_TAGS} tags have no room for the receipt",
            advice="remove other tags, or shorten the key's name",
        )
    return written


def leave(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a version in which keyplan has no part any more."""
    return {**others(tags), _LEFT: "yes"}


def others(tags: Mapping[str, str]) -> dict[str, str]:
    """Return other people's tags."""
    ours = {_OWNER, _VOID, _LEFT} | chunks.names_under(tags, prefix=_NOTE)
    return {name: value for name, value in tags.items() if name not in ours}


def is_void(tags: Mapping[str, str]) -> bool:
    """Whether a version does not count as a value."""
    return _VOID in tags


def is_marked(tags: Mapping[str, str]) -> bool:
    """Whether a version says what part keyplan has in the secret."""
    return _OWNER in tags or _LEFT in tags


def read_entry(tags: Mapping[str, str], name: str) -> Entry | None:
    """Return what is noted; None if keyplan has no part in it, the mere owner if the note is damaged."""
    if not (owner := tags.get(_OWNER)):
        return None
    try:
        packed = base64.urlsafe_b64decode(chunks.join(tags, prefix=_NOTE) or "")
        text = zlib.decompressobj().decompress(packed, _LONGEST_NOTE).decode()
        return read_note(text, name) or Entry(owner=owner)
    except (ValueError, zlib.error, SinkUnavailableError):
        # The mark still counts: a damaged note only leads to another delivery.
        return Entry(owner=owner)
