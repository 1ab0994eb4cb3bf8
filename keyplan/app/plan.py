"""From a manifest to a plan, and from an approved plan to ports: what commands and the Python API share.

In: a manifest, what was asked, the way to ports. Out: a plan, or everything that an apply works with, locked.
Never: a word to the user; a decision that belongs to core, an order that belongs to flow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Place
from keyplan.applier.observe import observe
from keyplan.applier.workbench import Workbench
from keyplan.model.manifest import Manifest, SinkName
from keyplan.model.observation import LARGEST_SKEW, Snapshot
from keyplan.model.plan import FreshPlan, Request
from keyplan.model.times import write_duration
from keyplan.planner.desired import resolve_desired
from keyplan.planner.guards import apply_guards
from keyplan.planner.plan import make_plan
from keyplan.planner.policy import apply_policies
from keyplan.ports import KeyReader, LedgerReader, ProviderPorts, RebuildableLedger, Sink
from keyplan.renderers.text.ledger import describe_holder

DEFAULT_PARALLELISM = 8

_MINUTE = timedelta(minutes=1)
_ZERO = timedelta(0)


def _tell_nobody(_text: str) -> None:
    pass


@contextmanager
def open_provider(wiring: Wiring, place: Place) -> Iterator[ProviderPorts]:
    """Give the manifest's provider, and let go of its connections afterwards."""
    manifest = place.manifest
    ports = wiring.provider(manifest.provider, owner=manifest.owner, folder=place.folder)
    try:
        yield ports
    finally:
        ports.close()


@contextmanager
def open_ledger_reader(wiring: Wiring, place: Place) -> Iterator[LedgerReader]:
    """Give the manifest's ledger, only to be read."""
    with open_provider(wiring, place) as provider:
        yield read_only_ledger(wiring, place, provider)


@contextmanager
def open_ledger(wiring: Wiring, place: Place) -> Iterator[RebuildableLedger]:
    """Give the manifest's ledger, unlocked."""
    with open_provider(wiring, place) as provider:
        yield _ledger(wiring, place, provider)


@contextmanager
def open_workbench(
    wiring: Wiring, place: Place, *, command: str, patience: timedelta, tell: Callable[[str], None] = _tell_nobody
) -> Iterator[Workbench]:
    """Give everything that an apply may touch; the ledger's lock is held meanwhile. `tell` hears who is waited for.

    Raises InputError, SinkError, LedgerError; LedgerLockedError when `patience` is over.
    """
    with open_provider(wiring, place) as provider:
        sinks = wiring.sinks(place.manifest, folder=place.folder)
        ledger = _ledger(wiring, place, provider)
        held = ledger.holder() if patience else None
        if held:
            tell(f"waiting up to {write_duration(patience)} for the lock of {describe_holder(held)}")
        with ledger.lock(wiring.holder(command), patience=patience):
            yield Workbench(
                reader=provider.reader, writer=provider.writer, sinks=sinks, ledger=ledger, clock=wiring.clock
            )


def look(wiring: Wiring, place: Place, request: Request) -> FreshPlan:
    """Return the plan of now. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    with open_provider(wiring, place) as provider:
        return plan_now(
            place.manifest,
            request,
            reader=provider.reader,
            ledger=read_only_ledger(wiring, place, provider),
            sinks=wiring.sinks(place.manifest, folder=place.folder),
            now=wiring.clock.now(),
        )


def plan_now(
    manifest: Manifest,
    request: Request,
    *,
    reader: KeyReader,
    ledger: LedgerReader,
    sinks: Mapping[SinkName, Sink],
    now: datetime,
) -> FreshPlan:
    """Return the guarded plan for what the ports show.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    snapshot = observe(manifest, reader=reader, ledger=ledger, sinks=sinks, now=now)
    return warn_of_skew(decide_all(manifest, request, snapshot), reader.clock_skew())


def look_around(manifest: Manifest, bench: Workbench) -> tuple[FreshPlan, Snapshot]:
    """Return the plan of now and what it was made from, with ports that are open already. Writes nothing.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    now = bench.clock.now()
    snapshot = observe(manifest, reader=bench.reader, ledger=bench.ledger, sinks=bench.sinks, now=now)
    return decide_all(manifest, Request(), snapshot), snapshot


def decide_all(manifest: Manifest, request: Request, snapshot: Snapshot) -> FreshPlan:
    """Return the guarded plan for a snapshot. Raises InputError, ManifestError."""
    desired = resolve_desired(manifest, snapshot.spaces)
    plan = apply_policies(make_plan(manifest, desired, snapshot, request), manifest=manifest, now=snapshot.now)
    return apply_guards(plan, manifest=manifest, snapshot=snapshot)


def warn_of_skew(plan: FreshPlan, skew: timedelta | None) -> FreshPlan:
    """Return the plan; where the provider's clock is far off, with a warning that says so."""
    if skew is None or abs(skew) <= LARGEST_SKEW:
        return plan
    # In whole minutes, so that two plans of the same moment read the same.
    minutes, side = round(abs(skew) / _MINUTE), "ahead of" if skew > _ZERO else "behind"
    warning = (
        f"the provider's clock is about {write_duration(minutes * _MINUTE)} {side} this machine's, "
        "by which keyplan judges what is due: set this machine's clock"
    )
    return replace(plan, warnings=tuple(sorted((*plan.warnings, warning))))


def read_only_ledger(wiring: Wiring, place: Place, provider: ProviderPorts) -> LedgerReader:
    """Return the manifest's ledger, only to be read."""
    return wiring.ledger_reader(place.ledger, owner=place.manifest.owner, account=provider.reader.base_url)


def _ledger(wiring: Wiring, place: Place, provider: ProviderPorts) -> RebuildableLedger:
    return wiring.ledger(place.ledger, owner=place.manifest.owner, account=provider.reader.base_url)
