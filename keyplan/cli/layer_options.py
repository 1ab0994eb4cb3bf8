"""The options of every command that reads a manifest: what is laid over it, and what its variables stand for."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import click

from keyplan.app.layers import Layers, read_assignments
from keyplan.cli.options import Command, FileNames, option


class Assignments(click.types.StringParamType):
    """Texts such as ``stage=production``; in the environment each stands in a line of its own."""

    envvar_list_splitter = "\n"


_LAYER_OPTIONS = (
    option(
        "--overlay",
        "overlays",
        variable="OVERLAY",
        type=FileNames(),
        multiple=True,
        metavar="FILE",
        help="Lay this file over the manifest: maps by field, keys by address; null removes. Repeatable.",
    ),
    option(
        "--var",
        "variables",
        variable="VAR",
        type=Assignments(),
        multiple=True,
        metavar="NAME=VALUE",
        help="Set a variable of the manifest; in the environment, one per line. Repeatable.",
    ),
    option(
        "--var-file",
        "var_files",
        variable="VAR_FILE",
        type=FileNames(),
        multiple=True,
        metavar="FILE",
        help="Read values of variables from this YAML file. Repeatable.",
    ),
)


def layer_options(command: Command) -> Command:
    """Add what is laid over a manifest; the command's session hands it to all that reads one."""

    @functools.wraps(command)
    def gathered(
        *arguments: Any,
        overlays: tuple[str, ...],
        variables: tuple[str, ...],
        var_files: tuple[str, ...],
        **others: Any,
    ) -> Any:
        layers = Layers(overlays=overlays, variables=read_assignments(variables), var_files=var_files)
        ctx = click.get_current_context()
        ctx.obj = replace(ctx.obj, layers=layers)
        return command(*arguments, **others)

    decorated: Any = gathered
    for decorate in reversed(_LAYER_OPTIONS):
        decorated = decorate(decorated)
    result: Command = decorated
    return result
