"""Asks the provider's own log who changed which key. Changes nothing; no run depends on the answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from keyplan.app.context import RunContext
from keyplan.app.provider_router import find_auditor
from keyplan.app.several_providers import label_providers
from keyplan.app.unasked import make_unasked_sinks
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger
from keyplan.applier.observe import Readers, observe
from keyplan.applier.route import find_provider, reader_at
from keyplan.errors import ProviderError, ProviderUnavailableError
from keyplan.model.audit import Audit, AuditedKey, AuditLog, AuditLook, AuditQuery
from keyplan.model.drift import Drift
from keyplan.model.identity import ONLY_PROVIDER, KeyId, ProviderName
from keyplan.model.observation import Snapshot
from keyplan.model.quotes import list_words
from keyplan.planner.audit import explain_drift, list_audited_keys, list_explicable
from keyplan.planner.authority import Authority
from keyplan.planner.desired import resolve_in
from keyplan.planner.ownership import assign_ownership
from keyplan.ports import Auditable, Clock, KeyReader, ProviderPorts

DEFAULT_WINDOW = timedelta(days=30)
_LOOK_ENTRIES, _LOOK_TIME = 1_000, timedelta(seconds=15)
"""Of a drift, which must not wait for what it does not need."""
_NONE = timedelta(0)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_MOST_ENTRIES, _LONGEST_TIME = 20_000, timedelta(seconds=120)


def look_up_changes(reader: KeyReader, drift: Drift, snapshot: Snapshot, clock: Clock) -> Drift:
    """Return a drift with what the log says of its alarms; as it was if there is nothing to ask, or no answer.

    Never raises for the log's sake: a drift has `audit` with the reason if the log could not be read.
    """
    key_ids = list_explicable(drift)
    logs = _Logs.of(reader, snapshot, key_ids)
    if not key_ids or not logs.asked:
        return drift
    now = _now_there(logs.readers, clock)
    try:
        log = logs.read(since=now - DEFAULT_WINDOW, until=now, entries=_LOOK_ENTRIES, time=_LOOK_TIME)
    except ProviderError as error:
        reason = f"{error.message}; {error.advice}" if error.advice else error.message
        return replace(drift, audit=AuditLook(is_read=False, reason=reason))
    return explain_drift(drift, log, snapshot)


def audit_keys(context: RunContext, workspace: Workspace, subjects: Sequence[str], span: timedelta) -> Audit:
    """Return what the log of the last `span` says of keys of the manifest: all, or those of these subjects.

    Of several providers, the logs of those that have one and a key are read. Sinks are not opened. Raises InputError if
    a subject means no key, ProviderError if a log cannot be read, and LedgerError.
    """
    manifest, wiring = workspace.manifest, context.wiring
    with open_provider(wiring, workspace) as provider:
        reader = provider.reader
        if not any(find_auditor(reader, one.name) for one in manifest.providers):
            raise ProviderUnavailableError(f"the provider {manifest.provider.type} has no audit log for keyplan")
        snapshot, keys = _find_keys(wiring, workspace, provider, subjects)
        logs = _Logs.of(reader, snapshot, frozenset(key.id for key in keys))
        labels = label_providers(manifest)
        without = tuple(labels[name] for name in sorted(logs.without)) if labels else ()
        if without and not logs.asked:
            named = f"{'providers' if without[1:] else 'provider'} {list_words(without)}"
            raise ProviderUnavailableError(f"{named} of these keys: there is no audit log for keyplan")
        now = _now_there(logs.readers, wiring.clock)
        since = _reach_back(now, span)
        log = logs.read(since=since, until=now, entries=_MOST_ENTRIES, time=_LONGEST_TIME)
    return Audit(
        owner=manifest.owner,
        manifest=manifest.path,
        provider=next((one.base_url for one in logs.readers), snapshot.provider),
        providers={labels[name]: reader_at(reader, name).base_url for name in logs.asked} if labels else {},
        without_log=without,
        since=since,
        until=now,
        keys=tuple(key for key in keys if find_provider(key.id, labels) not in logs.without),
        log=log,
    )


def _find_keys(
    wiring: Wiring, workspace: Workspace, provider: ProviderPorts, subjects: Sequence[str]
) -> tuple[Snapshot, tuple[AuditedKey, ...]]:
    """Return what is there now, and the keys that subjects mean: those that are gone among them."""
    manifest = workspace.manifest
    ledger = read_only_ledger(wiring, workspace, provider)
    readers = Readers(reader=provider.reader, ledger=ledger, sinks=make_unasked_sinks(manifest))
    snapshot = observe(manifest, readers, now=wiring.clock.now(), is_preflight=False)
    desired = resolve_in(manifest, snapshot)
    ownership = assign_ownership(desired, snapshot, authority=Authority.of(manifest, snapshot))
    return snapshot, list_audited_keys(ownership, ledger.history(), subjects)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Logs:
    """The logs of the providers that keys are at."""

    asked: Mapping[ProviderName, tuple[Auditable, frozenset[KeyId]]]
    """Those with a log, each with the keys that it is asked about."""
    readers: tuple[KeyReader, ...]
    """The readers of the same providers."""
    without: frozenset[ProviderName]
    """The others: no log of theirs is to be had."""

    @classmethod
    def of(cls, reader: KeyReader, snapshot: Snapshot, key_ids: frozenset[KeyId]) -> _Logs:
        """Return the logs that are worth a request for these keys; of a single provider, also for none."""
        names = (ONLY_PROVIDER, *snapshot.further_urls)
        grouped: dict[ProviderName, set[KeyId]] = {} if snapshot.further_urls else {ONLY_PROVIDER: set()}
        for key_id in key_ids:
            grouped.setdefault(find_provider(key_id, names), set()).add(key_id)
        auditors = {name: (find_auditor(reader, name), frozenset(mine)) for name, mine in grouped.items()}
        asked = {name: (one, mine) for name, (one, mine) in sorted(auditors.items()) if one}
        return cls(
            asked=asked,
            readers=tuple(reader_at(reader, name) for name in asked),
            without=frozenset(grouped) - frozenset(asked),
        )

    def read(self, *, since: datetime, until: datetime, entries: int, time: timedelta) -> AuditLog:
        """Return what all of them say, newest first. Raises ProviderError."""
        logs = [
            auditor.read_audit(AuditQuery(key_ids=mine, since=since, until=until, entries=entries, time=time))
            for auditor, mine in self.asked.values()
        ]
        if len(logs) == 1:
            return logs[0]
        found = [entry for log in logs for entry in log.entries]
        reached = [log.reached for log in logs if log.reached]
        return AuditLog(
            entries=tuple(sorted(found, key=lambda entry: entry.at or _LONG_AGO, reverse=True)),
            read=sum(log.read for log in logs),
            reached=max(reached, default=None),
        )


def _now_there(readers: Iterable[KeyReader], clock: Clock) -> datetime:
    """Return the present time by the provider's clock if that is ahead: the newest entries would lie in the future."""
    return clock.now() + max([_NONE, *(reader.clock_skew() or _NONE for reader in readers)])


def _reach_back(now: datetime, span: timedelta) -> datetime:
    try:
        return now - span
    except OverflowError:
        return datetime.min.replace(tzinfo=now.tzinfo)
