"""Finds which keys stand in a leaked text, and whether they are dead afterwards.

The text and the raw keys in it are only compared. A raw key that fits the redacted form of a live key is presented to
the provider that issued it: only the provider can decide whether it is that key (docs/commands/leak.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.context import RunContext
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger, read_only_sinks
from keyplan.applier.observe import Readers, observe
from keyplan.errors import InputError, ProviderUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.leak import Leak, LeakedKey, LeakProof, LeakStanding
from keyplan.model.leaked_text import FormMatch, LeakedText
from keyplan.model.manifest import Unmanaged
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import Request
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.planner.authority import Authority
from keyplan.planner.desired import resolve_in
from keyplan.planner.ownership import Ownership, assign_ownership
from keyplan.ports import KeyWriter, ProviderPorts

_MOST_TRIES = 20
"""How many texts are presented to the provider for one redacted form: what is glued to a key makes a few of one."""
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
        search = _LeakSearch(snapshot, text, provider)
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
    with open_provider(context.wiring, workspace) as provider:
        alive = {key_id for key_id, raw in raws if _works_on(raw, provider.writer, context)}
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


class _LeakSearch:
    """Which keys of a snapshot stand in a text."""

    def __init__(self, snapshot: Snapshot, text: LeakedText, provider: ProviderPorts) -> None:
        self.keys: tuple[Observation, ...] = tuple(key for key in snapshot.keys if key.is_live(snapshot.now))
        self.raws: list[tuple[KeyId, RawKey]] = []
        self.matches: dict[str, FormMatch] = {}
        self._snapshot, self._text, self._provider = snapshot, text, provider
        self._receipts = {receipt.key_id: receipt for receipt in snapshot.receipts}
        self._proofs: dict[KeyId, LeakProof] = {}

    def find(self) -> dict[KeyId, LeakProof]:
        """Return the keys in the text, and the best proof of each."""
        self._look(self.keys, is_live=True)
        if not self._proofs:
            # One listing more, only if nothing that works was found.
            live = {key.id for key in self.keys}
            listed = self._provider.reader.search_keys(key_type=None, active=None, scope_id=None)
            dead = tuple(key for key in listed if key.id not in live and not key.is_live(self._snapshot.now))
            self._look(dead, is_live=False)
            self.keys = (*self.keys, *dead)
        self.keys = tuple(sorted(self.keys, key=lambda key: key.id))
        return self._proofs

    def _look(self, keys: Iterable[Observation], *, is_live: bool) -> None:
        by_form: dict[str, list[Observation]] = {}
        for key in keys:
            if key.redacted:
                by_form.setdefault(key.redacted, []).append(key)
        matches = self._text.find(by_form)
        self.matches.update(matches)
        for form, match in sorted(matches.items()):
            if match.is_shown:
                self._note(by_form[form], LeakProof.REDACTED)
            self._judge(by_form[form], match, is_live=is_live)

    def _judge(self, keys: list[Observation], match: FormMatch, *, is_live: bool) -> None:
        """Note what the raw texts of one redacted form prove."""
        tries = 0
        for raw in match.raws:
            recorded = [key for key in keys if self._is_recorded(key.id, raw)]
            if recorded:
                self._note(recorded, LeakProof.FINGERPRINT, raw)
            elif not is_live:
                self._note(keys, LeakProof.FORM)
            elif tries < _MOST_TRIES:
                tries += 1
                self._try(keys, raw)

    def _try(self, keys: list[Observation], raw: RawKey) -> None:
        # Only what fits the form of a live key of this account is presented, and only to the provider that issued it.
        try:
            if not self._provider.writer.verify(raw):
                return
        except ProviderUnavailableError:
            self._note(keys, LeakProof.FORM)
            return
        if len(keys) == 1:
            self._note(keys, LeakProof.AUTHENTICATED, raw)
        else:
            self._note(keys, LeakProof.FORM)

    def _is_recorded(self, key_id: KeyId, raw: RawKey) -> bool:
        # The ledger's receipts alone: one beside a secret could turn a public text into the proof of another's key.
        receipt = self._receipts.get(key_id)
        return receipt is not None and receipt.fingerprint is not None and receipt.fingerprint.matches(raw)

    def _note(self, keys: Iterable[Observation], proof: LeakProof, raw: RawKey | None = None) -> None:
        ranks = list(LeakProof)
        for key in keys:
            known = self._proofs.get(key.id)
            if known is None or ranks.index(proof) < ranks.index(known):
                self._proofs[key.id] = proof
            if raw is not None:
                self.raws.append((key.id, raw))


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
