"""Encrypted files with sidecars on a local file system: a store of noted values.

In: slots, changes. Out: files replaced atomically, the value first and then the sidecar, so that no receipt speaks of
a value that is not there yet. Never: plaintext in a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace

from keyplan.model.observation import Slot
from keyplan.sinks.age.encryption import AgeSealer
from keyplan.sinks.engine import Change, Decide, Found
from keyplan.sinks.local_files import OpenFolder, Target, enter_folder_of, translated
from keyplan.sinks.notes import Entry, Sidecar
from keyplan.system.files import Folder


class AgeFiles:
    """Implements ValueStore. Safe for threads and for several processes."""

    def __init__(self, *, base: str, sealer: AgeSealer, enter: OpenFolder = Folder.enter) -> None:
        self._base = base
        self._sealer = sealer
        self._enter = enter

    def look(self, slots: Collection[Slot]) -> Mapping[Slot, Found]:
        """Return what lies in each slot, read as far as the identity goes."""
        return {slot: self._look(Target.of(slot)) for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Replace value and sidecar under a lock."""
        target = Target.of(slot)
        with translated(target.location):
            try:
                opened = enter_folder_of(target.path, base=self._base, create=create, enter=self._enter)
            except FileNotFoundError:
                if create:
                    raise
                return
            with opened as folder, folder.locked(target.lock):
                found = self._find(folder, target)
                change = decide(found)
                if change is not None:
                    self._perform(folder, target, found, change, slot.options["recipients"])

    def _look(self, target: Target) -> Found:
        with translated(target.location):
            try:
                with enter_folder_of(target.path, base=self._base, create=False, enter=self._enter) as folder:
                    return self._find(folder, target)
            except FileNotFoundError:
                return Found()

    def _find(self, folder: Folder, target: Target) -> Found:
        sealed = folder.read(target.path.name) or b""
        named = str(target.path.with_name(target.sidecar))
        return Found(
            is_present=bool(sealed),
            content=self._sealer.open(sealed) if sealed else None,
            seal=_digest(sealed),
            entry=Sidecar.from_bytes(folder.read(target.sidecar), named).entries.get(""),
        )

    def _perform(self, folder: Folder, target: Target, found: Found, change: Change, recipients: object) -> None:
        if change.content is None:
            _note(folder, target, change.entry)
            return
        if found.entry is None and change.entry is not None:
            # Marked first: after a crash between value and receipt, the value must not look like a person's.
            _note(folder, target, Entry(owner=change.entry.owner))
        sealed = self._sealer.seal(change.content, recipients) if change.content else b""
        _store(folder, target.path.name, sealed)
        _note(folder, target, change.entry and replace(change.entry, seal=_digest(sealed)))


def _note(folder: Folder, target: Target, entry: Entry | None) -> None:
    _store(folder, target.sidecar, b"" if entry is None else Sidecar({"": entry}).to_bytes())


def _store(folder: Folder, name: str, content: bytes) -> None:
    if content:
        folder.write(name, content)
    else:
        folder.remove(name)


def _digest(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()[:32]
