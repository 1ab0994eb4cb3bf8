"""Plan, ask, do, tell: the way that `apply` and `rotate` have in common.

In: an order, and a session. Out: an exit status; the plan and the report are shown on the way. Never: an effect that
nobody approved.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.cli.applying_options import ApplyingSettings
from keyplan.cli.approving import require_digest, require_same, require_unspent, spend
from keyplan.cli.concluding import conclude_apply
from keyplan.cli.places import Place
from keyplan.cli.progress import show_progress, show_waiting
from keyplan.cli.running import open_workbench, plan_now
from keyplan.cli.session import Session
from keyplan.errors import RefusedError
from keyplan.flow.applying import apply
from keyplan.flow.workbench import Workbench
from keyplan.model.plan import Plan, Request
from keyplan.model.plan_document import digest
from keyplan.model.report import Report
from keyplan.views.plan_text import outline
from keyplan.views.rendering import render_plan, render_report
from keyplan.views.wording import say_count

_QUESTION = "\nDo you want to do this? Only 'yes' is taken for a yes: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be applied, and in which way it is approved."""

    command: str
    """The verb that was given, for whoever meets the lock."""
    place: Place
    request: Request
    reviewed: Plan | None = None
    """A saved plan, which is its own approval."""
    applying: ApplyingSettings
    is_verbose: bool

    @property
    def is_approved(self) -> bool:
        """Whether nobody needs to be asked."""
        return self.reviewed is not None or self.applying.is_approved


def perform(session: Session, order: Order) -> int:
    """Plan, show the plan, have it approved, apply it, show the report, and return the exit status.

    Raises RefusedError, PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    if not order.is_approved and not session.screen.can_ask:
        raise RefusedError(
            "nobody is there to approve the plan",
            advice="apply a saved plan, or say --expect DIGEST or --auto-approve",
        )
    with open_workbench(
        session.wiring,
        order.place,
        command=order.command,
        patience=order.applying.lock_timeout,
        tell=session.screen.say,
    ) as bench:
        plan = _plan(session, order, bench)
        if order.is_verbose:
            session.screen.say(outline(plan, ledger=str(order.place.ledger)))
        _approve(session, order, plan)
        if order.reviewed and plan.changes:
            holder = session.wiring.holder(order.command)
            spend(order.reviewed, bench.ledger, now=bench.clock.now(), host=holder.host)
        report = _run(session, plan, bench, order.applying.parallelism)
        session.screen.answer(render_report(report, as_format=order.applying.as_format, palette=session.screen.palette))
    if plan.blocked:
        session.screen.say(f"{say_count(len(plan.blocked), 'action')} blocked: what to do about it stands in the plan.")
    return conclude_apply(plan, report)


def _plan(session: Session, order: Order, bench: Workbench) -> Plan:
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


def _approve(session: Session, order: Order, plan: Plan) -> None:
    """Show the plan, and see that it is approved.

    Raises PlanStaleError where another digest was expected, RefusedError on any answer but yes.
    """
    screen = session.screen
    if order.applying.as_format == "text":
        screen.answer(render_plan(plan, as_format="text", palette=screen.palette) + "\n")
    elif not order.is_approved:
        screen.say(render_plan(plan, as_format="text", palette=screen.talk_palette))
    if order.applying.expect is not None:
        require_digest(order.applying.expect, plan)
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
