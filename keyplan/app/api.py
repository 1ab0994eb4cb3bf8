"""The Python API: the same use cases as the command line's, without any output on a stream.

Never asks, never exits, and installs no signal handler.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.api_session import masked, open_laid, open_named, open_session, read_named_policies
from keyplan.app.apply import DEFAULT_PARALLELISM, open_jobs, plan_job, run_jobs
from keyplan.app.context import RunContext
from keyplan.app.drift import detect_drift
from keyplan.app.files import read_input
from keyplan.app.files import read_manifest as read_manifest_in
from keyplan.app.layers import NO_LAYERS, Layers
from keyplan.app.list import KeyFilter, KeyOrder, open_listed_provider
from keyplan.app.list import list_keys as list_keys_at
from keyplan.app.plan import plan_workspace
from keyplan.app.report import render_as_page
from keyplan.app.values import give_values
from keyplan.app.workspace import Workspace
from keyplan.errors import InputError, KeyplanError
from keyplan.model.drift import Drift
from keyplan.model.explanation import Explanation
from keyplan.model.identity import ScopeId
from keyplan.model.leak import Leak
from keyplan.model.manifest import KeyType, Manifest, ScopeById, ScopeByName, ScopeRef
from keyplan.model.mask import hide
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan, Request
from keyplan.model.report import Report
from keyplan.planner.due import Selected
from keyplan.renderers.formats import (
    PAGES,
    render_drift,
    render_explanation,
    render_inventory,
    render_leak,
    render_plan,
    render_report,
)

__all__ = ["Layers", "apply", "drift", "list_keys", "open_session", "plan", "read_manifest", "render", "rotate"]

_AT_ONCE = timedelta(0)
_STATUSES: Mapping[str, bool | None] = {"active": True, "revoked": False, "deleted": False, "all": None}


@masked
def read_manifest(path: str | os.PathLike[str], *, layers: Layers = NO_LAYERS) -> Manifest:
    """Return a manifest, read, composed with `layers` and checked; offline, without a credential.

    Raises ManifestError with every problem, and InputError if a file cannot be read.
    """
    context = open_laid(None, layers)
    return read_manifest_in(read_input(os.fspath(path), context), read_named_policies((), context))


@masked
def plan(
    manifest: Manifest | str | os.PathLike[str],
    *,
    rotate: Iterable[str] = (),
    now: bool = False,
    targets: Iterable[str] = (),
    allow_deletes: int | None = None,
    allow_missing: int | None = None,
    allow_replaces: int | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Plan:
    """Return what an apply would do now; changes nothing.

    `rotate` and `targets` are addresses or globs, `policies` paths of policy files (without any, those that
    KEYPLAN_POLICY names), `ledger` a URL, or a path other than ``.keyplan/ledger.db`` beside the manifest. With `now`,
    the old keys of what is rotated stop at once. Without `preflight`, sinks are not asked what would keep their places
    from being written. `layers` are laid over a manifest that is named by its path; `session` replaces the process's
    environment, folder and plugins.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    context = open_laid(session, layers)
    request = Request(
        rotate=tuple(sorted(set(rotate))),
        now=now,
        targets=tuple(sorted(set(targets))),
        allow_deletes=allow_deletes,
        allow_missing=allow_missing,
        allow_replaces=allow_replaces,
    )
    workspace = replace(open_named(manifest, context, ledger, policies), is_preflight=preflight)
    return plan_workspace(context.wiring, workspace, request)


_SELECTIONS = (Selected.DUE.value, Selected.IMPORT.value)


@masked
def apply(
    what: Plan | Manifest | str | os.PathLike[str],
    *,
    parallelism: int = DEFAULT_PARALLELISM,
    lock_timeout: timedelta = _AT_ONCE,
    only: str | None = None,
    values: str | os.PathLike[str] | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Report:
    """Create, rotate and delete keys until they match the manifest, and return what was done.

    A plan runs only if planning again gives the same plan, and only once; its manifest is read again. A manifest is
    planned and applied at once, without asking; with `only` ``due``, only what time brings about is applied, with
    ``import``, only imports, and the rest is in `Report.left`. `values` is a file of raw keys that are to be imported,
    as `--values` reads it. A plan is held against its own policies again, unless others are given; `preflight` as in
    `plan`. Failures of single keys are in the report.

    Raises PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    if only is not None and (isinstance(what, Plan) or only not in _SELECTIONS):
        known = " or ".join(f"only={word!r}" for word in _SELECTIONS)
        raise InputError(f"only={only!r} makes no sense here", advice=f"say {known} with a manifest, not with a plan")
    context = open_laid(session, layers)
    reviewed = (what,) if isinstance(what, Plan) else ()
    named = tuple(policies) or (what.policies if isinstance(what, Plan) else ())
    opened = open_named(what.manifest if isinstance(what, Plan) else what, context, ledger, named)
    (opened,) = give_values([opened], None if values is None else os.fspath(values), context)
    order = _Order(
        command="apply",
        workspace=replace(opened, is_preflight=preflight),
        reviewed=reviewed,
        request=Request(),
        selection=Selected(only or "all"),
        lock_timeout=lock_timeout,
        parallelism=parallelism,
    )
    return _run(context, order)


@masked
def rotate(
    manifest: Manifest | str | os.PathLike[str],
    addresses: str | Iterable[str],
    *,
    now: bool = False,
    over_claim: bool = False,
    parallelism: int = DEFAULT_PARALLELISM,
    lock_timeout: timedelta = _AT_ONCE,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Report:
    """Renew the keys of these addresses at once, without asking, and return what was done. Nothing else is looked at.

    `addresses` are addresses or globs. With `now`, their old keys stop at once; with `over_claim`, places whose receipt
    is not believed are written over. The rest as in `apply`. Failures of single keys are in the report.

    Raises InputError, also for an address that fits nothing, ProviderError, SinkError and LedgerError.
    """
    named = tuple(sorted({addresses} if isinstance(addresses, str) else set(addresses)))
    if not named:
        # Without this, a request without targets would be about every key of the manifest.
        raise InputError("no address is named", advice="name at least one address or glob, such as 'user/ci'")
    context = open_laid(session, layers)
    order = _Order(
        command="rotate",
        workspace=replace(open_named(manifest, context, ledger, policies), is_preflight=preflight),
        request=Request(rotate=named, targets=named, now=now, over_claim=over_claim),
        lock_timeout=lock_timeout,
        parallelism=parallelism,
    )
    return _run(context, order)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What one call has applied."""

    command: str
    workspace: Workspace
    reviewed: tuple[Plan, ...] = ()
    request: Request
    selection: Selected = Selected.ALL
    lock_timeout: timedelta
    parallelism: int


def _run(context: RunContext, order: _Order) -> Report:
    """Return the report of an apply. Raises the error that ends it."""
    with open_jobs(
        context, [order.workspace], order.reviewed, command=order.command, lock_timeout=order.lock_timeout
    ) as jobs:
        plans = [plan_job(job, order.request, order.selection) for job in jobs]
        (result,) = run_jobs(context, jobs, plans, command=order.command, parallelism=order.parallelism)
    if isinstance(result, KeyplanError):
        raise result
    return result


@masked
def drift(
    manifest: Manifest | str | os.PathLike[str],
    *,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    audit: bool = True,
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> Drift:
    """Return what changed since the last apply, and what an apply would do; changes nothing.

    Reads with `provider.reader_credential` if the manifest has one; `preflight` as in `plan`. With `audit`, the
    provider's audit log is asked who changed what drifted, if there is one and the credential may read it.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    context = open_laid(session, layers)
    workspace = replace(open_named(manifest, context, ledger, policies), is_preflight=preflight)
    found, _, _ = detect_drift(context.wiring, workspace, is_audited=audit)
    return found


def _check_list_words(*, status: str, key_type: str | None, sort: str) -> None:
    """Return if `keyplan list` knows each word. Raises InputError otherwise."""
    kinds, orders = {kind.value for kind in KeyType}, {order.value for order in KeyOrder}
    for name, word, known in (("status", status, _STATUSES), ("key_type", key_type, kinds), ("sort", sort, orders)):
        if word is not None and word not in known:
            raise InputError(f"{name} {word!r} is unknown; known are: {', '.join(sorted(known))}")


def _find_space(space: str | None, space_id: str | None) -> ScopeRef | None:
    if space is not None and space_id is not None:
        raise InputError("space and space_id exclude each other", advice="give one of them")
    if space is not None:
        return ScopeByName(space)
    return ScopeById(ScopeId(space_id)) if space_id is not None else None


@masked
def list_keys(
    manifest: str | os.PathLike[str] | None = None,
    *,
    key_type: str | None = None,
    status: str = "active",
    space: str | None = None,
    space_id: str | None = None,
    provider: str | None = None,
    owner: str | None = None,
    managed: bool | None = None,
    names: Iterable[str] = (),
    expiring: timedelta | None = None,
    unused: timedelta | None = None,
    sort: str = "id",
    limit: int | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    layers: Layers = NO_LAYERS,
    session: RunContext | None = None,
) -> tuple[Observation, ...]:
    """Return the keys that exist, managed by keyplan or not.

    The provider's settings come from `manifest`, or from the default manifest if there is one, else from the
    environment. The words are those of `keyplan list`: `key_type` is ``user`` or ``service``; `status` is ``active``,
    ``revoked`` or ``all``; `space` is a name, `space_id` an id; `provider` names one of several; `names` are globs;
    `sort` is ``id``, ``name``, ``created``, ``expires`` or ``last-used``. `limit` is the most keys; `policies` and
    `layers` as in `plan`.

    Raises InputError for an unknown word or space, and ProviderError.
    """
    _check_list_words(status=status, key_type=key_type, sort=sort)
    wanted = KeyFilter(
        key_type=KeyType(key_type) if key_type is not None else None,
        active=_STATUSES[status],
        space=_find_space(space, space_id),
        provider=provider or "",
        owner=owner,
        managed=managed,
        names=tuple(names),
        expiring=expiring,
        unused=unused,
        order=KeyOrder(sort),
        limit=limit,
    )
    named = None if manifest is None else os.fspath(manifest)
    context = open_laid(session, layers)
    ports = open_listed_provider(context, named, {}, policies=read_named_policies(policies, context))
    return list_keys_at(ports, wanted, now=context.wiring.clock.now())


def render(what: Plan | Report | Drift | Explanation | Leak | Sequence[Observation], format: str = "text") -> str:  # noqa: A002 - the word users expect
    """Return a plan, a report, a drift, an explanation, a leak or keys as the command line prints them.

    Formats of plans, reports and drifts: text, json, markdown, github (annotations), gitlab, junit, sarif, html; of
    explanations and leaks: text, json; of keys: table (also called text), json, csv, markdown. Raises InputError on
    others.
    """
    if format in PAGES and isinstance(what, Plan | Report | Drift):
        return hide(render_as_page(what, format))
    return hide(_render(what, format))


def _render(what: Plan | Report | Drift | Explanation | Leak | Sequence[Observation], as_format: str) -> str:
    if isinstance(what, Plan):
        return render_plan(what, as_format=as_format)
    if isinstance(what, Report):
        return render_report(what, as_format=as_format)
    if isinstance(what, Drift):
        return render_drift(what, as_format=as_format)
    if isinstance(what, Explanation):
        return render_explanation(what, as_format=as_format)
    if isinstance(what, Leak):
        return render_leak(what, as_format=as_format)
    return render_inventory(what, as_format="table" if as_format == "text" else as_format)
