"""`keyplan plan`: what an apply would do."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from keyplan.app.context import RunContext
from keyplan.app.exit_codes import combine_statuses, status_of_plan
from keyplan.app.files import read_policies, save_privately
from keyplan.app.identity import warn_of_missing_ids
from keyplan.app.parallel import run_parallel, split_results
from keyplan.app.plan import plan_workspace
from keyplan.app.untrusted import choose_manifests
from keyplan.app.values import give_values
from keyplan.app.workspace import Workspace, open_workspaces, require_separate_owners, set_preflight
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import (
    FileNames,
    PlanSettings,
    argument,
    exclude_option,
    option,
    plan_options,
    untrusted_option,
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
from keyplan.documents.plan_set import digest_to_approve
from keyplan.documents.report import Failure
from keyplan.errors import InputError
from keyplan.model.mask import hide
from keyplan.model.plan import FreshPlan, Plan
from keyplan.model.policy import Policy
from keyplan.renderers.formats import PLAN_FORMATS, build_plan_sheet, render
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Subject
from keyplan.renderers.style import Style
from keyplan.renderers.summary import describe_planned


@click.command("plan")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@exclude_option
@option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan, for: keyplan apply FILE.")
@formats_option(*PLAN_FORMATS)
@option("--detailed-exitcode", is_flag=True, help="Exit 2 if there is something to do, 0 if not.")
@untrusted_option
@plan_options
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifests: tuple[str, ...],
    exclude: tuple[str, ...],
    out: Path | None,
    outputs: Outputs,
    detailed_exitcode: bool,
    untrusted: bool,
    settings: PlanSettings,
) -> int:
    """Show what apply would do; change nothing.

    Compares MANIFEST with the keys that exist and prints one line for each key that would be created, renewed or
    deleted, and why. Without MANIFEST, reads keys.yaml or keyplan.yaml in the current folder; - is standard input.
    Several manifests are planned at the same time; a folder stands for all manifests in it and below it.

    With --untrusted, a manifest may use nothing outside itself except the API, ARIZE_API_KEY and what a --policy
    allows; no sink and no shared ledger is read, so the places of keys are not checked.

    Exit status: 0 done, 2 differences (with --detailed-exitcode), 3 wrong input, 4 something is blocked, 5 the provider
    failed, 6 a sink failed, 7 the ledger failed.

    \b
    Examples:
      keyplan plan keys.yaml --out plan.json
      keyplan plan envs/ --format text --format markdown=plan.md
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=[*outputs.files, out], read=[*manifests, *settings.policies, settings.values])
    name = " ".join(manifests) or "keys.yaml"
    with checked_files(session, [*outputs.files, out]), reporting_failure(session, outputs, Subject.PLAN, name):
        policies = read_policies(settings.policies, context)
        chosen = choose_manifests(manifests, context, exclude, policies, is_untrusted=untrusted)
        workspaces = _open(chosen, context, settings)
        warn_of_missing_ids([each.manifest.path for each in workspaces if not each.manifest.id], context.say)
        plans, errors = _plan_all(session, context, workspaces, settings)
        session.keep(plans, workspaces)
        if out:
            _save(session, out, plans, errors)
    failed = [error.exit_status for _, error in errors]
    status = combine_statuses([*(status_of_plan(plan, is_detailed=detailed_exitcode) for plan in plans), *failed])
    answer = CommandResult.about(
        Subject.PLAN,
        plans,
        errors,
        formats=PLAN_FORMATS,
        draw=build_plan_sheet,
        exit_status=status,
        digest=digest_to_approve(plans),
        plan_path=str(out) if out and not errors else "",
        now=context.wiring.clock.now(),
        is_verbose=settings.verbose,
    )
    status = publish(session, outputs, answer)
    tell_errors(session, errors, of=len(workspaces))
    return status


def _open(
    chosen: tuple[Sequence[str], tuple[Policy, ...]], context: RunContext, settings: PlanSettings
) -> tuple[Workspace, ...]:
    named, policies = chosen
    opened = open_workspaces(named, context, ledger=settings.ledger, policies=policies)
    return set_preflight(give_values(opened, settings.values, context), is_preflight=settings.is_preflight)


def _plan_all(
    session: Session, context: RunContext, workspaces: Sequence[Workspace], settings: PlanSettings
) -> tuple[list[FreshPlan], list[Failure]]:
    """Return the plans of all manifests, and what kept a manifest from having one."""
    with show_waiting(session.screen, "Looking at the keys that exist"):
        wiring = context.wiring
        results = run_parallel(lambda workspace: plan_workspace(wiring, workspace, settings.request), workspaces)
    if settings.verbose:
        for workspace, plan in zip(workspaces, results, strict=True):
            if isinstance(plan, Plan):
                session.screen.say(describe_planned(plan, ledger=workspace.ledger_name))
    plans, errors = split_results(results, [workspace.manifest.path for workspace in workspaces])
    require_separate_owners(plans, workspaces)
    return plans, errors


def _save(session: Session, out: Path, plans: Sequence[Plan], errors: Sequence[Failure]) -> None:
    """Save all plans in one file, or none: what is only a part of what was asked must not be approved."""
    name = sanitize(str(out))
    if errors:
        session.screen.say(f"No plan is saved in {name}: {len(errors)} of {len(plans) + len(errors)} failed.")
        return
    document = render(PLAN_FORMATS, plans, as_format="json", style=Style())
    if hide(document) != document:
        # With the secret in it, the file would be a leak; without it, it would be another plan than its digest says.
        raise InputError(
            f"{name} is not written: a secret of this run stands in the plan, as a name, a description or the like",
            advice="the plan shows it as (hidden): change it in the manifest, or at the provider, and renew the secret",
        )
    save_privately(session.folder / out, document.encode())
    layers = "".join(f" {sanitize(shlex.quote(word), width=1000)}" for word in session.layers.words)
    session.screen.say(f"The plan is saved in {name}. To do exactly this: keyplan apply {name}{layers}")
