"""Secrets of one Azure Key Vault, each version with its own tags: the store of the sink `azure-key-vault`.

A value is stored together with its receipt, in one request, as a new version. Azure has no secret without a value, so
that what keeps a place is a disabled version. No secret is recovered or deleted that is not keyplan's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Finding
from keyplan.model.identity import Lineage
from keyplan.model.observation import Slot
from keyplan.sinks.azure.client import AzureVersion, Draft, Vault
from keyplan.sinks.azure.notes import is_marked, is_void, leave, read_entry, write_tags
from keyplan.sinks.marks import explain_other_manifest, find_other_manifest
from keyplan.sinks.notes import Entry
from keyplan.sinks.value_store import Decide, Loaded, Presence, find_broken

MOST_ASKED = 20
"""How many secrets are asked for one by one; more are listed."""
_THREADS = 8
_PLACEHOLDER = b"no secret: keyplan keeps this place"


@dataclass(frozen=True, slots=True, kw_only=True)
class _AzureLook:
    """The newest version of a secret, and what follows from it."""

    version: AzureVersion | None = None
    is_deleted: bool = False
    """Whether the secret was deleted and can be recovered."""
    loaded: Loaded

    @property
    def is_void(self) -> bool:
        """Whether the version does not count as a value."""
        return self.version is not None and is_void(self.version.tags)


class AzureSecrets:
    """Implements ValueStore and ExaminableStore in one vault. Safe for threads, not against other processes."""

    def __init__(self, vault: Vault, *, lineage: Lineage) -> None:
        """`lineage`: whose deleted secrets may be recovered."""
        self._vault = vault
        self._lineage = lineage
        self._locks: dict[str, Lock] = {}

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each slot holds; of many, values are read only if the listing raises a doubt."""
        names = {_name_of(slot) for slot in slots}
        listed = self._vault.list_all() if len(names) > MOST_ASKED else None

        def look(name: str) -> Loaded:
            if listed is None:
                return self._look(name).loaded
            version = listed.get(name)
            return Loaded() if version is None else _trust(version) or self._look(name).loaded

        with ThreadPoolExecutor(max_workers=_THREADS) as pool:
            found = dict(zip(names, pool.map(look, names), strict=True))
        return {slot: found[_name_of(slot)] for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Look, decide and change. Nothing keeps other processes out: Azure's secrets have no entity tags."""
        name = _name_of(slot)
        with self._locks.setdefault(name, Lock()):
            look = self._look(name)
            if create and look.version is None:
                look = self._look_at_deleted(slot)
            change = decide(look.loaded)
            if change is None:
                return
            if change.entry is None:
                self._remove(name, look, is_value_removed=change.content is not None)
            elif change.content:
                self._put(slot, look, change.content, change.entry)
            else:
                self._note(slot, look, change.entry)

    def examine(self, slots: Mapping[Slot, Loaded], /) -> Iterator[Finding]:
        """Yield a finding for each free place whose name a deleted secret still has that was not keyplan's."""
        free = [slot for slot, one in slots.items() if one.entry is None and one.presence is Presence.AS_READ]
        deleted = self._list_deleted() if free else {}
        for slot in free:
            version = deleted.get(_name_of(slot))
            if version is not None and (error := self._find_refusal(slot, version)):
                yield find_broken(error, slot)

    def _find_refusal(self, slot: Slot, deleted: AzureVersion) -> SinkDeniedError | None:
        """Return why a deleted secret may not be recovered; None if it may."""
        entry = read_entry(deleted.tags, deleted.name)
        if entry is None:
            return _explain_deleted(slot)
        other = find_other_manifest(self._lineage, Entry(owner=entry.owner))
        return explain_other_manifest(slot.location, other) if other else None

    def _list_deleted(self) -> Mapping[str, AzureVersion]:
        """Return what was deleted; nothing without the right to list it: then only an apply finds out."""
        try:
            return self._vault.list_deleted()
        except SinkDeniedError:
            return {}

    def _look(self, name: str) -> _AzureLook:
        version = self._vault.get(name)
        if version is None:
            return _AzureLook(loaded=Loaded())
        entry, void = self._find_entry(version), is_void(version.tags)
        # A user's secret that is disabled is not a free place.
        is_there = entry is None or (version.is_enabled and not void)
        loaded = Loaded(
            presence=Presence.PRESENT if is_there else Presence.AS_READ,
            content=None if void else version.content,
            seal=version.created_at,
            entry=entry,
        )
        return _AzureLook(version=version, loaded=loaded)

    def _find_entry(self, version: AzureVersion) -> Entry | None:
        """Return what is noted of a secret; tags go with a version, so that one set by hand has none."""
        if is_marked(version.tags):
            return read_entry(version.tags, version.name)
        marked = [former for former in self._vault.versions(version.name) if is_marked(former.tags)]
        return read_entry(marked[-1].tags, version.name) if marked else None

    def _look_at_deleted(self, slot: Slot) -> _AzureLook:
        name = _name_of(slot)
        version = self._vault.find_deleted(name)
        if version is None:
            return _AzureLook(loaded=Loaded())
        entry = read_entry(version.tags, name)
        if entry is None:
            raise _explain_deleted(slot)
        # What was deleted must not pass for a delivered value.
        return _AzureLook(version=version, is_deleted=True, loaded=Loaded(entry=Entry(owner=entry.owner)))

    def _put(self, slot: Slot, look: _AzureLook, content: bytes, entry: Entry) -> None:
        name, version = _name_of(slot), look.version
        if look.is_deleted:
            self._vault.recover(name)
        is_there = version is not None and version.content == content and is_marked(version.tags)
        tags = version.tags if version else {}
        if version is None or not is_there:
            draft = Draft(
                content=content,
                tags=write_tags(entry, tags, is_void=False, location=slot.location),
                is_enabled=True,
                content_type=_content_type(slot),
                expires_at=entry.receipt.expires_at if entry.receipt else None,
            )
            version = self._vault.set(name, draft)
        # Noted again, with what only the answer shows: then a listing is enough to know that the value is unchanged.
        sealed = replace(entry, seal=version.created_at)
        tags = write_tags(sealed, tags, is_void=False, location=slot.location)
        self._vault.change(version, tags=tags, is_enabled=True)

    def _note(self, slot: Slot, look: _AzureLook, entry: Entry) -> None:
        name, version = _name_of(slot), look.version
        if version is None:
            tags = write_tags(entry, {}, is_void=True, location=slot.location)
            self._vault.set(
                name, Draft(content=_PLACEHOLDER, tags=tags, is_enabled=False, content_type="", expires_at=None)
            )
            return
        sealed = replace(entry, seal=entry.seal or look.loaded.seal)
        void = look.is_deleted or look.is_void
        tags = write_tags(sealed, version.tags, is_void=void, location=slot.location)
        if look.is_deleted:
            self._vault.recover(name)
        self._vault.change(version, tags=tags, is_enabled=version.is_enabled and not void)

    def _remove(self, name: str, look: _AzureLook, *, is_value_removed: bool) -> None:
        if look.version is None:
            return
        if is_value_removed or look.is_void:
            self._vault.delete(name)
        else:
            self._vault.change(look.version, tags=leave(look.version.tags), is_enabled=look.version.is_enabled)


def _name_of(slot: Slot) -> str:
    return str(slot.options["name"])


def _explain_deleted(slot: Slot) -> SinkDeniedError:
    return SinkDeniedError(
        f"{slot.location}: a deleted secret has that name, and it was not keyplan's",
        advice="purge it, recover it, or choose another name",
    )


def _content_type(slot: Slot) -> str:
    by_format = "application/json" if slot.options.get("format") == "json" else "text/plain"
    return str(slot.options.get("content_type") or by_format)


def _trust(version: AzureVersion) -> Loaded | None:
    """Return what a listed version shows, if nothing else needs to be asked."""
    entry = read_entry(version.tags, version.name)
    is_sealed = entry is not None and bool(entry.seal) and entry.seal == version.created_at
    if not is_sealed or not version.is_enabled or is_void(version.tags):
        return None
    return Loaded(presence=Presence.PRESENT, seal=version.created_at, entry=entry)
