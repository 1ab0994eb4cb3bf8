"""The world at one instant, asked through readers only: provider, ledger and sinks become a snapshot.

In: a manifest and the ports that read. Out: a snapshot. Never: a call that could change anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.errors import ManifestError, Problem
from keyplan.model.manifest import Address, Manifest, SinkName, SpaceById, SpaceId, SpaceRef
from keyplan.model.observation import Holding, Observation, Slot, Snapshot, Space
from keyplan.model.receipt import Intent
from keyplan.ports import KeyReader, LedgerReader, Memory, SinkReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Readers:
    """Everything that a run may touch which must not change anything: no door in it leads to a write."""

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
    """Return what provider, ledger and sinks show, each asked at the same time as the others.

    Raises ProviderError, SinkError, LedgerError, InputError for an unknown space, and ManifestError for two
    declarations that would be delivered to one place.
    """
    slots = locate_slots(manifest, sinks)
    with ThreadPoolExecutor(max_workers=len(sinks) + 2) as pool:
        recalling = pool.submit(ledger.recall)
        looking = [pool.submit(sinks[name].inspect, tuple(mine)) for name, mine in _by_sink(slots).items()]
        laws = reader.laws()
        spaces = reader.find_spaces(name_spaces(manifest))
        keys = reader.list_keys(list_spaces(manifest, spaces))
        memory = recalling.result()
        holdings = {slot: held for future in looking for slot, held in future.result().items()}
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
    """Return every declaration's slots in the order of its deliveries. Asks no sink anything over a network.

    Raises InputError where a place is impossible, ManifestError where two declarations share one.
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
    """Return the spaces that declarations name or number, which have to be looked up."""
    return frozenset(declared.space for declared in manifest.keys if declared.space)


def list_spaces(manifest: Manifest, spaces: Mapping[SpaceRef, Space]) -> frozenset[SpaceId]:
    """Return the ids of all spaces that declarations speak of, given those that were looked up."""
    found = {space.id for space in spaces.values()}
    written = {reference.space_id for reference in spaces if isinstance(reference, SpaceById)}
    granted = {grant.space_id for declared in manifest.keys for org in declared.organizations for grant in org.spaces}
    return frozenset(found | written | granted)


def _share_receipts(holdings: Mapping[Slot, Holding], memory: Memory) -> Mapping[Slot, Holding]:
    """Return the holdings, with the ledger's own receipt in place of each that agrees with it.

    One of two is in memory then, and who compares them later sees at once that they are the same. The ledger's knows
    more: which sinks took the raw key.
    """
    in_ledger = {receipt.address: receipt for receipt in memory.receipts}

    def share(held: Holding) -> Holding:
        told = held.receipt and in_ledger.get(held.receipt.address)
        return replace(held, receipt=told) if held.receipt and told and told.agrees_with(held.receipt) else held

    return {slot: share(held) for slot, held in holdings.items()}


def _merge_intents(memory: Memory, holdings: Mapping[Slot, Holding], owner: str) -> tuple[Intent, ...]:
    """Return the open intents of ledger and sinks, each id once with the most attempts that anybody noted."""
    beside = [held.intent for held in holdings.values() if held.intent]
    ranked = sorted((*memory.intents, *beside), key=lambda intent: intent.attempts)
    merged = {intent.id: intent for intent in ranked if intent.owner == owner}
    return tuple(sorted(merged.values(), key=lambda intent: (intent.at, intent.id)))


def _is_own(key: Observation, reader: KeyReader) -> bool:
    return key.active and bool(key.redacted) and reader.presents(key.redacted)
