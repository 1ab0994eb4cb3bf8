"""`keyplan ledger`: what keyplan remembers, without secrets, and the ways out of a lost lock and a damaged file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from keyplan.app.rebuild import Rebuild, rebuild_ledger
from keyplan.app.workspace import Workspace, open_ledger, open_ledger_reader, open_workspace
from keyplan.cli.apply_options import lock_timeout_option
from keyplan.cli.options import argument, ledger_option, option, refuse_no_command
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.text.ledger import render_history, render_ledger
from keyplan.renderers.words import format_count

_manifest_argument = argument("manifest", variable="MANIFEST", required=False)


@click.group("ledger", invoke_without_command=True, subcommand_metavar="COMMAND [ARGS]...")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Look into the ledger, break its lock, or build it anew.

    \b
    Example:
      keyplan ledger show
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    return refuse_no_command(ctx)


@command.command("show")
@_manifest_argument
@ledger_option
@click.pass_obj
def show(session: Session, *, manifest: str | None, ledger: Path | None) -> int:
    """Show the lock, what was begun and not finished, and what was delivered where.

    \b
    Example:
      keyplan ledger show keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger_reader(context.wiring, open_workspace(manifest, context, ledger=ledger)) as reader:
        session.screen.answer(render_ledger(reader.recall(), reader.holder()))
    return 0


@command.command("history")
@_manifest_argument
@ledger_option
@click.pass_obj
def history(session: Session, *, manifest: str | None, ledger: Path | None) -> int:
    """Show past applies, newest first.

    \b
    Example:
      keyplan ledger history keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger_reader(context.wiring, open_workspace(manifest, context, ledger=ledger)) as reader:
        session.screen.answer(render_history(reader.history()))
    return 0


@command.command("unlock")
@argument("lock_id")
@option("--manifest", metavar="FILE", help="The manifest whose ledger is locked.")
@ledger_option
@click.pass_obj
def unlock(session: Session, *, lock_id: str, manifest: str | None, ledger: Path | None) -> int:
    """Break a lock whose holder is gone; LOCK_ID, as ledger show prints it, proves that you looked.

    \b
    Example:
      keyplan ledger unlock 5f3a9c1e
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger(context.wiring, open_workspace(manifest, context, ledger=ledger)) as opened:
        opened.unlock(lock_id)
    session.screen.answer(f"The lock {sanitize(lock_id)} is broken.\n")
    return 0


@command.command("rebuild")
@_manifest_argument
@option("--force", is_flag=True, help="Do it although the ledger is whole.")
@lock_timeout_option
@ledger_option
@click.pass_obj
def rebuild(
    session: Session, *, manifest: str | None, force: bool, lock_timeout: timedelta, ledger: Path | None
) -> int:
    """Set a damaged ledger aside and build a new one from the receipts in the sinks.

    The old file is renamed, never deleted. Keys and sinks stay as they are. What only the ledger knew is lost:
    the history of applies, which plans were spent, and which keys were forgotten with on_remove.

    Refused (exit status 4) where the ledger is whole, because then it knows more than the sinks do.

    \b
    Example:
      keyplan ledger rebuild keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = open_workspace(manifest, context, ledger=ledger)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        done = rebuild_ledger(context, workspace, lock_timeout=lock_timeout, is_forced=force)
    session.screen.answer("".join(f"{line}\n" for line in _describe(done, workspace)))
    return 0


def _describe(done: Rebuild, workspace: Workspace) -> Iterator[str]:
    found, manifest = done.found, workspace.manifest
    if done.set_aside:
        yield f"The old ledger is kept as {sanitize(done.set_aside, width=1000)}."
    receipts, unnamed = format_count(len(found.receipts), "receipt"), format_count(len(found.unnamed), "key")
    yield f"The new ledger has {receipts} from sinks; {unnamed} of {sanitize(manifest.owner)} without a receipt."
    for key in found.unnamed:
        yield f"  ?  {sanitize(key.name)}  key {sanitize(key.id)}"
    yield f"Read what the next apply would do before you run it: keyplan plan {sanitize(manifest.path, width=1000)}"
