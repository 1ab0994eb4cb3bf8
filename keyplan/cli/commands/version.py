"""`keyplan version`."""

from __future__ import annotations

import click

from keyplan import __version__
from keyplan.cli.options import PROGRAM
from keyplan.cli.session import Session


@click.command("version")
@click.pass_obj
def command(session: Session) -> int:
    """Print the version of keyplan.

    \b
    Example:
      keyplan version
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    session.screen.answer(f"{PROGRAM} {__version__}\n")
    return 0
