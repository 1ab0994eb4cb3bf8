"""Provider, ledger and sinks at one instant, as a snapshot. Only readers are called, which cannot change anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

from keyplan.applier.kept_places import keep_places
from keyplan.applier.matches import find_matches, list_open_imports
from keyplan.applier.preflight import find_in_the_way, survey
from keyplan.applier.route import find_provider, reader_at
from keyplan.applier.scope_survey import list_further_spaces, merge_keys, shows_partly, walk_spaces
from keyplan.errors import InputError, LedgerForeignError, ManifestError, Problem, ProviderRefusedError
from keyplan.model.identity import Address, KeyId, ScopeId, SinkName, read_provider
from keyplan.model.intent import Intent
from keyplan.model.ledger import Memory
from keyplan.model.manifest import Manifest, ScopeById, ScopeRef, Unmanaged
from keyplan.model.observation import Exclusion, Holding, Observation, Scope, ScopeSurvey, Slot, Snapshot, Survey
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.model.texts import compose
from keyplan.ports import KeyReader, LedgerReader, SinkReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Everything that a read-only run may call: none of it has a method that writes."""

    reader: KeyReader
    ledger: LedgerReader
    sinks: Mapping[SinkName, SinkReader]
    values: Mapping[Address, RawKey] = field(default_factory=dict, compare=False, repr=False)
    """Raw keys that the user gave for keys that are to be imported."""


def observe(
    manifest: Manifest,
    readers: Readers,
    *,
    now: datetime,
    exclusion: Exclusion = Exclusion.NONE,
    is_preflight: bool = False,
) -> Snapshot:
    """Return what provider, ledger and sinks show, all read in parallel; `exclusion` if the caller holds the lock.

    `is_preflight`: sinks are also asked what would keep their places from being written. Raises ProviderError,
    SinkError, LedgerError, InputError for an impossible place, ManifestError for two declarations with one place.
    """
    reader, sinks = readers.reader, readers.sinks
    located = locate_slots(manifest, sinks)  # before any call: an impossible place is found without a credential
    with ThreadPoolExecutor(max_workers=len(sinks) + 2) as pool:
        recalled, asked = pool.submit(readers.ledger.recall), _ask_sinks(pool, sinks, located, is_examined=is_preflight)
        keys, looked_in = _look_further(reader, manifest, known := _list_known(reader, manifest))
        surveys = {name: future.result() for name, future in asked.items()}
        _refuse_other_accounts(memory := recalled.result(), manifest, reader)
    held, named = _complete([one.holdings for one in surveys.values()], memory, sinks, now)
    places = keep_places(manifest, located, receipts=memory.receipts, holdings=held, spaces=known.spaces, sinks=sinks)
    shown = Snapshot(
        now=now,
        keys=keys,
        spaces=known.spaces,
        unknown_scopes=known.unknown_scopes,
        receipts=memory.receipts,
        intents=memory.intents,
        slots=places.slots,
        next_slots=places.next_slots,
        holdings=held,
        abilities={name: sink.abilities for name, sink in sinks.items()},
        findings=find_in_the_way(manifest, located, surveys, memory),
        revoked=_find_revoked(reader, manifest, named - {key.id for key in keys}, known.listed),
        serial=memory.serial,
        history_head=memory.head,
        is_ledger_asked=memory.is_asked,
        exclusion=exclusion,
        survey=looked_in,
        own_keys=_find_own(keys, reader),
        **_describe_providers(reader, manifest),
    )
    return _look_at_imports(manifest, readers, shown, known.listed)


def _refuse_other_accounts(memory: Memory, manifest: Manifest, reader: KeyReader) -> None:
    """Return if the ledger's records of each further provider are of the account that the manifest names."""
    urls = {one.name: reader_at(reader, one.name).base_url for one in manifest.further_providers}
    records: Sequence[Receipt | Intent] = (*memory.receipts, *memory.intents)
    for record in records:
        name = read_provider(record.address)
        # A ledger that was rebuilt from sinks does not know the account before the next delivery.
        if record.account and record.account != urls.get(name, record.account):
            raise LedgerForeignError(
                f"the ledger's keys of provider '{name}' are at {record.account}, not at {urls[name]}",
                advice=f"put the former URL of '{name}' back, or name the new provider otherwise",
            )


def _describe_providers(reader: KeyReader, manifest: Manifest) -> dict[str, Any]:
    """Return what a snapshot says of the providers themselves. Asked last: the clock shows in the answers so far."""
    further = {one.name: reader_at(reader, one.name) for one in manifest.further_providers}
    return {
        "provider": reader.base_url,
        "laws": reader.laws(),
        "further_urls": {name: one.base_url for name, one in further.items()},
        "further_laws": {name: one.laws() for name, one in further.items()},
        "clock_skew": reader.clock_skew(),
    }


def _look_at_imports(manifest: Manifest, readers: Readers, shown: Snapshot, spaces: Collection[ScopeId]) -> Snapshot:
    """Return the snapshot with what is known of keys that are still to be imported. Asks nothing if there are none."""
    wanted = list_open_imports(manifest, shown)
    if not wanted:
        return shown
    matches = find_matches(wanted, shown, readers.sinks, readers.values)
    known = {key.id for key in (*shown.keys, *shown.revoked)}
    missing = frozenset(one.import_id for one in wanted if one.import_id) - known
    ended = sorted((*shown.revoked, *_find_revoked(readers.reader, manifest, missing, spaces)), key=lambda key: key.id)
    return replace(shown, matches=matches.held, given=matches.given, revoked=tuple(ended))


def _ask_sinks(
    pool: ThreadPoolExecutor,
    sinks: Mapping[SinkName, SinkReader],
    slots: Mapping[Address, tuple[Slot, ...]],
    *,
    is_examined: bool,
) -> Mapping[SinkName, Future[Survey]]:
    look = partial(survey, is_examined=is_examined)
    return {name: pool.submit(look, sinks[name], tuple(mine)) for name, mine in _by_sink(slots).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownSpaces:
    """The spaces that a manifest names, and what listing them gave."""

    spaces: Mapping[ScopeRef, Scope]
    unknown_scopes: Mapping[ScopeRef, str]
    """Why each of the others was not found, and what to do."""
    listed: frozenset[ScopeId]
    keys: tuple[Observation, ...]

    @property
    def names(self) -> tuple[Scope, ...]:
        """The spaces that were listed, called as the manifest calls them, sorted by id."""
        called = {space.id: replace(space, name=str(reference)) for reference, space in self.spaces.items()}
        return tuple(called.get(space_id) or Scope(id=space_id, name=space_id) for space_id in sorted(self.listed))


def _list_known(reader: KeyReader, manifest: Manifest) -> _KnownSpaces:
    # In this order: which spaces to list is known from their names only.
    spaces, unknown = _find_spaces(reader, name_spaces(manifest))
    listed = list_scopes(manifest, spaces)
    try:
        keys = reader.list_keys(listed)
    except ProviderRefusedError:
        # Asked only now, because nearly always every space is there: which of those that `organizations` name is not?
        _, missing = _find_spaces(reader, _list_granted(manifest))
        gone = frozenset(reference.known_id for reference in missing if isinstance(reference, ScopeById))
        if not gone & listed:
            raise
        listed, unknown = listed - gone, {**unknown, **missing}
        keys = reader.list_keys(listed)
    return _KnownSpaces(spaces=spaces, unknown_scopes=unknown, listed=listed, keys=keys)


def _look_further(
    reader: KeyReader, manifest: Manifest, listing: _KnownSpaces
) -> tuple[tuple[Observation, ...], ScopeSurvey | None]:
    """Return the keys, and with `unmanaged: fail` those of every space that the credential can see."""
    keys, known = listing.keys, listing.names
    readers = [reader_at(reader, one.name) for one in manifest.providers]
    partial_ones = [one for one in readers if shows_partly(one.laws())]
    is_wanted = manifest.unmanaged is Unmanaged.FAIL
    further = [list_further_spaces(one, known) if is_wanted else None for one in partial_ones]
    if all(spaces is None for spaces in further):
        return tuple(map(_compose, keys)), ScopeSurvey(looked_in=known) if partial_ones else None
    found, looked = walk_spaces(reader, [space for spaces in further for space in spaces or ()])
    looked_in = sorted((*known, *looked.looked_in), key=lambda space: space.id)
    survey = replace(looked, looked_in=tuple(looked_in), is_complete=None not in further)
    return tuple(map(_compose, merge_keys(keys, found))), survey


def locate_slots(manifest: Manifest, sinks: Mapping[SinkName, SinkReader]) -> Mapping[Address, tuple[Slot, ...]]:
    """Return every declaration's slots in the order of its deliveries. No sink is called over a network.

    Raises InputError if a place is impossible, ManifestError if two declarations share one.
    """
    slots = {
        declared.address: tuple(
            sinks[delivery.sink].locate(manifest.owner, declared, delivery) for delivery in declared.deliveries
        )
        for declared in manifest.keys
    }
    _refuse_shared(manifest, slots)
    return slots


def _refuse_shared(manifest: Manifest, slots: Mapping[Address, tuple[Slot, ...]]) -> None:
    # Each of the two would overwrite the other's key at every run, and neither would ever be delivered.
    everything = [slot for mine in slots.values() for slot in mine]
    if len(set(everything)) == len(everything):  # nearly always
        return
    taken: dict[Slot, Address] = {}
    problems: list[Problem] = []
    for declared in manifest.keys:
        for slot in slots[declared.address]:
            first = taken.setdefault(slot, declared.address)
            if first != declared.address:
                problems.append(
                    declared.place.problem(
                        f"{first} would be delivered to {slot.sink}:{slot.location}, too",
                        rule="manifest/shared_place",
                        subject=declared.address,
                        advice="give each its own place, for example with {name} in the path",
                    )
                )
    if problems:
        raise ManifestError(tuple(problems))


def _by_sink(slots: Mapping[Address, tuple[Slot, ...]]) -> dict[SinkName, list[Slot]]:
    grouped: defaultdict[SinkName, list[Slot]] = defaultdict(list)
    for mine in slots.values():
        for slot in mine:
            grouped[slot.sink].append(slot)
    return dict(grouped)


def _find_spaces(
    reader: KeyReader, references: Collection[ScopeRef]
) -> tuple[Mapping[ScopeRef, Scope], Mapping[ScopeRef, str]]:
    """Return the spaces that are found, and why each of the others is not: the keys of the others wait for it alone."""
    try:
        return reader.find_scopes(references), {}
    except InputError:
        found: dict[ScopeRef, Scope] = {}
        unknown: dict[ScopeRef, str] = {}
    # One by one, because the answer names the first unknown space only.
    for reference in references:
        try:
            found |= reader.find_scopes([reference])
        except InputError as error:
            unknown[reference] = f"{error.message}: {error.advice}" if error.advice else error.message
    return found, unknown


def name_spaces(manifest: Manifest) -> frozenset[ScopeRef]:
    """Return the spaces that declarations refer to, by name or id, and that have to be looked up."""
    return frozenset(declared.scope for declared in manifest.keys if declared.scope)


def list_scopes(manifest: Manifest, spaces: Mapping[ScopeRef, Scope]) -> frozenset[ScopeId]:
    """Return the ids of all spaces that declarations refer to, given those that were looked up."""
    found = {space.id for space in spaces.values()}
    written = {reference.known_id for reference in spaces if isinstance(reference, ScopeById)}
    return frozenset(found | written | {reference.known_id for reference in _list_granted(manifest)})


def _list_granted(manifest: Manifest) -> frozenset[ScopeById]:
    """Return the spaces that declarations name under `organizations`, by their ids."""
    return frozenset(
        reference
        for declared in manifest.keys
        if declared.organizations
        for reference in declared.spaces
        if isinstance(reference, ScopeById)
    )


def _complete(
    inspected: Iterable[Mapping[Slot, Holding]],
    memory: Memory,
    sinks: Mapping[SinkName, SinkReader],
    now: datetime,
) -> tuple[dict[Slot, Holding], frozenset[KeyId]]:
    """Return what all places hold, those included that only the ledger names, and the ids of keys that should live."""
    holdings: dict[Slot, Holding] = {}
    for found in inspected:
        holdings.update(found)
    shared = _share_receipts(holdings, memory)
    # What stands at a place that was left names old keys, of which nothing has to be known.
    left = _share_receipts(_inspect_left_places(memory, sinks, holdings), memory)
    return {**shared, **left}, _name_keys(memory, shared, now)


def _share_receipts(holdings: Mapping[Slot, Holding], memory: Memory) -> dict[Slot, Holding]:
    """Return the holdings, with the ledger's own receipt in place of each that agrees with it."""
    # One of the two is in memory then, and comparing them later takes no time. The ledger's knows more: which sinks
    # took the raw key.
    in_ledger = {receipt.address: receipt for receipt in memory.receipts} if holdings else {}

    def share(held: Holding) -> Holding:
        if held.receipt is None:
            return held
        recorded = in_ledger.get(held.receipt.address)
        if recorded and recorded.agrees_with(held.receipt):
            return _exchange_receipt(held, recorded)
        # Only the ledger may name places to empty: a user who can write one place could name another key's.
        return _exchange_receipt(held, replace(held.receipt, left=())) if held.receipt.left else held

    return {slot: share(held) for slot, held in holdings.items()}


def _exchange_receipt(held: Holding, receipt: Receipt) -> Holding:
    """Return a holding with another receipt: asked of nearly every place, and `replace` takes three times as long."""
    return Holding(
        present=held.present,
        receipt=receipt,
        intent=held.intent,
        owner=held.owner,
        content=held.content,
        changed_at=held.changed_at,
        revision=held.revision,
        intent_age=held.intent_age,
    )


def _inspect_left_places(
    memory: Memory, sinks: Mapping[SinkName, SinkReader], known: Mapping[Slot, Holding]
) -> dict[Slot, Holding]:
    """Return what the ledger's other places hold, as far as their sinks are still configured.

    Those are places of undeclared keys, and places that a declaration has left. A receipt of another manifest there
    says that the place, or the key, has a new owner.
    """
    # As `Slot` compares: nearly every place is known, and no slot has to be made of it to see that.
    seen = {(slot.sink, slot.location) for slot in known}
    slots: set[Slot] = set()
    for receipt in memory.receipts:
        if receipt.forgotten:
            continue
        places = (*receipt.delivered, *[entry.place for entry in receipt.left]) if receipt.left else receipt.delivered
        slots.update([Slot.of(one) for one in places if (one.sink, one.location) not in seen and one.sink in sinks])
    asked = _by_sink({Address(""): tuple(slots)})
    return {slot: held for name, mine in asked.items() for slot, held in sinks[name].inspect(tuple(mine)).items()}


def _find_revoked(
    reader: KeyReader, manifest: Manifest, missing: frozenset[KeyId], spaces: Collection[ScopeId]
) -> tuple[Observation, ...]:
    """Return the dead keys of these ids, sorted by id: absence from the active ones alone proves nothing.

    They are looked for once, and only at a provider of which such an id is.
    """
    names = [one.name for one in manifest.providers]
    found: dict[KeyId, Observation] = {}
    for name in sorted({find_provider(key_id, names) for key_id in missing}):
        one = reader_at(reader, name)
        mine = sorted(space for space in spaces if find_provider(space, names) == name)
        asked: list[ScopeId | None] = [None, *(mine if one.laws().shows_scopes else ())]
        for space_id in asked:
            dead = one.search_keys(key_type=None, active=False, scope_id=space_id)
            found |= {key.id: _compose(key) for key in dead if key.id in missing}
    return tuple(found[key_id] for key_id in sorted(found))


def _name_keys(memory: Memory, holdings: Mapping[Slot, Holding], now: datetime) -> frozenset[KeyId]:
    """Return the ids of keys that receipts name as delivered, and that should still live."""
    recorded = {receipt.address: receipt for receipt in memory.receipts}
    beside = [held.receipt for held in holdings.values() if held.receipt and held.owner is None]
    # What the ledger says itself was shared before: the rest is news, and its superseded keys are looked at, too.
    news = [one for one in beside if one is not recorded.get(one.address)]
    named = {
        receipt.key_id
        for receipt in (*memory.receipts, *news)
        if not receipt.forgotten and (receipt.expires_at is None or receipt.expires_at > now)
    }
    return frozenset(named | {old.key_id for receipt in news for old in receipt.superseded})


def _compose(key: Observation) -> Observation:
    """Return a key with its name in normal form C: in which form a server returns it makes no difference."""
    return key if key.name.isascii() else replace(key, name=compose(key.name))


def _find_own(keys: Iterable[Observation], reader: KeyReader) -> frozenset[KeyId]:
    """Return the ids of active keys whose redacted form fits the credential that is presented."""
    shown = [key for key in keys if key.active and key.redacted]
    # Looked up once for each provider: that takes many times as long as to compare a form.
    readers = {name: reader_at(reader, name) for name in {key.provider for key in shown}}
    return frozenset(key.id for key in shown if readers[key.provider].presents(key.redacted))
