"""The sink `file`: raw keys in files of mode 0600, each with a sidecar that holds its receipt.

In: slots, raw keys, receipts, intents. Out: files replaced atomically, the value first and then the sidecar, so
that no receipt speaks of a value that is not there yet. Never: a value overwritten that a person or another owner
put there, a link followed, a path that git would commit, an empty value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from keyplan.errors import InputError, SinkDeniedError, SinkError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.quick import quick
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.plugin import Surroundings
from keyplan.ports import Sink
from keyplan.sinks.local_files import DEFAULT_VARIABLE, Target, fill_slot, translate, translated
from keyplan.sinks.notes import Entry, Sidecar
from keyplan.system.files import Folder
from keyplan.system.git import GitIgnoring

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Writes each raw key into a file of mode 0600.",
    "properties": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "Template of {name} {key_type} {space} {owner} {address}; relative to the manifest.",
        },
        "format": {
            "enum": ["raw", "dotenv", "json"],
            "default": "raw",
            "description": "raw: the key alone; dotenv: a line NAME=key among others; json: the key and its metadata.",
        },
        "variable": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_VARIABLE,
            "description": "For dotenv: name of the variable; a template, too.",
        },
        "newline": {"type": "boolean", "default": False, "description": "For raw: whether the file ends with one."},
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a value that keyplan did not put there may be overwritten.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What happens to the value when its declaration is removed.",
        },
        "copy_from": {
            "type": "boolean",
            "default": False,
            "description": "Whether other sinks that lack a key may be filled from this one.",
        },
    },
    "required": ["path"],
    "additionalProperties": False,
}

OpenFolder = Callable[..., AbstractContextManager[Folder]]
"""`Folder.enter`, or a test's."""


def build(settings: SinkSettings, surroundings: Surroundings) -> Sink:
    """Return the sink; nothing is touched yet."""
    return FileSink(
        settings,
        base=surroundings.folder,
        owner=surroundings.owner,
        ignoring=GitIgnoring(surroundings.environment),
    )


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What lies at a target."""

    content: bytes
    """Of the whole file; empty where there is none."""
    value: str | None
    """Ours or somebody's; None where there is none."""
    sidecar: Sidecar
    entry: Entry | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What shall lie there instead."""

    content: bytes | None = None
    """Empty: no file. None: as it is."""
    entry: Entry | None
    """None: no entry."""


_Decide = Callable[[_Found], _Change | None]
"""From what lies there to what shall, or None for nothing to do; may refuse by raising."""


class FileSink:
    """Implements Sink on a local file system. Safe for threads and for several processes."""

    def __init__(
        self,
        settings: SinkSettings,
        *,
        base: str,
        owner: str,
        ignoring: GitIgnoring,
        enter: OpenFolder = Folder.enter,
    ) -> None:
        self.abilities = Abilities(
            holds_receipts=True, readable=True, may_copy=bool(settings.options.get("copy_from", False))
        )
        self._settings = settings
        self._base = base
        self._owner = owner
        self._ignoring = ignoring
        self._enter = enter

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the file, and for dotenv the variable: ``secrets/ci.env#ARIZE_API_KEY``."""
        if "copy_from" in delivery.options:
            raise InputError(
                f"{delivery.place}: 'copy_from' can't differ for one key", advice="configure a second sink with it"
            )
        options = {**self._settings.options, **delivery.options}
        return fill_slot(self._settings.name, owner, declaration, options)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds. Raises SinkDeniedError, SinkUnavailableError where one can't be read."""
        # Git is asked nothing yet, but once it is, because one of these is written, then about all of them at once.
        self._ignoring.expect(Path(self._base, _path_of(slot)) for slot in slots)
        by_folder: defaultdict[str, list[Slot]] = defaultdict(list)
        for slot in slots:
            folder, slash, _ = _path_of(slot).rpartition("/")
            by_folder[folder + slash].append(slot)
        return {slot: holding for mine in by_folder.values() for slot, holding in self._inspect_folder(mine)}

    def read(self, slot: Slot) -> RawKey | None:
        """Return the value, whoever put it there. Raises SinkError where it can't be read."""
        found = self._look(Target.of(slot))
        return RawKey(found.value) if found and found.value is not None else None

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent in the sidecar, which proves that the folder can be written."""

        def decide(found: _Found) -> _Change:
            _refuse_unwritable(target, found, intent.owner)
            return _Change(entry=replace(found.entry or Entry(owner=intent.owner), intent=intent))

        target = Target.of(slot)
        self._refuse_unignored(target)
        self._change(target, decide, create=True)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and the mark with it where nothing was delivered."""

        def decide(found: _Found) -> _Change | None:
            entry = found.entry
            if entry is None or entry.intent is None or entry.intent.id != intent_id:
                return None
            return _Change(entry=replace(entry, intent=None) if entry.receipt or found.value else None)

        self._change(Target.of(slot), decide, create=False)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key, then its receipt; the intent is closed."""

        def decide(found: _Found) -> _Change:
            _refuse_unwritable(target, found, receipt.owner)
            content = target.format.set(found.content, raw.reveal(), receipt)
            return _Change(content=content, entry=Entry(owner=receipt.owner, receipt=receipt))

        target = Target.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{target.location}: an empty value is never written")
        self._refuse_unignored(target)
        self._change(target, decide, create=True)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""

        def decide(found: _Found) -> _Change | None:
            _refuse_other_owner(target, found, receipt.owner)
            if found.value is None:
                return None
            return _Change(entry=replace(found.entry or Entry(owner=receipt.owner), receipt=receipt))

        target = Target.of(slot)
        self._change(target, decide, create=False)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove the value and its entry, unless `on_remove` keeps both; what a person put in its place stays."""

        def decide(found: _Found) -> _Change | None:
            if found.entry is None or found.entry.owner != owner:
                return None
            return _Change(content=None if _is_a_persons(found) else target.format.unset(found.content), entry=None)

        target = Target.of(slot)
        if not target.keeps:
            self._change(target, decide, create=False)

    def examine(self, slots: Collection[Slot]) -> tuple[SinkError, ...]:
        """Return why git, another owner or a person's value keeps these slots from being written."""
        self._ignoring.expect(Path(self._base, _path_of(slot)) for slot in slots)
        return tuple(trouble for slot in slots if (trouble := self._find_trouble(Target.of(slot))))

    def _find_trouble(self, target: Target) -> SinkError | None:
        try:
            self._refuse_unignored(target)
            if found := self._look(target):
                _refuse_unwritable(target, found, self._owner)
        except SinkError as error:
            return error
        return None

    def _refuse_unignored(self, target: Target) -> None:
        self._ignoring.refuse_unignored(Path(self._base, target.file))

    def _look(self, target: Target) -> _Found | None:
        """Return what lies at a target; None where not even the folder is there."""
        with self._opened(target) as folder:
            return _find(folder, target) if folder else None

    def _inspect_folder(self, slots: Sequence[Slot]) -> Iterator[tuple[Slot, Holding]]:
        """Yield what each slot of one folder holds."""
        # The folder is opened once: to open it anew for each of 10,000 files takes as long as to read them. Each file
        # is read once: a dotenv file of 1,000 variables, with as many receipts beside it, was read 1,000 times.
        with self._opened(Target.of(slots[0])) as folder:
            if folder is None:
                yield from ((slot, Holding(present=False)) for slot in slots)
                return
            for _, mine in groupby(sorted(slots, key=_path_of), key=_path_of):
                for slot, found in _find_all(folder, tuple(mine)):
                    yield slot, self._describe(found)

    @contextmanager
    def _opened(self, target: Target) -> Iterator[Folder | None]:
        """Give the folder of a target; None where it is not there."""
        with translated(target.location), ExitStack() as stack:
            try:
                folder = stack.enter_context(self._open(target, create=False))
            except FileNotFoundError:
                folder = None
            yield folder

    def _describe(self, found: _Found) -> Holding:
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        entry = found.entry if found.entry and found.entry.owner == self._owner else None
        return Holding(
            present=found.value is not None,
            receipt=entry.receipt if entry and found.value is not None else None,
            intent=entry.intent if entry else None,
            content=_compare(found) if entry else Content.UNREAD,
        )

    def _change(self, target: Target, decide: _Decide, *, create: bool) -> None:
        with translated(target.location):
            try:
                opened = self._open(target, create=create)
            except FileNotFoundError:
                if create:
                    raise
                return
            with opened as folder, folder.locked(target.lock):
                found = _find(folder, target)
                change = decide(found)
                if change is not None:
                    _perform(folder, target, found, change)

    def _open(self, target: Target, *, create: bool) -> AbstractContextManager[Folder]:
        # An absolute path is an administrator's word, links on the way and all. A relative one leads through a
        # repository, where a link may be anybody's: none is followed.
        parts = target.path.parent.parts
        if target.path.is_absolute():
            return self._enter(parts[0], parts[1:], create=create, follow=True)
        return self._enter(self._base, parts, create=create, follow=False)


def _path_of(slot: Slot) -> str:
    return str(slot.options["path"])


def _find_all(folder: Folder, slots: Sequence[Slot]) -> list[tuple[Slot, _Found]]:
    """Return what lies at slots of one file, which is read once."""
    targets = [Target.of(slot) for slot in slots]
    # Not `translated`: entering one more context for each of 10,000 files takes 9 ms.
    try:
        content, sidecar = _read(folder, targets[0])
    except OSError as error:
        raise translate(error, targets[0].location) from error
    return [(slot, _pick(target, content, sidecar)) for slot, target in zip(slots, targets, strict=True)]


def _find(folder: Folder, target: Target) -> _Found:
    return _pick(target, *_read(folder, target))


def _read(folder: Folder, target: Target) -> tuple[bytes, Sidecar]:
    content = folder.read(target.name) or b""
    sidecar = Sidecar.from_bytes(folder.read(target.sidecar), target.sidecar_location)
    return content, sidecar


def _pick(target: Target, content: bytes, sidecar: Sidecar) -> _Found:
    return _Found(
        content=content,
        value=target.format.read(content),
        sidecar=sidecar,
        entry=sidecar.entries.get(target.variable),
    )


def _perform(folder: Folder, target: Target, found: _Found, change: _Change) -> None:
    if change.content is not None:
        if found.entry is None and change.entry is not None:
            # Marked first: after a crash between value and receipt, the value must not look like a person's.
            _note(folder, target, found, Entry(owner=change.entry.owner))
        _store(folder, target.name, change.content)
    _note(folder, target, found, change.entry)


def _note(folder: Folder, target: Target, found: _Found, entry: Entry | None) -> None:
    sidecar = found.sidecar.having(target.variable, entry)
    _store(folder, target.sidecar, sidecar.to_bytes() if sidecar.entries else b"")


def _store(folder: Folder, name: str, content: bytes) -> None:
    if content:
        folder.write(name, content)
    else:
        folder.remove(name)


def _compare(found: _Found) -> Content:
    fingerprint = found.entry.receipt.fingerprint if found.entry and found.entry.receipt else None
    if found.value is None or fingerprint is None:
        return Content.UNREAD
    return Content.MATCHES if fingerprint.matches(RawKey(found.value)) else Content.DIFFERS


def _is_a_persons(found: _Found) -> bool:
    # While an intent is open, another value than the receipt's may be our own, from before a crash.
    interrupted = found.entry is not None and found.entry.intent is not None
    return not interrupted and _compare(found) is Content.DIFFERS


def _refuse_unwritable(target: Target, found: _Found, owner: str) -> None:
    _refuse_other_owner(target, found, owner)
    if any(bool(variable) is not bool(target.variable) for variable in found.sidecar.entries):
        raise SinkDeniedError(
            f"{target.location}: keyplan holds a key there in another format",
            advice=f"remove {target.path} and {target.sidecar_location}, or choose another path",
        )
    if found.entry is None and found.value is not None and not target.may_overwrite:
        raise SinkDeniedError(
            f"{target.location}: something is there that keyplan did not put there",
            advice="move it away, choose another path, or set 'overwrite: true' on this sink",
        )


def _refuse_other_owner(target: Target, found: _Found, owner: str) -> None:
    if found.entry is not None and found.entry.owner != owner:
        raise SinkDeniedError(
            f"{target.location}: belongs to the manifest of '{found.entry.owner}'",
            advice="choose another path, or let that manifest give it up first",
        )
