"""`keyplan list`: the keys that exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from keyplan.app.files import read_input, read_manifest
from keyplan.app.list import KeyFilter, list_keys
from keyplan.app.workspace import list_default_manifests
from keyplan.cli.options import format_option, option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.model.manifest import KeyType, ProviderSettings, SpaceById, SpaceByName, SpaceId
from keyplan.ports import ProviderPorts
from keyplan.renderers.formats import INVENTORY_FORMATS, render_inventory

_STATUSES = {"active": True, "revoked": False, "deleted": False, "all": None}
_ADDRESSING = ("base_url", "region")
"""Options of the provider that name the same thing: where it is."""


@click.command("list")
@option("--key-type", type=click.Choice([kind.value for kind in KeyType]), help="Only keys of this type.")
@option(
    "--status",
    type=click.Choice(list(_STATUSES)),
    default="active",
    show_default=True,
    help="Only keys in this state.",
)
@option("--space", metavar="NAME", help="Only service keys of this space, looked up by its name.")
@option("--space-id", metavar="ID", help="Only service keys of this space.")
@option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N keys. [default: all]")
@format_option(*INVENTORY_FORMATS, variable="LIST_FORMAT")
@option("--manifest", metavar="FILE", help="Take the provider's settings from this manifest.")
@option("--base-url", metavar="URL", help="Where the provider is.")
@option("--region", help="Which region of the provider to use.")
@option("--api", type=click.Choice(["auto", "alpha", "beta"]), help="Which generation of the API to speak.")
@click.pass_obj
def command(
    session: Session,
    *,
    key_type: str | None,
    status: str,
    space: str | None,
    space_id: str | None,
    limit: int | None,
    as_format: str,
    manifest: str | None,
    base_url: str | None,
    region: str | None,
    api: str | None,
) -> int:
    """List the keys that exist, managed by keyplan or not.

    The provider's settings come from the manifest if there is one, else from the environment. OWNER in the
    table is the owner of the manifest that a key belongs to.

    \b
    Examples:
      keyplan list --key-type service --format csv
      keyplan list --space production --limit 10
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    if space is not None and space_id is not None:
        raise click.UsageError("--space and --space-id name the same thing; give one of them")
    wanted = KeyFilter(
        key_type=KeyType(key_type) if key_type else None,
        active=_STATUSES[status],
        space=SpaceByName(space) if space else SpaceById(SpaceId(space_id)) if space_id else None,
        limit=limit,
    )
    with show_waiting(session.screen, "Listing keys"):
        provider = _open(session, manifest, {"base_url": base_url, "region": region, "api": api})
        keys = list_keys(provider, wanted)
    session.screen.answer(render_inventory(keys, as_format=as_format, palette=session.screen.palette))
    return 0


def _open(session: Session, named: str | None, overrides: dict[str, str | None]) -> ProviderPorts:
    given = {name: value for name, value in overrides.items() if value is not None}
    names = [named] if named else list_default_manifests(session)
    settings, owner, folder = ProviderSettings(), "", session.folder
    if names:
        source = read_input(names[0], session)
        manifest = read_manifest(source)
        settings, owner, folder = manifest.provider, manifest.owner, source.folder
    return session.wiring.provider(_override(settings, given), owner=owner, folder=Path(folder))


def _override(settings: ProviderSettings, given: dict[str, str]) -> ProviderSettings:
    """Return the settings with what was given in place; one way to name the provider's place ousts the other."""
    ousted = _ADDRESSING if any(name in given for name in _ADDRESSING) else ()
    kept = {name: value for name, value in settings.options.items() if name not in ousted}
    return replace(settings, options={**kept, **given})
