"""The sink `github-actions`: raw keys as secrets of a repository, an environment or an organization.

Values are sealed here with GitHub's public key, and never read back: GitHub does not allow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from keyplan.context import PluginContext
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Abilities
from keyplan.net.http import check_base_url
from keyplan.ports import Sink
from keyplan.sinks.answers import CEILING
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.forge import open_forge
from keyplan.sinks.github.client import GitHub, Sealer
from keyplan.sinks.github.places import DEFAULT_NAME, fill_slot
from keyplan.sinks.github.store import GitHubSecrets
from keyplan.sinks.options import PATIENCE, TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.system.secrets import SECRET_SCHEMA

TYPE: Final = "github-actions"
_DEFAULT_TOKEN: Final = {"env": "GITHUB_TOKEN"}
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_KIND: Final = SinkKind(
    fill_slot=fill_slot,
    abilities=Abilities(holds_receipts=False, readable=False, weak_proof=True),
    fixed=("token", "api_url"),
)

OPTIONS: Final[Mapping[str, Any]] = build_schema(
    "Stores each raw key as a GitHub secret of a repository, an environment or an organization.",
    {
        "repository": {
            "type": ["string", "null"],
            "pattern": r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$",
            "errorMessage": "must be OWNER/REPOSITORY",
            "description": "OWNER/REPOSITORY; excludes organization.",
            "examples": ["acme/payments"],
            "x-access": "place",
        },
        "environment": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "An environment of the repository, which has to exist.",
            "examples": ["production"],
            "x-access": "place",
        },
        "organization": {
            "type": ["string", "null"],
            "pattern": r"^[A-Za-z0-9._-]+$",
            "errorMessage": "must be the name of an organization",
            "description": "Stores the secret once for many repositories; excludes repository.",
            "examples": ["acme"],
            "x-access": "place",
        },
        "visibility": {
            "enum": ["all", "private", "selected"],
            "description": "For organization: which repositories may use the secret; default private.",
        },
        "selected_repositories": {
            "type": ["array", "null"],
            "items": {"type": "integer"},
            "description": "For visibility selected: ids, as `gh api repos/OWNER/REPOSITORY --jq .id` prints them.",
            "examples": [[1296269]],
            "x-access": "place",
        },
        "dependabot": {
            "type": "boolean",
            "default": False,
            "description": "Whether it is a secret for Dependabot, which does not see those of Actions.",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_NAME,
            "description": f"Of the secret. {TEMPLATE}.",
            "x-access": "place",
        },
        "token": {**SECRET_SCHEMA, "default": _DEFAULT_TOKEN},
        "api_url": {
            "type": ["string", "null"],
            "description": "Of a GitHub Enterprise Server: https://HOST/api/v3. Plain http for this machine only.",
            "examples": ["https://github.example.com/api/v3"],
            "x-access": "url",
        },
        **PATIENCE,
        **CEILING,
    },
    without=["format", "copy_from"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError if api_url can't be used."""
    if settings.options.get("api_url"):
        check_base_url(str(settings.options["api_url"]), whose=f"{TYPE}: api_url")


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=("token", "api_url"), store=("api_url",), check=_check)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent and no token is fetched yet.

    Raises InputError if PyNaCl is not installed, or api_url cannot be used.
    """
    return build_on(settings, context, open_store(settings, context))


def build_on(settings: SinkSettings, context: PluginContext, store: GitHubSecrets) -> SinkEngine:
    """Return the sink on a store that is open already: its opener closes it."""
    return SinkEngine(settings, lineage=context.lineage, store=store, kind=_KIND)


def open_store(settings: SinkSettings, context: PluginContext) -> GitHubSecrets:
    """Return the store of one GitHub server; nothing is sent yet. Raises InputError as `build` does."""
    options = {**settings.options, "token": settings.options.get("token") or _DEFAULT_TOKEN}
    base_url = check_base_url(str(options.get("api_url") or "https://api.github.com"), whose=f"{TYPE}: api_url")
    forge = open_forge(base_url, options, context, _HEADERS, name=settings.name)
    return GitHubSecrets(GitHub(forge), Sealer(extra=TYPE))
