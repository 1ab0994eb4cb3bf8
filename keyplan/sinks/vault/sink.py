"""The sink `vault`: raw keys as fields of secrets in KV version 2 of HashiCorp Vault or OpenBao.

In: slots, raw keys, receipts, intents. Out: new versions of secrets, always with check-and-set, and notes in their
custom metadata. Never: a field lost that is somebody else's, a value overwritten that keyplan did not put there, an
empty value.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.vault.client import Store
from keyplan.sinks.vault.connection import CONNECTION_SCHEMA, connect
from keyplan.sinks.vault.errors import explain_old_engine
from keyplan.sinks.vault.notes import Note, Notes
from keyplan.sinks.vault.places import DEFAULT_FIELD, DEFAULT_MOUNT, Target, fill_slot
from keyplan.sinks.vault.state import Found
from keyplan.sinks.vault.writer import Writing

_THREADS = 8
_TEMPLATE = "Template of {name} {key_type} {space} {owner} {address}"

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Writes each raw key into a field of a secret in Vault or OpenBao (KV version 2).",
    "properties": {
        **CONNECTION_SCHEMA,
        "mount": {"type": "string", "minLength": 1, "default": DEFAULT_MOUNT, "description": "Of the KV engine."},
        "path": {"type": "string", "minLength": 1, "description": f"{_TEMPLATE}; of the secret below the mount."},
        "field": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_FIELD,
            "description": f"{_TEMPLATE}; of the secret's fields. All others are kept.",
        },
        "format": {
            "enum": ["raw", "json"],
            "default": "raw",
            "description": "raw: the key alone; json: an object with the key and its metadata, as text in the field.",
        },
        "newline": {"type": "boolean", "default": False, "description": "For raw: whether the value ends with one."},
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a value that keyplan did not put there may be overwritten.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What becomes of the value when its key is no longer declared.",
        },
        "copy_from": {
            "type": "boolean",
            "default": False,
            "description": "Whether other sinks may be filled from this one.",
        },
        "write_only": {
            "type": "boolean",
            "default": False,
            "description": "Whether the policy does not let keyplan read values, and it shouldn't try.",
        },
        "receipts": {
            "type": "boolean",
            "default": True,
            "description": "false: the policy lets metadata be read only. Needs 'overwrite: true', too.",
        },
    },
    "required": ["path"],
    "additionalProperties": False,
}


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; the server is asked nothing yet. Raises InputError for options that don't fit together."""
    options = settings.options
    if not options.get("receipts", True) and not options.get("overwrite"):
        raise InputError(
            f"sink '{settings.name}': 'receipts: false' leaves no mark by which keyplan could tell its own secrets",
            advice="set 'overwrite: true' as well, and let nobody else write there",
        )
    if options.get("copy_from") and options.get("write_only"):
        raise InputError(f"sink '{settings.name}': a sink with 'write_only: true' can't be copied from")
    store = connect(options, context)
    writing = Writing(store, clock=context.clock, jitter=context.jitter)
    return VaultSink(settings, store, writing, owner=context.owner)


class VaultSink:
    """Implements Sink on one server. Safe for threads, and beside other writers."""

    def __init__(self, settings: SinkSettings, store: Store, writing: Writing, *, owner: str) -> None:
        self._settings = settings
        self._store = store
        self._owner = owner
        self._reads = not settings.options.get("write_only", False)
        self._notes = bool(settings.options.get("receipts", True))
        self._writing = writing
        self._locks: dict[str, Lock] = {}
        self._checked_mounts: set[str] = set()

    @property
    def abilities(self) -> Abilities:
        """What the options leave of what KV version 2 can do."""
        return Abilities(
            holds_receipts=self._notes,
            readable=self._reads,
            weak_proof=not self._notes,
            may_copy=bool(self._settings.options.get("copy_from")),
        )

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the secret and its field: ``secret/arize/ci#api_key``."""
        fixed = sorted({*CONNECTION_SCHEMA, "write_only", "receipts", "copy_from"} & delivery.options.keys())
        if fixed:
            raise InputError(
                f"{delivery.place}: sink '{delivery.sink}' has one '{fixed[0]}' for all keys",
                advice="configure a second sink",
            )
        return fill_slot(self._settings.name, owner, declaration, {**self._settings.options, **delivery.options})

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds, with one or two requests for each secret, some at the same time."""
        by_secret: defaultdict[str, list[Slot]] = defaultdict(list)
        for slot in slots:
            by_secret[Target.of(slot).secret].append(slot)
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            looked = pool.map(self._inspect, by_secret.values())
            return {slot: holding for holdings in looked for slot, holding in holdings.items()}

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none, or where it can't be read."""
        return self._find(Target.of(slot)).value()

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent, after asking the server whether the value could be written."""
        target = Target.of(slot)
        self._require_version_2(target.mount)
        with self._lock(target):
            found = self._find(target)
            found.refuse_unwritable(intent.owner)
            self._writing.require_rights(found, will_exist=self._notes)
            note = found.note or Note(version=found.secret.version)
            self._write_note(found, intent.owner, replace(note, intent=intent))

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and the mark with it where nothing was delivered."""
        target = Target.of(slot)
        with self._lock(target):
            found = self._find(target)
            note = found.note
            if note is None or note.intent is None or note.intent.id != intent_id:
                return
            if note.receipt or found.is_present:
                self._write_note(found, found.notes.owner, replace(note, intent=None))
            else:
                self._writing.note(found, found.notes.without(target.field))

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key, then its receipt; the intent is closed."""
        target = Target.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{target.location}: an empty value is never written")
        text = target.format.set(b"", raw.reveal(), receipt).decode()
        with self._lock(target):
            self._writing.repeat(lambda: self._put(target, text, receipt))

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value, or the sink holds no receipts."""
        target = Target.of(slot)
        with self._lock(target):
            found = self._find(target)
            found.refuse_other_owner(receipt.owner)
            if found.is_present:
                note = found.note or Note(version=found.secret.version)
                self._write_note(found, receipt.owner, replace(note, receipt=receipt))

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove the value and its note; a value that a person put in its place stays."""
        target = Target.of(slot)
        if slot.options.get("on_remove") != "keep":
            with self._lock(target):
                self._writing.repeat(lambda: self._withdraw(target, owner))

    def _find(self, target: Target) -> Found:
        secret = self._store.look(target.mount, target.path, values=self._reads)
        notes = Notes.of(secret.entries)
        return Found(target=target, secret=secret, notes=notes if self._notes else Notes(owner=notes.owner))

    def _inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what slots of one secret hold."""
        targets = {slot: Target.of(slot) for slot in slots}
        first = self._find(next(iter(targets.values())))
        return {slot: self._hold(replace(first, target=target)) for slot, target in targets.items()}

    def _hold(self, found: Found) -> Holding:
        holding = found.hold(self._owner)
        is_proof = holding.present and not self._notes
        return replace(holding, changed_at=found.secret.written_at) if is_proof else holding

    def _put(self, target: Target, text: str, receipt: Receipt) -> None:
        found = self._find(target)
        found.refuse_unwritable(receipt.owner)
        if found.note is None:
            # Marked first: after a crash between value and receipt, the value must not look like a person's.
            found = self._write_note(found, receipt.owner, Note(version=found.secret.version))
        version = self._writing.store(found, text)
        found = replace(found, notes=found.notes.having_written(version, before=found.secret.version))
        self._write_note(found, receipt.owner, Note(receipt=receipt, version=version))

    def _withdraw(self, target: Target, owner: str) -> None:
        found = self._find(target)
        is_ours = found.note is not None and found.notes.owner == owner if self._notes else not found.notes.owner
        if not is_ours:
            return
        notes = found.notes
        if found.is_present and not found.is_a_persons:
            notes = notes.having_written(self._writing.remove(found), before=found.secret.version)
        if self._notes:
            self._writing.note(found, notes.without(target.field))

    def _write_note(self, found: Found, owner: str, note: Note) -> Found:
        if not self._notes:
            return found
        strangers = found.others.keys() - found.notes.by_field.keys()
        is_whole = (found.notes.is_whole or not found.secret.is_live) and not strangers
        return self._writing.note(found, found.notes.having(found.target.field, note, owner=owner, is_whole=is_whole))

    def _require_version_2(self, mount: str) -> None:
        if mount not in self._checked_mounts:
            if self._store.engine_version(mount) not in {None, "2"}:
                raise explain_old_engine(mount)
            self._checked_mounts.add(mount)

    def _lock(self, target: Target) -> Lock:
        # Two threads that note something beside one secret would each lose what the other noted.
        return self._locks.setdefault(target.secret, Lock())
