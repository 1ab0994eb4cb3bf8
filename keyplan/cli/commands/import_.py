"""`keyplan import`: a key that is there already becomes a declaration's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click

from keyplan.app.files import read_policies
from keyplan.app.takeover import ImportedKey, import_key
from keyplan.app.workspace import open_workspace, set_lease
from keyplan.cli.apply_options import lease_option, lock_timeout_option
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import argument, ledger_option, option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_addresses, complete_key_ids
from keyplan.manifest.scalars import write_scalar
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.summary import describe_note
from keyplan.renderers.words import join_words


@click.command("import")
@argument("address", shell_complete=complete_addresses)
@argument("key_id", shell_complete=complete_key_ids)
@option("--manifest", metavar="FILE", help="The manifest that declares ADDRESS.")
@lock_timeout_option
@lease_option
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    address: str,
    key_id: str,
    manifest: str | None,
    lock_timeout: timedelta,
    lease: timedelta | None,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Take over a key that keyplan did not create.

    Records that KEY_ID, as keyplan list shows it, is the key of ADDRESS from now on. Changes nothing at the
    provider and no secret. Every sink of the declaration must hold its raw key already; if a sink can be read, its
    value must fit the redacted form that the provider shows, and authenticate. Prints the line import: KEY_ID, which
    says the same in the manifest and does not depend on the ledger.

    Refused (exit status 4) if the key is dead, belongs to another declaration, or has another type or space.

    \b
    Example:
      keyplan import user/ci QXBpS2V5OjEwMDI6YzgyMA==
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    opened = open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))
    workspace = set_lease(opened, lease)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        imported = import_key(context, workspace, address, key_id, lock_timeout=lock_timeout)
    session.screen.answer("".join(f"{line}\n" for line in _describe(imported)))
    if not imported.is_declared:
        # The ledger may be lost, and a receipt beside a secret proves nothing: the reviewed manifest does.
        session.screen.say(
            f"Add this line to the declaration of {sanitize(imported.address)}, so that it also holds without the "
            f"ledger:\n  import: {write_scalar(imported.key_id)}"
        )
    return 0


def _describe(imported: ImportedKey) -> Iterator[str]:
    key, address = sanitize(imported.key_id), sanitize(imported.address)
    if imported.is_known:
        yield f"Key {key} is that of {address} already; nothing was done."
        return
    yield f"Key {key} is that of {address} from now on."
    for slot in imported.unchecked:
        where = sanitize(f"{slot.sink}:{slot.location}", width=1000)
        yield f"  not checked  {where} cannot be read; that it holds the key is taken on trust"
    if imported.changed_fields:
        fields = join_words([sanitize(field) for field in imported.changed_fields])
        yield f"  differs      {fields}: the next apply makes a new key for that; see keyplan plan"
    for field in imported.deferred_fields:
        yield f"  differs      {sanitize(field)}: the next rotation makes a new key for that; see keyplan plan"
    if imported.history:
        yield from describe_note(imported.history, what="import")
