"""`keyplan audit`: who changed the keys of a manifest, as the provider's own log says."""

from __future__ import annotations

from datetime import timedelta

import click

from keyplan.app.audit import DEFAULT_WINDOW, audit_keys
from keyplan.app.files import read_policies
from keyplan.app.workspace import open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import Duration, argument, format_option, ledger_option, option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_addresses, complete_key_ids
from keyplan.model.times import write_duration
from keyplan.renderers.formats import AUDIT_FORMATS, render
from keyplan.renderers.style import Style


def _complete(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    return [*complete_addresses(ctx, parameter, typed), *complete_key_ids(ctx, parameter, typed)]


@click.command("audit")
@argument("subjects", nargs=-1, metavar="[ADDRESS|KEY_ID]...", shell_complete=_complete)
@option("--manifest", metavar="FILE", help="The manifest whose keys are looked for.")
@option(
    "--since",
    variable="AUDIT_SINCE",
    type=Duration(least=timedelta(seconds=1)),
    default=write_duration(DEFAULT_WINDOW),
    show_default=True,
    metavar="DURATION",
    help="How far back the log is read.",
)
@format_option(*AUDIT_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    subjects: tuple[str, ...],
    manifest: str | None,
    since: timedelta,
    as_format: str,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Show who changed keys, when and from where, as the provider's own audit log says.

    Looks for all keys of the manifest, those that it had among them, or for those of each ADDRESS (a glob is fine)
    and each KEY_ID. Arize shows its log to administrators of an account that has audit logging switched on; for
    other users, the exit status is 5. The log holds the IP addresses of people. Changes nothing.

    An entry counts only if its caller sent the id of the key as a value. The name of an operation is what its caller
    called it.

    \b
    Examples:
      keyplan audit --since 7d
      keyplan audit user/ci --format json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    with show_waiting(session.screen, "Reading the audit log"):
        audit = audit_keys(context, workspace, subjects, since)
    session.screen.answer(render(AUDIT_FORMATS, audit, as_format=as_format, style=Style()))
    return 0
