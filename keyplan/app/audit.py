"""Asks the provider's own log who changed which key. Changes nothing; no run depends on the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.app.context import RunContext
from keyplan.app.unasked import make_unasked_sinks
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger
from keyplan.applier.observe import Readers, observe
from keyplan.errors import ProviderError, ProviderUnavailableError
from keyplan.model.audit import Audit, AuditLook, AuditQuery
from keyplan.model.drift import Drift
from keyplan.model.observation import Snapshot
from keyplan.planner.audit import explain_drift, list_audited_keys, list_explicable
from keyplan.planner.authority import Authority
from keyplan.planner.desired import resolve_in
from keyplan.planner.ownership import assign_ownership
from keyplan.ports import Auditable, Clock, KeyReader

DEFAULT_WINDOW = timedelta(days=30)
_LOOK_ENTRIES, _LOOK_TIME = 1_000, timedelta(seconds=15)
"""Of a drift, which must not wait for what it does not need."""
_MOST_ENTRIES, _LONGEST_TIME = 20_000, timedelta(seconds=120)


def look_up_changes(reader: KeyReader, drift: Drift, snapshot: Snapshot, clock: Clock) -> Drift:
    """Return a drift with what the log says of its alarms; as it was if there is nothing to ask, or no answer.

    Never raises for the log's sake: a drift has `audit` with the reason if the log could not be read.
    """
    key_ids = list_explicable(drift)
    if not key_ids or not isinstance(reader, Auditable):
        return drift
    now = _now_there(reader, clock)
    query = AuditQuery(key_ids=key_ids, since=now - DEFAULT_WINDOW, until=now, entries=_LOOK_ENTRIES, time=_LOOK_TIME)
    try:
        log = reader.read_audit(query)
    except ProviderError as error:
        reason = f"{error.message}; {error.advice}" if error.advice else error.message
        return replace(drift, audit=AuditLook(is_read=False, reason=reason))
    return explain_drift(drift, log, snapshot)


def audit_keys(context: RunContext, workspace: Workspace, subjects: Sequence[str], span: timedelta) -> Audit:
    """Return what the log of the last `span` says of keys of the manifest: all, or those of these subjects.

    Sinks are not opened. Raises InputError if a subject means no key, ProviderError if the log cannot be read, and
    LedgerError.
    """
    manifest, wiring = workspace.manifest, context.wiring
    with open_provider(wiring, workspace) as provider:
        reader = provider.reader
        if not isinstance(reader, Auditable):
            raise ProviderUnavailableError(f"the provider {manifest.provider.type} has no audit log for keyplan")
        ledger = read_only_ledger(wiring, workspace, provider)
        readers = Readers(reader=reader, ledger=ledger, sinks=make_unasked_sinks(manifest))
        snapshot = observe(manifest, readers, now=wiring.clock.now(), is_preflight=False)
        desired = resolve_in(manifest, snapshot)
        ownership = assign_ownership(desired, snapshot, authority=Authority.of(manifest, snapshot))
        keys = list_audited_keys(ownership, ledger.history(), subjects)
        now = _now_there(reader, wiring.clock)
        query = AuditQuery(
            key_ids=frozenset(key.id for key in keys),
            since=_reach_back(now, span),
            until=now,
            entries=_MOST_ENTRIES,
            time=_LONGEST_TIME,
        )
        log = reader.read_audit(query)
    return Audit(
        owner=manifest.owner,
        manifest=manifest.path,
        provider=snapshot.provider,
        since=query.since,
        until=query.until,
        keys=keys,
        log=log,
    )


def _now_there(reader: KeyReader, clock: Clock) -> datetime:
    """Return the present time by the provider's clock if that is ahead: the newest entries would lie in the future."""
    return clock.now() + max(reader.clock_skew() or timedelta(0), timedelta(0))


def _reach_back(now: datetime, span: timedelta) -> datetime:
    try:
        return now - span
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
