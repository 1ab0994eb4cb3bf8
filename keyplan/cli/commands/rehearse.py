"""`keyplan rehearse`: what an apply comes to under every fault, on a copy of the account in memory."""

from __future__ import annotations

from datetime import timedelta

import click

from keyplan.app.files import read_policies
from keyplan.app.rehearsal.rehearse import rehearse, rehearse_days
from keyplan.app.workspace import open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import Number, argument, format_option, ledger_option, option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.renderers.formats import REHEARSAL_FORMATS, render_rehearsal

_MOST_DAYS = 730


@click.command("rehearse")
@argument("manifest", variable="MANIFEST", required=False)
@format_option(*REHEARSAL_FORMATS)
@option("--days", type=Number(1, _MOST_DAYS), help="Simulate one apply on each of the next days instead.")
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifest: str | None,
    as_format: str,
    days: int | None,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Show how an apply would end under every fault; change nothing.

    Copies what the provider, the ledger and the sinks show into memory, without raw keys, and applies the manifest
    there under each fault: killed before and after each effect, a lost answer, status 429, an unavailable sink, a
    full disk, a wrong clock, a second runner. Keys that are up to date are rotated. Of several keys that are
    declared alike, one is rehearsed.

    Shows for each fault what the run says, what the next run does, and the worst moment for a consumer.

    \b
    Examples:
      keyplan rehearse keys.yaml
      keyplan rehearse --days 90
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    with show_waiting(session.screen, "Rehearsing on a copy"):
        if days is None:
            rehearsal = rehearse(context.wiring, workspace)
        else:
            rehearsal = rehearse_days(context.wiring, workspace, timedelta(days=days))
    session.screen.answer(render_rehearsal(rehearsal, as_format=as_format, palette=session.screen.palette))
    return 0
