"""Fields of secrets in Vault as a store of the sink engine: new versions with check-and-set, notes in custom metadata.

Of a secret with several fields, one is changed and the others are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Finding
from keyplan.model.observation import Slot
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence, find_broken
from keyplan.sinks.vault.claimant import Claimant
from keyplan.sinks.vault.client import VaultClient, VaultSecret
from keyplan.sinks.vault.errors import explain_old_engine
from keyplan.sinks.vault.notes import VaultNote, VaultNotes
from keyplan.sinks.vault.places import VaultPlace
from keyplan.sinks.vault.state import VaultField, VaultLoaded
from keyplan.sinks.vault.writer import VaultWriter

_THREADS = 8


class VaultSecrets:
    """Implements ValueStore and ExaminableStore on one server. Safe for threads, and beside other writers."""

    def __init__(
        self, client: VaultClient, *, reads: bool, holds_receipts: bool, give_way: Callable[[int], None]
    ) -> None:
        """Take a client and what the policy allows.

        Args:
            client: of the server.
            reads: whether the policy lets values be read.
            holds_receipts: whether metadata may be written.
            give_way: called between two looks at what another run is about to do.
        """
        self._client = client
        self._claimant = Claimant(client, give_way=give_way)
        self._writer = VaultWriter(client)
        self._reads = reads
        self._holds_receipts = holds_receipts
        self._locks: dict[str, Lock] = {}
        self._checked_mounts: set[str] = set()

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds, with one or two requests for each secret, some at the same time."""
        by_secret: defaultdict[str, list[Slot]] = defaultdict(list)
        for slot in slots:
            by_secret[VaultPlace.of(slot).secret].append(slot)
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            parts = pool.map(self._load_secret, by_secret.values())
            return {slot: loaded for part in parts for slot, loaded in part.items()}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Change one field and its note. Raises VaultConflictError if another program wrote the secret meanwhile."""
        target = VaultPlace.of(slot)
        if create:
            self._require_version_2(target.mount)
        # Two threads that note something beside one secret would each lose what the other noted.
        with self._locks.setdefault(target.secret, Lock()):
            field = self._find_closely(target)
            change = decide(self._load_field(field))
            if change is None:
                return
            if change.must_prove:
                self._writer.require_rights(field, will_exist=self._holds_receipts)
            if self._holds_receipts and not field.secret.exists:
                # Two runs that note something beside a path that neither knows would replace each other's notes.
                self._client.make_known(target.mount, target.path)
                field = self._find_closely(target)
                change = decide(self._load_field(field))
            if change is not None:
                self._perform(field, change)

    @property
    def compares(self) -> bool:
        """Whether two runs can't both note an intent: not if a policy has all notes of a secret replaced at once."""
        return self._holds_receipts and self._client.may_patch_notes

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterator[Finding]:
        """Yield what the server says against writing: an engine of another version, a right that is missing."""
        fields = {slot: loaded.field for slot, loaded in slots.items() if isinstance(loaded, VaultLoaded)}
        # A secret that was found is proof enough of the engine's version.
        proven = {field.target.mount for field in fields.values() if field.secret.exists}
        engines = {
            mount: self._find_old_engine(mount) for mount in {one.target.mount for one in fields.values()} - proven
        }
        writable = {
            slot: field
            for slot, field in fields.items()
            # A place that may hold another's value is refused before any right matters; the engine says so.
            if not engines.get(field.target.mount) and slots[slot].presence is not Presence.POSSIBLE
        }
        missing = self._writer.find_missing_rights(writable, will_exist=self._holds_receipts)
        for slot, field in fields.items():
            if error := engines.get(field.target.mount) or missing.get(slot):
                yield find_broken(error, slot)

    def _find_old_engine(self, mount: str) -> SinkDeniedError | None:
        try:
            self._require_version_2(mount)
        except SinkDeniedError as error:
            return error
        return None

    def _load_secret(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        targets = {slot: VaultPlace.of(slot) for slot in slots}
        first = self._find(next(iter(targets.values())))
        if first.secret.noted_at is None and any(note.intent for note in first.notes.by_field.values()):
            # How old an intent is, is not shown beside the values.
            times = self._client.look(first.target.mount, first.target.path, values=False)
            first = replace(first, secret=replace(first.secret, noted_at=times.noted_at, seen_at=times.seen_at))
        return {slot: self._load_field(replace(first, target=target)) for slot, target in targets.items()}

    def _load_field(self, field: VaultField) -> Loaded:
        return field.load(holds_receipts=self._holds_receipts)

    def _find(self, target: VaultPlace) -> VaultField:
        return self._understand(target, self._client.look(target.mount, target.path, values=self._reads))

    def _find_closely(self, target: VaultPlace) -> VaultField:
        return self._understand(target, self._client.look_closely(target.mount, target.path, values=self._reads))

    def _understand(self, target: VaultPlace, secret: VaultSecret) -> VaultField:
        notes = VaultNotes.of(secret.entries)
        if not self._holds_receipts:
            notes = VaultNotes(owner=notes.owner)
        return VaultField(target=target, secret=secret, notes=notes)

    def _perform(self, field: VaultField, change: Change) -> None:
        before, loaded = field.secret.version, self._load_field(field)
        if change.content:
            if change.first is not None:
                field = self._note(field, change.first, version=before)
            version = self._writer.store(field, change.content.decode())
            field = replace(field, notes=field.notes.having_written(version, before=before))
        elif change.content is not None and (loaded.content or loaded.presence is not Presence.AS_READ):
            version = self._writer.remove(field)
            field = replace(field, notes=field.notes.having_written(version, before=before))
        else:
            # The value stays as it is, so its note still speaks of the version that it spoke of.
            noted = change.entry.seal if change.entry else ""
            version = int(noted) if noted else before
        if change.entry is not None:
            self._note(field, change.entry, version=version, besides=self._claim(field, change.entry))
        elif self._holds_receipts:
            self._writer.note(field, field.notes.without(field.target.field))

    def _claim(self, field: VaultField, entry: Entry) -> Mapping[str, str | None]:
        """Return what to change together with a note that brings a new intent. Raises VaultConflictError."""
        noted = field.note.intent if field.note else None
        is_new = entry.intent is not None and not (noted is not None and noted.is_same_attempt(entry.intent))
        if entry.intent is None or not is_new or field.secret.metadata_version is not None or not self.compares:
            return {}
        return self._claimant.claim(field, entry.intent)

    def _note(
        self, field: VaultField, entry: Entry, *, version: int, besides: Mapping[str, str | None] | None = None
    ) -> VaultField:
        if not self._holds_receipts:
            return field
        note = VaultNote(receipt=entry.receipt, intent=entry.intent, version=version)
        strangers = field.others.keys() - field.notes.by_field.keys()
        is_whole = (field.notes.is_whole or not field.secret.is_live) and not strangers
        notes = field.notes.having(field.target.field, note, owner=entry.owner, is_whole=is_whole)
        return self._writer.note(field, notes, besides=besides)

    def _require_version_2(self, mount: str) -> None:
        if mount not in self._checked_mounts:
            if self._client.engine_version(mount) not in {None, "2"}:
                raise explain_old_engine(mount)
            self._checked_mounts.add(mount)
