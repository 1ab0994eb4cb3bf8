"""The sink `aws-ssm`: raw keys as SecureString parameters of AWS Systems Manager, receipts as their tags.

In: slots, raw keys, receipts, intents. Out: the value as a new version, and then its receipt, which names that version:
planning learns without reading any value whether the delivered one is still there. A parameter can't be without value,
so an intent is a parameter of its own beside it, for as long as it is open. Never: a parameter touched that a person or
another owner made, an empty value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws.marks import OWNER, WHOLE, Marks, leftovers
from keyplan.sinks.aws.parameters import Parameters, Record, Storage
from keyplan.sinks.aws.places import Target, compare, fill_slot
from keyplan.sinks.aws.service import CONNECTION, STORING, WIDEST, connect, refuse, refuse_connection_options

TYPE = "aws-ssm"
OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Keeps each raw key as a SecureString parameter of AWS Systems Manager.",
    "properties": {
        **CONNECTION,
        "name": {
            "type": "string",
            "minLength": 1,
            "description": "Template of {name} {key_type} {space} {owner} {address}: the parameter's name.",
        },
        **STORING,
        "tier": {
            "enum": ["Standard", "Advanced", "Intelligent-Tiering", None],
            "description": "Standard holds 4 KB and costs nothing, Advanced 8 KB; left out, the account's default.",
        },
    },
    "required": ["name"],
    "additionalProperties": False,
}

# AWS, PutParameter, Name: 1,011 characters with the ARN in front; 15 levels; aws and ssm are AWS's own.
_NAME = re.compile(r"(?!/?(aws|ssm))(/[A-Za-z0-9_.-]+){1,15}|(?!/?(aws|ssm))[A-Za-z0-9_.-]+", re.ASCII | re.IGNORECASE)
_LONGEST_NAME = 880
_STANDARD_BYTES, _ADVANCED_BYTES = 4096, 8192
_NOTE = ".keyplan-intent"
_NOTE_TEXT = b"no secret: keyplan is about to deliver a key beside this"


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError where boto3 is missing or can't be set up."""
    store, tagging = connect(["ssm", "resourcegroupstaggingapi"], settings.options, extra=TYPE)
    return ParameterSink(settings, owner=context.owner, parameters=Parameters(store, tagging))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A parameter and the one beside it, either of which may not be there."""

    record: Record | None
    marks: Marks
    note: Record | None
    note_marks: Marks

    @property
    def owner(self) -> str:
        """Whose it is, by either; empty where nobody says so."""
        return self.marks.owner or self.note_marks.owner


class ParameterSink:
    """Implements Sink on AWS Systems Manager's Parameter Store. Safe for threads."""

    def __init__(self, settings: SinkSettings, *, owner: str, parameters: Parameters) -> None:
        self.abilities = Abilities(holds_receipts=True, readable=True, may_copy=bool(settings.options.get("copy_from")))
        self._settings = settings
        self._owner = owner
        self._parameters = parameters

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the parameter: ``/arize/ci``."""
        refuse_connection_options(delivery.options)
        slot = fill_slot(self._settings, owner, declaration, delivery, rule=_NAME)
        if len(slot.location) > _LONGEST_NAME:
            raise InputError(f"'{slot.location}' is too long for a parameter's name")
        return slot

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds; values are read only where the receipt's version is not the present one."""
        found = self._find([Target.of(slot) for slot in slots], self._owner)

        def hold(slot: Slot) -> Holding:
            target = Target.of(slot)
            return self._hold(target, found[target.name], self._owner)

        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return dict(zip(slots, pool.map(hold, slots), strict=True))

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none."""
        target = Target.of(slot)
        value = target.format.read(self._parameters.value(target.name))
        return RawKey(value) if value else None

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent in a parameter beside the slot's, which proves that values can be written and encrypted."""
        target = Target.of(slot)
        found = self._open(target, intent.owner)
        if found.record and found.marks.owner:
            # Changes nothing, and proves that the receipt can be written, too.
            self._parameters.mark(target.name, {OWNER: intent.owner}, ())
        tags, name = Marks(owner=intent.owner, intent=intent).tags(WHOLE), target.name + _NOTE
        if found.note is None:
            self._parameters.create(name, _NOTE_TEXT, _storage(target), tags)
            return
        self._parameters.renew(found.note, _NOTE_TEXT, _storage(target))
        self._parameters.mark(name, tags, leftovers(found.note.tags, tags, WHOLE))

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent."""
        target = Target.of(slot)
        intent = self._look(target).note_marks.intent
        if intent and intent.id == intent_id:
            self._parameters.delete(target.name + _NOTE)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key, then its receipt; the intent is closed."""
        target = Target.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{target.location}: an empty value is never written")
        content = target.format.set(b"", raw.reveal(), receipt)
        _refuse_too_long(target, content)
        found = self._open(target, receipt.owner)
        if found.record is None:
            marks = Marks(owner=receipt.owner, receipt=receipt, version="1")
            self._parameters.create(target.name, content, _storage(target), marks.tags(WHOLE))
        else:
            self._renew(target, found.record, found.marks, content, receipt)
        if found.note:
            self._parameters.delete(target.name + _NOTE)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""
        target = Target.of(slot)
        found = self._look(target)
        _refuse_other_owner(target, found, receipt.owner)
        if found.record:
            self._note(found.record, Marks(owner=receipt.owner, receipt=receipt, version=found.marks.version))

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Delete the parameter; a value that a person put in its place stays."""
        target = Target.of(slot)
        found = self._look(target)
        if found.record and found.marks.owner == owner and not target.keeps:
            held = self._hold(target, found, owner)
            if held.content is Content.DIFFERS and held.intent is None:
                self._note(found.record, Marks())
            else:
                self._parameters.delete(target.name)
        if found.note and found.note_marks.owner == owner:
            self._parameters.delete(target.name + _NOTE)

    def _renew(self, target: Target, record: Record, marks: Marks, content: bytes, receipt: Receipt) -> None:
        """Give a parameter another value and receipt; a value that is there already gets no other version."""
        if marks.owner != receipt.owner:
            # Marked first: after a crash between value and receipt, the value must not look like a person's.
            self._parameters.mark(target.name, Marks(owner=receipt.owner).tags(WHOLE), ())
        former, version = marks.receipt, record.version
        is_there = (
            former
            and former.fingerprint
            and (former.key_id, former.fingerprint)
            == (
                receipt.key_id,
                receipt.fingerprint,
            )
        )
        if not is_there or marks.version != version or target.form(receipt) != target.form(former or receipt):
            version = self._parameters.renew(record, content, _storage(target))
        self._note(record, Marks(owner=receipt.owner, receipt=receipt, version=version))

    def _open(self, target: Target, owner: str) -> _Found:
        """Return what is there. Raises SinkDeniedError where it may not be written."""
        found = self._look(target)
        _refuse_other_owner(target, found, owner)
        if found.record and not found.marks.owner and not target.may_overwrite:
            refuse(
                f"{target.location}: something is there that keyplan did not put there",
                "move it away, choose another name, or set 'overwrite: true' on this sink",
            )
        return found

    def _look(self, target: Target) -> _Found:
        return self._find([target], self._owner)[target.name]

    def _find(self, targets: Collection[Target], owner: str) -> dict[str, _Found]:
        names = [target.name for target in targets]
        records = self._parameters.look([*names, *(name + _NOTE for name in names)], owner)
        return {name: _pair(records.get(name), records.get(name + _NOTE)) for name in names}

    def _note(self, record: Record, marks: Marks) -> None:
        tags = marks.tags(WHOLE)
        changed = {name: value for name, value in tags.items() if record.tags.get(name) != value}
        self._parameters.mark(record.name, changed, leftovers(record.tags, tags, WHOLE))

    def _hold(self, target: Target, found: _Found, owner: str) -> Holding:
        intent = found.note_marks.intent if found.note_marks.owner == owner else None
        if found.record is None:
            return Holding(present=False, intent=intent)
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        receipt = found.marks.receipt if found.marks.owner == owner else None
        if receipt is None or receipt.fingerprint is None:
            return Holding(present=True, receipt=receipt, intent=intent)
        if found.marks.version == found.record.version:
            return Holding(present=True, receipt=receipt, intent=intent, content=Content.MATCHES)
        found_value = self._parameters.value_if_allowed(target.name)
        content = compare(target.format.read(found_value or b""), receipt)
        return Holding(present=True, receipt=receipt, intent=intent, content=content)


def _pair(record: Record | None, note: Record | None) -> _Found:
    return _Found(
        record=record,
        marks=Marks.read(record.tags, WHOLE) if record else Marks(),
        note=note,
        note_marks=Marks.read(note.tags, WHOLE) if note else Marks(),
    )


def _storage(target: Target) -> Storage:
    return Storage(kms_key_id=target.kms_key_id, tier=target.tier)


def _refuse_other_owner(target: Target, found: _Found, owner: str) -> None:
    if other := next((marks.owner for marks in (found.marks, found.note_marks) if marks.owner not in ("", owner)), ""):
        refuse(
            f"{target.location}: belongs to the manifest of '{other}'",
            "choose another name, or let that manifest give it up first",
        )


def _refuse_too_long(target: Target, content: bytes) -> None:
    most = _STANDARD_BYTES if target.tier in ("", "Standard") else _ADVANCED_BYTES
    if len(content) > most:
        refuse(f"{target.location}: the value is longer than {most} bytes", "set 'tier: Advanced' on this sink")
