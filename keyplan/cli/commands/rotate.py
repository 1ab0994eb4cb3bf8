"""`keyplan rotate`: renews the keys of some addresses now, and nothing else."""

from __future__ import annotations

import click

from keyplan.app.files import read_policies
from keyplan.app.workspace import open_workspace, set_preflight
from keyplan.cli.apply_options import ApplySettings, apply_options
from keyplan.cli.apply_plan import ApplyRequest, plan_and_apply
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import (
    argument,
    ledger_option,
    option,
    policy_option,
    preflight_option,
    verbose_option,
)
from keyplan.cli.outputs import keep_apart
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_addresses
from keyplan.model.plan import Request


@click.command("rotate")
@argument("addresses", nargs=-1, required=True, metavar="ADDRESS...", shell_complete=complete_addresses)
@option("--manifest", metavar="FILE", help="The manifest that declares them.")
@option(
    "--over-claim", is_flag=True, help="Overwrite a place whose receipt is not trusted, after you checked who wrote it."
)
@option(
    "--now",
    variable="ROTATE_NOW",
    is_flag=True,
    help="The old keys stop working at once, whatever overlap the manifest declares.",
)
@apply_options
@policy_option
@preflight_option
@ledger_option
@verbose_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    addresses: tuple[str, ...],
    manifest: str | None,
    over_claim: bool,
    now: bool,
    applying: ApplySettings,
    policies: tuple[str, ...],
    no_preflight: bool,
    ledger: str | None,
    verbose: bool,
) -> int:
    """Renew the keys of these addresses now, whatever their age.

    Plans these addresses only, shows the plan and asks for approval like apply. Globs such as
    'service/production/*' are allowed. The rotation of each key in the manifest decides how it is renewed and how
    long the old key keeps working; without an overlap there, 24 hours. Use --now for a leaked key: its old keys
    stop at once, including those that still work after an earlier rotation.

    A place whose receipt or intent contradicts the provider and the ledger is not overwritten without --over-claim.

    --expect takes the digest of: keyplan plan --rotate ADDRESS --target ADDRESS (with --now, if given)

    \b
    Examples:
      keyplan rotate user/ci
      keyplan rotate 'service/production/*' --auto-approve
      keyplan rotate user/ci --now
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    keep_apart(session, written=applying.files, read=[*([manifest] if manifest else []), *policies])
    workspace = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    named = tuple(sorted(set(addresses)))
    order = ApplyRequest(
        command="rotate",
        workspaces=set_preflight([workspace], is_preflight=not no_preflight),
        request=Request(rotate=named, targets=named, over_claim=over_claim, now=now),
        applying=applying,
        is_verbose=verbose,
    )
    return plan_and_apply(session, context, order)
