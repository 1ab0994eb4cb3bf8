"""`keyplan calendar`: what falls due, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import click

from keyplan.app.files import read_policies
from keyplan.app.inspect import make_calendar
from keyplan.app.workspace import open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import Number, argument, ledger_option, option, policy_option
from keyplan.cli.outputs import CommandResult, Outputs, checked_files, formats_option, keep_apart, publish
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.calendar import Calendar
from keyplan.renderers.formats import CALENDAR_FORMATS, Formats
from keyplan.renderers.style import Style

_MOST_DAYS = 3660


def _bind(render: Callable[[Calendar, Style], str]) -> Callable[[Sequence[Calendar], Style], str]:
    return lambda calendars, style: render(calendars[0], style)


_FORMATS: Formats[Sequence[Calendar]] = {name: _bind(render) for name, render in CALENDAR_FORMATS.items()}
"""As `CommandResult` takes them: this command has one calendar, others have several plans."""


@click.command("calendar")
@argument("manifest", variable="MANIFEST", required=False)
@formats_option(*CALENDAR_FORMATS)
@option("--days", type=Number(1, _MOST_DAYS), default=90, show_default=True, help="How far to look ahead.")
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifest: str | None,
    outputs: Outputs,
    days: int,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Show which keys rotate, expire and retire in the coming days.

    Assumes that the manifest does not change and that an apply runs whenever something falls due; what is overdue
    is shown at the present time. Changes nothing. The format ics is for calendar applications, svg is a drawing,
    and html a page for a browser.

    \b
    Example:
      keyplan calendar keys.yaml --days 30
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=outputs.files, read=[manifest, *policies])
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    with checked_files(session, outputs.files), show_waiting(session.screen, "Looking at the keys that exist"):
        calendar = make_calendar(context.wiring, workspace, timedelta(days=days))
    return publish(session, outputs, CommandResult(formats=_FORMATS, nouns=[calendar], exit_status=0))
