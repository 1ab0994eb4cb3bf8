"""Whether everything that a plan or apply needs is there: credential, dialect, clock, rights, sinks, ledger, lock.

All findings are collected, not the first only. Nothing is changed: what only a write would show is reported as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.applier.observe import list_scopes, name_spaces
from keyplan.errors import KeyplanError, ProviderDeniedError
from keyplan.model.examination import Area, ExaminableLedger, Examination, Finding, Health
from keyplan.model.identity import ONLY_PROVIDER, ProviderName, SinkName
from keyplan.model.ledger import Holder, Memory
from keyplan.model.manifest import Manifest, ScopeRef, SinkSettings
from keyplan.model.observation import LARGEST_SKEW, Observation, Scope, Slot
from keyplan.ports import Examinable, KeyReader, LedgerReader, ProviderPorts, Sink

_LAST_DAYS = timedelta(days=14)
"""How long before its expiry keyplan's own credential is a warning."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorPorts:
    """What opens each port. Each may raise KeyplanError, which becomes a finding."""

    providers: Mapping[ProviderName, Callable[[], ProviderPorts]]
    """Of each provider; ids of a further one have its name in front."""
    sinks: Mapping[SinkName, Callable[[], Sink]]
    ledger: Callable[[str], LedgerReader]
    """Given the base URL of the usual provider."""


def examine(manifest: Manifest, ports: DoctorPorts, *, now: datetime) -> Examination:
    """Return findings about the provider, each sink and the ledger that a manifest names."""
    base_url, findings = _examine_providers(manifest, ports, now)
    for name, settings in manifest.sinks.items():
        findings += [replace(one, sink=name) for one in _examine_sink(manifest, settings, ports.sinks[name])]
    findings += _examine_ledger(ports.ledger, base_url)
    return Examination(owner=manifest.owner, manifest=manifest.path, findings=tuple(findings))


# The provider.


def _examine_providers(manifest: Manifest, ports: DoctorPorts, now: datetime) -> tuple[str | None, list[Finding]]:
    """Return the base URL of the usual provider, None if it cannot be known, and what was found about each."""
    if not manifest.further_providers:
        return _examine_provider(manifest, ports.providers[manifest.provider.name], now)
    base_url, findings = None, list[Finding]()
    for settings in manifest.providers:
        own = replace(manifest, keys=tuple(key for key in manifest.keys if key.provider == settings.name))
        url, found = _examine_provider(own, ports.providers[settings.name], now)
        findings += [replace(one, provider=settings.label or settings.name) for one in found]
        base_url = url if settings.name == ONLY_PROVIDER else base_url
    return base_url, findings


def _examine_provider(
    manifest: Manifest, open_one: Callable[[], ProviderPorts], now: datetime
) -> tuple[str | None, list[Finding]]:
    """Return the account's base URL, None if it cannot be known, and what was found about the provider."""
    try:
        ports = open_one()
    except KeyplanError as error:
        return None, [_broken(Area.PROVIDER, "provider", error)]
    try:
        return ports.reader.base_url, list(_ask(manifest, ports.reader, now))
    finally:
        ports.close()


def _ask(manifest: Manifest, reader: KeyReader, now: datetime) -> Iterator[Finding]:
    subject = "credential"
    spaces: Mapping[ScopeRef, Scope] = {}
    try:
        reader.presents("")
        subject = "dialect"
        laws = reader.laws()
        subject = "spaces"
        spaces = reader.find_scopes(name_spaces(manifest))
        subject = "list keys"
        keys = reader.list_keys(list_scopes(manifest, spaces))
    except KeyplanError as error:
        # Before the spaces are known, a refusal means that the credential is not accepted; later, a single right lacks.
        is_stranger = isinstance(error, ProviderDeniedError) and not spaces
        yield _broken(Area.PROVIDER, "credential" if is_stranger else subject, error)
        return
    live = [key for key in keys if key.is_live(now)]
    own = next((key for key in live if key.redacted and reader.presents(key.redacted)), None)
    yield _judge_credential(own, now)
    yield _fine(Area.PROVIDER, "dialect", f"{laws.dialect} at {reader.base_url}")
    yield _judge_clock(reader.clock_skew())
    yield _fine(Area.PROVIDER, "list keys", f"allowed; {len(live)} live keys are visible")
    yield Finding(
        area=Area.PROVIDER,
        subject="create, refresh, delete",
        health=Health.UNKNOWN,
        detail="cannot be known without trying; an apply without the right reports it and does not change the old key",
    )


def _judge_credential(own: Observation | None, now: datetime) -> Finding:
    if own is None:
        return _fine(Area.PROVIDER, "credential", "accepted")
    if own.expires_at is None:
        return _fine(Area.PROVIDER, "credential", f"accepted; it is key {own.id}, which does not expire")
    detail = f"accepted; it is key {own.id}, which expires at {_write_time(own.expires_at)}"
    if own.expires_before(now + _LAST_DAYS):
        advice = "give keyplan another credential before, or let it rotate its own: self: true"
        return _warn(Area.PROVIDER, "credential", detail, advice)
    return _fine(Area.PROVIDER, "credential", detail)


def _judge_clock(skew: timedelta | None) -> Finding:
    if skew is None:
        return Finding(
            area=Area.PROVIDER, subject="clock", health=Health.UNKNOWN, detail="the provider's answers have no time"
        )
    seconds = round(abs(skew) / _SECOND)
    if abs(skew) <= LARGEST_SKEW:
        return _fine(Area.PROVIDER, "clock", f"{seconds} s from the provider's")
    side = "behind" if skew > timedelta(0) else "ahead of"
    return _warn(
        Area.PROVIDER, "clock", f"{seconds} s {side} the provider's", "set this machine's clock: it judges what is due"
    )


# Sinks.


def _examine_sink(manifest: Manifest, settings: SinkSettings, open_one: Callable[[], Sink]) -> Iterator[Finding]:
    try:
        sink = open_one()
        slots = _locate(manifest, settings.name, sink)
        held = sink.inspect(slots) if slots else {}
    except KeyplanError as error:
        yield _broken(Area.SINK, "reading", error)
        return
    if not slots:
        unused = "no key is delivered there, so nothing was asked"
        yield Finding(area=Area.SINK, subject="reading", health=Health.UNKNOWN, detail=unused)
        return
    filled = sum(holding.present for holding in held.values())
    yield _fine(Area.SINK, "reading", f"{settings.type}; {filled} of {len(slots)} places hold a value")
    yield from _examine_writing(sink, slots)


def _locate(manifest: Manifest, name: SinkName, sink: Sink) -> tuple[Slot, ...]:
    return tuple(
        sink.locate(manifest.owner, declared, delivery)
        for declared in manifest.keys
        for delivery in declared.deliveries
        if delivery.sink == name
    )


def _examine_writing(sink: Sink, slots: tuple[Slot, ...]) -> Iterator[Finding]:
    if not isinstance(sink, Examinable):
        detail = "cannot be known without trying; an apply finds out before it creates a key"
        yield Finding(area=Area.SINK, subject="writing", health=Health.UNKNOWN, detail=detail)
        return
    try:
        found = sink.examine(slots)
    except KeyplanError as error:
        found = (_broken(Area.SINK, "writing", error),)
    told: dict[tuple[Health, str, str, str], Finding] = {}
    for one in found:
        # One trouble may be in the way of many places; it is reported once.
        told.setdefault((one.health, one.subject, one.detail, one.advice), one)
    yield from told.values()
    if not found:
        yield _fine(Area.SINK, "writing", "nothing stands in the way, as far as that shows without writing")


# The ledger.


def _examine_ledger(open_one: Callable[[str], LedgerReader], base_url: str | None) -> Iterator[Finding]:
    if base_url is None:
        detail = "not checked: it belongs to an account, and the account is not known"
        yield Finding(area=Area.LEDGER, subject="ledger", health=Health.UNKNOWN, detail=detail)
        return
    try:
        ledger = open_one(base_url)
        memory, holder = ledger.recall(), ledger.holder()
    except KeyplanError as error:
        yield _broken(Area.LEDGER, "ledger", error)
        return
    yield _fine(Area.LEDGER, "ledger", f"receipts: {len(memory.receipts)}; applies so far: {memory.serial}")
    if isinstance(ledger, ExaminableLedger):
        yield from _examine_storage(ledger)
    yield _judge_intents(memory)
    yield _judge_lock(holder)


def _examine_storage(ledger: ExaminableLedger) -> Iterator[Finding]:
    try:
        yield from ledger.examine()
    except KeyplanError as error:
        yield _broken(Area.LEDGER, "storage", error)


def _judge_intents(memory: Memory) -> Finding:
    if not memory.intents:
        return _fine(Area.LEDGER, "open intents", "none: every run has finished")
    named = ", ".join(sorted({intent.address for intent in memory.intents}))
    return _warn(
        Area.LEDGER,
        "open intents",
        f"a run did not finish for {named}",
        "keyplan plan shows how the next apply goes on",
    )


def _judge_lock(holder: Holder | None) -> Finding:
    if holder is None:
        return _fine(Area.LEDGER, "lock", "free")
    since = _write_time(holder.since)
    return _warn(
        Area.LEDGER,
        "lock",
        f"held by {holder.owner} on {holder.host}, process {holder.pid}, for keyplan {holder.command} since {since}",
        f"wait for it; if that process is gone: keyplan ledger unlock {holder.id}",
    )


def _fine(area: Area, subject: str, detail: str) -> Finding:
    return Finding(area=area, subject=subject, health=Health.FINE, detail=detail)


def _warn(area: Area, subject: str, detail: str, advice: str) -> Finding:
    return Finding(area=area, subject=subject, health=Health.WARNING, detail=detail, advice=advice)


def _broken(area: Area, subject: str, error: KeyplanError) -> Finding:
    return Finding(area=area, subject=subject, health=Health.BROKEN, detail=error.message, advice=error.advice)


def _write_time(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
