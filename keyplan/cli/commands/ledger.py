"""`keyplan ledger`: what keyplan remembers, without secrets; its lock, its copy, and the way out of a damaged file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import click

from keyplan.app.context import RunContext
from keyplan.app.files import read_policies
from keyplan.app.history import break_lock
from keyplan.app.ledger_copy import copy_ledger
from keyplan.app.rebuild import Rebuild, rebuild_ledger
from keyplan.app.workspace import Workspace, open_ledger_reader, open_workspace, set_lease, use_ledger
from keyplan.cli.apply_options import lease_option, lock_timeout_option
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import (
    argument,
    format_option,
    ledger_option,
    option,
    policy_option,
    refuse_no_command,
    refuse_visible_password,
)
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.ledger import LockName
from keyplan.renderers.formats import HISTORY_FORMATS, LEDGER_FORMATS, LOCK_FORMATS, render
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import Style
from keyplan.renderers.summary import describe_note
from keyplan.renderers.words import format_count

_manifest_argument = argument("manifest", variable="MANIFEST", required=False)


@click.group("ledger", invoke_without_command=True, subcommand_metavar="COMMAND [ARGS]...")
@click.pass_context
def command(ctx: click.Context) -> int:
    """Show the ledger, copy it, break its lock, or rebuild it.

    \b
    Example:
      keyplan ledger show
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    return refuse_no_command(ctx)


@command.command("show")
@_manifest_argument
@format_option(*LEDGER_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def show(
    session: Session, *, manifest: str | None, as_format: str, policies: tuple[str, ...], ledger: str | None
) -> int:
    """Show the lock, unfinished actions, and what was delivered where.

    \b
    Example:
      keyplan ledger show keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger_reader(context.wiring, _open(context, manifest, policies, ledger)) as reader:
        found = (reader.recall(), reader.holder())
    session.screen.answer(render(LEDGER_FORMATS, found, as_format=as_format, style=Style()))
    return 0


@command.command("history")
@_manifest_argument
@format_option(*HISTORY_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def history(
    session: Session, *, manifest: str | None, as_format: str, policies: tuple[str, ...], ledger: str | None
) -> int:
    """Show past applies, newest first.

    \b
    Example:
      keyplan ledger history keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger_reader(context.wiring, _open(context, manifest, policies, ledger)) as reader:
        entries = reader.history()
    session.screen.answer(render(HISTORY_FORMATS, entries, as_format=as_format, style=Style()))
    return 0


@command.command("lock")
@_manifest_argument
@format_option(*LOCK_FORMATS)
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def lock(
    session: Session, *, manifest: str | None, as_format: str, policies: tuple[str, ...], ledger: str | None
) -> int:
    """Show who holds the lock, since when, until when, and with which number.

    Without a renewal, the lock is free from the time that is shown. The exit status is 0 if it is free, too.

    \b
    Example:
      keyplan ledger lock keys.yaml --format json
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    with open_ledger_reader(context.wiring, _open(context, manifest, policies, ledger)) as reader:
        holders = (reader.holder(), reader.holder(LockName.WATCH))
    session.screen.answer(render(LOCK_FORMATS, holders, as_format=as_format, style=Style()))
    return 0


@command.command("copy")
@argument("source", metavar="FROM", callback=refuse_visible_password)
@argument("target", metavar="TO", callback=refuse_visible_password)
@option("--manifest", metavar="FILE", help="The manifest whose part of the ledger is copied.")
@lock_timeout_option
@lease_option
@policy_option
@layer_options
@click.pass_obj
def copy(
    session: Session,
    *,
    source: str,
    target: str,
    manifest: str | None,
    lock_timeout: timedelta,
    lease: timedelta | None,
    policies: tuple[str, ...],
) -> int:
    """Copy receipts, open intents and history of a manifest from one ledger to another.

    FROM and TO are paths or URLs; the word manifest stands for the ledger that the manifest names. Both are locked
    during the copy, and FROM does not change. Refused (exit status 4) if TO has other records of this manifest.
    Spent plans are not copied: plan again.

    \b
    Example:
      keyplan ledger copy .keyplan/ledger.db s3://acme-keyplan/prod?region=eu-west-1
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = _open(context, manifest, policies, None)
    old, new = (set_lease(use_ledger(workspace, named, context), lease) for named in (source, target))
    done = copy_ledger(context, old, new, lock_timeout=lock_timeout)
    receipts, intents = format_count(done.receipts, "receipt"), format_count(done.intents, "open intent")
    history = format_count(done.applies, "line")
    session.screen.answer(f"Copied {receipts}, {intents} and {history} of the history.\n")
    return 0


@command.command("unlock")
@argument("lock_id")
@option("--manifest", metavar="FILE", help="The manifest whose ledger is locked.")
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def unlock(
    session: Session, *, lock_id: str, manifest: str | None, policies: tuple[str, ...], ledger: str | None
) -> int:
    """Break a lock whose holder is gone; LOCK_ID, as ledger show prints it, proves that you looked.

    \b
    Example:
      keyplan ledger unlock 5f3a9c1e
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    note = break_lock(context, _open(context, manifest, policies, ledger), lock_id)
    lines = [f"The lock {sanitize(lock_id)} is broken.", *describe_note(note, what="command")]
    session.screen.answer("".join(f"{line}\n" for line in lines))
    return 0


@command.command("rebuild")
@_manifest_argument
@option("--force", is_flag=True, help="Rebuild it even if the ledger is not damaged.")
@lock_timeout_option
@lease_option
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def rebuild(
    session: Session,
    *,
    manifest: str | None,
    force: bool,
    lock_timeout: timedelta,
    lease: timedelta | None,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Set a damaged ledger aside and build a new one from the receipts in the sinks.

    The old file is renamed, never deleted. Keys and sinks do not change. What only the ledger knew is lost: the
    history of applies, which plans were spent, and which keys were forgotten with on_remove.

    Refused (exit status 4) if the ledger is not damaged, because then it knows more than the sinks do.

    \b
    Example:
      keyplan ledger rebuild keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    workspace = set_lease(_open(context, manifest, policies, ledger), lease)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        done = rebuild_ledger(context, workspace, lock_timeout=lock_timeout, is_forced=force)
    session.screen.answer("".join(f"{line}\n" for line in _describe(done, workspace)))
    return 0


def _open(context: RunContext, manifest: str | None, policies: tuple[str, ...], ledger: str | None) -> Workspace:
    return open_workspace(manifest, context, ledger=ledger, policies=read_policies(policies, context))


def _describe(done: Rebuild, workspace: Workspace) -> Iterator[str]:
    found, manifest = done.found, workspace.manifest
    if done.set_aside:
        yield f"The old ledger is kept as {sanitize(done.set_aside, width=1000)}."
    receipts, unnamed = format_count(len(found.receipts), "receipt"), format_count(len(found.unnamed), "key")
    yield f"The new ledger has {receipts} from sinks; {unnamed} of {sanitize(manifest.owner)} without a receipt."
    for key in found.unnamed:
        yield f"  ?  {sanitize(key.name)}  key {sanitize(key.id)}"
    yield from describe_note(done.history, what="command")
    yield f"Read what the next apply would do before you run it: keyplan plan {sanitize(manifest.path, width=1000)}"
