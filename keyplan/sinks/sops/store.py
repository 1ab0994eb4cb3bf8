"""Encrypted documents with notes in the clear: the store of the sink `sops`.

Value and note change at once: the file is replaced atomically, under a lock. No value is written if sops would
leave it in the clear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from keyplan.model.examination import Finding
from keyplan.model.observation import Slot
from keyplan.sinks.file_obstacles import FileObstacles
from keyplan.sinks.local_files import OpenFolder, enter_folder_of, translated
from keyplan.sinks.notes import read_note, write_note
from keyplan.sinks.sops.document import Document
from keyplan.sinks.sops.places import SopsTarget
from keyplan.sinks.sops.program import SopsProgram, Workpiece
from keyplan.sinks.sops.readiness import SopsReadiness, explain_clear, explain_hidden, find_unfit
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence, find_broken
from keyplan.system.files import Folder
from keyplan.system.locks import LockWait

_PROBE = b"keyplan tries whether this is encrypted"


class SopsFiles:
    """Implements ValueStore and ExaminableStore. Safe for threads and for several processes of keyplan."""

    def __init__(
        self, *, base: str, program: SopsProgram, say: Callable[[str], None], enter: OpenFolder = Folder.enter
    ) -> None:
        self._base = base
        self._program = program
        self._say = say
        self._enter = enter
        self._wait = LockWait(say=say)
        self._unreadable: set[PurePosixPath] = set()

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds: each file is read, and decrypted if a key is at hand, once."""
        by_path: defaultdict[PurePosixPath, list[tuple[Slot, SopsTarget]]] = defaultdict(list)
        for slot in slots:
            target = SopsTarget.of(slot)
            by_path[target.path].append((slot, target))
        found: dict[Slot, Loaded] = {}
        for members in by_path.values():
            content = self._read(members[0][1])
            found |= {slot: Loaded() for slot, _ in members} if not content else self._find_all(content, members)
        return found

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Replace the file as a whole, value and note changed together."""
        target = SopsTarget.of(slot)
        with translated(target.location):
            try:
                opened = enter_folder_of(target.path, base=self._base, create=create, enter=self._enter)
            except FileNotFoundError:
                if create:
                    raise
                return
            wait = replace(self._wait, named=str(target.path))
            with opened as folder, folder.locked(target.lock, wait, shared=target.path.name):
                content = folder.read(target.path.name)
                found = self._find_all(content, [(slot, target)])[slot] if content else Loaded()
                change = decide(found)
                if change is not None:
                    content = content or self._program.create(Path(self._base, target.path), target.kind)
                    folder.write(target.path.name, self._edit(content, target, change))

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterator[Finding]:
        """Yield what the file system, a missing key or rule, or the settings of a file keep from being stored."""
        obstacles, files = FileObstacles(self._base), SopsReadiness(self._base, self._program, self._read)
        for slot, loaded in slots.items():
            target = SopsTarget.of(slot)
            if found := obstacles.find(slot.location, [str(target.path)]) or files.find_obstacle(target, loaded):
                yield find_broken(found, slot)

    def _read(self, target: SopsTarget) -> bytes | None:
        with translated(target.location):
            try:
                with enter_folder_of(target.path, base=self._base, create=False, enter=self._enter) as folder:
                    return folder.read(target.path.name)
            except FileNotFoundError:
                return None

    def _find_all(self, content: bytes, members: Collection[tuple[Slot, SopsTarget]]) -> dict[Slot, Loaded]:
        """Return what lies in several slots of one file."""
        _, first = next(iter(members))
        document = Document.parse(content, kind=first.kind, name=str(first.path))
        # Decrypt only if one of the entries exists: a new file has nothing to read, and its key may be remote.
        is_worth_it = any(document.find(target.keys) is not None for _, target in members)
        clear = self._decrypt(content, first) if is_worth_it else None
        return {slot: _find(document, clear, target) for slot, target in members}

    def _decrypt(self, content: bytes, target: SopsTarget) -> Document | None:
        tree = self._program.decrypt(content, target.kind, str(target.path))
        if tree is None and target.path not in self._unreadable:
            self._unreadable.add(target.path)
            self._say(f"{target.path}: no key of it is at hand, so its receipts are trusted without reading the values")
        return None if tree is None else Document(tree)

    def _edit(self, content: bytes, target: SopsTarget, change: Change) -> bytes:
        document = _parse(content, target)
        # When a place is emptied, a note in an unsuitable part of the file must not keep the value there.
        is_kept = change.entry is not None or bool(document.find_obstacle(target.keys))
        if is_kept and (obstacle := find_unfit(document, target)):
            raise obstacle

        def edit(work: Workpiece) -> None:
            if change.content:
                _set_encrypted(work, target, change.content)
            elif change.content is not None:
                work.unset(target.keys)
            _set_note(work, target, document.note_places(target.notes_field, target.note), change)

        return self._program.edit(content, target.kind, str(target.path), edit)


def _set_encrypted(work: Workpiece, target: SopsTarget, content: bytes) -> None:
    if not _parse(work.content(), target).is_encrypted(target.keys):
        work.set(target.keys, _PROBE)
        if not _parse(work.content(), target).is_encrypted(target.keys):
            raise explain_clear(target)
    work.set(target.keys, content)


def _set_note(work: Workpiece, target: SopsTarget, places: Sequence[tuple[str, ...]], change: Change) -> None:
    current, *former = places
    if change.entry is not None:
        text = write_note(change.entry)
        work.set(current, text.encode())
        if _parse(work.content(), target).find(current) != text:
            raise explain_hidden(target, current)
    else:
        former = list(places)
    for keys in former:
        # An older keyplan's, once there is a newer one: of two notes, it would be unclear which one counts.
        if _parse(work.content(), target).find(keys) is not None:
            work.unset(keys)
        if _parse(work.content(), target).find(keys[:-1]) == {}:
            work.unset(keys[:-1])


def _parse(content: bytes, target: SopsTarget) -> Document:
    return Document.parse(content, kind=target.kind, name=str(target.path))


def _find(document: Document, clear: Document | None, target: SopsTarget) -> Loaded:
    places = document.note_places(target.notes_field, target.note)
    note = next((found for keys in places if isinstance(found := document.find(keys), str)), None)
    is_there = document.find(target.keys) not in (None, "")
    return Loaded(
        presence=Presence.PRESENT if is_there else Presence.AS_READ,
        content=_to_bytes(clear.find(target.keys)) if clear else None,
        entry=read_note(note, f"the note on {target.location}"),
    )


def _to_bytes(value: object) -> bytes | None:
    """Return a value as text; one that is not text is another writer's, and comes as some other text."""
    if value is None:
        return None
    return (value if isinstance(value, str) else repr(value)).encode()
