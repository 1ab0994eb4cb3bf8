"""`keyplan history`: what was done when, by whom, and whether a user changed what the ledger says of it."""

from __future__ import annotations

import click

from keyplan.app.context import RunContext
from keyplan.app.exit_codes import ExitStatus
from keyplan.app.files import read_policies
from keyplan.app.history import read_history, verify_history
from keyplan.app.workspace import Workspace, open_workspace
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, format_option, ledger_option, option, policy_option
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_addresses
from keyplan.errors import LedgerDamagedError
from keyplan.renderers.formats import CHECK_FORMATS, PAST_FORMATS, render
from keyplan.renderers.style import Style

_VERIFY = "verify"
"""No address is this word: each has a slash in it."""


def _complete(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    return [*complete_addresses(ctx, parameter, typed), *([_VERIFY] if _VERIFY.startswith(typed) else [])]


@click.command("history")
@argument("what", required=False, metavar=f"[ADDRESS|{_VERIFY}]", shell_complete=_complete)
@option("--head", metavar="HASH", help="The head that an apply printed and that you kept elsewhere; for verify.")
@option("--manifest", metavar="FILE", help="The manifest whose ledger is read.")
@format_option(*PAST_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    what: str | None,
    head: str | None,
    manifest: str | None,
    as_format: str,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Show what was done when and by whom, and verify that no entry was changed.

    The newest entry comes first. With an ADDRESS, only its entries are shown.

    The name of the user comes from the CI system (GITHUB_ACTOR, GITLAB_USER_LOGIN, ...), or from git's author; it
    is not proven.

    Each entry contains a hash of the one before. verify computes all hashes again. With --head, it proves that no
    entry up to that head was edited, removed or cut off; without --head, it says what it cannot prove. The exit
    status is 7 if an entry does not fit.

    \b
    Examples:
      keyplan history user/ci
      keyplan history verify --head 4f0c...
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    if what == _VERIFY and as_format not in CHECK_FORMATS:
        raise click.UsageError(f"verify has no format {as_format}; use text or json")
    if what != _VERIFY and head is not None:
        raise click.UsageError("--head is for: keyplan history verify --head HASH")
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    if what == _VERIFY:
        return _verify(session, context, workspace, head=head, as_format=as_format)
    entries = read_history(context, workspace, what)
    session.screen.answer(render(PAST_FORMATS, entries, as_format=as_format, style=Style()))
    return ExitStatus.DONE


def _verify(session: Session, context: RunContext, workspace: Workspace, *, head: str | None, as_format: str) -> int:
    check = verify_history(context, workspace, head)
    session.screen.answer(render(CHECK_FORMATS, check, as_format=as_format, style=Style()))
    return ExitStatus.DONE if check.is_whole else LedgerDamagedError.exit_status
