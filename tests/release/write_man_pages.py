"""Write a man page for keyplan and for each of its commands, from their help: `write_man_pages.py FOLDER`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click
from click_man.man import ManPage

from keyplan import __version__
from keyplan.cli.main import cli
from keyplan.cli.options import PROGRAM

_PLAIN = {"max_content_width": 100, "terminal_width": 100}


def list_pages() -> dict[str, str]:
    """Return the text of each page, by the name of its file."""
    return {
        f"{path.replace(' ', '-')}.1": write_page(ctx)
        for ctx in _walk(click.Context(cli, info_name=PROGRAM, **{**cli.context_settings, **_PLAIN}))
        for path in (ctx.command_path,)
    }


def write_page(ctx: click.Context) -> str:
    """Return the man page of one command."""
    command = ctx.command
    summary, _, rest = cleandoc(command.help or "").partition("\n")
    page = ManPage(ctx.command_path)
    page.version = __version__
    page.short_help = _escape(summary.rstrip("."))
    page.description = "\n".join(_format(rest.strip() or summary))
    page.synopsis = _escape(" ".join(command.collect_usage_pieces(ctx)))
    records = (one.get_help_record(ctx) for one in command.get_params(ctx) if isinstance(one, click.Option))
    page.options = [(_escape(names), _escape(text) or "\\&") for names, text in filter(None, records)]
    if isinstance(command, click.Group):
        page.commands = [(name, _escape(_summarize(ctx, command, name))) for name in command.list_commands(ctx)]
    return str(page)


def main() -> int:
    """Write all pages into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in list_pages().items():
        (folder / name).write_text(text)
    return 0


def _walk(ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    group = ctx.command
    if isinstance(group, click.Group):
        for name in group.list_commands(ctx):
            if command := group.get_command(ctx, name):
                yield from _walk(click.Context(command, info_name=name, parent=ctx, **_PLAIN))


def _summarize(ctx: click.Context, group: click.Group, name: str) -> str:
    command = group.get_command(ctx, name)
    return cleandoc(command.help or "").partition("\n")[0] if command else ""


def _format(text: str) -> Iterator[str]:
    r"""Yield a help text as lines of roff; click marks paragraphs that keep their lines with ``\b``."""
    for number, paragraph in enumerate(re.split(r"\n\s*\n", text)):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", _escape(paragraph.removeprefix("\b").strip("\n")), ".fi")
        else:
            yield _escape(paragraph)


def _escape(text: str) -> str:
    """Return a text of which roff takes no line for a request, and no backslash for an escape."""
    return re.sub(r"^(?=[.'])", r"\\&", text.replace("\\", "\\\\"), flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
