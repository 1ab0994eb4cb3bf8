"""`keyplan revoke`: ends one key now, without a successor, and touches nothing else."""

from __future__ import annotations

import click

from keyplan.app.files import read_policies
from keyplan.app.leak import look_everywhere
from keyplan.app.workspace import open_workspace
from keyplan.cli.apply_options import ApplySettings, apply_options
from keyplan.cli.apply_plan import ApplyRequest, plan_and_apply
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, ledger_option, option, policy_option, verbose_option
from keyplan.cli.outputs import keep_apart
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_subjects
from keyplan.model.plan import Request


@click.command("revoke")
@argument("key", metavar="ADDRESS|KEY_ID", shell_complete=complete_subjects)
@option("--owner", variable="REVOKE_OWNER", metavar="OWNER", help="Revoke it although this other owner manages it.")
@option("--manifest", metavar="FILE", help="The manifest with the provider and the ledger.")
@apply_options
@policy_option
@ledger_option
@verbose_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    key: str,
    owner: str | None,
    manifest: str | None,
    applying: ApplySettings,
    policies: tuple[str, ...],
    ledger: str | None,
    verbose: bool,
) -> int:
    """Revoke one key now, managed by keyplan or not.

    Plans this key only, shows the plan and asks for approval like apply. An address means the current key of its
    declaration. No new key is created and no place is emptied: the next apply creates a new key if it is still
    declared. To replace it at once, use: keyplan rotate ADDRESS --now

    A protected key and keyplan's own credential are never revoked. A key that another owner manages needs --owner.

    \b
    Examples:
      keyplan revoke QXBpS2V5OjEwMDI6YzgyMA==
      keyplan revoke user/ci
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=applying.files, read=[*([manifest] if manifest else []), *policies])
    opened = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    order = ApplyRequest(
        command="revoke",
        workspaces=(look_everywhere(opened),),
        request=Request(revoke=(key,), revoke_owner=owner or ""),
        applying=applying,
        is_verbose=verbose,
    )
    return plan_and_apply(session, context, order)
