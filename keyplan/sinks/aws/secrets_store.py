"""Secrets with receipts in their tags, whole or a field of a JSON object: the store of the sink `aws-secrets-manager`.

The mark goes first, then the value as a new version, then the receipt, which names the version. No other field and no
other tag is lost, and no secret is deleted that keyplan neither made nor restored nor filled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from keyplan.errors import SinkDeniedError
from keyplan.model.observation import Slot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.sinks.aws.notes import OWNER, WHOLE, AwsNote, find_surplus, has_other_fields, is_in_use
from keyplan.sinks.aws.places import describe_form, name_of, prefix_of, read_format, read_text
from keyplan.sinks.aws.secrets_client import CURRENT, SecretRecord, SecretsClient, make_token
from keyplan.sinks.aws.service import WIDEST
from keyplan.sinks.aws.turns import SecretTurns, find_holder, name_run, name_version
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence, StoreConflictError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A secret, and what is noted in it of one slot."""

    slot: Slot
    record: SecretRecord
    note: AwsNote

    @property
    def prefix(self) -> str:
        """What the names of the tags of this slot begin with."""
        return prefix_of(self.slot)

    @property
    def is_whole(self) -> bool:
        """Whether this key is all that the secret holds."""
        return self.prefix == WHOLE

    @property
    def is_filled(self) -> bool:
        """Whether consumers get something, other than what keyplan withdrew."""
        return not self.record.is_deleted and self.record.current not in ("", self.note.void)

    @property
    def entry(self) -> Entry | None:
        """What is noted of this slot's value; the mark of a secret says nothing of a field without tags of its own."""
        is_noted = self.is_whole or any(name.startswith(f"{self.prefix}-") for name in self.record.tags)
        return self.note.entry if is_noted else None

    @property
    def has_other_fields(self) -> bool:
        """Whether keyplan holds another field of the same secret."""
        return has_other_fields(self.record.tags, self.prefix)


class AwsSecrets:
    """Implements ValueStore, and LazyStore, in one account and region.

    Safe for threads; of several processes the slower one loads again.
    """

    def __init__(self, client: SecretsClient, *, owner: str, give_way: Callable[[int], None]) -> None:
        """`owner`: whose secrets are listed, if there are many. `give_way`: the pause before another look."""
        self._client = client
        self._turns = SecretTurns(client, give_way=give_way)
        self._owner = owner
        self._locks: dict[str, Lock] = {}

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds; values are read only if the receipt's version is not the current one."""
        records = self._client.look({name_of(slot) for slot in slots}, self._owner)

        def load_one(slot: Slot) -> Loaded:
            record = records.get(name_of(slot))
            return Loaded() if record is None else self._load(_hold(slot, record))

        with ThreadPoolExecutor(max_workers=WIDEST) as pool:
            return dict(zip(slots, pool.map(load_one, slots), strict=True))

    def load_content(self, slot: Slot) -> bytes | None:
        """Return the content; None if there is none, or what there is was withdrawn."""
        record = self._client.describe(name_of(slot))
        is_filled = record is not None and _hold(slot, record).is_filled
        return self._client.value(name_of(slot)) if is_filled else None

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Load, decide and store; the version that was loaded must still be current when the new one becomes it."""
        with self._locks.setdefault(name_of(slot), Lock()):
            record = self._client.describe(name_of(slot))
            if record is None or record.is_deleted:
                if create:
                    self._change_missing(slot, record, decide)
                return
            held = _hold(slot, record)
            # Of a field the whole object is needed: the others have to be kept.
            loaded = self._load(held, is_content_needed=not held.is_whole, may_be_unread=not create)
            if (change := decide(loaded)) is None:
                return
            if change.entry is None:
                self._remove(held, change.content, loaded)
            else:
                self._store(held, change, change.entry, loaded)

    def _load(self, held: _Held, *, is_content_needed: bool = False, may_be_unread: bool = True) -> Loaded:
        record, note = held.record, held.note
        if not held.is_filled:
            return _load_without_value(held)
        # One that a run has only just made has no value, although some emulators give it a version.
        is_new = note.made and note.receipt is None and note.intent is None
        # The version proves the value; and of a whole secret without a receipt there is nothing to compare.
        is_known = (note.receipt is not None and note.version == record.current) or (
            held.is_whole and note.receipt is None and not is_new
        )
        content, presence = None, Presence.PRESENT
        if is_content_needed or not is_known:
            ask = self._client.value_if_allowed if may_be_unread or held.is_whole else self._client.value
            content = ask(record.name)
            # In an object that may not be read, a field that nothing is noted of may be there or not.
            unread = Presence.PRESENT if held.is_whole or note.receipt else Presence.POSSIBLE
            presence = unread if content is None else Presence.AS_READ
        return Loaded(
            presence=presence,
            content=content,
            entry=held.entry,
            owner=note.owner,
            # Without receipt or intent, the mark alone may be one that a user's value came under later.
            is_foreign=not is_in_use(record.tags, held.prefix),
            seal=record.current,
            obstacle=_find_other_format(held),
        )

    def _change_missing(self, slot: Slot, record: SecretRecord | None, decide: Decide) -> None:
        """Make or restore the secret of a slot, if the engine agrees, and store."""
        if record is None:
            change = decide(Loaded())
            if change is not None and change.entry is not None:
                self._store(self._create(slot, change.entry.owner), change, change.entry, Loaded())
            return
        held = _hold(slot, record)
        loaded = _load_without_value(held)
        change = decide(loaded)
        if change is None or change.entry is None:
            return
        self._client.restore(record.name)
        if not held.is_whole:
            # What the object holds could not be read before: it has to be loaded, so that its fields are kept.
            raise StoreConflictError(f"{slot.location}: was restored just now", advice="apply again")
        # What was deleted must not pass for a delivered value, though consumers see it until the next one.
        note = AwsNote(owner=held.note.owner, void=record.current, made=held.note.made)
        self._store(replace(held, record=replace(record, is_deleted=False), note=note), change, change.entry, loaded)

    def _create(self, slot: Slot, owner: str) -> _Held:
        note = AwsNote(owner=owner, made=True)
        tags = note.to_tags(prefix_of(slot))
        version = self._client.create(name_of(slot), read_text(slot.options, "kms_key_id"), tags)
        # Some emulators give it a version all the same, although it has no value.
        stages = {version: (CURRENT,)} if version else {}
        record = SecretRecord(name=name_of(slot), tags=tags, stages=stages, is_deleted=False)
        return _Held(slot=slot, record=record, note=replace(note, void=version))

    def _store(self, held: _Held, change: Change, entry: Entry, loaded: Loaded) -> None:
        run = held.note.run
        if entry.intent is not None and entry.intent != held.note.intent:
            # Before the intent is noted: a missing right to write is found while no key exists yet.
            token = name_version(entry.intent)
            self._client.probe(held.record, token)
            run = name_run(token)
            self._turns.take(held.record, AwsNote(owner=entry.owner, intent=entry.intent, run=run), held.prefix, token)
        if change.content and change.raw is not None and entry.receipt is not None:
            if held.record.tags.get(OWNER) != entry.owner:
                # Marked first: after a crash between value and receipt, the value must not look like a user's.
                self._client.mark(held.record.name, AwsNote(owner=entry.owner).to_tags(held.prefix), ())
            version = self._fill(held, change.content, change.raw, entry.receipt, loaded)
            self._note(held, AwsNote(owner=entry.owner, receipt=entry.receipt, version=version, made=held.note.made))
            return
        # A receipt for a value that is there already speaks of the version that was loaded.
        version = held.note.version or (entry.seal if entry.receipt else "")
        noted = replace(held.note, owner=entry.owner, receipt=entry.receipt, version=version)
        self._note(held, replace(noted, intent=entry.intent, run=run))
        if held.note.intent is not None and entry.intent is None:
            self._client.unlock(held.record.name, name_version(held.note.intent))

    def _fill(self, held: _Held, content: bytes, raw: RawKey, receipt: Receipt, loaded: Loaded) -> str:
        """Make a content the current version if its key isn't current yet, and return the version."""
        fingerprint, base = raw.fingerprint(receipt.key_id), ""
        if not held.is_whole and loaded.content is not None:
            base = held.record.current
            former = read_format(held.slot).read(loaded.content)
            if former is not None and fingerprint.matches(RawKey(former)):
                return base
        # The same put has the same token, which AWS takes for one version; beside other fields, on the same base only.
        token = make_token(receipt.key_id, fingerprint.digest, describe_form(held.slot, receipt), base)
        self._client.fill(held.record, token, content)
        return token

    def _remove(self, held: _Held, rest: bytes | None, loaded: Loaded) -> None:
        """Remove note and value; with `rest` None the note alone."""
        format_ = read_format(held.slot)
        is_there = loaded.presence is not Presence.AS_READ or bool(format_.read(loaded.content or b""))
        if rest is None or not is_there:
            self._remove_note(held)
        elif rest:
            self._client.fill(held.record, make_token("without", held.prefix, held.record.current), rest)
            self._note(held, AwsNote())
        else:
            # Noted first: after a restoration, or a crash right here, the old value must not pass for a delivered one.
            void = AwsNote(owner=held.note.owner, void=held.record.current, made=held.note.made)
            self._note(held, void)
            self._delete(held)

    def _remove_note(self, held: _Held) -> None:
        """Remove the note; a secret without any value goes with it, if keyplan made or restored it."""
        is_ours = bool(held.note.void) or held.note.made
        if held.is_filled or held.has_other_fields or not is_ours:
            self._note(held, AwsNote())
            if held.note.intent is not None:
                self._client.unlock(held.record.name, name_version(held.note.intent))
        else:
            self._delete(held)

    def _delete(self, held: _Held) -> None:
        days = held.slot.options.get("recovery_days", 30)
        # If no consumer ever got a value there is nothing to restore: the name may be free at once.
        self._client.delete(held.record.name, days if isinstance(days, int) and held.record.current else 0)

    def _note(self, held: _Held, note: AwsNote) -> None:
        """Write the note of one slot; the owner's mark stays while another field has its own note."""
        if held.has_other_fields and not note.owner:
            note = replace(note, owner=held.note.owner, made=held.note.made)
        tags, former = note.to_tags(held.prefix), held.record.tags
        changed = {name: value for name, value in tags.items() if former.get(name) != value}
        self._client.mark(held.record.name, changed, find_surplus(former, tags, held.prefix))


def _hold(slot: Slot, record: SecretRecord) -> _Held:
    note = AwsNote.read(record.tags, prefix_of(slot), locked_by=find_holder(record))
    return _Held(slot=slot, record=record, note=note)


def _load_without_value(held: _Held) -> Loaded:
    """Return a slot that consumers get nothing from: empty, withdrawn, or scheduled for deletion."""
    note = held.note
    if not held.record.is_deleted:
        return Loaded(entry=held.entry, owner=note.owner, obstacle=_find_other_format(held))
    if note.owner:
        # The receipt speaks of a value that is gone.
        return Loaded(entry=Entry(owner=note.owner), owner=note.owner)
    obstacle = SinkDeniedError(
        f"{held.slot.location}: a secret of that name is scheduled for deletion, and it was not keyplan's",
        advice="restore it, delete it without recovery, or choose another name",
    )
    return Loaded(obstacle=obstacle)


def _find_other_format(held: _Held) -> SinkDeniedError | None:
    """Return why a secret can't take the slot's value: it is whole for one key and has fields for others."""
    tags = held.record.tags
    is_other = has_other_fields(tags, WHOLE) if held.is_whole else is_in_use(tags, WHOLE)
    if not is_other:
        return None
    return SinkDeniedError(
        f"{held.slot.location}: keyplan holds a key there in another format", advice="choose another name"
    )
