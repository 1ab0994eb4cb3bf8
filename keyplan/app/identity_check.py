"""Who keyplan is at the provider, as `doctor` says it: its own user, trusted creators, and marked keys of strangers.

Only readers are called. What can't be read here was reported by `applier.doctor` already.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime

from keyplan.app.several_providers import label_providers
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_one_provider, read_only_ledger
from keyplan.applier.observe import list_scopes, name_spaces
from keyplan.errors import KeyplanError, LedgerError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.identity import ONLY_PROVIDER
from keyplan.model.ledger import Memory
from keyplan.model.manifest import Manifest, ProviderSettings
from keyplan.model.observation import Observation, Snapshot
from keyplan.planner.authority import Authority, CreatorSource
from keyplan.ports import KeyReader, ProviderPorts

_MOST_NAMED = 5
"""So many keys of strangers are named; the plan's document lists all."""


def examine_identity(wiring: Wiring, workspace: Workspace) -> tuple[Finding, ...]:
    """Return findings about the user of each credential, trusted creators and claimed keys; none if unreadable."""
    manifest, findings, memory = workspace.manifest, list[Finding](), Memory()
    labels = label_providers(manifest)
    # The usual provider comes first, and the ledger belongs to its account.
    for settings in manifest.providers:
        own = _narrow(manifest, settings) if labels else manifest
        try:
            with closing(open_one_provider(wiring, workspace, settings)) as ports:
                if settings.name == ONLY_PROVIDER:
                    memory = _recall(wiring, workspace, ports)
                snapshot = _observe(own, ports.reader, memory, wiring.clock.now())
        except KeyplanError:
            continue
        found = _describe(own, snapshot, _name_field(labels.get(settings.name)))
        findings += [replace(one, provider=labels.get(settings.name, "")) for one in found]
    return tuple(findings)


def _name_field(label: str | None) -> str:
    return f"creators under provider '{label}'" if label else "creators under provider"


def _narrow(manifest: Manifest, settings: ProviderSettings) -> Manifest:
    """Return the part of a manifest that is about one of its providers."""
    keys = tuple(key for key in manifest.keys if key.provider == settings.name)
    return replace(manifest, provider=settings, further_providers=(), keys=keys)


def _describe(manifest: Manifest, snapshot: Snapshot, field: str) -> Iterator[Finding]:
    authority = Authority.of(manifest, snapshot)
    yield _describe_self(authority, field)
    yield _describe_creators(authority)
    yield from _find_claimed(snapshot, authority, field)


def _recall(wiring: Wiring, workspace: Workspace, provider: ProviderPorts) -> Memory:
    try:
        return read_only_ledger(wiring, workspace, provider).recall()
    except LedgerError:
        return Memory()


def _observe(manifest: Manifest, reader: KeyReader, memory: Memory, now: datetime) -> Snapshot:
    spaces = reader.find_scopes(name_spaces(manifest))
    keys = reader.list_keys(list_scopes(manifest, spaces))
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


def _describe_self(authority: Authority, field: str) -> Finding:
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
        advice=f"if plans are blocked by unknown_creator, add the user's id to {field}",
    )


def _describe_creators(authority: Authority) -> Finding:
    if authority.trusts_marks:
        return _finding("creators", "not needed: at this provider only administrators can mark keys")
    named = "; ".join(f"{user} ({source.value})" for user, source in authority.creators.items())
    return _finding("creators", f"marked keys of these users are ours: {named}" if named else "none is known")


def _find_claimed(snapshot: Snapshot, authority: Authority, field: str) -> Iterator[Finding]:
    claimed = [key for key in snapshot.keys if _is_claimed(key, snapshot, authority)]
    for key in claimed[:_MOST_NAMED]:
        yield Finding(
            area=Area.PROVIDER,
            subject="claimed key",
            health=Health.WARNING,
            detail=f"key {key.id} carries our marker and was created by user {key.created_by or 'unknown'}: "
            "it is not touched",
            advice=f"ask its creator; if that user works for this manifest, add the id to {field}",
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
