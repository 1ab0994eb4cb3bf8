"""Farther looks than a plan's: what drifted, and what the coming days bring.

In: a manifest, the way to ports. Out: a drift, a calendar. Never: a word to the user, a write, a lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from keyplan.app.plan import decide_all, open_provider, read_only_ledger, warn_of_skew
from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Place
from keyplan.applier.observe import Readers, observe
from keyplan.model.calendar import Calendar
from keyplan.model.drift import Drift, Kind
from keyplan.model.manifest import Unmanaged
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, Request
from keyplan.planner.drift import DEFAULT_WARNING, find_drift
from keyplan.planner.forecast import forecast
from keyplan.sinks.read_only import ReadOnlySink


@contextmanager
def open_readers(wiring: Wiring, place: Place) -> Iterator[Readers]:
    """Give what can be looked at, with no way to change any of it; nothing but the reader's credential is needed."""
    manifest = place.manifest
    keys = wiring.key_reader(manifest.provider, owner=manifest.owner, folder=place.folder)
    try:
        yield Readers(
            reader=keys.reader,
            ledger=wiring.ledger_reader(place.ledger, owner=manifest.owner, account=keys.reader.base_url),
            sinks={name: ReadOnlySink(sink) for name, sink in wiring.sinks(manifest, folder=place.folder).items()},
        )
    finally:
        keys.close()


def look_ahead(wiring: Wiring, place: Place, span: timedelta) -> Calendar:
    """Return what the manifest leads to from now on, for so long. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    with open_provider(wiring, place) as provider:
        snapshot = observe(
            place.manifest,
            reader=provider.reader,
            ledger=read_only_ledger(wiring, place, provider),
            sinks=wiring.sinks(place.manifest, folder=place.folder),
            now=wiring.clock.now(),
        )
    return forecast(decide_all(place.manifest, Request(), snapshot), snapshot, until=snapshot.now + span)


def look_for_drift(
    wiring: Wiring, place: Place, *, only: Collection[Kind] = (), within: timedelta = DEFAULT_WARNING
) -> tuple[Drift, FreshPlan, Snapshot]:
    """Return what drifted, and the plan and snapshot that say so. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    manifest = place.manifest
    if Kind.UNMANAGED in only and manifest.unmanaged is Unmanaged.IGNORE:
        manifest = replace(manifest, unmanaged=Unmanaged.REPORT)  # who asks for them wants to see them
    with open_readers(wiring, place) as doors:
        now = wiring.clock.now()
        snapshot = observe(manifest, reader=doors.reader, ledger=doors.ledger, sinks=doors.sinks, now=now)
        skew = doors.reader.clock_skew()
    if manifest.provider.reader_credential:
        # The key that is presented here is not the one that an apply presents, which alone is guarded.
        snapshot = replace(snapshot, own_keys=frozenset())
    plan = warn_of_skew(decide_all(manifest, Request(), snapshot), skew)
    return find_drift(plan, snapshot, manifest=manifest, only=only, within=within), plan, snapshot
