"""Provider, ledger and sinks at one instant, as a snapshot. Only readers are called, which cannot change anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from keyplan.applier.kept_places import keep_places
from keyplan.applier.known_places import NotePlaces
from keyplan.applier.matches import find_matches, list_open_imports
from keyplan.applier.preflight import find_in_the_way
from keyplan.applier.route import find_provider, reader_at
from keyplan.applier.scope_survey import list_further_spaces, list_while, merge_keys, shows_partly, walk_spaces
from keyplan.applier.stock import Stock, StockTaker
from keyplan.errors import InputError, ManifestError, Problem, ProviderRefusedError
from keyplan.model.identity import Address, KeyId, ScopeId, SinkName
from keyplan.model.manifest import Manifest, ScopeById, ScopeRef, Unmanaged
from keyplan.model.observation import Exclusion, Observation, Scope, ScopeSurvey, Slot, Snapshot
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
    note_places: NotePlaces | None = field(default=None, compare=False)
    """Takes the places that need not be read again as long as nothing changes; None for a run without the lock."""


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
    reader, sinks, ledger = readers.reader, readers.sinks, readers.ledger
    located = locate_slots(manifest, sinks)  # before any call: an impossible place is found without a credential
    taker = StockTaker(manifest=manifest, reader=reader, ledger=ledger, sinks=sinks, now=now, is_preflight=is_preflight)
    with ThreadPoolExecutor(max_workers=len(sinks) + 3) as pool:
        begun = taker.begin(pool, located)
        keys, looked_in = _look_further(reader, manifest, known := _list_known(reader, manifest))
        stock = _finish(begun, readers)
    memory, spaces, held = stock.memory, known.spaces, stock.holdings
    places = keep_places(manifest, located, receipts=memory.receipts, holdings=held, spaces=spaces, sinks=sinks)
    shown = Snapshot(
        now=now,
        keys=keys,
        spaces=spaces,
        unknown_scopes=known.unknown_scopes,
        receipts=memory.receipts,
        intents=memory.intents,
        slots=places.slots,
        next_slots=places.next_slots,
        holdings=held,
        abilities={name: sink.abilities for name, sink in sinks.items()},
        findings=find_in_the_way(manifest, located, stock.surveys, memory),
        revoked=_find_revoked(reader, manifest, stock.named - {key.id for key in keys}, known.listed),
        serial=memory.serial,
        history_head=memory.head,
        is_ledger_asked=memory.is_asked,
        exclusion=exclusion,
        survey=looked_in,
        own_keys=_find_own(keys, reader),
        **_describe_providers(reader, manifest),
    )
    return _look_at_imports(manifest, readers, shown, known.listed)


def _finish(begun: Future[Stock], readers: Readers) -> Stock:
    stock = begun.result()
    if readers.note_places:
        readers.note_places(stock.memory, stock.list_settled())
    return stock


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
    spaces: Mapping[ScopeRef, Scope] = {}
    unknown: Mapping[ScopeRef, str] = {}
    listed: frozenset[ScopeId] = frozenset()

    def find() -> frozenset[ScopeId]:
        nonlocal spaces, unknown, listed
        spaces, unknown = _find_spaces(reader, name_spaces(manifest))
        listed = list_scopes(manifest, spaces)
        return listed

    try:
        keys = list_while(reader, find)
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


def _compose(key: Observation) -> Observation:
    """Return a key with its name in normal form C: in which form a server returns it makes no difference."""
    return key if key.name.isascii() else replace(key, name=compose(key.name))


def _find_own(keys: Iterable[Observation], reader: KeyReader) -> frozenset[KeyId]:
    """Return the ids of active keys whose redacted form fits the credential that is presented."""
    shown = [key for key in keys if key.active and key.redacted]
    # Looked up once for each provider: that takes many times as long as to compare a form.
    readers = {name: reader_at(reader, name) for name in {key.provider for key in shown}}
    return frozenset(key.id for key in shown if readers[key.provider].presents(key.redacted))
