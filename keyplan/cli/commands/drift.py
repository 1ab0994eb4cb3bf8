"""`keyplan drift`: what changed since the last apply, at the provider, in the sinks, or in the manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import click

from keyplan.app.discovery import DEFAULT_MANIFESTS
from keyplan.app.drift import DEFAULT_WARNING, detect_drift
from keyplan.app.exit_codes import combine_statuses, status_of_drift
from keyplan.app.files import read_policies
from keyplan.app.monitor import Monitor, MonitorSettings, monitor
from keyplan.app.parallel import run_parallel, split_results
from keyplan.app.untrusted import choose_manifests
from keyplan.app.workspace import Workspace, open_workspaces, require_separate_owners, set_preflight
from keyplan.cli.layer_options import layer_options
from keyplan.cli.monitor_options import monitoring_options
from keyplan.cli.options import (
    Duration,
    FileNames,
    argument,
    exclude_option,
    ledger_option,
    no_audit_option,
    option,
    policy_option,
    preflight_option,
    untrusted_option,
    verbose_option,
)
from keyplan.cli.outputs import (
    CommandResult,
    Outputs,
    checked_files,
    formats_option,
    keep_apart,
    publish,
    reporting_failure,
    tell_errors,
)
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.documents.report import Failure
from keyplan.model.drift import Drift, DriftKind
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, Plan
from keyplan.model.times import write_duration
from keyplan.renderers.formats import DRIFT_FORMATS, build_drift_sheet
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Subject
from keyplan.renderers.summary import describe_planned

_Look: TypeAlias = tuple[Drift, FreshPlan, Snapshot]


@click.command("drift")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@exclude_option
@option(
    "--only",
    multiple=True,
    type=click.Choice([kind.value for kind in DriftKind]),
    help="Report this kind only. Repeatable. [default: every kind]",
)
@option(
    "--within",
    type=Duration(),
    default=write_duration(DEFAULT_WARNING),
    show_default=True,
    help="Report keys that expire within this time and that nothing renews.",
)
@formats_option(*DRIFT_FORMATS)
@policy_option
@untrusted_option
@preflight_option
@no_audit_option
@monitoring_options
@ledger_option
@verbose_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifests: tuple[str, ...],
    exclude: tuple[str, ...],
    only: tuple[str, ...],
    within: timedelta,
    outputs: Outputs,
    policies: tuple[str, ...],
    untrusted: bool,
    no_preflight: bool,
    no_audit: bool,
    monitoring: MonitorSettings,
    ledger: str | None,
    verbose: bool,
) -> int:
    """Report what changed since the last apply; change nothing.

    Drift is what changed outside keyplan: a key is gone, expired or was rotated elsewhere, a secret is missing from a
    sink, a second key exists. Pending is what the next apply would do. Reads with provider.reader_credential, if there
    is one. If a finding names a key that changed, the provider's audit log is asked who changed it, when and from
    where; --no-audit turns that off. Several manifests are checked at the same time; a folder stands for all manifests
    in it and below it. With --untrusted, as in plan, nothing that a manifest names is contacted, and no sink is read.

    Exit status: 0 nothing to do, 1 nothing to do, but a notification was not delivered, 2 something changed, 3 wrong
    input, 4 a guard blocks the apply that would fix it, 5 the provider failed, 6 a sink failed, 7 the ledger failed.

    \b
    Example:
      keyplan drift keys.yaml --only drift --only expiring
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    name = " ".join(manifests) or DEFAULT_MANIFESTS[0]
    keep_apart(session, written=[*outputs.files, monitoring.metrics_file], read=[*manifests, *policies])
    with (
        monitor(context, monitoring, command="drift") as monitored,
        checked_files(session, outputs.files),
        reporting_failure(session, outputs, Subject.DRIFT, name),
    ):
        rules = read_policies(policies, context)
        named, rules = choose_manifests(manifests, context, exclude, rules, is_untrusted=untrusted)
        opened = open_workspaces(named, context, ledger=ledger, policies=rules)
        workspaces = set_preflight(opened, is_preflight=not no_preflight)
        monitored.expect([workspace.manifest.path for workspace in workspaces])
        kinds = [DriftKind(word) for word in only]
        detect = partial(detect_drift, context.wiring, only=kinds, within=within, is_audited=not no_audit)
        looks, errors = _detect_all(session, workspaces, detect)
        session.keep(looks, workspaces)
        _note_all(monitored, workspaces, looks, errors)
        if verbose:
            _outline(session, workspaces, [plan for _, plan, _ in looks])
            _tell_unread(session, [drift for drift, _, _ in looks])
        return monitored.conclude(_answer(session, outputs, looks, errors, is_verbose=verbose))


def _note_all(
    monitored: Monitor, workspaces: Sequence[Workspace], looks: Sequence[_Look], errors: Sequence[Failure]
) -> None:
    manifests = {workspace.manifest.path: workspace.manifest for workspace in workspaces}
    for drift, plan, snapshot in looks:
        monitored.note(drift, plan, snapshot, manifest=manifests[drift.manifest])
    for failed, error in errors:
        monitored.fail(failed, error)


def _detect_all(
    session: Session, workspaces: Sequence[Workspace], detect: Callable[[Workspace], _Look]
) -> tuple[list[_Look], list[Failure]]:
    """Return what each look at a manifest brought, and which manifests could not be looked at and why."""
    with show_waiting(session.screen, "Looking at the keys that exist"):
        results = run_parallel(detect, workspaces)
    looks, errors = split_results(results, [workspace.manifest.path for workspace in workspaces])
    require_separate_owners([plan for _, plan, _ in looks], workspaces)
    return looks, errors


def _answer(
    session: Session, outputs: Outputs, looks: Sequence[_Look], errors: Sequence[Failure], *, is_verbose: bool
) -> int:
    """Show what was found and what failed, and return the exit status of it all."""
    drifts = [drift for drift, _, _ in looks]
    status = combine_statuses([*map(status_of_drift, drifts), *(error.exit_status for _, error in errors)])
    answer = CommandResult.about(
        Subject.DRIFT,
        drifts,
        errors,
        formats=DRIFT_FORMATS,
        draw=build_drift_sheet,
        exit_status=status,
        now=max((drift.at for drift in drifts), default=None),
        is_verbose=is_verbose,
    )
    status = publish(session, outputs, answer)
    tell_errors(session, errors, of=len(drifts) + len(errors))
    return status


def _outline(session: Session, workspaces: Sequence[Workspace], plans: Sequence[Plan]) -> None:
    ledgers = {workspace.manifest.path: workspace.ledger_name for workspace in workspaces}
    for plan in plans:
        session.screen.say(describe_planned(plan, ledger=ledgers[plan.manifest]))


def _tell_unread(session: Session, drifts: Sequence[Drift]) -> None:
    """Say why the audit log was not read, to users who want to know: a drift never needs it."""
    for drift in drifts:
        if drift.audit and not drift.audit.is_read:
            session.screen.say(f"audit log: {sanitize(drift.audit.reason, width=1000)}")
