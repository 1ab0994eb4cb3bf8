"""`keyplan plan`: what an apply would do."""

from __future__ import annotations

from pathlib import Path

import click

from keyplan.cli.concluding import conclude_plan
from keyplan.cli.options import PlanningSettings, argument, format_option, option, planning_options
from keyplan.cli.places import locate
from keyplan.cli.progress import show_waiting
from keyplan.cli.running import look
from keyplan.cli.saving import save_privately
from keyplan.cli.session import Session
from keyplan.model.plan import Plan
from keyplan.views.documents import render_plan as render_plan_document
from keyplan.views.inert import inert
from keyplan.views.plan_text import outline
from keyplan.views.rendering import PLAN_FORMATS, render_plan


@click.command("plan")
@argument("manifest", variable="MANIFEST", required=False)
@option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Save the plan, for: keyplan apply FILE.")
@format_option(*PLAN_FORMATS)
@option("--detailed-exitcode", is_flag=True, help="Exit 2 where there is something to do, 0 where there is not.")
@planning_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifest: str | None,
    out: Path | None,
    as_format: str,
    detailed_exitcode: bool,
    settings: PlanningSettings,
) -> int:
    """Show what apply would do; change nothing.

    Compares MANIFEST with the keys that exist and prints one line for each key that would be made, renewed or
    deleted, and why. Without MANIFEST it takes keys.yaml or keyplan.yaml of this folder; - is standard input.

    Exit status: 0 done, 2 differences (with --detailed-exitcode), 3 wrong input, 4 something is blocked,
    5 the provider failed, 6 a sink failed, 7 the ledger failed.

    \b
    Example:
      keyplan plan keys.yaml --out plan.json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    place = locate(manifest, session, ledger=settings.ledger)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        plan = look(session.wiring, place, settings.request)
    if settings.verbose:
        session.screen.say(outline(plan, ledger=str(place.ledger)))
    if out:
        _save(session, out, plan)
    session.screen.answer(render_plan(plan, as_format=as_format, palette=session.screen.palette))
    return conclude_plan(plan, is_detailed=detailed_exitcode)


def _save(session: Session, out: Path, plan: Plan) -> None:
    save_privately(session.folder / out, render_plan_document(plan).encode())
    name = inert(str(out))
    session.screen.say(f"The plan is saved in {name}. To do exactly this: keyplan apply {name}")
