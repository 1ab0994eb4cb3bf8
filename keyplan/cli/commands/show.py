"""`keyplan show`: a saved plan, as it was made."""

from __future__ import annotations

import click

from keyplan.app.files import read_input, read_plans
from keyplan.cli.options import argument
from keyplan.cli.outputs import CommandResult, Outputs, formats_option, keep_apart, publish
from keyplan.cli.session import Session
from keyplan.documents.plan_set import digest_to_approve
from keyplan.renderers.formats import PLAN_FORMATS, build_plan_sheet
from keyplan.renderers.sheet import Subject


@click.command("show")
@argument("planfile")
@formats_option(*PLAN_FORMATS)
@click.pass_obj
def command(session: Session, *, planfile: str, outputs: Outputs) -> int:
    """Show a saved plan, stale or not.

    Reads PLANFILE alone: no manifest, no provider, no ledger.

    \b
    Examples:
      keyplan show plan.json
      keyplan show plan.json --format markdown
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
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
    )
    return publish(session, outputs, answer)
