"""Snapshots of small situations, written so that a table row shows nothing but what matters to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from samples import CREATOR, IDENTITY, LINEAGE, LOCAL, NOW, make_observation, make_receipt
from scenario import make_manifest
from simulator import FULL, LAWS

from keyplan.model.basis import Basis
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.intent import Intent
from keyplan.model.manifest import ProviderSettings
from keyplan.model.observation import Abilities, Content, Holding, Marker, Observation, Slot, Snapshot
from keyplan.model.plan import Action, Plan, Request
from keyplan.model.receipt import Delivered, Receipt, Superseded
from keyplan.planner.authority import Authority, CreatorSource
from keyplan.planner.guards import apply_guards
from keyplan.planner.plan import make_plan
from keyplan.planner.policy_guard import apply_policies

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LATER = NOW + HOUR
"""When the runs of these tests happen: an hour after everything was made and delivered."""
CI = Address("user/ci")
AUTHORITY = Authority(lineage=LINEAGE, creators={CREATOR: CreatorSource.CREDENTIAL})
"""The authority of a manifest that knows its own creator."""


def slot_of(address: Address, sink: str = LOCAL) -> Slot:
    """Return the slot of an address in a sink."""
    return Slot(sink=SinkName(sink), location=f"secrets/{address}")


def ours(key_id: str = "key-1", address: Address = CI, **changes: Any) -> Observation:
    """Return a live key with our marker of that address."""
    return make_observation(key_id, **{"marker": Marker.of(IDENTITY, address), **changes})


def recorded(key_id: str = "key-1", address: Address = CI, **changes: Any) -> Receipt:
    """Return the receipt of a key that was delivered to the address's slot."""
    delivered = (Delivered(LOCAL, slot_of(address).location),)
    return make_receipt(key_id=KeyId(key_id), **{"address": address, "delivered": delivered, **changes})


def old(key_id: str, *, ends: datetime, switched: datetime = NOW) -> Superseded:
    """Return what a receipt remembers of a superseded key."""
    return Superseded(key_id=KeyId(key_id), switched_at=switched, delete_after=ends)


def holding(receipt: Receipt | None, content: Content = Content.MATCHES, **changes: Any) -> Holding:
    """Return a slot that holds a value beside that receipt."""
    return Holding(**{"present": True, "receipt": receipt, "content": content, **changes})


def situate(
    *desired: Desired,
    keys: Iterable[Observation] = (),
    receipts: Iterable[Receipt] = (),
    intents: Iterable[Intent] = (),
    held: Mapping[Slot, Holding] | None = None,
    abilities: Mapping[str, Abilities] | None = None,
    dialect: str = "beta",
    **changes: Any,
) -> Snapshot:
    """Return a snapshot in which, unless `held` says otherwise, every sink holds what the ledger's receipts say.

    Keys of receipts that are not among `keys` are shown as revoked.
    """
    keys = tuple(keys)
    known = tuple(sorted(receipts, key=lambda receipt: receipt.address))
    sinks = abilities or {LOCAL: FULL}
    slots = {one.address: tuple(slot_of(one.address, sink) for sink in sinks) for one in desired}
    beside = {slot_of(receipt.address, sink): holding(receipt) for receipt in known for sink in sinks}
    values: dict[str, Any] = {
        "now": LATER,
        "provider": "https://api.simulated.test",
        "laws": LAWS[dialect],
        "keys": tuple(sorted(keys, key=lambda key: key.id)),
        "receipts": known,
        "intents": tuple(intents),
        "slots": slots,
        "holdings": beside if held is None else held,
        "revoked": tuple(sorted(_revoke(known, keys), key=lambda key: key.id)),
        "abilities": {SinkName(name): ability for name, ability in sinks.items()},
    }
    return Snapshot(**(values | changes))


def _revoke(receipts: Iterable[Receipt], keys: Iterable[Observation]) -> Iterator[Observation]:
    shown = {key.id for key in keys}
    return (ours(one.key_id, one.address, active=False) for one in receipts if one.key_id not in shown)


def plan(snapshot: Snapshot, *desired: Desired, manifest: Mapping[str, Any] | None = None, **request: Any) -> Plan:
    """Return the guarded plan."""
    changes = {"provider": ProviderSettings(creators=(CREATOR,)), **(manifest or {})}
    declared = make_manifest(*(one.declaration for one in desired), **changes)
    policed = apply_policies(
        make_plan(declared, desired, snapshot, Request(**request)), manifest=declared, now=snapshot.now
    )
    return apply_guards(policed, manifest=declared)


def words(made: Plan) -> list[str]:
    """Return `verb reason [key]` of every action, `blocked` before it where it is."""
    return [_say(action) for action in made.actions]


def _say(action: Action) -> str:
    blocked = f"{action.blocked.guard.value}: " if action.blocked else ""
    key = f" {action.key_id}" if action.key_id else ""
    return f"{blocked}{action.verb.value} {action.reason.value}{key}"


def contents(basis: Basis) -> tuple[type[Basis], dict[str, object]]:
    """Return all that a basis holds, to be compared: bases themselves are not."""
    return type(basis), {field.name: getattr(basis, field.name) for field in fields(basis)}
