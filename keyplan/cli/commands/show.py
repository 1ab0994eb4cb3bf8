"""`keyplan show`: a saved plan, as it was made; or a manifest, as it is composed."""

from __future__ import annotations

import click

from keyplan.app.files import read_input, read_plans, read_policies, write_composed_manifest
from keyplan.app.untrusted import choose_manifests
from keyplan.app.workspace import load_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, option, policy_option, untrusted_option, verbose_option
from keyplan.cli.outputs import CommandResult, Outputs, formats_option, keep_apart, publish
from keyplan.cli.session import Session
from keyplan.documents.plan_set import digest_to_approve
from keyplan.errors import InputError
from keyplan.renderers.formats import PLAN_FORMATS, build_plan_sheet
from keyplan.renderers.sheet import Subject


@click.command("show")
@argument("planfile", required=False)
@option("--manifest", variable="SHOW_MANIFEST", metavar="FILE", help="Show the manifest that results from this one.")
@formats_option(*PLAN_FORMATS)
@policy_option
@untrusted_option
@verbose_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    planfile: str | None,
    manifest: str | None,
    outputs: Outputs,
    policies: tuple[str, ...],
    untrusted: bool,
    verbose: bool,
) -> int:
    """Show a saved plan, or what a manifest is composed of.

    Reads PLANFILE only, stale or not: no manifest, no provider, no ledger.

    With --manifest, prints the one plain manifest that results from its included files, overlays, variables and
    for_each, with the file, line and column of each value. The result is a manifest too, and gives the same plan.
    Needs no network and no credential.

    \b
    Examples:
      keyplan show plan.json
      keyplan show plan.json --format markdown
      keyplan show --manifest base.yaml --overlay prod.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if manifest is not None:
        if planfile is not None:
            raise InputError("--manifest shows a manifest, and PLANFILE a plan", advice="say one of them")
        return _show_manifest(session, manifest, policies, is_untrusted=untrusted)
    if planfile is None:
        raise click.UsageError("name a PLANFILE, or a manifest with --manifest FILE")
    keep_apart(session, written=outputs.files, read=[planfile])
    plans = read_plans(read_input(planfile, session.context))
    answer = CommandResult.about(
        Subject.PLAN,
        plans,
        (),
        formats=PLAN_FORMATS,
        draw=build_plan_sheet,
        exit_status=0,
        digest=digest_to_approve(plans),
        plan_path=planfile,
        now=session.context.wiring.clock.now(),
        is_verbose=verbose,
    )
    return publish(session, outputs, answer)


def _show_manifest(session: Session, manifest: str, policies: tuple[str, ...], *, is_untrusted: bool) -> int:
    context = session.context
    rules = read_policies(policies, context)
    (name,), rules = choose_manifests((manifest,), context, (), rules, is_untrusted=is_untrusted)
    source = read_input(name, context)
    # Refused for whatever other commands refuse it for.
    load_workspace(source, context, ledger=None, policies=rules)
    session.screen.answer(write_composed_manifest(source, rules))
    return 0
