"""Which keys a provider's log is asked about, and which of its entries go with which finding of a drift.

Nothing is decided by a log: a finding is there without it, and stays what it is with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from keyplan.errors import InputError
from keyplan.model.audit import AuditedKey, AuditEntry, AuditLog, AuditLook
from keyplan.model.drift import Cause, Drift, DriftFinding
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Snapshot
from keyplan.model.texts import list_composed, selects
from keyplan.planner.ownership import Ownership

MOST_SHOWN = 3
"""Of the entries about one finding, the newest."""
_ADDRESS_STARTS = tuple(f"{kind.value}/" for kind in KeyType)
_MADE_AT_THE_PROVIDER = frozenset(
    {Cause.GONE, Cause.UNSEEN, Cause.ROTATED_ELSEWHERE, Cause.ALTERED, Cause.DUPLICATE, Cause.CLAIMED}
)
"""Causes that a change at the provider brings about, and that the change's entry may name the key of."""


def list_explicable(drift: Drift) -> frozenset[KeyId]:
    """Return the keys of alarms that a change at the provider explains: those that the log is worth a request for."""
    return frozenset(one.key_id for one in drift.alarms if one.key_id and one.cause in _MADE_AT_THE_PROVIDER)


def explain_drift(drift: Drift, log: AuditLog, snapshot: Snapshot) -> Drift:
    """Return the drift with what the log says beside the alarms that a change at the provider explains."""
    delivered = {receipt.key_id: receipt.delivered_at for receipt in snapshot.receipts}
    findings = tuple(_explain(one, log, delivered) for one in drift.findings)
    return replace(drift, findings=findings, audit=AuditLook(is_read=True))


def _explain(finding: DriftFinding, log: AuditLog, delivered: Mapping[KeyId, datetime]) -> DriftFinding:
    if finding.key_id is None or finding.waiver or finding.cause not in _MADE_AT_THE_PROVIDER:
        return finding
    since = delivered.get(finding.key_id)
    about = [entry for entry in log.entries if finding.key_id in entry.key_ids and _is_later(entry, since)]
    return replace(finding, audit=tuple(about[:MOST_SHOWN]))


def _is_later(entry: AuditEntry, delivered_at: datetime | None) -> bool:
    """Whether an entry is as new as the delivery or newer: what came before is known, and keyplan may have done it."""
    # The log may show whole seconds (docs/arize-api.md, A35).
    return delivered_at is None or (entry.at is not None and entry.at >= delivered_at.replace(microsecond=0))


def list_audited_keys(
    ownership: Ownership, entries: Iterable[HistoryEntry], subjects: Sequence[str]
) -> tuple[AuditedKey, ...]:
    """Return the keys that subjects mean, or every key that is or was known as this manifest's; by address, then id.

    A subject is an address, a glob of addresses, or the id of any key. Raises InputError if an address means no key.
    """
    known = dict(_list_known(ownership, entries))
    if subjects:
        addresses = {address for address in known.values() if address}
        declared = {owned.desired.address for owned in ownership.declared}
        chosen = [_choose(subject, known, list_composed(addresses | declared)) for subject in subjects]
        known = {key_id: address for found in chosen for key_id, address in found.items()}
    keys = (AuditedKey(id=key_id, address=address) for key_id, address in known.items())
    return tuple(sorted(keys, key=lambda key: (key.address or "", key.id)))


def _choose(
    subject: str, known: Mapping[KeyId, Address | None], addresses: frozenset[str]
) -> dict[KeyId, Address | None]:
    if KeyId(subject) in known:
        return {KeyId(subject): known[KeyId(subject)]}
    found: dict[KeyId, Address | None] = {
        key_id: address for key_id, address in known.items() if address and selects(subject, address, addresses)
    }
    if found:
        return found
    # An address of a further provider begins with its name.
    if (subject.partition(":")[2] or subject).startswith(_ADDRESS_STARTS):
        advice = "the log names keys by their ids; list them with: keyplan list"
        raise InputError(f"no key is known of '{subject}'", advice=advice)
    # Any other id is looked for as well: of a key that is gone, the log may be the last that knows it.
    return {KeyId(subject): None}


def _list_known(ownership: Ownership, entries: Iterable[HistoryEntry]) -> Iterator[tuple[KeyId, Address | None]]:
    """Yield keys and their addresses, the surest last, so that it counts."""
    for entry in entries:
        yield from ((action.key_id, action.address) for action in entry.actions if action.key_id)
    yield from ((key.id, None) for key in ownership.claimed)
    for receipt in ownership.snapshot.receipts:
        yield receipt.key_id, receipt.address
        yield from ((old.key_id, receipt.address) for old in receipt.superseded)
    for orphan in ownership.orphans:
        if orphan.key:
            yield orphan.key.id, orphan.address
    for owned in ownership.declared:
        declaration = owned.desired.declaration
        if declaration.import_id:
            yield declaration.import_id, declaration.address
        yield from ((key.id, declaration.address) for key in owned.alive)
