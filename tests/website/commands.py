"""The reference of the command line, from the commands themselves: usage, every option, its name in the environment."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc

import click
from website.markdown import escape, table

from keyplan.cli.main import COMMANDS, cli
from keyplan.cli.options import PROGRAM

_WIDTH = {"max_content_width": 100, "terminal_width": 100}
_VARIABLE = re.compile(r"\[env var: [A-Z0-9_, ]+?(?:; |\])")
_LIMITS = re.compile(r"\s*\[(?P<limits>[^\[\]]*)\]$")


def write_section(name: str) -> str:
    """Return what the page of a command gets at its end: all that `--help` shows, of its subcommands, too."""
    return "\n".join(_write_command(make_context(name), level=2))


def write_index() -> str:
    """Return the page about all commands: the options of keyplan itself, and each command with a link to its page."""
    rows = [(f"[`keyplan {name}`](../commands/{name}.md)", escape(text)) for name, text in COMMANDS.items()]
    return "\n".join(
        [
            "# Commands",
            "",
            "Each page shows its command at work, and at its end every option with its name in the environment.",
            "",
            table(("command", "what it does"), rows),
            "",
            "## Options of keyplan itself",
            "",
            *_write_options(click.Context(cli, info_name=PROGRAM, **{**cli.context_settings, **_WIDTH})),
        ]
    )


def make_context(*names: str) -> click.Context:
    """Return the context of a command, as click makes it for its help."""
    ctx = click.Context(cli, info_name=PROGRAM, **{**cli.context_settings, **_WIDTH})
    for name in names:
        group = ctx.command
        command = group.get_command(ctx, name) if isinstance(group, click.Group) else None
        if command is None:
            raise ValueError(f"{ctx.command_path} has no command {name}")
        ctx = click.Context(command, info_name=name, parent=ctx, **_WIDTH)
    return ctx


def list_variables(ctx: click.Context) -> Mapping[str, str]:
    """Return the name in the environment of each option and argument that has one, by the name on the command line."""
    found = {}
    for parameter in ctx.command.get_params(ctx):
        variable = parameter.envvar
        if isinstance(variable, str):
            found["/".join((*parameter.opts, *parameter.secondary_opts))] = variable
    return found


def _write_command(ctx: click.Context, *, level: int) -> Iterator[str]:
    command = ctx.command
    title = "All options" if level == 2 else ctx.command_path
    yield from (
        f"{'#' * level} {title}",
        "",
        "```text",
        " ".join((ctx.command_path, *command.collect_usage_pieces(ctx))),
    )
    yield from ("```", "")
    yield from _write_help(command.help or "")
    yield from _write_options(ctx)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below and not below.hidden:
                inner = click.Context(below, info_name=name, parent=ctx, **_WIDTH)
                yield from _write_command(inner, level=level + 1)


def _write_help(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; click marks those that keep their lines with a backspace."""
    for paragraph in re.split(r"\n\s*\n", cleandoc(text)):
        if paragraph.startswith("\b"):
            yield from ("```text", paragraph.removeprefix("\b").strip("\n"), "```", "")
        else:
            yield from (escape(paragraph), "")


def _write_options(ctx: click.Context) -> Iterator[str]:
    variables = list_variables(ctx)
    for parameter in ctx.command.get_params(ctx):
        variable = variables.get("/".join((*parameter.opts, *parameter.secondary_opts)), "")
        if isinstance(parameter, click.Option):
            record = parameter.get_help_record(ctx)
            if record:
                yield from _write_entry(*record, variable)
        elif variable:
            yield from _write_entry(_name_argument(parameter, ctx), "An argument.", variable)


def _name_argument(argument: click.Parameter, ctx: click.Context) -> str:
    # Before click 8.2 it took no context.
    takes_context = "ctx" in inspect.signature(argument.make_metavar).parameters
    return argument.make_metavar(ctx) if takes_context else argument.make_metavar()  # type: ignore[call-arg]  # as above


def _write_entry(names: str, text: str, variable: str) -> Iterator[str]:
    yield f"`{names}`"
    limits = _LIMITS.search(_VARIABLE.sub("[", text))
    plain = _LIMITS.sub("", text)
    yield f": {escape(plain)}"
    if limits and limits["limits"]:
        yield f"  <br>{escape(limits['limits'].strip())}"
    if variable:
        yield f"  <br>In the environment: `{variable}`"
    yield ""
