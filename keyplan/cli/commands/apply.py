"""`keyplan apply`: makes it so, after somebody said yes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import click

from keyplan.cli.approving import require_digest, require_same, require_unspent, spend
from keyplan.cli.concluding import conclude_apply
from keyplan.cli.inputs import Input, read_input, read_plan
from keyplan.cli.options import Duration, PlanningSettings, argument, format_option, option, planning_options
from keyplan.cli.places import Place, find_manifest, locate, settle
from keyplan.cli.progress import show_progress, show_waiting
from keyplan.cli.running import DEFAULT_PARALLELISM, open_workbench, plan_now
from keyplan.cli.session import Session
from keyplan.errors import InputError, RefusedError
from keyplan.flow.applying import apply
from keyplan.flow.workbench import Workbench
from keyplan.model.plan import Plan, Request
from keyplan.model.plan_document import digest
from keyplan.model.report import Report
from keyplan.views.plan_text import outline
from keyplan.views.rendering import REPORT_FORMATS, render_plan, render_report
from keyplan.views.wording import say_count

_MOST_PARALLEL = 64
_QUESTION = "\nDo you want to do this? Only 'yes' is taken for a yes: "


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be applied, and in which way it is approved."""

    place: Place
    request: Request
    reviewed: Plan | None
    """A saved plan, which is its own approval."""
    expected: str | None
    """The digest that somebody approved."""
    is_approved: bool
    """Whether nobody needs to be asked."""


@click.command("apply")
@argument("source", variable="MANIFEST", required=False, metavar="[MANIFEST|PLANFILE]")
@option("--auto-approve", is_flag=True, help="Ask nobody.")
@option("--expect", metavar="DIGEST", help="Go on only if the plan has this digest; ask nobody.")
@option("--manifest", variable="PLANFILE_MANIFEST", metavar="FILE", help="The manifest of PLANFILE, if it moved.")
@option(
    "--parallelism",
    type=click.IntRange(1, _MOST_PARALLEL),
    default=DEFAULT_PARALLELISM,
    show_default=True,
    help="How many keys are worked on at once.",
)
@option(
    "--lock-timeout",
    type=Duration(),
    default="0s",
    show_default=True,
    help="How long to wait for another apply to end.",
)
@format_option(*REPORT_FORMATS)
@planning_options
@click.pass_obj
def command(
    session: Session,
    *,
    source: str | None,
    auto_approve: bool,
    expect: str | None,
    manifest: str | None,
    parallelism: int,
    lock_timeout: timedelta,
    as_format: str,
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
    order = _take_order(session, source, manifest, settings, expect=expect, auto_approve=auto_approve)
    if not order.is_approved and not session.screen.can_ask:
        raise RefusedError(
            "nobody is there to approve the plan",
            advice="apply a saved plan, or say --expect DIGEST or --auto-approve",
        )
    with open_workbench(session.wiring, order.place, command="apply", patience=lock_timeout) as bench:
        plan = _plan(session, order, bench)
        if settings.verbose:
            session.screen.say(outline(plan, ledger=str(order.place.ledger)))
        _approve(session, order, plan, as_format)
        if order.reviewed and plan.changes:
            holder = session.wiring.holder("apply")
            spend(order.reviewed, bench.ledger, now=bench.clock.now(), host=holder.host)
        report = _run(session, plan, bench, parallelism)
        session.screen.answer(render_report(report, as_format=as_format, palette=session.screen.palette))
    if plan.blocked:
        session.screen.say(f"{say_count(len(plan.blocked), 'action')} blocked: what to do about it stands in the plan.")
    return conclude_apply(plan, report)


def _take_order(
    session: Session,
    source: str | None,
    manifest: str | None,
    settings: PlanningSettings,
    *,
    expect: str | None,
    auto_approve: bool,
) -> _Order:
    given = read_input(find_manifest(source, session), session)
    if given.is_plan:
        return _take_plan(session, given, manifest, settings, expect)
    if manifest:
        raise InputError("--manifest goes with a plan file", advice=f"say only: keyplan apply {manifest}")
    return _Order(
        place=settle(given, session, ledger=settings.ledger),
        request=settings.request,
        reviewed=None,
        expected=expect,
        is_approved=auto_approve or expect is not None,
    )


def _take_plan(
    session: Session, given: Input, manifest: str | None, settings: PlanningSettings, expect: str | None
) -> _Order:
    reviewed = read_plan(given)
    if settings.request != Request():
        raise InputError(
            "a plan file says already what was asked for",
            advice="leave out --rotate, --target and --allow-..., or apply the manifest instead",
        )
    return _Order(
        place=locate(manifest or reviewed.manifest, session, ledger=settings.ledger),
        request=reviewed.request,
        reviewed=reviewed,
        expected=expect,
        is_approved=True,
    )


def _plan(session: Session, order: _Order, bench: Workbench) -> Plan:
    """Return the plan of now. Raises PlanSpentError and PlanStaleError where it is not the reviewed one."""
    if order.reviewed:
        require_unspent(order.reviewed, bench.ledger)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        plan = plan_now(
            order.place.manifest,
            order.request,
            reader=bench.reader,
            ledger=bench.ledger,
            sinks=bench.sinks,
            now=bench.clock.now(),
        )
    if order.reviewed:
        require_same(order.reviewed, plan)
    return plan


def _approve(session: Session, order: _Order, plan: Plan, as_format: str) -> None:
    """Show the plan, and see that it is approved.

    Raises PlanStaleError where another digest was expected, RefusedError on any answer but yes.
    """
    screen = session.screen
    if as_format == "text":
        screen.answer(render_plan(plan, as_format="text", palette=screen.palette) + "\n")
    elif not order.is_approved:
        screen.say(render_plan(plan, as_format="text", palette=screen.talk_palette))
    if order.expected is not None:
        require_digest(order.expected, plan)
    if order.is_approved or not plan.changes:
        return
    if screen.ask(_QUESTION) != "yes":
        raise RefusedError("not approved, nothing was done")


def _run(session: Session, plan: Plan, bench: Workbench, parallelism: int) -> Report:
    with session.interrupts.patiently(), show_progress(session.screen) as progress:
        return apply(
            plan,
            digest=digest(plan),
            ports=bench,
            parallelism=parallelism,
            progress=progress,
            stop=session.interrupts,
        )
