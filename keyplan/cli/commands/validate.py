"""`keyplan validate`: every problem of a manifest, offline."""

from __future__ import annotations

import click

from keyplan.cli.inputs import read_input, read_manifest
from keyplan.cli.options import argument
from keyplan.cli.places import find_manifest
from keyplan.cli.session import Session
from keyplan.views.inert import inert
from keyplan.views.wording import say_count


@click.command("validate")
@argument("manifest", variable="MANIFEST", required=False)
@click.pass_obj
def command(session: Session, *, manifest: str | None) -> int:
    """Check a manifest and tell all its problems at once.

    Needs no network and no credential. Each problem comes on a line: file:line:column: message. Exit status
    3 where there are any.

    \b
    Example:
      keyplan validate keys.yaml
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    checked = read_manifest(read_input(find_manifest(manifest, session), session))
    session.screen.answer(f"{inert(checked.path)} is valid: {say_count(len(checked.keys), 'key')}.\n")
    return 0
