"""SecureString parameters with receipts in their tags: the store of the sink `aws-ssm`.

A parameter can't be without a value, so an intent is a parameter of its own beside the value's, for as long as it is
open. An existing parameter gets its value first and then its receipt; a new one gets both in one step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.sinks.aws.notes import OWNER, WHOLE, AwsNote, find_surplus
from keyplan.sinks.aws.parameters_client import SECURE, ParameterRecord, ParametersClient, ParameterStorage
from keyplan.sinks.aws.places import describe_form, name_of, read_text
from keyplan.sinks.aws.service import WIDEST
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence

_STANDARD_BYTES, _ADVANCED_BYTES = 4096, 8192
_INTENT_SUFFIX = ".keyplan-intent"
_INTENT_TEXT = b"no secret: keyplan is about to deliver a key beside this"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """The parameter of a value and the one of its intent; either may be missing."""

    record: ParameterRecord | None
    note: AwsNote
    beside: ParameterRecord | None
    beside_note: AwsNote

    @property
    def entry(self) -> Entry | None:
        """What both say of the value."""
        owner = self.note.owner or self.beside_note.owner
        if not owner:
            return None
        beside = self.beside_note
        # While a former owner's place is taken over, the value's mark changes before that of the intent.
        is_owners = owner in (beside.owner, beside.intent.owner if beside.intent else "")
        intent = beside.intent if is_owners else None
        return Entry(owner=owner, receipt=self.note.receipt, intent=intent, seal=self.note.version)


class AwsParameters:
    """Implements ValueStore, and LazyStore, in one account and region. Safe for threads."""

    def __init__(self, client: ParametersClient, *, owner: str) -> None:
        """`owner`: whose tags the account's index is asked for."""
        self._client = client
        self._owner = owner

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds; values are read only if the receipt's version is not the newest one."""
        pairs = self._find([name_of(slot) for slot in slots])
        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return dict(zip(slots, pool.map(lambda slot: self._load(pairs[name_of(slot)]), slots), strict=True))

    def load_content(self, slot: Slot) -> bytes:
        """Return the value; empty if there is none."""
        return self._client.value(name_of(slot))

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:  # noqa: ARG002 - nothing has to be made
        """Load, decide and store. Nothing keeps other processes out: AWS has no conditional write of a parameter."""
        pair = self._find([name_of(slot)])[name_of(slot)]
        change = decide(self._load(pair))
        if change is None:
            return
        if change.entry is None:
            self._remove(slot, pair, is_value_removed=change.content is not None)
            return
        if change.content:
            self._put(slot, pair, change.content, change.entry)
        elif pair.record and change.entry.receipt:
            self._note(pair.record, _renew_note(pair.note, change.entry))
        self._note_intent(slot, pair, change, change.entry)

    def _find(self, names: Collection[str]) -> dict[str, _Pair]:
        records = self._client.look([*names, *(name + _INTENT_SUFFIX for name in names)], self._owner)
        return {name: _pair(records.get(name), records.get(name + _INTENT_SUFFIX)) for name in names}

    def _load(self, pair: _Pair) -> Loaded:
        record, receipt = pair.record, pair.note.receipt
        if record is None:
            return Loaded(entry=pair.entry)
        # A value that may not be read counts as changed: another version than the receipt's is newer than it.
        is_doubtful = receipt and receipt.fingerprint and pair.note.version != record.version
        return Loaded(
            presence=Presence.PRESENT,
            content=self._client.value_if_allowed(record.name) if is_doubtful else None,
            entry=pair.entry,
            owner=pair.beside_note.owner,
            # With an intent beside it, too: what a user made meanwhile has no mark of ours.
            is_foreign=not pair.note.owner,
            seal=record.version,
            obstacle=_find_other_type(record),
        )

    def _put(self, slot: Slot, pair: _Pair, content: bytes, entry: Entry) -> None:
        most = _STANDARD_BYTES if read_text(slot.options, "tier") in ("", "Standard") else _ADVANCED_BYTES
        if len(content) > most:
            raise SinkDeniedError(
                f"{slot.location}: the value is longer than {most} bytes", advice="set 'tier: Advanced' on this sink"
            )
        record = pair.record
        if record is None:
            # AWS counts versions from 1.
            first = AwsNote(owner=entry.owner, receipt=entry.receipt, version="1")
            self._client.create(name_of(slot), content, _storage(slot), first.to_tags(WHOLE))
            return
        if pair.note.owner != entry.owner:
            # Marked first: after a crash between value and receipt, the value must not look like a user's.
            self._client.mark(record.name, AwsNote(owner=entry.owner).to_tags(WHOLE), ())
        version = record.version
        # AWS keeps 100 versions: a put that is repeated must not make another one.
        if pair.note.version != version or not _is_same_value(slot, pair.note.receipt, entry.receipt):
            version = self._client.renew(record, content, _storage(slot))
        self._note(record, AwsNote(owner=entry.owner, receipt=entry.receipt, version=version))

    def _note(self, record: ParameterRecord, note: AwsNote) -> None:
        tags = note.to_tags(WHOLE)
        changed = {name: value for name, value in tags.items() if record.tags.get(name) != value}
        self._client.mark(record.name, changed, find_surplus(record.tags, tags, WHOLE))

    def _note_intent(self, slot: Slot, pair: _Pair, change: Change, entry: Entry) -> None:
        name = name_of(slot) + _INTENT_SUFFIX
        if entry.intent is None:
            # After the value and its receipt: as long as the intent is open, a crash is recovered from.
            if pair.beside:
                self._client.delete(name)
            return
        if entry.intent == pair.beside_note.intent and not change.must_prove:
            return
        if pair.record and pair.note.owner:
            # Changes nothing, and proves that the receipt can be written, too.
            self._client.mark(pair.record.name, {OWNER: entry.owner}, ())
        tags = AwsNote(owner=entry.owner, intent=entry.intent).to_tags(WHOLE)
        if pair.beside is None:
            self._client.create(name, _INTENT_TEXT, _storage(slot), tags)
            return
        # Written again, though the text stays: this proves that values can be written and encrypted.
        self._client.renew(pair.beside, _INTENT_TEXT, _storage(slot))
        self._client.mark(name, tags, find_surplus(pair.beside.tags, tags, WHOLE))

    def _remove(self, slot: Slot, pair: _Pair, *, is_value_removed: bool) -> None:
        if pair.record and is_value_removed:
            self._client.delete(pair.record.name)
        elif pair.record and pair.note.owner:
            self._note(pair.record, AwsNote())
        # An intent of another owner stays: that manifest is about to write there.
        entry = pair.entry
        if pair.beside and entry and (entry.intent is not None or entry.owner == pair.beside_note.owner):
            self._client.delete(name_of(slot) + _INTENT_SUFFIX)


def _pair(record: ParameterRecord | None, beside: ParameterRecord | None) -> _Pair:
    return _Pair(
        record=record,
        note=AwsNote.read(record.tags, WHOLE) if record else AwsNote(),
        beside=beside,
        beside_note=AwsNote.read(beside.tags, WHOLE) if beside else AwsNote(),
    )


def _find_other_type(record: ParameterRecord) -> SinkDeniedError | None:
    """Return why a parameter can't take a value: it is not encrypted, and AWS changes no parameter's type."""
    if record.type == SECURE:
        return None
    return SinkDeniedError(
        f"{record.name}: is a {record.type}, which AWS does not encrypt", advice="delete it, or name another"
    )


def _renew_note(note: AwsNote, entry: Entry) -> AwsNote:
    """Return the note of a value that stays as it is."""
    return AwsNote(owner=entry.owner, receipt=entry.receipt, version=note.version or entry.seal)


def _is_same_value(slot: Slot, former: Receipt | None, receipt: Receipt | None) -> bool:
    """Whether two receipts speak of the same stored value, to the byte."""
    if former is None or former.fingerprint is None or receipt is None:
        return False
    if (former.key_id, former.fingerprint) != (receipt.key_id, receipt.fingerprint):
        return False
    return describe_form(slot, former) == describe_form(slot, receipt)


def _storage(slot: Slot) -> ParameterStorage:
    return ParameterStorage(kms_key_id=read_text(slot.options, "kms_key_id"), tier=read_text(slot.options, "tier"))
