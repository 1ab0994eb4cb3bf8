"""Who keyplan is at the provider, as `doctor` says it: its own user, trusted creators, and marked keys of strangers.

Only readers are called. What can't be read here was reported by `applier.doctor` already.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger
from keyplan.applier.observe import list_scopes, name_spaces
from keyplan.errors import KeyplanError, LedgerError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.ledger import Memory
from keyplan.model.observation import Observation, Snapshot
from keyplan.planner.authority import Authority, CreatorSource
from keyplan.ports import KeyReader, ProviderPorts

_MOST_NAMED = 5
"""So many keys of strangers are named; the plan's document lists all."""


def examine_identity(wiring: Wiring, workspace: Workspace) -> tuple[Finding, ...]:
    """Return findings about the credential's user, trusted creators and claimed keys; nothing if they can't be read."""
    try:
        with open_provider(wiring, workspace) as provider:
            snapshot = _observe(workspace, provider.reader, _recall(wiring, workspace, provider), wiring.clock.now())
    except KeyplanError:
        return ()
    authority = Authority.of(workspace.manifest, snapshot)
    return (_describe_self(authority), _describe_creators(authority), *_find_claimed(snapshot, authority))


def _recall(wiring: Wiring, workspace: Workspace, provider: ProviderPorts) -> Memory:
    try:
        return read_only_ledger(wiring, workspace, provider).recall()
    except LedgerError:
        return Memory()


def _observe(workspace: Workspace, reader: KeyReader, memory: Memory, now: datetime) -> Snapshot:
    spaces = reader.find_scopes(name_spaces(workspace.manifest))
    keys = reader.list_keys(list_scopes(workspace.manifest, spaces))
    own = frozenset(key.id for key in keys if key.active and key.redacted and reader.presents(key.redacted))
    return Snapshot(
        now=now,
        provider=reader.base_url,
        laws=reader.laws(),
        keys=keys,
        spaces=spaces,
        receipts=memory.receipts,
        own_keys=own,
    )


def _describe_self(authority: Authority) -> Finding:
    own = [
        user
        for user, source in authority.creators.items()
        if source in (CreatorSource.CREDENTIAL, CreatorSource.LISTING)
    ]
    if own:
        return _finding("identity", f"keyplan works as user {', '.join(own)}")
    return Finding(
        area=Area.PROVIDER,
        subject="identity",
        health=Health.UNKNOWN,
        detail="the provider does not show as which user keyplan works",
        advice="if plans are blocked by unknown_creator, add the user's id to creators under provider",
    )


def _describe_creators(authority: Authority) -> Finding:
    if authority.trusts_marks:
        return _finding("creators", "not needed: at this provider only administrators can mark keys")
    named = "; ".join(f"{user} ({source.value})" for user, source in authority.creators.items())
    return _finding("creators", f"marked keys of these users are ours: {named}" if named else "none is known")


def _find_claimed(snapshot: Snapshot, authority: Authority) -> Iterator[Finding]:
    claimed = [key for key in snapshot.keys if _is_claimed(key, snapshot, authority)]
    for key in claimed[:_MOST_NAMED]:
        yield Finding(
            area=Area.PROVIDER,
            subject="claimed key",
            health=Health.WARNING,
            detail=f"key {key.id} carries our marker and was created by user {key.created_by or 'unknown'}: "
            "it is not touched",
            advice="ask its creator; if that user works for this manifest, add the id to creators under provider",
        )
    if len(claimed) > _MOST_NAMED:
        yield _finding("claimed keys", f"{len(claimed)} in all; keyplan plan --format json lists them")


def _is_claimed(key: Observation, snapshot: Snapshot, authority: Authority) -> bool:
    if not key.is_live(snapshot.now) or key.marker is None or authority.made(key):
        return False
    recorded = any(key.id == receipt.key_id for receipt in snapshot.receipts)
    return key.marker.identity in authority.lineage.identities and not recorded


def _finding(subject: str, detail: str) -> Finding:
    return Finding(area=Area.PROVIDER, subject=subject, health=Health.FINE, detail=detail)
