"""`keyplan apply`: creates, rotates and deletes keys, after the plan was approved."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from keyplan.app.context import RunContext
from keyplan.app.discovery import find_manifests
from keyplan.app.files import STDIN, read_input, read_plans, read_policies
from keyplan.app.values import give_values
from keyplan.app.workspace import Workspace, load_workspaces, open_workspaces, set_preflight
from keyplan.cli.apply_options import ApplySettings, apply_options
from keyplan.cli.apply_plan import ApplyRequest, plan_and_apply
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import (
    FileNames,
    PlanSettings,
    argument,
    exclude_option,
    option,
    plan_options,
)
from keyplan.cli.outputs import keep_apart, reporting_failure
from keyplan.cli.session import Session
from keyplan.errors import InputError
from keyplan.model.plan import Plan, Request
from keyplan.planner.due import Selected
from keyplan.renderers.sheet import Subject


@click.command("apply")
@argument("sources", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST...|PLANFILE]")
@option("--manifest", variable="PLANFILE_MANIFEST", metavar="FILE", help="The manifest of PLANFILE, if it was moved.")
@exclude_option
@apply_options
@plan_options
@option(
    "--only",
    # Not KEYPLAN_ONLY: drift reads kinds of findings from that one.
    variable="APPLY_ONLY",
    type=click.Choice([Selected.DUE.value, Selected.IMPORT.value]),
    help="Apply only what is due, or only imports; leave other changes to a reviewed apply.",
)
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    sources: tuple[str, ...],
    manifest: str | None,
    exclude: tuple[str, ...],
    only: str | None,
    applying: ApplySettings,
    settings: PlanSettings,
) -> int:
    """Create, renew and delete keys until they match the manifest.

    Plans first, shows the plan and asks for approval. In non-interactive runs, it needs a plan file, --expect or
    --auto-approve. Each new raw key goes straight into its sinks and is never shown.

    Several manifests, or folders of them, are planned and applied at the same time, each with its own ledger;
    nothing is applied until all of them are planned.

    With --only due, an unattended run applies what a reviewed manifest schedules: renewals that are due, the
    deletion of superseded keys, and what an earlier run left unfinished. Other changes are listed and do not affect
    the exit status.

    A PLANFILE (from keyplan plan --out) is applied only once, and only if planning again gives the same actions.

    Exit status: 0 done, 3 wrong input, 4 refused or something is blocked, 5 the provider failed, 6 a sink failed, 7
    the ledger failed, 130 and 143 interrupted.

    \b
    Examples:
      keyplan apply keys.yaml
      keyplan apply envs/
      keyplan apply --only due --auto-approve
      keyplan apply plan.json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=applying.files, read=[*sources, *settings.policies, settings.values])
    with reporting_failure(session, applying.outputs, Subject.APPLY, " ".join(sources) or "keys.yaml"):
        order = _make_order(context, find_manifests(sources, context, exclude), manifest, settings, applying)
        order = _limit(order, Selected(only) if only else Selected.ALL)
    return plan_and_apply(session, context, order)


def _make_order(
    context: RunContext,
    sources: tuple[str, ...],
    manifest: str | None,
    settings: PlanSettings,
    applying: ApplySettings,
) -> ApplyRequest:
    """Return what is to be applied: the manifests, or those of a plan file."""
    given = [read_input(name, context) for name in sources]
    reviewed: tuple[Plan, ...] = ()
    if len(given) == 1 and given[0].is_plan:
        reviewed = read_plans(given[0])
        workspaces = _locate_reviewed(context, reviewed, manifest, settings)
    elif saved := [source.name for source in given if source.is_plan]:
        raise InputError(f"{saved[0]} is a saved plan, which is applied alone", advice=f"say: keyplan apply {saved[0]}")
    elif strange := [source.name for source in given if source.is_neither]:
        raise InputError(
            f"{strange[0]} is neither a saved plan nor a manifest",
            advice="save a plan with: keyplan plan --out FILE; write a manifest with: keyplan init",
        )
    elif manifest:
        raise InputError("--manifest goes with a plan file", advice=f"say only: keyplan apply {manifest}")
    else:
        policies = read_policies(settings.policies, context)
        workspaces = load_workspaces(given, context, ledger=settings.ledger, policies=policies)
    return ApplyRequest(
        command="apply",
        workspaces=set_preflight(give_values(workspaces, settings.values, context), is_preflight=settings.is_preflight),
        request=settings.request,
        reviewed=reviewed,
        applying=applying,
        is_verbose=settings.verbose,
    )


def _limit(order: ApplyRequest, selection: Selected) -> ApplyRequest:
    """Return the order with only a selection of actions. Raises InputError if the order asks for others."""
    if selection is Selected.ALL:
        return order
    if order.reviewed:
        raise InputError(
            "--only does not go with a plan file, which is applied as a whole",
            advice="apply the plan file without --only, or the manifest with it",
        )
    if order.request.rotate:
        raise InputError(
            f"--only {selection.value} leaves out what --rotate asks for",
            advice="leave out one of them, or say: keyplan rotate",
        )
    return replace(order, selection=selection)


def _locate_reviewed(
    context: RunContext, reviewed: tuple[Plan, ...], manifest: str | None, settings: PlanSettings
) -> tuple[Workspace, ...]:
    """Return the workspaces of the manifests that a plan file was made from."""
    if settings.request != Request():
        raise InputError(
            "a plan file says already what was asked for",
            advice="leave out --rotate, --target and --allow-..., or apply the manifest instead",
        )
    if manifest and len(reviewed) > 1:
        raise InputError(
            "--manifest goes with the plan of one manifest", advice="make a new plan where the manifests are now"
        )
    # A plan of several manifests was held against the same policies throughout; those that are named now count instead.
    policies = read_policies(settings.policies or reviewed[0].policies, context)
    names = [manifest or plan.manifest for plan in reviewed]
    absent = [name for name in names if name != STDIN and not os.path.exists(context.folder / name)]  # noqa: PTH110 - says no to an impossible name
    if absent:
        raise InputError(
            f"{absent[0]}, from which the plan was made, is not here",
            advice="apply where it was planned, or name the manifest: --manifest FILE",
        )
    return open_workspaces(names, context, ledger=settings.ledger, policies=policies)
