"""`keyplan ledger`: what keyplan remembers, without secrets, and the way out of a lock that nobody holds."""

from __future__ import annotations

from pathlib import Path

import click

from keyplan.cli.options import argument, ledger_option, option, refuse_no_command
from keyplan.cli.places import locate
from keyplan.cli.running import open_ledger, open_ledger_reader
from keyplan.cli.session import Session
from keyplan.views.inert import inert
from keyplan.views.ledger_text import render_history, render_ledger

_manifest_argument = argument("manifest", variable="MANIFEST", required=False)


@click.group("ledger", invoke_without_command=True, subcommand_metavar="COMMAND [ARGS]...")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Look into the ledger, or break its lock.

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
    with open_ledger_reader(session.wiring, locate(manifest, session, ledger=ledger)) as reader:
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
    with open_ledger_reader(session.wiring, locate(manifest, session, ledger=ledger)) as reader:
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
    with open_ledger(session.wiring, locate(manifest, session, ledger=ledger)) as opened:
        opened.unlock(lock_id)
    session.screen.answer(f"The lock {inert(lock_id)} is broken.\n")
    return 0
