"""Where the values of arguments and options come from when a shell completes them. Nothing here uses the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from keyplan.cli.session import Session
from keyplan.errors import InputError

if TYPE_CHECKING:
    from keyplan.app.layers import Layers, Surroundings

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
_MANIFEST_VARIABLE = "KEYPLAN_MANIFEST"
_MANIFEST_PARAMETERS = ("manifest", "manifests", "sources")
"""What commands call the parameter that names a manifest, or several."""


def complete_addresses(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the addresses of the manifest that begin with what is typed."""
    from keyplan.app.completions import list_addresses  # noqa: PLC0415 - takes 100 ms, which no other command needs

    return _search(ctx, parameter, list_addresses, typed)


def complete_spaces(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the spaces that begin with what is typed, and that the manifest or the last listing names."""
    from keyplan.app.completions import list_scopes  # noqa: PLC0415 - as above

    return _search(ctx, parameter, list_scopes, typed)


def complete_space_ids(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the ids of spaces that the manifest names and that begin with what is typed."""
    from keyplan.app.completions import list_space_ids  # noqa: PLC0415 - as above

    return _search(ctx, parameter, list_space_ids, typed)


def complete_key_ids(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the ids of the keys that keyplan listed last and that begin with what is typed."""
    from keyplan.app.completions import recall_listing  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    return [one for one in recall_listing(session.environment) if one.startswith(typed)]


def complete_subjects(ctx: click.Context, parameter: click.Parameter, typed: str) -> list[str]:
    """Return the addresses and the ids of keys that begin with what is typed."""
    return [*complete_addresses(ctx, parameter, typed), *complete_key_ids(ctx, parameter, typed)]


def _search(
    ctx: click.Context, parameter: click.Parameter, find: Callable[[Sequence[str], Surroundings], list[str]], typed: str
) -> list[str]:
    """Return what is found in the manifests of the command line, with what is laid over them, or in the default one."""
    from keyplan.app.layers import Surroundings  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    around = Surroundings(layers=_find_layers(ctx), folder=session.folder, environment=session.environment)
    return [one for one in find(_find_manifests(ctx, parameter, session), around) if one.startswith(typed)]


def _find_manifests(ctx: click.Context, parameter: click.Parameter, session: Session) -> Sequence[str]:
    for one in ctx.command.params:
        if one.name not in _MANIFEST_PARAMETERS or one.name == parameter.name:
            continue
        # As long as the value of an option is missing, click leaves the arguments where they are.
        given = ctx.params.get(one.name) or (ctx.args if isinstance(one, click.Argument) else None)
        if given:
            return (given,) if isinstance(given, str) else tuple(given)
    variable = session.environment.get(_MANIFEST_VARIABLE)
    return (variable,) if variable else ()


def _find_layers(ctx: click.Context) -> Layers:
    """Return what the command line lays over its manifests, as far as it is typed."""
    from keyplan.app.layers import Layers, read_assignments  # noqa: PLC0415 - as above

    variables: dict[str, str] = {}
    with suppress(InputError):
        variables = read_assignments(ctx.params.get("variables") or ())
    files = {name: tuple(ctx.params.get(name) or ()) for name in ("overlays", "var_files")}
    return Layers(variables=variables, **files)
