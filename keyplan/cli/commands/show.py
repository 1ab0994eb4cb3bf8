"""`keyplan show`: a saved plan, as it was made."""

from __future__ import annotations

import click

from keyplan.cli.inputs import read_input, read_plan
from keyplan.cli.options import argument, format_option
from keyplan.cli.session import Session
from keyplan.views.rendering import PLAN_FORMATS, render_plan


@click.command("show")
@argument("planfile")
@format_option(*PLAN_FORMATS)
@click.pass_obj
def command(session: Session, *, planfile: str, as_format: str) -> int:
    """Show a saved plan, stale or not.

    Reads PLANFILE alone: no manifest, no provider, no ledger.

    \b
    Example:
      keyplan show plan.json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    plan = read_plan(read_input(planfile, session))
    session.screen.answer(render_plan(plan, as_format=as_format, palette=session.screen.palette))
    return 0
