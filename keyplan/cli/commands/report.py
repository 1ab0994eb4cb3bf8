"""`keyplan report`: a page about the keys of manifests, for readers in a browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from keyplan.app.discovery import DEFAULT_MANIFESTS
from keyplan.app.exit_codes import combine_statuses
from keyplan.app.files import read_policies, require_writable, save_privately
from keyplan.app.pages import require_pages
from keyplan.app.parallel import run_parallel, split_results
from keyplan.app.report import render_page, survey_workspace
from keyplan.app.untrusted import choose_manifests
from keyplan.app.workspace import open_workspaces
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import FileNames, Number, argument, exclude_option, ledger_option, option, policy_option
from keyplan.cli.outputs import keep_apart, tell_errors
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.mask import hide
from keyplan.renderers.sanitize import sanitize

_MOST_DAYS = 3660


@click.command("report")
@argument("manifests", variable="MANIFEST", nargs=-1, type=FileNames(), metavar="[MANIFEST]...")
@exclude_option
@option(
    "--out",
    type=click.Path(),
    default="report.html",
    show_default=True,
    metavar="FILE",
    help="Write the page to this file; - is standard output.",
)
@option("--days", type=Number(1, _MOST_DAYS), default=90, show_default=True, help="How far to look ahead.")
@policy_option
@ledger_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    manifests: tuple[str, ...],
    exclude: tuple[str, ...],
    out: str,
    days: int,
    policies: tuple[str, ...],
    ledger: str | None,
) -> int:
    """Write a page about all keys: findings, the coming days, a table.

    The page is one HTML file that needs no network. It shows names, places and dates of keys, and no raw key. A
    folder stands for all manifests in it and below it. Changes nothing.

    Exit status: 0 written, 3 wrong input, 5 the provider failed, 6 a sink failed, 7 the ledger failed; if one
    manifest fails, the page about the others is still written.

    \b
    Example:
      keyplan report keys.yaml --out report.html
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    context = session.context
    require_pages()
    file = None if out == "-" else Path(out)
    keep_apart(session, written=[file], read=[*(manifests or DEFAULT_MANIFESTS[:1]), *policies])
    if file:
        require_writable(session.folder / file)
    named, rules = choose_manifests(manifests, context, exclude, read_policies(policies, context), is_untrusted=False)
    workspaces = open_workspaces(named, context, ledger=ledger, policies=rules)
    span = timedelta(days=days)
    with show_waiting(session.screen, "Looking at the keys that exist"):
        results = run_parallel(lambda workspace: survey_workspace(context.wiring, workspace, span), workspaces)
    overviews, errors = split_results(results, [workspace.manifest.path for workspace in workspaces])
    tell_errors(session, errors, of=len(workspaces))
    if overviews:
        _write(session, file, render_page(overviews, errors))
    return combine_statuses([0, *(error.exit_status for _, error in errors)])


def _write(session: Session, file: Path | None, page: str) -> None:
    if file is None:
        session.screen.answer(page)
        return
    save_privately(session.folder / file, hide(page).encode())
    session.screen.say(f"Wrote {sanitize(str(file))}")
