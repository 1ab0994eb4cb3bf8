"""Files of values on a local file system, each with a sidecar for its notes: the store of the sinks `file` and `age`.

A file is replaced atomically, the value first and then the sidecar, so that no receipt speaks of a value that is not
there yet. No link below the manifest's folder is followed.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import Protocol

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Finding
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.quick import quick
from keyplan.sinks.file_obstacles import FileObstacles, list_files
from keyplan.sinks.local_files import FileTarget, OpenFolder, enter_folder_of, translate, translated
from keyplan.sinks.notes import Entry, Sidecar
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence, find_broken
from keyplan.system.files import Folder
from keyplan.system.locks import LockWait

_SEAL_DIGITS = 32
LOOK_COUNTS_FOR = timedelta(seconds=1)
"""How long a look at folders and mounts is relied on."""


class Ignoring(Protocol):
    """Knows what version control systems ignore."""

    def expect(self, paths: Iterable[str]) -> None:
        """Announce absolute paths that may be checked soon."""
        ...

    def refuse_unignored(self, path: str) -> None:
        """Return if none of them would commit the file. Raises SinkDeniedError otherwise."""
        ...


class Cipher(Protocol):
    """Encrypts what is in the files."""

    def seal(self, content: bytes, options: Mapping[str, Json]) -> bytes:
        """Return the encrypted file. Raises InputError if the slot's options make that impossible."""
        ...

    def open(self, sealed: bytes) -> bytes | None:
        """Return what is in an encrypted file; None if it can't be decrypted here."""
        ...


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenFile:
    """A file and its sidecar, read once for all the values in it."""

    presence: Presence = Presence.AS_READ
    content: bytes | None
    seal: str = ""
    sidecar: Sidecar
    kinds: set[bool]
    """Whether the notes beside it speak of variables, of a single value, or of both, which no format leaves."""
    note_age: timedelta | None = None
    """Of the sidecar, if it holds one entry, with an intent: that of several may have been written for another one."""

    def pick(self, target: FileTarget) -> Loaded:
        """Return what the file holds of one value."""
        entry = self.sidecar.entries.get(target.variable)
        obstacle = None
        if self.kinds and self.kinds != {bool(target.variable)}:
            obstacle = SinkDeniedError(
                f"{target.location}: keyplan holds a key there in another format",
                advice=f"remove {target.path} and {target.sidecar_location}, or choose another path",
            )
        return Loaded(
            presence=self.presence,
            content=self.content,
            entry=entry,
            seal=self.seal,
            note_age=self.note_age,
            obstacle=obstacle,
        )


class FileStore:
    """Implements ValueStore and ExaminableStore. Safe for threads and for several processes."""

    def __init__(
        self,
        base: str,
        *,
        cipher: Cipher | None = None,
        ignoring: Ignoring | None = None,
        enter: OpenFolder = Folder.enter,
        wait: LockWait | None = None,
    ) -> None:
        """Take `ignoring` if what is in the files must never be committed; `wait`: for locks of other programs."""
        self._base = base
        self._cipher = cipher
        self._ignoring = ignoring
        self._enter = enter
        self._wait = wait or LockWait()
        self._obstacles: FileObstacles | None = None

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds: each folder is opened once, each file read once."""
        self.announce(slots)
        return {slot: loaded for mine in _by_folder(slots) for slot, loaded in self._load_folder(mine)}

    def trace(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
        """Return what differs once a slot or its note changed; slots of which that is not sure are left out.

        Raises SinkDeniedError, SinkUnavailableError if a folder can't be opened.
        """
        found: dict[Slot, str] = {}
        for mine in _by_folder(slots):
            with self._opened(FileTarget.of(mine[0])) as folder:
                if folder is not None:
                    found |= {slot: trace for slot in mine if (trace := _trace(folder, slot))}
        return found

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Replace value and sidecar under a lock."""
        target = FileTarget.of(slot)
        if create and (obstacle := self._find_obstacle(slot, self._recent_obstacles())):
            raise obstacle
        with translated(target.location):
            try:
                opened = enter_folder_of(target.path, base=self._base, create=create, enter=self._enter)
            except FileNotFoundError:
                if create:
                    raise
                return
            wait = replace(self._wait, named=target.file)
            with opened as folder, folder.locked(target.lock, wait, shared=target.name):
                found = self._read(folder, target)
                change = decide(found.pick(target))
                if change is not None:
                    self._perform(folder, slot, found, change)

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterator[Finding]:
        """Yield what git, or the file system, keeps from being stored."""
        obstacles = FileObstacles(self._base)
        for slot in slots:
            if obstacle := self._find_obstacle(slot, obstacles):
                yield find_broken(obstacle, slot)

    def _recent_obstacles(self) -> FileObstacles:
        """Return what knows folders and mounts as they were a second ago or later."""
        # To look at them again before each write took a sixth of an apply, yet what comes in the way has to be found
        # before a key is made: a refresh without overlap would have ended the old one.
        known = self._obstacles
        if known is None or known.age > LOOK_COUNTS_FOR:
            known = self._obstacles = FileObstacles(self._base)
        return known

    def _find_obstacle(self, slot: Slot, obstacles: FileObstacles) -> SinkDeniedError | None:
        """Return why a slot can't be written, whatever it holds: the file system first, which is asked quickest."""
        if found := obstacles.find(slot.location, list_files(slot)):
            return found
        try:
            self._refuse_unignored(_path_of(slot))
        except SinkDeniedError as error:
            return error
        return None

    def _refuse_unignored(self, file: str) -> None:
        """Return if a file is ignored. What is in it before it gets that name is in a folder that git ignores."""
        if self._ignoring:
            self._ignoring.refuse_unignored(self._locate(file))

    def announce(self, slots: Collection[Slot]) -> None:
        """Announce slots that may be written soon: once git is asked about one, it is asked about all of them."""
        if self._ignoring:
            self._ignoring.expect(self._locate(_path_of(slot)) for slot in slots)

    def _locate(self, file: str) -> str:
        # Text, not a path: of 10,000 files that saves a tenth of a second.
        return file if file.startswith("/") else f"{self._base}/{file}"

    def _load_folder(self, slots: Sequence[Slot]) -> Iterator[tuple[Slot, Loaded]]:
        """Yield what each slot of one folder holds."""
        # The folder is opened once: to open it again for each of 10,000 files takes as long as to read them. Each file
        # is read once: a dotenv file of 1,000 variables, with as many receipts beside it, was read 1,000 times.
        with self._opened(FileTarget.of(slots[0])) as folder:
            if folder is None:
                yield from ((slot, Loaded()) for slot in slots)
                return
            for _, mine in groupby(sorted(slots, key=_path_of), key=_path_of):
                yield from self._load_file(folder, tuple(mine))

    @contextmanager
    def _opened(self, target: FileTarget) -> Iterator[Folder | None]:
        """Give the folder of a target; None if it does not exist."""
        with translated(target.location), ExitStack() as stack:
            try:
                opened = enter_folder_of(target.path, base=self._base, create=False, enter=self._enter)
                folder: Folder | None = stack.enter_context(opened)
            except FileNotFoundError:
                folder = None
            yield folder

    def _load_file(self, folder: Folder, slots: Sequence[Slot]) -> list[tuple[Slot, Loaded]]:
        """Return what lies at slots of one file, which is read once."""
        targets = [FileTarget.of(slot) for slot in slots]
        # Not `translated`: entering one more context for each of 10,000 files takes 9 ms.
        try:
            found = self._read(folder, targets[0])
        except OSError as error:
            raise translate(error, targets[0].location) from error
        return [(slot, found.pick(target)) for slot, target in zip(slots, targets, strict=True)]

    def _read(self, folder: Folder, target: FileTarget) -> _OpenFile:
        content = folder.read(target.name) or None
        sidecar = Sidecar.from_bytes(folder.read(target.sidecar), target.sidecar_location)
        kinds = {bool(name) for name in sidecar.entries}
        age = folder.find_age(target.sidecar) if _is_of_one_intent(sidecar) else None
        if self._cipher is None or content is None:
            return _OpenFile(content=content, sidecar=sidecar, kinds=kinds, note_age=age)
        return _OpenFile(
            presence=Presence.PRESENT,
            content=self._cipher.open(content),
            seal=_digest(content),
            sidecar=sidecar,
            kinds=kinds,
            note_age=age,
        )

    def _perform(self, folder: Folder, slot: Slot, found: _OpenFile, change: Change) -> None:
        target, entry, content = FileTarget.of(slot), change.entry, change.content
        if change.must_prove:
            # Before a key is made: to find out with the value would be too late.
            folder.try_owner(target.name)
        if content is not None:
            if change.first is not None:
                _note(folder, target, found, change.first)
            if content and self._cipher is not None:
                content = self._cipher.seal(content, slot.options)
                entry = entry and replace(entry, seal=_digest(content))
            _store(folder, target.name, content)
        # The receipt last: until the value is there, nothing may say so.
        _note(folder, target, found, entry)


def _trace(folder: Folder, slot: Slot) -> str:
    target = FileTarget.of(slot)
    value, notes = folder.trace(target.name), folder.trace(target.sidecar)
    # With the format: how a value is read from its file is up to the manifest.
    return f"{slot.options.get('format', '')} {target.variable} {value} {notes}" if value and notes else ""


def _is_of_one_intent(sidecar: Sidecar) -> bool:
    return len(sidecar.entries) == 1 and all(entry.intent for entry in sidecar.entries.values())


def _by_folder(slots: Collection[Slot]) -> Collection[Sequence[Slot]]:
    found: defaultdict[str, list[Slot]] = defaultdict(list)
    for slot in slots:
        folder, slash, _ = _path_of(slot).rpartition("/")
        found[folder + slash].append(slot)
    return found.values()


def _path_of(slot: Slot) -> str:
    return str(slot.options["path"])


def _note(folder: Folder, target: FileTarget, found: _OpenFile, entry: Entry | None) -> None:
    sidecar = found.sidecar.having(target.variable, entry)
    _store(folder, target.sidecar, sidecar.to_bytes() if sidecar.entries else b"")


def _store(folder: Folder, name: str, content: bytes) -> None:
    if content:
        folder.write(name, content)
    else:
        folder.remove(name)


def _digest(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()[:_SEAL_DIGITS]
