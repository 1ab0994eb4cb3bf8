"""The sink `gitlab-ci`: raw keys as CI/CD variables of a project or a group, each with a variable of notes beside it.

The value comes first and then the notes, so no receipt speaks of a value that is not there yet.
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
from keyplan.sinks.gitlab.client import GitLab
from keyplan.sinks.gitlab.places import DEFAULT_NAME, DEFAULT_SCOPE, fill_slot
from keyplan.sinks.gitlab.store import GitLabVariables
from keyplan.sinks.options import PATIENCE, TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.value_store import Seals
from keyplan.system.secrets import SECRET_SCHEMA

TYPE: Final = "gitlab-ci"
_DEFAULT_TOKEN: Final = {"env": "GITLAB_TOKEN"}
_FIXED: Final = ("token", "url")

OPTIONS: Final[Mapping[str, Any]] = build_schema(
    "Stores each raw key as a GitLab CI/CD variable of a project or a group.",
    {
        "project": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "GROUP/PROJECT, or the project's id as text; excludes group.",
            "examples": ["acme/payments"],
            "x-access": "place",
        },
        "group": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Path of a group, or its id as text; excludes project.",
            "examples": ["acme"],
            "x-access": "place",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_NAME,
            "description": f"Of the variable. {TEMPLATE}.",
            "x-access": "place",
        },
        "environment_scope": {
            "type": "string",
            # gitlab-org/gitlab, lib/gitlab/regex.rb, environment_scope_regex
            "pattern": r"^[A-Za-z0-9_/${}. *-]{1,200}$",
            "errorMessage": "must be at most 200 of the letters, digits, spaces and - _ / $ { } . *",
            "default": DEFAULT_SCOPE,
            "description": "Which environments see the variable. A group's can be scoped from GitLab Premium on.",
            "x-access": "place",
        },
        "masked": {"type": "boolean", "default": True, "description": "Whether job logs show [MASKED] for the value."},
        "hidden": {
            "type": "boolean",
            "default": False,
            "description": "Whether the value can no longer be read in GitLab; from GitLab 17.4 on.",
        },
        "protected": {
            "type": "boolean",
            "default": True,
            "description": "Whether only protected branches and tags see the variable.",
        },
        "variable_type": {
            "enum": ["env_var", "file"],
            "default": "env_var",
            "description": "file: the job finds the value in a file, whose path is in the variable.",
        },
        "token": {**SECRET_SCHEMA, "default": _DEFAULT_TOKEN},
        "url": {
            "type": ["string", "null"],
            "description": "Of the server; default https://gitlab.com. Plain http for this machine only.",
            "examples": ["https://gitlab.example.com"],
            "x-access": "url",
        },
        **PATIENCE,
        **CEILING,
    },
    without=["format"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError if url can't be used."""
    if settings.options.get("url"):
        check_base_url(str(settings.options["url"]), whose=f"{TYPE}: url")


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=("token", "url"), store=("url",), check=_check)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent and no token is fetched yet. Raises InputError if url cannot be used."""
    return build_on(settings, context, open_store(settings, context))


def build_on(settings: SinkSettings, context: PluginContext, store: GitLabVariables) -> SinkEngine:
    """Return the sink on a store that is open already; its opener closes it."""
    # What is hidden can't be read.
    abilities = Abilities(holds_receipts=True, readable=not settings.options.get("hidden"))
    kind = SinkKind(fill_slot=fill_slot, abilities=abilities, fixed=_FIXED, seals=Seals.CHANGE)
    return SinkEngine(settings, lineage=context.lineage, store=store, kind=kind)


def open_store(settings: SinkSettings, context: PluginContext) -> GitLabVariables:
    """Return the store of one GitLab server; nothing is sent yet. Raises InputError if url cannot be used."""
    options = {**settings.options, "token": settings.options.get("token") or _DEFAULT_TOKEN}
    base_url = check_base_url(str(options.get("url") or "https://gitlab.com"), whose=f"{TYPE}: url")
    return GitLabVariables(GitLab(open_forge(f"{base_url}/api/v4", options, context, {}, name=settings.name)))
