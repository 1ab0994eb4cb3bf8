"""The Python API: the same use cases as the command line's, without a word on any stream.

Never asks, never exits, and installs no signal handler.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from keyplan.app.apply import DEFAULT_PARALLELISM, open_jobs, plan_job, run_jobs
from keyplan.app.context import RunContext
from keyplan.app.drift import detect_drift
from keyplan.app.files import STDIN, read_input, read_policies
from keyplan.app.files import read_manifest as read_manifest_in
from keyplan.app.list import KeyFilter, open_listed_provider
from keyplan.app.list import list_keys as list_keys_at
from keyplan.app.plan import plan_workspace
from keyplan.app.wiring import PluginWiring
from keyplan.app.workspace import Workspace, make_workspace
from keyplan.errors import InputError, KeyplanError, ManifestError
from keyplan.model.drift import Drift
from keyplan.model.identity import SpaceId
from keyplan.model.manifest import KeyType, Manifest, SpaceById, SpaceByName
from keyplan.model.mask import hide, own_secrets
from keyplan.model.observation import Observation
from keyplan.model.plan import Plan, Request
from keyplan.model.policy import Policy
from keyplan.model.report import Report
from keyplan.planner.due import Selected
from keyplan.renderers.formats import render_drift, render_inventory, render_plan, render_report

Given = ParamSpec("Given")
Result = TypeVar("Result")
_AT_ONCE = timedelta(0)
_STATUSES: Mapping[str, bool | None] = {"active": True, "revoked": False, "all": None}


class _NeverStopped:
    """Implements `Stop` for a library, whose caller stops it by other means."""

    def requested(self) -> int | None:
        """Return None."""
        return None


def _masked(use_case: Callable[Given, Result]) -> Callable[Given, Result]:
    """Return a use case that is a run of its own, and whose errors hold no secret that it saw."""

    @wraps(use_case)
    def run(*arguments: Given.args, **options: Given.kwargs) -> Result:
        with own_secrets():
            try:
                return use_case(*arguments, **options)
            except KeyplanError as error:
                _mask(error)
                raise

    return run


def _mask(error: KeyplanError) -> None:
    error.message, error.advice = hide(error.message), hide(error.advice)
    error.args = tuple(hide(str(argument)) for argument in error.args)
    if isinstance(error, ManifestError):
        error.problems = tuple(replace(problem, message=hide(problem.message)) for problem in error.problems)


@_masked
def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Return a manifest, read and checked; offline, without a credential.

    Raises ManifestError with every problem, and InputError if the file cannot be read.
    """
    return read_manifest_in(read_input(os.fspath(path), open_session()))


@_masked
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
    session: RunContext | None = None,
) -> Plan:
    """Return what an apply would do now; changes nothing.

    `rotate` and `targets` are addresses or globs, `policies` paths of policy files (without any, those that
    KEYPLAN_POLICY names), `ledger` a URL, or a path other than ``.keyplan/ledger.db`` beside the manifest. With `now`,
    the old keys of what is rotated stop at once. Without `preflight`, sinks are not asked what would keep their places
    from being written. `session` replaces the process's environment, folder and plugins.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    context = session or open_session()
    request = Request(
        rotate=tuple(sorted(set(rotate))),
        now=now,
        targets=tuple(sorted(set(targets))),
        allow_deletes=allow_deletes,
        allow_missing=allow_missing,
        allow_replaces=allow_replaces,
    )
    workspace = replace(_open(manifest, context, ledger, policies), is_preflight=preflight)
    return plan_workspace(context.wiring, workspace, request)


@_masked
def apply(
    what: Plan | Manifest | str | os.PathLike[str],
    *,
    parallelism: int = DEFAULT_PARALLELISM,
    lock_timeout: timedelta = _AT_ONCE,
    only: str | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    session: RunContext | None = None,
) -> Report:
    """Create, rotate and delete keys until they match the manifest, and return what was done.

    A plan runs only if planning again gives the same plan, and only once; its manifest is read again. A manifest is
    planned and applied at once, without asking; with `only` ``due``, only what time brings about is applied, and the
    rest is in `Report.left`. A plan is held against its own policies again, unless others are
    given; `preflight` as in `plan`. Failures of single keys are in the report.

    Raises PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    if only is not None and (isinstance(what, Plan) or only != Selected.DUE.value):
        raise InputError(f"only={only!r} makes no sense here", advice="say only='due' with a manifest, not with a plan")
    context = session or open_session()
    reviewed = (what,) if isinstance(what, Plan) else ()
    named = tuple(policies) or (what.policies if isinstance(what, Plan) else ())
    opened = _open(what.manifest if isinstance(what, Plan) else what, context, ledger, named)
    workspace = replace(opened, is_preflight=preflight)
    with open_jobs(context, [workspace], reviewed, command="apply", lock_timeout=lock_timeout) as jobs:
        plans = [plan_job(job, Request(), Selected(only or "all")) for job in jobs]
        (result,) = run_jobs(context, jobs, plans, command="apply", parallelism=parallelism)
    if isinstance(result, KeyplanError):
        raise result
    return result


@_masked
def drift(
    manifest: Manifest | str | os.PathLike[str],
    *,
    policies: Iterable[str | os.PathLike[str]] = (),
    ledger: str | os.PathLike[str] | None = None,
    preflight: bool = True,
    session: RunContext | None = None,
) -> Drift:
    """Return what changed since the last apply, and what an apply would do; changes nothing.

    Reads with `provider.reader_credential` if the manifest has one; `preflight` as in `plan`.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    context = session or open_session()
    workspace = replace(_open(manifest, context, ledger, policies), is_preflight=preflight)
    found, _, _ = detect_drift(context.wiring, workspace)
    return found


@_masked
def list_keys(
    manifest: str | os.PathLike[str] | None = None,
    *,
    key_type: str | None = None,
    status: str = "active",
    space: str | None = None,
    space_id: str | None = None,
    limit: int | None = None,
    policies: Iterable[str | os.PathLike[str]] = (),
    session: RunContext | None = None,
) -> tuple[Observation, ...]:
    """Return the keys that exist, managed by keyplan or not, sorted by id.

    The provider's settings come from `manifest`, or from the default manifest if there is one, else from the
    environment. `key_type` is ``user`` or ``service``; `status` is ``active``, ``revoked`` or ``all``; `space` is a
    name, `space_id` an id; `limit` is the largest number of keys; `policies` as in `plan`, for what the manifest may
    name.

    Raises InputError for an unknown word or space, and ProviderError.
    """
    if space is not None and space_id is not None:
        raise InputError("space and space_id exclude each other", advice="give one of them")
    if status not in _STATUSES:
        raise InputError(f"status {status!r} is unknown; known are: {', '.join(_STATUSES)}")
    if key_type is not None and key_type not in {kind.value for kind in KeyType}:
        raise InputError(f"key_type {key_type!r} is unknown; known are: {', '.join(kind.value for kind in KeyType)}")
    by_id = SpaceById(SpaceId(space_id)) if space_id is not None else None
    wanted = KeyFilter(
        key_type=KeyType(key_type) if key_type is not None else None,
        active=_STATUSES[status],
        space=SpaceByName(space) if space is not None else by_id,
        limit=limit,
    )
    named = None if manifest is None else os.fspath(manifest)
    context = session or open_session()
    provider = open_listed_provider(context, named, {}, policies=_read_policies(policies, context))
    return list_keys_at(provider, wanted, now=context.wiring.clock.now())


def render(what: Plan | Report | Drift | Sequence[Observation], format: str = "text") -> str:  # noqa: A002 - the word users expect
    """Return a plan, a report, a drift or keys as the command line prints them.

    Formats of plans, reports and drifts: text, json, markdown, github (annotations), gitlab, junit, sarif; of keys:
    table (also called text), json, csv, markdown. Raises InputError on others.
    """
    return hide(_render(what, format))


def _render(what: Plan | Report | Drift | Sequence[Observation], as_format: str) -> str:
    if isinstance(what, Plan):
        return render_plan(what, as_format=as_format)
    if isinstance(what, Report):
        return render_report(what, as_format=as_format)
    if isinstance(what, Drift):
        return render_drift(what, as_format=as_format)
    return render_inventory(what, as_format="table" if as_format == "text" else as_format)


def open_session(environment: Mapping[str, str] | None = None) -> RunContext:
    """Return a session that is silent: the process's environment, or another, and its working directory."""
    known = dict(os.environ) if environment is None else environment

    def say_nothing(_text: str) -> None:
        pass

    def report_nothing(_error: KeyplanError) -> None:
        pass

    return RunContext(
        environment=known,
        folder=Path.cwd(),
        read_stdin=lambda _limit: b"",
        wiring=PluginWiring(known, say_nothing),
        stop=_NeverStopped(),
        say=say_nothing,
        report_error=report_nothing,
    )


def _open(
    manifest: Manifest | str | os.PathLike[str],
    context: RunContext,
    ledger: str | os.PathLike[str] | None,
    policies: Iterable[str | os.PathLike[str]],
) -> Workspace:
    if not isinstance(manifest, Manifest):
        manifest = read_manifest_in(read_input(os.fspath(manifest), context))
    folder = context.folder if manifest.path == STDIN else (context.folder / manifest.path).absolute().parent
    return make_workspace(
        manifest,
        folder,
        context,
        ledger=ledger,
        policies=_read_policies(policies, context),
    )


def _read_policies(named: Iterable[str | os.PathLike[str]], context: RunContext) -> tuple[Policy, ...]:
    files = tuple(os.fspath(policy) for policy in named)
    # As on the command line: what the operator set for every run holds for a program that names none.
    ambient = context.environment.get("KEYPLAN_POLICY", "").split(os.pathsep)
    return read_policies(files or tuple(filter(None, ambient)), context)
