"""Where the values of arguments and options come from when a shell completes them. Nothing here uses the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from keyplan.cli.session import Session

Completer = Callable[[click.Context, click.Parameter, str], list[str]]
_MANIFEST_VARIABLE = "KEYPLAN_MANIFEST"


def complete_addresses(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the addresses of the manifest that begin with what is typed."""
    from keyplan.app.completions import list_addresses  # noqa: PLC0415 - takes 100 ms, which no other command needs

    return _search(ctx, list_addresses, typed)


def complete_spaces(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the spaces that the manifest names and that begin with what is typed."""
    from keyplan.app.completions import list_spaces  # noqa: PLC0415 - as above

    return _search(ctx, list_spaces, typed)


def complete_key_ids(ctx: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """Return the ids of the keys that keyplan listed last and that begin with what is typed."""
    from keyplan.app.completions import recall_listing  # noqa: PLC0415 - as above

    session: Session = ctx.obj
    return [one for one in recall_listing(session.environment) if one.startswith(typed)]


def _search(ctx: click.Context, find: Callable[[Path, str | None], list[str]], typed: str) -> list[str]:
    session: Session = ctx.obj
    named = ctx.params.get("manifest") or session.environment.get(_MANIFEST_VARIABLE)
    return [one for one in find(session.folder, named) if one.startswith(typed)]
