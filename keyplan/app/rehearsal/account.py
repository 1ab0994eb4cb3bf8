"""Copies what an account, its ledger and its sinks show into simulated ones. No raw key is read: all are made up.

Redacted forms and fingerprints are remade so that what agreed agrees, and what differed differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keyplan.app.provider_router import rename_spaces
from keyplan.app.several_providers import remove_name
from keyplan.model.examination import Finding
from keyplan.model.identity import (
    ONLY_PROVIDER,
    KeyId,
    Lineage,
    ProviderName,
    ScopeId,
    SinkName,
    UserId,
    read_provider,
    unqualify,
)
from keyplan.model.manifest import KeyType, Manifest, ProviderSettings
from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.receipt import Receipt
from keyplan.model.secret import RawKey
from keyplan.planner.authority import find_creators
from keyplan.ports import SinkReader
from keyplan.simulated.copies import AccountCopy, RecordsCopy, SinkCopy
from keyplan.simulated.records import ME, KeyRecord
from keyplan.simulated.sink import Cell

_DIGITS = 44
_MOST_ISSUED = 10**6
"""Between the raw keys that two copied providers make up, so that none of one is ever one of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateCopy:
    """The present state, as simulated ports begin with it."""

    snapshot: Snapshot
    accounts: Mapping[ProviderName, AccountCopy]
    """Of each provider, with the ids that it knows itself."""
    ledger: RecordsCopy
    sinks: Mapping[SinkName, SinkCopy]


def copy_state(
    manifest: Manifest, snapshot: Snapshot, sinks: Mapping[SinkName, SinkReader], *, is_shared: bool
) -> StateCopy:
    """Return a copy of what a snapshot shows; `is_shared` if every machine sees the same ledger."""
    return StateCopy(
        snapshot=snapshot,
        accounts={one.name: _copy_account(manifest, snapshot, one) for one in manifest.providers},
        ledger=RecordsCopy(
            receipts={one.address: _remake_receipt(one, snapshot) for one in snapshot.receipts},
            intents={intent.id: intent for intent in snapshot.intents},
            is_shared=is_shared,
        ),
        sinks={name: _copy_sink(name, sink, snapshot, manifest.lineage) for name, sink in sinks.items()},
    )


def _copy_account(manifest: Manifest, snapshot: Snapshot, settings: ProviderSettings) -> AccountCopy:
    name, me = settings.name, _find_me(manifest, snapshot, settings)
    keys = [key for key in (*snapshot.keys, *snapshot.revoked) if key.provider == name]
    # The raw key goes by the id with the provider's name, as the receipt of the key has it.
    own = [(_localize_key(key, name), _make_raw(key.id, key.edition)) for key in keys]
    url = snapshot.further_urls.get(name, snapshot.provider)
    return AccountCopy(
        base_url=url,
        laws=snapshot.laws_of(name),
        me=me,
        records={key.id: _remake_key(key, me, raw) for key, raw in own},
        shown={key.id: key for key, _ in own},
        spaces={
            replace(reference, provider=ONLY_PROVIDER): replace(scope, id=ScopeId(unqualify(name, scope.id)))
            for reference, scope in snapshot.spaces.items()
            if reference.provider == name
        },
        unknown_scopes={
            # The copy's failures get the provider's name, too.
            replace(reference, provider=ONLY_PROVIDER): remove_name(why, settings.label or name, url)
            for reference, why in snapshot.unknown_scopes.items()
            if reference.provider == name
        },
        own_keys=frozenset(KeyId(unqualify(name, key.id)) for key in keys if key.id in snapshot.own_keys),
        issued=list(manifest.providers).index(settings) * _MOST_ISSUED,
    )


def _localize_key(key: Observation, name: ProviderName) -> Observation:
    """Return a key as its own provider shows it."""

    def own(space: ScopeId) -> ScopeId:
        return ScopeId(unqualify(name, space))

    return replace(
        key,
        id=KeyId(unqualify(name, key.id)),
        provider=ONLY_PROVIDER,
        scope_ids=None if key.scope_ids is None else frozenset(map(own, key.scope_ids)),
        access=rename_spaces(key.access, own),
    )


def _find_me(manifest: Manifest, snapshot: Snapshot, settings: ProviderSettings) -> UserId:
    """Return the user who creates what keyplan creates at a provider, as far as the account shows it."""
    own = [key for key in snapshot.keys if key.id in snapshot.own_keys and key.provider == settings.name]
    known = [
        *(key.acts_as for key in own),
        *(key.created_by for key in own),
        *find_creators(manifest, snapshot, settings),
    ]
    return next(filter(None, known), ME)


def _make_raw(key_id: KeyId, redacted: str) -> str:
    """Return a made-up raw key: the same for one id and redacted form, else another."""
    return f"ak-{hashlib.sha256(f'{key_id} {redacted}'.encode()).hexdigest()[:_DIGITS]}"


def _remake_key(key: Observation, me: UserId, raw: str) -> KeyRecord:
    return KeyRecord(
        id=key.id,
        name=key.name,
        key_type=key.key_type or KeyType.USER,
        description=key.marker.attach(key.description) if key.marker else key.description,
        access=key.access,
        scope_id=_find_scope(key),
        raw=raw,
        active=key.active,
        created_at=key.created_at,
        expires_at=key.expires_at,
        created_by=key.created_by or me,
        last_used_at=key.last_used_at,
    )


def _find_scope(key: Observation) -> ScopeId | None:
    """Return the scope of a key that has no further access; None for any other key."""
    return next(iter(key.scope_ids)) if key.access is None and len(key.scope_ids or ()) == 1 and key.scope_ids else None


def _remake_receipt(receipt: Receipt, snapshot: Snapshot) -> Receipt:
    """Return a receipt whose redacted form and fingerprint are those of the made-up raw key."""
    raw = _make_raw(receipt.key_id, receipt.redacted)
    fingerprint = RawKey(raw).fingerprint(receipt.fingerprint.salt) if receipt.fingerprint else None
    laws = snapshot.laws_of(read_provider(receipt.address))
    # If no form is shown, a receipt remembers the time of issue, which the copy shows as it was.
    record = _redact(raw) if receipt.redacted and laws.shows_redacted else receipt.redacted
    return replace(receipt, redacted=record, fingerprint=fingerprint)


def _redact(raw: str) -> str:
    return f"{raw[:6]}...{raw[-3:]}"


def _copy_sink(name: SinkName, sink: SinkReader, snapshot: Snapshot, lineage: Lineage) -> SinkCopy:
    held = {slot: holding for slot, holding in snapshot.holdings.items() if slot.sink == name}
    recorded = _list_recorded(snapshot.receipts)
    cells = {slot.location: _copy_cell(slot, holding, recorded, snapshot) for slot, holding in sorted_by_place(held)}
    return SinkCopy(
        name=name,
        real=sink,
        lineage=lineage,
        cells={location: cell for location, cell in cells.items() if cell is not None},
        findings=tuple(_list_findings(name, snapshot)),
    )


def sorted_by_place(held: Mapping[Slot, Holding]) -> list[tuple[Slot, Holding]]:
    """Return what places hold, by location."""
    return sorted(held.items(), key=lambda pair: pair[0].location)


def _list_recorded(receipts: Iterable[Receipt]) -> Mapping[str, Receipt]:
    """Return the receipt that lists a place, by `sink:location`."""
    return {f"{one.sink}:{one.location}": receipt for receipt in receipts for one in receipt.delivered}


def _list_findings(name: SinkName, snapshot: Snapshot) -> Iterable[Finding]:
    for slot, findings in snapshot.findings.items():
        if slot.sink == name:
            yield from (replace(finding, location=slot.location) for finding in findings)


def _copy_cell(slot: Slot, held: Holding, recorded: Mapping[str, Receipt], snapshot: Snapshot) -> Cell | None:
    if not (held.present or held.receipt or held.intent):
        return None
    receipt = held.receipt or (recorded.get(str(slot)) if held.owner is None else None)
    raw = _make_raw(KeyId(str(slot)), "another value")
    if receipt and held.content is not Content.DIFFERS:
        raw = _make_raw(receipt.key_id, receipt.redacted)
    noted = held.receipt or held.intent
    owner = held.owner.owner if held.owner else (noted.owner if noted else None)
    noted_at = snapshot.now - held.intent_age if held.intent_age is not None else None
    return Cell(
        raw=raw if held.present else None,
        owner=owner,
        receipt=_remake_receipt(held.receipt, snapshot) if held.receipt else None,
        intent=held.intent,
        noted_at=noted_at or (held.intent.at if held.intent else None),
        changed_at=held.changed_at,
    )
