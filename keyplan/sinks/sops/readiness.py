"""Whether sops could store a value at an entry, from what its files and creation rules say. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from keyplan.errors import SinkDeniedError
from keyplan.sinks.sops.document import Document
from keyplan.sinks.sops.places import SopsTarget
from keyplan.sinks.sops.program import SopsProgram, explain_no_key
from keyplan.sinks.value_store import Loaded, Presence


class SopsReadiness:
    """What one examination learns of files, so that sops runs once for each that needs it."""

    def __init__(self, base: str, program: SopsProgram, read: Callable[[SopsTarget], bytes | None]) -> None:
        """`read`: returns what a file holds, None if there is none."""
        self._base = base
        self._program = program
        self._read = read
        self._contents: dict[PurePosixPath, bytes | None] = {}
        self._has_key: dict[PurePosixPath, bool] = {}
        self._new_files: dict[tuple[PurePosixPath, str], bytes] = {}

    def find_obstacle(self, target: SopsTarget, loaded: Loaded) -> SinkDeniedError | None:
        """Return why a value can't be stored at an entry that was just loaded; None if nothing shows."""
        if target.path not in self._contents:
            self._contents[target.path] = self._read(target)
        content = self._contents[target.path]
        if content and not self._may_change(content, target, loaded):
            return explain_no_key(str(target.path))
        try:
            document = Document.parse(content or self._create(target), kind=target.kind, name=str(target.path))
        except SinkDeniedError as error:
            return error
        return find_unfit(document, target)

    def _may_change(self, content: bytes, target: SopsTarget, loaded: Loaded) -> bool:
        """Whether a key of a file is at hand: known from what was loaded, if that had to be decrypted."""
        if loaded.presence is Presence.PRESENT:
            self._has_key[target.path] = loaded.content is not None
        if target.path not in self._has_key:
            self._has_key[target.path] = self._program.decrypt(content, target.kind, str(target.path)) is not None
        return self._has_key[target.path]

    def _create(self, target: SopsTarget) -> bytes:
        """Return what a new file would begin as. Raises SinkDeniedError if no creation rule fits."""
        folder = (target.path.parent, target.path.suffix)
        # Once for each folder, because there may be a file for each of many keys. What is refused is asked for each.
        if folder not in self._new_files:
            self._new_files[folder] = self._program.create(Path(self._base, target.path), target.kind)
        return self._new_files[folder]


def find_unfit(document: Document, target: SopsTarget) -> SinkDeniedError | None:
    """Return why a file can't take the value or its note, by what is in it and by its settings."""
    if obstacle := document.find_obstacle(target.keys):
        return SinkDeniedError(f"{target.location}: '{obstacle}' is not a mapping", advice="choose another entry")
    current = document.note_places(target.notes_field, target.note)[0]
    if document.would_encrypt(current):
        return explain_hidden(target, current)
    if document.would_encrypt(target.keys) is False and not document.is_encrypted(target.keys):
        return explain_clear(target)
    return None


def explain_clear(target: SopsTarget) -> SinkDeniedError:
    """Return the refusal to store a value that sops would not encrypt."""
    return SinkDeniedError(
        f"{target.location}: by its settings, sops would leave this entry in the clear",
        advice="choose an entry that the file's encrypted_regex or unencrypted_suffix has encrypted",
    )


def explain_hidden(target: SopsTarget, keys: Sequence[str]) -> SinkDeniedError:
    """Return the refusal to store a note that sops would encrypt; `keys` lead to it."""
    above = keys[:-1]
    advice = "name a field with option 'notes' that the file's settings leave in the clear"
    if len(above) > 1:
        advice = "encrypt the manifest again with encrypted_regex: ^(data|stringData)$ in its creation rule"
    return SinkDeniedError(
        f"{target.location}: sops does not leave '{'.'.join(above)}' in the clear, so the receipt could not be read",
        advice=advice,
    )
