"""`keyplan explain`: what is known of one declaration or one key, and why a plan does with it what it does."""

from __future__ import annotations

from dataclasses import replace

import click

from keyplan.app.files import read_policies
from keyplan.app.inspect import explain_subject
from keyplan.app.workspace import open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, format_option, ledger_option, option, policy_option, preflight_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_subjects
from keyplan.renderers.formats import EXPLANATION_FORMATS, render_explanation


@click.command("explain")
@argument("subject", metavar="ADDRESS|KEY_ID", shell_complete=complete_subjects)
@option("--manifest", metavar="FILE", help="The manifest that declares it.")
@format_option(*EXPLANATION_FORMATS)
@policy_option
@preflight_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    subject: str,
    manifest: str | None,
    as_format: str,
    policies: tuple[str, ...],
    no_preflight: bool,
    ledger: str | None,
) -> int:
    """Show what is known about a declaration or a key, and why plan decides as it does.

    Shows the declaration with the place of each value, the key with its creator and the evidence of its ownership,
    its places and what each holds, its history, the row of the planning table that applies now, why the rows before
    it do not, and the next dates. Takes the id of any key that keyplan can see, declared or not. Changes nothing.

    \b
    Examples:
      keyplan explain user/ci
      keyplan explain QXBpS2V5OjEwMDI6YzgyMA== --format json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    with show_waiting(session.screen, "Looking at the keys that exist"):
        explanation = explain_subject(context.wiring, replace(workspace, is_preflight=not no_preflight), subject)
    session.screen.answer(render_explanation(explanation, as_format=as_format, palette=session.screen.palette))
    return 0
