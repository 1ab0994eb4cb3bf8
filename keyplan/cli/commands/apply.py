"""`keyplan apply`: makes it so, after somebody said yes."""

from __future__ import annotations

import click

from keyplan.cli.applying_options import ApplyingSettings, applying_options
from keyplan.cli.inputs import Input, read_input, read_plan
from keyplan.cli.options import PlanningSettings, argument, option, planning_options
from keyplan.cli.performing import Order, perform
from keyplan.cli.places import find_manifest, locate, settle
from keyplan.cli.session import Session
from keyplan.errors import InputError
from keyplan.model.plan import Request


@click.command("apply")
@argument("source", variable="MANIFEST", required=False, metavar="[MANIFEST|PLANFILE]")
@option("--manifest", variable="PLANFILE_MANIFEST", metavar="FILE", help="The manifest of PLANFILE, if it moved.")
@applying_options
@planning_options
@click.pass_obj
def command(
    session: Session,
    *,
    source: str | None,
    manifest: str | None,
    applying: ApplyingSettings,
    settings: PlanningSettings,
) -> int:
    """Make, renew and delete keys until they match the manifest.

    Plans first, shows the plan and asks for yes. Where nobody can be asked, it needs a plan file, --expect
    or --auto-approve. Each new raw key goes straight into its sinks and is never shown.

    A PLANFILE (made by: keyplan plan --out) runs only if planning again gives the same, and only once.

    Exit status: 0 done, 3 wrong input, 4 refused or something is blocked, 5 the provider failed, 6 a sink
    failed, 7 the ledger failed, 130 and 143 interrupted.

    \b
    Examples:
      keyplan apply keys.yaml
      keyplan apply plan.json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    given = read_input(find_manifest(source, session), session)
    take = _take_plan if given.is_plan else _take_manifest
    return perform(session, take(session, given, manifest, settings, applying))


def _take_manifest(
    session: Session, given: Input, manifest: str | None, settings: PlanningSettings, applying: ApplyingSettings
) -> Order:
    if manifest:
        raise InputError("--manifest goes with a plan file", advice=f"say only: keyplan apply {manifest}")
    return Order(
        command="apply",
        place=settle(given, session, ledger=settings.ledger),
        request=settings.request,
        applying=applying,
        is_verbose=settings.verbose,
    )


def _take_plan(
    session: Session, given: Input, manifest: str | None, settings: PlanningSettings, applying: ApplyingSettings
) -> Order:
    reviewed = read_plan(given)
    if settings.request != Request():
        raise InputError(
            "a plan file says already what was asked for",
            advice="leave out --rotate, --target and --allow-..., or apply the manifest instead",
        )
    return Order(
        command="apply",
        place=locate(manifest or reviewed.manifest, session, ledger=settings.ledger),
        request=reviewed.request,
        reviewed=reviewed,
        applying=applying,
        is_verbose=settings.verbose,
    )
