"""Provider, ledger and sinks at one instant, as a snapshot. Only readers are called, which cannot change anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.errors import ManifestError, Problem
from keyplan.model.identity import Address, SinkName, SpaceId
from keyplan.model.manifest import Manifest, SpaceById, SpaceRef
from keyplan.model.observation import Holding, Observation, Slot, Snapshot, Space
from keyplan.model.receipt import Intent
from keyplan.ports import KeyReader, LedgerReader, Memory, SinkReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Everything that a read-only run may call: none of it has a method that writes."""

    reader: KeyReader
    ledger: LedgerReader
    sinks: Mapping[SinkName, SinkReader]


def observe(
    manifest: Manifest,
    *,
    reader: KeyReader,
    ledger: LedgerReader,
    sinks: Mapping[SinkName, SinkReader],
    now: datetime,
) -> Snapshot:
    """Return what provider, ledger and sinks show, all read in parallel.

    Raises ProviderError, SinkError, LedgerError, InputError for an unknown space, and ManifestError for two
    declarations that would be delivered to one place.
    """
    # Before anything is called: an impossible place is found without a credential.
    slots = locate_slots(manifest, sinks)
    with ThreadPoolExecutor(max_workers=len(sinks) + 2) as pool:
        recalled = pool.submit(ledger.recall)
        inspected = [pool.submit(sinks[name].inspect, tuple(mine)) for name, mine in _by_sink(slots).items()]
        # The provider in this thread, in this order: which spaces to list is known from their names only.
        laws = reader.laws()
        spaces = reader.find_spaces(name_spaces(manifest))
        keys = reader.list_keys(list_spaces(manifest, spaces))
        memory = recalled.result()
        holdings = {slot: held for future in inspected for slot, held in future.result().items()}
    return Snapshot(
        now=now,
        provider=reader.base_url,
        laws=laws,
        keys=keys,
        spaces=spaces,
        receipts=memory.receipts,
        intents=_merge_intents(memory, holdings, manifest.owner),
        slots=slots,
        holdings=_share_receipts(holdings, memory),
        abilities={name: sink.abilities for name, sink in sinks.items()},
        serial=memory.serial,
        own_keys=frozenset(key.id for key in keys if _is_own(key, reader)),
    )


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


def name_spaces(manifest: Manifest) -> frozenset[SpaceRef]:
    """Return the spaces that declarations refer to, by name or id, and that have to be looked up."""
    return frozenset(declared.space for declared in manifest.keys if declared.space)


def list_spaces(manifest: Manifest, spaces: Mapping[SpaceRef, Space]) -> frozenset[SpaceId]:
    """Return the ids of all spaces that declarations refer to, given those that were looked up."""
    found = {space.id for space in spaces.values()}
    written = {reference.space_id for reference in spaces if isinstance(reference, SpaceById)}
    granted = {grant.space_id for declared in manifest.keys for org in declared.organizations for grant in org.spaces}
    return frozenset(found | written | granted)


def _share_receipts(holdings: Mapping[Slot, Holding], memory: Memory) -> Mapping[Slot, Holding]:
    """Return the holdings, with the ledger's own receipt in place of each that agrees with it."""
    # One of the two is in memory then, and comparing them later takes no time. The ledger's knows more: which sinks
    # took the raw key.
    in_ledger = {receipt.address: receipt for receipt in memory.receipts}

    def share(held: Holding) -> Holding:
        if held.receipt is None:
            return held
        recorded = in_ledger.get(held.receipt.address)
        return replace(held, receipt=recorded) if recorded and recorded.agrees_with(held.receipt) else held

    return {slot: share(held) for slot, held in holdings.items()}


def _merge_intents(memory: Memory, holdings: Mapping[Slot, Holding], owner: str) -> tuple[Intent, ...]:
    """Return the open intents of ledger and sinks, sorted by time, each id once with the highest count of attempts."""
    # A sink that could not be written in a later attempt still has the earlier count.
    beside = [held.intent for held in holdings.values() if held.intent]
    ranked = sorted((*memory.intents, *beside), key=lambda intent: intent.attempts)
    merged = {intent.id: intent for intent in ranked if intent.owner == owner}
    return tuple(sorted(merged.values(), key=lambda intent: (intent.at, intent.id)))


def _is_own(key: Observation, reader: KeyReader) -> bool:
    return key.active and bool(key.redacted) and reader.presents(key.redacted)
