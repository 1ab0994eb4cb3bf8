"""Finds which keys stand in a leaked text, and whether they are dead afterwards.

The text and the raw keys in it are only compared. A raw key that fits the redacted form of a live key is presented to
the provider that issued it: only the provider can decide whether it is that key (docs/commands/leak.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.context import RunContext
from keyplan.app.leak_search import LeakSearch
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger, read_only_sinks
from keyplan.applier.observe import Readers, observe
from keyplan.applier.route import writer_at
from keyplan.errors import InputError, ProviderUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.leak import Leak, LeakedKey, LeakProof, LeakStanding
from keyplan.model.leaked_text import LeakedText
from keyplan.model.manifest import Unmanaged
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import Request
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.planner.authority import Authority
from keyplan.planner.desired import resolve_in
from keyplan.planner.ownership import Ownership, assign_ownership
from keyplan.ports import KeyWriter

_LOOKS = 5
_PAUSE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLeak:
    """What was found, and the raw keys that prove it."""

    leak: Leak
    raws: tuple[tuple[KeyId, RawKey], ...]


def look_everywhere(workspace: Workspace) -> Workspace:
    """Return the workspace, of which every space is listed that the credential can see."""
    return replace(workspace, manifest=replace(workspace.manifest, unmanaged=Unmanaged.FAIL))


def find_leak(context: RunContext, workspace: Workspace, data: bytes) -> FoundLeak:
    """Return which keys stand in a text. Changes nothing.

    Raises InputError if the text is too large, or holds far too many candidates; ProviderError, SinkError, LedgerError.
    """
    text, wiring = LeakedText(data), context.wiring
    manifest = look_everywhere(workspace).manifest
    with open_provider(wiring, workspace) as provider:
        readers = Readers(
            reader=provider.reader,
            ledger=read_only_ledger(wiring, workspace, provider),
            sinks=read_only_sinks(wiring, workspace),
        )
        snapshot = observe(manifest, readers, now=wiring.clock.now())
        desired = resolve_in(manifest, snapshot)
        ownership = assign_ownership(desired, snapshot, authority=Authority.of(manifest, snapshot))
        search = LeakSearch(snapshot, text, provider)
        proofs = search.find()
    whose = _Whose(ownership, snapshot)
    keys = tuple(whose.describe(key, proofs[key.id]) for key in search.keys if key.id in proofs)
    leak = Leak(
        owner=manifest.owner,
        manifest=manifest.path,
        found_at=snapshot.now,
        keys=keys,
        unknown=text.count_unknown(search.matches),
    )
    return FoundLeak(leak=leak, raws=tuple(search.raws))


def plan_answer(leak: Leak, revoke: Sequence[str], owner: str = "") -> Request | None:
    """Return what contains a leak: proven keys of ours, and those that the user names; None if there is nothing to do.

    Raises InputError if the user names a key that is not in the text.
    """
    known = {one.key.id for one in leak.keys}
    if strangers := [key_id for key_id in revoke if key_id not in known]:
        raise InputError(
            f"key {strangers[0]} does not stand in the text", advice="end any other key with: keyplan revoke KEY_ID"
        )
    live = [one for one in leak.keys if one.is_live]
    leaked = tuple(one.key.id for one in live if one.is_ours and (one.is_proven or one.key.id in revoke))
    named = tuple(sorted({one.key.id for one in live if one.key.id in revoke} - set(leaked)))
    return Request(leaked=leaked, revoke=named, revoke_owner=owner) if leaked or named else None


def check_contained(
    context: RunContext, workspace: Workspace, found: FoundLeak, answered: Request | None, *, is_applied: bool
) -> Leak:
    """Return the leak with the keys that may still work, as the provider answers for each raw key.

    For a key whose raw key the text does not hold, only the apply shows that. Raises ProviderError.
    """
    asked = {*answered.leaked, *map(KeyId, answered.revoke)} if answered else set()
    raws = [(key_id, raw) for key_id, raw in found.raws if key_id in asked]
    issuers = {one.key.id: one.key.provider for one in found.leak.keys}
    with open_provider(context.wiring, workspace) as ports:
        alive = {key_id for key_id, raw in raws if _works_on(raw, writer_at(ports.writer, issuers[key_id]), context)}
    if not is_applied:
        alive |= asked - {key_id for key_id, _ in raws}
    alive |= {one.key.id for one in found.leak.keys if one.is_live} - asked
    return replace(found.leak, alive=tuple(sorted(alive)))


def _works_on(raw: RawKey, writer: KeyWriter, context: RunContext) -> bool:
    """Whether the provider still accepts a raw key that was ended; asked for some seconds, since it may lag behind."""
    for look in range(_LOOKS):
        try:
            if not writer.verify(raw):
                return False
        except ProviderUnavailableError:
            pass
        if look < _LOOKS - 1:
            context.wiring.clock.sleep(_PAUSE)
    return True


class _Whose:
    """Whose each key is."""

    def __init__(self, ownership: Ownership, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._declared = {key.id: owned for owned in ownership.declared for key in owned.alive}
        self._orphans = {one.key.id: one for one in ownership.orphans if one.key}

    def describe(self, key: Observation, proof: LeakProof) -> LeakedKey:
        """Return a key with its declaration, if it has one."""
        owned, orphan = self._declared.get(key.id), self._orphans.get(key.id)
        if not key.is_live(self._snapshot.now):
            return LeakedKey(key=key, proof=proof, standing=LeakStanding.DEAD)
        if owned:
            declared = owned.desired.declaration
            is_main = key in (owned.current, *(owned.older[:1] if owned.current is None else ()))
            return LeakedKey(
                key=key,
                proof=proof,
                standing=LeakStanding.CURRENT if is_main else LeakStanding.OLD,
                address=declared.address,
                places=tuple(map(str, self._snapshot.slots.get(declared.address, ()))) if is_main else (),
                declared_at=f"{declared.place.file}:{declared.place.line}",
            )
        if orphan:
            places = tuple(_list_places(orphan.receipt))
            standing, address = LeakStanding.UNDECLARED, orphan.address
            return LeakedKey(key=key, proof=proof, standing=standing, address=address, places=places)
        return LeakedKey(key=key, proof=proof, standing=LeakStanding.FOREIGN)


def _list_places(receipt: Receipt | None) -> Iterator[str]:
    yield from (f"{place.sink}:{place.location}" for place in (receipt.delivered if receipt else ()))
