"""The sink `aws-secrets-manager`: raw keys as secrets of AWS Secrets Manager, receipts as their tags.

In: slots, raw keys, receipts, intents. Out: the value as a new version, staged and then made current in one step, and
then its receipt. The receipt names the version that it speaks of: versions never change, so that planning learns
without reading any value whether the delivered one is still there. Never: a secret touched that a person or another
owner filled, an empty value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import SinkDeniedError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.aws.marks import OWNER, WHOLE, Marks, is_in_use, is_of_another_field, leftovers
from keyplan.sinks.aws.places import Target, compare, fill_slot
from keyplan.sinks.aws.secrets import Record, Secrets, make_token
from keyplan.sinks.aws.service import CONNECTION, STORING, WIDEST, connect, refuse, refuse_connection_options

TYPE = "aws-secrets-manager"
OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Keeps each raw key as a secret of AWS Secrets Manager.",
    "properties": {
        **CONNECTION,
        "name": {
            "type": "string",
            "minLength": 1,
            "description": "Template of {name} {key_type} {space} {owner} {address}: the secret's name.",
        },
        "field": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "For a secret that is a JSON object: which field is the key; a template, too. Others stay.",
        },
        **STORING,
        "recovery_days": {
            "enum": [0, *range(7, 31)],
            "default": 30,
            "description": "How long a deleted secret can be restored; 0: not at all.",
        },
    },
    "required": ["name"],
    "additionalProperties": False,
}


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError where boto3 is missing or can't be set up."""
    (service,) = connect(["secretsmanager"], settings.options, extra=TYPE)
    return SecretsManagerSink(settings, owner=context.owner, secrets=Secrets(service))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A secret, and what is noted in it of one slot."""

    record: Record
    marks: Marks

    @property
    def is_filled(self) -> bool:
        """Whether consumers get something, other than what keyplan withdrew."""
        return not self.record.is_deleted and self.record.current not in ("", self.marks.void)


class SecretsManagerSink:
    """Implements Sink on AWS Secrets Manager. Safe for threads; of several processes the slower one fails."""

    def __init__(self, settings: SinkSettings, *, owner: str, secrets: Secrets) -> None:
        self.abilities = Abilities(holds_receipts=True, readable=True, may_copy=bool(settings.options.get("copy_from")))
        self._settings = settings
        self._owner = owner
        self._secrets = secrets
        self._locks: dict[str, Lock] = {}

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the secret, and the field where there is one: ``arize/ci#api_key``."""
        refuse_connection_options(delivery.options)
        return fill_slot(self._settings, owner, declaration, delivery)

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds; values are read only where the receipt's version is not the current one."""
        targets = {slot: Target.of(slot) for slot in slots}
        records = self._secrets.look({target.name for target in targets.values()}, self._owner)

        def hold(slot: Slot) -> Holding:
            return self._hold(targets[slot], _find(records.get(targets[slot].name), targets[slot]), self._owner)

        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return dict(zip(slots, pool.map(hold, slots), strict=True))

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key that a slot holds; None where there is none."""
        target = Target.of(slot)
        found = _find(self._secrets.describe(target.name), target)
        value = target.format.read(self._secrets.value(target.name)) if found and found.is_filled else None
        return RawKey(value) if value else None

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent in the tags; a harmless version without consumers proves that values can be written."""
        target = Target.of(slot)
        with self._locks.setdefault(target.name, Lock()):
            found = self._open(target, intent.owner)
            self._secrets.probe(found.record, make_token("probe", intent.id, str(intent.attempts)))
            self._note(target, found, replace(found.marks, owner=intent.owner, intent=intent))

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent, and with it what was made for it alone."""
        target = Target.of(slot)
        with self._locks.setdefault(target.name, Lock()):
            found = _find(self._secrets.describe(target.name), target)
            if found and not found.record.is_deleted and found.marks.intent and found.marks.intent.id == intent_id:
                self._drop_intent(target, found)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store the raw key as the current version, then its receipt; the intent is closed."""
        target = Target.of(slot)
        if raw.is_empty():
            raise SinkDeniedError(f"{target.location}: an empty value is never written")
        with self._locks.setdefault(target.name, Lock()):
            found = self._open(target, receipt.owner)
            if found.record.tags.get(OWNER) != receipt.owner:
                # Marked first: after a crash between value and receipt, the value must not look like a person's.
                self._secrets.mark(target.name, Marks(owner=receipt.owner).tags(target.prefix), ())
            token = self._fill(target, found, raw, receipt)
            marks = Marks(owner=receipt.owner, receipt=receipt, version=token, made=found.marks.made)
            self._note(target, found, marks)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""
        target = Target.of(slot)
        with self._locks.setdefault(target.name, Lock()):
            found = _find(self._secrets.describe(target.name), target)
            if found is None:
                return
            _refuse_other_owner(target, found.marks, receipt.owner)
            if self._hold(target, found, receipt.owner).present:
                self._note(target, found, replace(found.marks, owner=receipt.owner, receipt=receipt))

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Delete the secret, or take the field out; a value that a person put in its place stays."""
        target = Target.of(slot)
        with self._locks.setdefault(target.name, Lock()):
            found = _find(self._secrets.describe(target.name), target)
            if found is None or found.record.is_deleted or found.marks.owner != owner or target.keeps:
                return
            held = self._hold(target, found, owner)
            if not held.present:
                self._drop_intent(target, found)
            elif held.content is Content.DIFFERS and held.intent is None:
                self._note(target, found, Marks())
            else:
                self._take_out(target, found)

    def _open(self, target: Target, owner: str) -> _Found:
        """Return the secret of a slot that may be written; made, or restored, where need be."""
        record = self._secrets.describe(target.name)
        if record is None:
            marks = Marks(owner=owner, made=True)
            version = self._secrets.create(target.name, target.kms_key_id, marks.tags(target.prefix))
            stages = {version: ("AWSCURRENT",)} if version else {}
            record = Record(name=target.name, tags=marks.tags(target.prefix), stages=stages, is_deleted=False)
            return _Found(record=record, marks=replace(marks, void=version))
        found = _Found(record=record, marks=Marks.read(record.tags, target.prefix))
        _refuse_other_owner(target, found.marks, owner)
        _refuse_other_format(target, record)
        if record.is_deleted:
            return self._restore(target, found)
        if not target.may_overwrite and self._is_a_persons(target, found):
            refuse(
                f"{target.location}: something is there that keyplan did not put there",
                "move it away, choose another name, or set 'overwrite: true' on this sink",
            )
        return found

    def _restore(self, target: Target, found: _Found) -> _Found:
        if not found.marks.owner:
            refuse(
                f"{target.location}: a secret of that name is scheduled for deletion, and it was not keyplan's",
                "restore it, delete it without recovery, or choose another name",
            )
        self._secrets.restore(target.name)
        record, marks = replace(found.record, is_deleted=False), found.marks
        if target.is_whole:
            # What was deleted must not pass for a delivered value, though consumers see it until the next one.
            marks = Marks(owner=marks.owner, void=record.current, made=marks.made)
        return _Found(record=record, marks=marks)

    def _is_a_persons(self, target: Target, found: _Found) -> bool:
        """Whether there is a value that bears no mark of ours."""
        if any(is_in_use(name, target.prefix) for name in found.record.tags) or not found.is_filled:
            return False
        return target.is_whole or target.format.read(self._secrets.value(target.name)) is not None

    def _fill(self, target: Target, found: _Found, raw: RawKey, receipt: Receipt) -> str:
        """Make the raw key current where it is not, and return its version."""
        record, fingerprint = found.record, raw.fingerprint(receipt.key_id)
        content, base = b"", ""
        if not target.is_whole and found.is_filled:
            content, base = self._secrets.value(target.name), record.current
            held = target.format.read(content)
            if held is not None and fingerprint.matches(RawKey(held)):
                return record.current
        token = make_token(receipt.key_id, fingerprint.digest, target.form(receipt), base)
        self._secrets.fill(record, token, target.format.set(content, raw.reveal(), receipt))
        return token

    def _take_out(self, target: Target, found: _Found) -> None:
        record = found.record
        rest = b"" if target.is_whole else target.format.unset(self._secrets.value(target.name))
        if rest:
            self._secrets.fill(record, make_token("without", target.prefix, record.current), rest)
            self._note(target, found, Marks())
            return
        # Noted first: after a restoration, or a crash right here, the old value must not pass for a delivered one.
        self._note(target, found, Marks(owner=found.marks.owner, void=record.current, made=found.marks.made))
        self._secrets.delete(target.name, target.recovery_days)

    def _drop_intent(self, target: Target, found: _Found) -> None:
        """Take an intent away; a secret without any value goes with it, where keyplan made or restored it."""
        others = any(is_of_another_field(name, target.prefix) for name in found.record.tags)
        if self._hold(target, found, found.marks.owner).present:
            self._note(target, found, replace(found.marks, intent=None))
        elif found.is_filled or others or not (found.marks.void or found.marks.made):
            self._note(target, found, Marks())
        else:
            # Where nobody ever got a value there is nothing to restore: the name may be free at once.
            self._secrets.delete(target.name, target.recovery_days if found.record.current else 0)

    def _note(self, target: Target, found: _Found, marks: Marks) -> None:
        """Write the marks of one slot; the owner's stays while another field has its own."""
        others = any(is_of_another_field(name, target.prefix) for name in found.record.tags)
        if others and not marks.owner:
            marks = replace(marks, owner=found.marks.owner, made=found.marks.made)
        tags = marks.tags(target.prefix)
        changed = {name: value for name, value in tags.items() if found.record.tags.get(name) != value}
        self._secrets.mark(target.name, changed, leftovers(found.record.tags, tags, target.prefix))

    def _hold(self, target: Target, found: _Found | None, owner: str) -> Holding:
        if found is None or found.record.is_deleted:
            return Holding(present=False)
        # Another owner's mark proves nothing to us: planned as undelivered, it is refused by `intend`.
        marks = found.marks if found.marks.owner == owner else Marks()
        if not found.is_filled:
            return Holding(present=False, intent=marks.intent)
        if marks.receipt and marks.version == found.record.current:
            known = Content.MATCHES if marks.receipt.fingerprint else Content.UNREAD
            return Holding(present=True, receipt=marks.receipt, intent=marks.intent, content=known)
        if target.is_whole and marks.receipt is None:
            return Holding(present=True, intent=marks.intent)
        content = self._secrets.value_if_allowed(target.name)
        value = None if content is None else target.format.read(content)
        if content is not None and value is None:
            return Holding(present=False, intent=marks.intent)
        return Holding(present=True, receipt=marks.receipt, intent=marks.intent, content=compare(value, marks.receipt))


def _find(record: Record | None, target: Target) -> _Found | None:
    return _Found(record=record, marks=Marks.read(record.tags, target.prefix)) if record else None


def _refuse_other_owner(target: Target, marks: Marks, owner: str) -> None:
    if marks.owner not in ("", owner):
        refuse(
            f"{target.location}: belongs to the manifest of '{marks.owner}'",
            "choose another name, or let that manifest give it up first",
        )


def _refuse_other_format(target: Target, record: Record) -> None:
    fields = any(is_of_another_field(name, WHOLE) for name in record.tags)
    whole = any(is_in_use(name, WHOLE) for name in record.tags)
    if not record.is_deleted and (fields if target.is_whole else whole):
        refuse(f"{target.location}: keyplan holds a key there in another format", "choose another name")
