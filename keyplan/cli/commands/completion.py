"""`keyplan completion`: the script that makes a shell complete keyplan's words."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from keyplan.cli.options import PROGRAM, argument
from keyplan.cli.session import Session

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command("completion")
@argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def command(ctx: click.Context, *, shell: str) -> int:
    """Print a script that completes commands and options in a shell.

    \b
    Examples:
      source <(keyplan completion bash)
      keyplan completion fish > ~/.config/fish/completions/keyplan.fish
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    session: Session = ctx.obj
    root = ctx.find_root().command
    script = _SHELLS[shell](root, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source()
    session.screen.answer(f"{script}\n")
    return 0
