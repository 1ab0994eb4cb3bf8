"""Secrets of Google's Secret Manager, each with keyplan's note in its annotations: a store of noted values.

In: slots, changes. Out: a value as the newest version of a secret, and the note beside it: the mark first, then the
value, then its receipt with the number of the version. Never: a secret deleted that keyplan did not make, an annotation
lost that is somebody else's, a change over one that somebody else made meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os.path import commonprefix
from threading import Lock

from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.observation import Slot
from keyplan.sinks.engine import Change, Decide, Found, read_note, write_note
from keyplan.sinks.gcp.client import LATEST, Secret, SecretManager, Version
from keyplan.sinks.notes import Entry

MOST_ASKED = 20
"""How many secrets are asked for one by one; more are listed."""
_THREADS = 8
_OWNER, _MADE, _NOTE, _LEFT = "keyplan-owner", "keyplan-made", "keyplan-note", "keyplan-left"
"""Annotations: whose it is; that keyplan made the secret; the note; up to which version keyplan withdrew all."""
_MARKS = frozenset({_OWNER, _MADE, _NOTE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A secret, its newest version, and what follows from both."""

    secret: Secret | None = None
    version: Version | None = None
    found: Found

    @property
    def is_made(self) -> bool:
        """Whether keyplan made the secret, so that it may delete it."""
        return self.secret is not None and _MADE in self.secret.annotations


class GcpSecrets:
    """Implements ValueStore in one project. Safe for threads; of several processes the slower one fails."""

    def __init__(self, manager: SecretManager, *, reads: bool) -> None:
        """`reads`: whether values may be read; else versions are told apart by their numbers."""
        self._manager = manager
        self._reads = reads
        self._locks: dict[str, Lock] = {}

    def look(self, slots: Collection[Slot]) -> Mapping[Slot, Found]:
        """Return what lies in each slot: many secrets come from one listing, newest versions one by one."""
        names = {_id_of(slot) for slot in slots}
        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            if len(names) > MOST_ASKED:
                listed = self._manager.list_all(commonprefix(sorted(names)))  # noqa: RUF071 - names are no paths
                secrets = {name: listed.get(name) for name in names}
            else:
                secrets = dict(zip(names, pool.map(self._manager.get, names), strict=True))
            looks = dict(zip(secrets, pool.map(self._look, secrets.values()), strict=True))
        return {slot: looks[_id_of(slot)].found for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Look, decide and change, at each step only if nobody else changed the secret meanwhile."""
        name = _id_of(slot)
        with self._locks.setdefault(name, Lock()):
            look = self._look(self._manager.get(name))
            change = decide(look.found)
            if change is None:
                return
            if change.entry is None:
                self._remove(look, is_value_removed=change.content is not None)
                return
            self._write(slot, look, change, change.entry)
            if create and change.content is None:
                self._prove_right_to_add(name, slot.location)

    def _look(self, secret: Secret | None) -> _Look:
        if secret is None:
            return _Look(found=Found())
        entry = _read_entry(secret)
        version = self._newest(secret.id, entry)
        # A person's secret whose newest version is disabled is no free place.
        is_left = entry is not None or (version is not None and version.number <= _read_left(secret))
        is_present = version is not None and (version.is_enabled or not is_left)
        found = Found(
            is_present=is_present,
            content=version.content if version else None,
            seal=str(version.number) if version else "",
            entry=entry,
        )
        return _Look(secret=secret, version=version, found=found)

    def _newest(self, name: str, entry: Entry | None) -> Version | None:
        ask = self._manager.access if self._reads else self._manager.describe
        newest = ask(name, LATEST)
        noted = int(entry.seal) if entry and entry.seal.isdecimal() else 0
        if noted > (newest.number if newest else 0):
            # Google, "Resource consistency": `latest` may lag behind for minutes; a version's own number never does.
            return ask(name, str(noted)) or newest
        return newest

    def _write(self, slot: Slot, look: _Look, change: Change, entry: Entry) -> None:
        name, secret, number = _id_of(slot), look.secret, entry.seal or look.found.seal
        first = Entry(owner=entry.owner) if change.content else entry
        if secret is None:
            secret = self._manager.create(name, {_MADE: "yes", **_marks(first)})
        elif change.content and look.found.entry is None:
            # Marked first: after a crash between value and receipt, the value must not look like a person's.
            secret = self._note(secret, first)
        if change.content:
            is_there = look.version is not None and look.version.content == change.content
            number = look.found.seal if is_there else str(self._manager.add(name, change.content))
        if _read_entry(secret) != (noted := replace(entry, seal=number)):
            self._note(secret, noted)
        kept = slot.options.get("keep_versions")
        if change.content and isinstance(kept, int):
            self._manager.disable(name, but_newest=kept + 1)

    def _remove(self, look: _Look, *, is_value_removed: bool) -> None:
        if look.secret is None:
            return
        if look.is_made and (is_value_removed or look.version is None):
            self._manager.delete(look.secret)
            return
        rest = {name: value for name, value in look.secret.annotations.items() if name not in _MARKS}
        if is_value_removed and look.version is not None:
            # Somebody else made the secret, perhaps with rights on it: what is in it ends, it stays.
            self._manager.disable(look.secret.id, but_newest=0)
            rest[_LEFT] = str(look.version.number)
        self._manager.annotate(look.secret, rest)

    def _note(self, secret: Secret, entry: Entry) -> Secret:
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


def _read_left(secret: Secret) -> int:
    text = secret.annotations.get(_LEFT, "")
    return int(text) if text.isdecimal() else 0


def _read_entry(secret: Secret) -> Entry | None:
    owner = secret.annotations.get(_OWNER)
    if not owner:
        return None
    try:
        return read_note(secret.annotations.get(_NOTE), secret.id) or Entry(owner=owner)
    except SinkUnavailableError:
        # The mark still stands: to be delivered anew is all that a damaged note leads to.
        return Entry(owner=owner)
