"""Makes the guarded plan of one manifest: observe, resolve, plan, apply policies and guards. Writes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.app.wiring import Wiring
from keyplan.app.workspace import Workspace, open_provider, read_only_ledger, read_only_sinks
from keyplan.applier.observe import Readers, observe
from keyplan.model.manifest import Manifest
from keyplan.model.observation import LARGEST_SKEW, Exclusion, Snapshot
from keyplan.model.plan import FreshPlan, Request
from keyplan.model.times import write_duration
from keyplan.planner.desired import resolve_in
from keyplan.planner.guards import apply_guards
from keyplan.planner.lifetime import hold_overlong
from keyplan.planner.plan import make_plan
from keyplan.planner.policy_guard import apply_policies
from keyplan.planner.readiness import hold_unready
from keyplan.planner.rollout import apply_rollout
from keyplan.planner.unchecked import mark_unchecked

_MINUTE = timedelta(minutes=1)
_ZERO = timedelta(0)


def plan_workspace(wiring: Wiring, workspace: Workspace, request: Request) -> FreshPlan:
    """Return the current plan. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    with open_provider(wiring, workspace) as provider:
        return plan_with_ports(
            workspace.manifest,
            request,
            Readers(
                reader=provider.reader,
                ledger=read_only_ledger(wiring, workspace, provider),
                sinks=read_only_sinks(wiring, workspace),
                values=workspace.values,
            ),
            now=wiring.clock.now(),
            is_preflight=workspace.is_preflight,
        )


def plan_with_ports(
    manifest: Manifest,
    request: Request,
    readers: Readers,
    *,
    now: datetime,
    exclusion: Exclusion = Exclusion.NONE,
    is_preflight: bool = True,
) -> FreshPlan:
    """Return the guarded plan for what the readers show; `exclusion` if the caller holds the ledger's lock.

    With `is_preflight`, what would keep a place from being written blocks what would write it.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    snapshot = observe(manifest, readers, now=now, exclusion=exclusion, is_preflight=is_preflight)
    plan = warn_of_unused_waivers(make_guarded_plan(manifest, request, snapshot), snapshot, manifest)
    return warn_of_skew(plan, readers.reader.clock_skew())


def make_guarded_plan(manifest: Manifest, request: Request, snapshot: Snapshot) -> FreshPlan:
    """Return the guarded plan for a snapshot. Raises InputError, ManifestError."""
    desired = resolve_in(manifest, snapshot)
    return guard_plan(make_plan(manifest, desired, snapshot, request), manifest, snapshot)


def guard_plan(plan: FreshPlan, manifest: Manifest, snapshot: Snapshot) -> FreshPlan:
    """Return a plan with policies and guards applied."""
    policed = apply_policies(plan, manifest=manifest, now=snapshot.now)
    ready = hold_unready(hold_overlong(policed, manifest, snapshot.now), snapshot)
    # Before the guards of amounts: they count what this run would change, not what waits.
    started = apply_rollout(ready, manifest, snapshot)
    return mark_unchecked(apply_guards(started, manifest=manifest), snapshot)


def warn_of_unused_waivers(plan: FreshPlan, snapshot: Snapshot, manifest: Manifest) -> FreshPlan:
    """Return the plan, with a warning for each waiver that accepts nothing. With targets the rest was not looked at."""
    if not manifest.waivers or plan.request.is_partial:
        return plan
    from keyplan.planner.drift import find_drift  # noqa: PLC0415 - 10 ms, which a manifest without waivers spares

    warnings = find_drift(plan, snapshot, manifest=manifest).warnings
    return replace(plan, warnings=tuple(sorted(set(warnings))))


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
