"""`keyplan doctor`: whether everything that a manifest needs is there."""

from __future__ import annotations

import click

from keyplan.app.files import read_policies
from keyplan.app.inspect import examine_workspace
from keyplan.app.workspace import open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, format_option, ledger_option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.renderers.formats import EXAMINATION_FORMATS, render_examination


@click.command("doctor")
@argument("manifest", variable="MANIFEST", required=False)
@format_option(*EXAMINATION_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session, *, manifest: str | None, as_format: str, policies: tuple[str, ...], ledger: str | None
) -> int:
    """Check credential, rights, clock, sinks, ledger and lock, and say what to fix.

    Changes nothing; what cannot be known without trying is shown as unknown. Exit status: 0 nothing is broken, 5
    the provider would fail, 6 a sink would fail, 7 the ledger would fail.

    \b
    Example:
      keyplan doctor keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    with show_waiting(session.screen, "Asking provider, sinks and ledger"):
        examination = examine_workspace(context.wiring, workspace)
    session.screen.answer(render_examination(examination, as_format=as_format, palette=session.screen.palette))
    return examination.exit_status
