"""`keyplan list`: the keys that exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import click

from keyplan.app.completions import remember_listing
from keyplan.app.files import read_policies
from keyplan.app.list import KeyFilter, KeyOrder, find_labels, open_listed_provider, survey_keys
from keyplan.cli.layer_options import layer_options
from keyplan.cli.options import Duration, Number, format_option, option, policy_option
from keyplan.cli.progress import show_waiting
from keyplan.cli.session import Session
from keyplan.cli.word_sources import complete_space_ids, complete_spaces
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import KeyType, ScopeById, ScopeByName
from keyplan.ports import ProviderPorts
from keyplan.renderers.formats import INVENTORY_FORMATS, render_inventory
from keyplan.renderers.text.inventory import describe_refused

_STATUSES = {"active": True, "revoked": False, "deleted": False, "all": None}


@click.command("list")
@option(
    "--key-type",
    type=click.Choice([kind.value for kind in KeyType], case_sensitive=False),
    help="Only keys of this type.",
)
@option(
    "--status",
    type=click.Choice(list(_STATUSES), case_sensitive=False),
    default="active",
    show_default=True,
    help="Only keys in this state.",
)
@option(
    "--space",
    metavar="NAME",
    shell_complete=complete_spaces,
    help="Only service keys of this space, looked up by its name.",
)
@option("--space-id", metavar="ID", shell_complete=complete_space_ids, help="Only service keys of this space.")
@option("--provider", metavar="NAME", help="Only keys of this provider, of several in the manifest.")
@option("--owner", metavar="OWNER", help="Only keys managed by this owner.")
@option("--managed/--unmanaged", default=None, help="Only keys with a keyplan marker, or only keys without one.")
@option("--name", "names", multiple=True, metavar="GLOB", help="Only keys whose name matches this pattern. Repeatable.")
@option("--expiring", type=Duration(), metavar="DURATION", help="Only keys that expire within this time, such as 30d.")
@option("--unused", type=Duration(), metavar="DURATION", help="Only keys not used for this time, such as 60d.")
@option(
    "--sort",
    type=click.Choice([one.value for one in KeyOrder], case_sensitive=False),
    default=KeyOrder.ID.value,
    show_default=True,
    help="The order of the list.",
)
@option("--limit", type=Number(min=1), metavar="N", help="Only the first N keys. [default: all]")
@format_option(*INVENTORY_FORMATS, variable="LIST_FORMAT")
@option("--manifest", metavar="FILE", help="Read the provider's settings from this manifest.")
@option("--base-url", metavar="URL", help="The provider's base URL.")
@option("--region", help="The provider's region.")
@option("--api", type=click.Choice(["auto", "alpha", "beta"]), help="The generation of the API to use.")
@policy_option
@layer_options
@click.pass_obj
def command(
    session: Session,
    *,
    key_type: str | None,
    status: str,
    space_id: str | None,
    space: str | None,
    provider: str | None,
    owner: str | None,
    managed: bool | None,
    names: tuple[str, ...],
    expiring: timedelta | None,
    unused: timedelta | None,
    sort: str,
    limit: int | None,
    as_format: str,
    manifest: str | None,
    base_url: str | None,
    region: str | None,
    api: str | None,
    policies: tuple[str, ...],
) -> int:
    """List the keys that exist, managed by keyplan or not.

    Service keys are listed for every space that the credential can see; spaces that refuse access are named on
    stderr. The provider's settings come from the manifest if there is one, else from the environment. OWNER in the
    table is the owner of the manifest that manages a key.

    \b
    Examples:
      keyplan list --key-type service --format csv
      keyplan list --space production --limit 10
      keyplan list --unmanaged --unused 60d --sort last-used
    """  # noqa: D301 - \b is click's mark for a block that keeps its lines
    wanted = KeyFilter(
        key_type=KeyType(key_type) if key_type else None,
        active=_STATUSES[status],
        space=_find_reference(space, space_id),
        provider=provider or "",
        owner=owner,
        managed=managed,
        names=names,
        expiring=expiring,
        unused=unused,
        order=KeyOrder(sort),
        limit=limit,
    )
    context, given = session.context, _keep_given(base_url=base_url, region=region, api=api)
    read = read_policies(policies, context)
    return _show(session, lambda: open_listed_provider(context, manifest, given, policies=read), wanted, as_format)


def _keep_given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}


def _show(session: Session, open_one: Callable[[], ProviderPorts], wanted: KeyFilter, as_format: str) -> int:
    """Show the keys and which spaces may not be listed, keep what completion needs, and return the exit status."""
    now = session.context.wiring.clock.now()
    with show_waiting(session.screen, "Listing keys"):
        provider = open_one()
        keys, survey = survey_keys(provider, wanted, now=now)
    style = replace(session.screen.choose_style(now=now), providers=find_labels(provider))
    session.screen.answer(render_inventory(keys, as_format=as_format, style=style))
    spaces = [*survey.looked_in, *survey.refused] if survey else []
    remember_listing((key.id for key in keys), (space.name for space in spaces), session.environment)
    if refused := describe_refused(survey):
        session.screen.say(refused)
    return 0


def _find_reference(space: str | None, space_id: str | None) -> ScopeById | ScopeByName | None:
    if space is not None and space_id is not None:
        raise click.UsageError("--space and --space-id name the same thing; give one of them")
    if space is not None:
        return ScopeByName(space)
    return ScopeById(ScopeId(space_id)) if space_id else None
