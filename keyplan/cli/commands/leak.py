"""`keyplan leak`: which key stands in a leaked text, and with `--contain`, its end."""

from __future__ import annotations

from datetime import timedelta

import click

from keyplan.app.apply import DEFAULT_PARALLELISM
from keyplan.app.files import read_policies
from keyplan.app.leak import FoundLeak, check_contained, find_leak, look_everywhere, plan_answer
from keyplan.app.workspace import Workspace, open_workspace, set_lease
from keyplan.cli.apply_options import ApplySettings, lease_option, lock_timeout_option
from keyplan.cli.apply_plan import ApplyRequest, plan_and_apply
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import format_option, ledger_option, option, policy_option
from keyplan.cli.outputs import Output, Outputs
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_key_ids
from keyplan.model.leaked_text import MOST_BYTES
from keyplan.model.plan import Request
from keyplan.renderers.formats import LEAK_FORMATS, render_leak
from keyplan.renderers.text.leak import describe_alive

_FOUND, _ALIVE = 2, 4


@click.command("leak")
@option("--contain", is_flag=True, help="Revoke what leaked: renew declared keys without an overlap, delete others.")
@option("--auto-approve", is_flag=True, help="With --contain: do not ask for approval.")
@option(
    "--revoke",
    multiple=True,
    metavar="KEY_ID",
    shell_complete=complete_key_ids,
    help="With --contain: also revoke this key, although it is unmanaged or not proven. Repeatable.",
)
@option(
    "--owner",
    variable="REVOKE_OWNER",
    metavar="OWNER",
    help="With --revoke: the key may be managed by this other owner.",
)
@format_option(*LEAK_FORMATS, variable="LEAK_FORMAT")
@option("--manifest", metavar="FILE", help="The manifest whose account is searched.")
@lock_timeout_option
@lease_option
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    contain: bool,
    auto_approve: bool,
    revoke: tuple[str, ...],
    owner: str | None,
    as_format: str,
    manifest: str | None,
    lock_timeout: timedelta,
    lease: timedelta | None,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Find out which keys a leaked text contains, read from standard input.

    The text is a raw key, a redacted form, or a whole log or diff; it is never shown. A raw key in it that fits the
    redacted form of a live key is presented to the provider, which changes only the key's last use.

    With --contain, each proven key is revoked: the current key of a declaration is renewed at once and delivered to
    all its places, an old key is deleted. The plan is shown, and the terminal asks for approval.

    Exit status: 2 a key is found, 0 none. With --contain: 0 all are dead, 4 one may still work.

    \b
    Examples:
      keyplan leak < build.log
      git show | keyplan leak --contain
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if (revoke or auto_approve) and not contain:
        raise click.UsageError("--revoke and --auto-approve go with --contain")
    context = session.context
    opened = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    workspace = look_everywhere(set_lease(opened, lease))
    data = session.read_stdin(MOST_BYTES + 1)
    with show_waiting(session.screen, "Looking for the key"):
        found = find_leak(context, workspace, data)
    if not contain:
        session.screen.answer(render_leak(found.leak, as_format=as_format))
        return _FOUND if found.leak.keys else 0
    applying = _settings(as_format, lock_timeout, lease, auto_approve=auto_approve)
    answer = plan_answer(found.leak, revoke, owner or "")
    return _contain(session, workspace, found, answer, applying)


def _settings(as_format: str, lock_timeout: timedelta, lease: timedelta | None, *, auto_approve: bool) -> ApplySettings:
    outputs = Outputs(each=(Output(as_format="text"),))
    return ApplySettings(
        auto_approve=auto_approve,
        expect=None,
        parallelism=DEFAULT_PARALLELISM,
        lock_timeout=lock_timeout,
        lease=lease,
        outputs=outputs if as_format == "text" else outputs.without_stdout(),
    )


def _contain(
    session: Session, workspace: Workspace, found: FoundLeak, answer: Request | None, applying: ApplySettings
) -> int:
    """End what the answer names, and return the exit status; the last lines say what became of each key."""
    is_text = applying.outputs.shows_text
    if is_text:
        session.screen.answer(render_leak(found.leak, as_format="text") + "\n")
    status, context = 0, session.context
    if answer:
        order = ApplyRequest(
            command="leak", workspaces=(workspace,), request=answer, applying=applying, is_verbose=False
        )
        with session.screen.asking_at_terminal():
            status = plan_and_apply(session, context, order)
    leak = check_contained(context, workspace, found, answer, is_applied=status == 0)
    if is_text:
        session.screen.answer("".join(f"{line}\n" for line in describe_alive(leak)))
    else:
        session.screen.answer(render_leak(leak, as_format="json"))
    return status or (_ALIVE if leak.alive else 0)
