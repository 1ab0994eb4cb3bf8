"""Secrets of Google's Secret Manager, each with keyplan's note in its annotations: the store of the sink.

A value is the newest version of a secret, the note is beside it: first the mark, then the value, then its receipt with
the number of the version. No secret is deleted that keyplan did not make, no other annotation is lost, and no change
that another writer made meanwhile is overwritten.

Google takes an entity tag with a change of annotations, and none with a new version. So the note is the lock, and a
version that was added after another run took the place over is undone by a newer one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os.path import commonprefix
from threading import Lock

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.sinks.gcp.client import LATEST, GcpSecret, GcpVersion, SecretManager
from keyplan.sinks.notes import Entry, read_note, write_note
from keyplan.sinks.value_store import Change, Decide, Loaded, Presence, StoreConflictError

MOST_ASKED = 20
"""How many secrets are asked for one by one; more are listed."""
_THREADS = 8
_OWNER, _MADE, _NOTE, _LEFT = "keyplan-owner", "keyplan-made", "keyplan-note", "keyplan-left"
"""Annotations: whose it is; that keyplan made the secret; the note; up to which version keyplan withdrew all."""
_MARKS = frozenset({_OWNER, _MADE, _NOTE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _GcpLook:
    """A secret, its newest version, and what follows from both."""

    secret: GcpSecret | None = None
    version: GcpVersion | None = None
    loaded: Loaded

    @property
    def is_made(self) -> bool:
        """Whether keyplan made the secret, so that it may delete it."""
        return self.secret is not None and _MADE in self.secret.annotations


class GcpSecrets:
    """Implements ValueStore in one project. Safe for threads; of several processes the slower one loads again."""

    def __init__(self, manager: SecretManager, *, reads: bool) -> None:
        """`reads`: whether values may be read; else versions are distinguished by their numbers."""
        self._manager = manager
        self._reads = reads
        self._locks: dict[str, Lock] = {}

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds: many secrets come from one listing, newest versions one by one."""
        names = {_id_of(slot) for slot in slots}
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            if len(names) > MOST_ASKED:
                listed = self._manager.list_all(commonprefix(sorted(names)))  # noqa: RUF071 - not paths
                secrets = {name: listed.get(name) for name in names}
            else:
                secrets = dict(zip(names, pool.map(self._manager.get, names), strict=True))
            looks = dict(zip(secrets, pool.map(self._look, secrets.values()), strict=True))
        return {slot: looks[_id_of(slot)].loaded for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:  # noqa: ARG002 - nothing has to be made
        """Load, decide and store, at each step only if no other writer changed the secret meanwhile."""
        name = _id_of(slot)
        with self._locks.setdefault(name, Lock()):
            look = self._look(self._manager.get(name))
            change = decide(look.loaded)
            if change is None:
                return
            if change.entry is None:
                self._remove(look, is_value_removed=change.content is not None)
                return
            self._write(slot, look, change, change.entry)
            if change.must_prove:
                self._prove_right_to_add(name, slot.location)

    def _look(self, secret: GcpSecret | None) -> _GcpLook:
        if secret is None:
            return _GcpLook(loaded=Loaded())
        entry = _read_entry(secret)
        version = self._newest(secret.id, entry)
        # A user's secret whose newest version is disabled is not a free place.
        is_left = entry is not None or (version is not None and version.number <= _read_left(secret))
        is_there = version is not None and (version.is_enabled or not is_left)
        loaded = Loaded(
            presence=Presence.PRESENT if is_there else Presence.AS_READ,
            content=version.content if version else None,
            seal=str(version.number) if version else "",
            entry=entry,
        )
        return _GcpLook(secret=secret, version=version, loaded=loaded)

    def _newest(self, name: str, entry: Entry | None) -> GcpVersion | None:
        newest = self._ask(name, LATEST)
        noted = int(entry.seal) if entry and entry.seal.isdecimal() else 0
        if noted > (newest.number if newest else 0):
            # Google, "Resource consistency": `latest` may lag behind for minutes; a version's own number never does.
            return self._ask(name, str(noted)) or newest
        return newest

    def _ask(self, name: str, version: str) -> GcpVersion | None:
        return self._manager.access(name, version) if self._reads else self._manager.describe(name, version)

    def _write(self, slot: Slot, look: _GcpLook, change: Change, entry: Entry) -> None:
        name, secret, number = _id_of(slot), look.secret, entry.seal or look.loaded.seal
        if secret is None:
            secret = self._manager.create(name, {_MADE: "yes", **_marks(change.first or entry)})
        elif change.first is not None:
            secret = self._note(secret, change.first)
        if change.content:
            self._put(slot, secret, look, change.content, entry)
        elif _read_entry(secret) != (noted := replace(entry, seal=number)):
            self._note(secret, noted)

    def _put(self, slot: Slot, secret: GcpSecret, look: _GcpLook, content: bytes, entry: Entry) -> None:
        number = look.version.number if look.version and look.version.content == content else 0
        number = number or self._add(secret, content)
        try:
            self._note(secret, replace(entry, seal=str(number)))
        except StoreConflictError:
            self._undo(secret.id, number, before=look.loaded.entry)
            raise
        newest = self._ask(secret.id, LATEST)
        if newest is not None and newest.number > number:
            raise StoreConflictError(f"{slot.location}: another run wrote it at the same time", advice="apply again")
        kept = slot.options.get("keep_versions")
        if isinstance(kept, int):
            self._manager.disable(secret.id, but_newest=kept + 1)

    def _add(self, secret: GcpSecret, content: bytes) -> int:
        """Add a version, if the note is still as it was a moment ago, and return its number."""
        # Consumers get a version as soon as it is added: what a paused run would add must be noticed before.
        current = self._manager.get(secret.id)
        if current is None or current.etag != secret.etag:
            raise StoreConflictError(f"{secret.id}: another run took it over", advice="apply again")
        return self._manager.add(secret.id, content)

    def _undo(self, name: str, added: int, *, before: Entry | None) -> None:
        """Make the value that another run has noted since the newest one again, if ours was added after it."""
        secret = self._manager.get(name)
        entry = _read_entry(secret) if secret else None
        if secret is None or entry is None or entry == before or not entry.seal.isdecimal():
            return
        noted = self._ask(name, entry.seal) if int(entry.seal) < added else None
        if noted is not None and noted.content is not None and entry.receipt is not None:
            self._note(secret, replace(entry, seal=str(self._manager.add(name, noted.content))))

    def _remove(self, look: _GcpLook, *, is_value_removed: bool) -> None:
        if look.secret is None:
            return
        if look.is_made and (is_value_removed or look.version is None):
            self._manager.delete(look.secret)
            return
        rest = {name: value for name, value in look.secret.annotations.items() if name not in _MARKS}
        if is_value_removed and look.version is not None:
            # Another user made the secret, perhaps with rights on it: what is in it ends, it stays.
            self._manager.disable(look.secret.id, but_newest=0)
            rest[_LEFT] = str(look.version.number)
        self._manager.annotate(look.secret, rest)

    def _note(self, secret: GcpSecret, entry: Entry) -> GcpSecret:
        return self._manager.annotate(secret, {**secret.annotations, **_marks(entry)})

    def _prove_right_to_add(self, name: str, location: str) -> None:
        if self._manager.lacks_right_to_add(name):
            raise SinkDeniedError(
                f"{location}: Google denies secretmanager.versions.add",
                advice="grant roles/secretmanager.secretVersionAdder to keyplan's service account",
            )


def _id_of(slot: Slot) -> str:
    return str(slot.options["name"])


def _marks(entry: Entry) -> dict[str, str]:
    return {_OWNER: entry.owner, _NOTE: write_note(entry)}


def _read_left(secret: GcpSecret) -> int:
    text = secret.annotations.get(_LEFT, "")
    return int(text) if text.isdecimal() else 0


def _read_entry(secret: GcpSecret) -> Entry | None:
    owner = secret.annotations.get(_OWNER)
    if not owner:
        return None
    try:
        return read_note(secret.annotations.get(_NOTE), secret.id) or Entry(owner=owner)
    except SinkUnavailableError:
        # The mark still counts: a damaged note only leads to another delivery.
        return Entry(owner=owner)
