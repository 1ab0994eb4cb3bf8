"""Which GitHub secret a slot is: in a repository, an environment or an organization, for Actions or for Dependabot.

Nothing is sent here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.sinks import templates

DEFAULT_NAME = "ARIZE_API_KEY"
# docs.github.com/actions, "Naming your secrets": letters, digits and _, no digit and no GITHUB_ first, case ignored.
_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretScope:
    """One set of secrets, with one public key."""

    title: str
    """For people: ``acme/app``."""
    path: str
    """Of the API: ``/repos/acme/app/actions/secrets``."""
    classic_scope: str
    """What a classic token needs."""
    permission: str
    """What a fine-grained token or an App needs, as GitHub calls it."""
    is_shared: bool
    """Whether it is an organization's, whose secrets name the repositories that may use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubPlace:
    """A slot, read."""

    location: str
    scope: SecretScope
    name: str
    settings: Mapping[str, Json]
    """What a write says beside the value: which repositories may use an organization's secret."""

    @classmethod
    def of(cls, slot: Slot) -> GitHubPlace:
        """Return the place that a slot of `fill_slot` means."""
        options = slot.options
        scope = _find_scope(options)
        return cls(
            location=slot.location,
            scope=scope,
            name=str(options["name"]),
            settings=_share(options) if scope.is_shared else {},
        )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``acme/app#ARIZE_API_KEY``.

    Raises InputError if options exclude each other, a template names an unknown field, or gives no secret's name.
    """
    _refuse_contradictions(options)
    template = str(options.get("name") or DEFAULT_NAME)
    # Names are not case-sensitive: GitHub keeps and shows them in upper case.
    name = templates.fill(template, templates.describe(owner, declaration), templates.to_variable_part).upper()
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' can't be the name of a GitHub secret",
            advice="use letters, digits and _; begin with a letter or _, and not with GITHUB_",
        )
    return Slot(sink=sink, location=f"{_find_scope(options).title}#{name}", options={**options, "name": name})


def _refuse_contradictions(options: Mapping[str, Json]) -> None:
    is_shared = bool(options.get("organization"))
    if is_shared is bool(options.get("repository")):
        raise InputError("github-actions needs either 'repository' or 'organization'")
    if options.get("environment") and (is_shared or options.get("dependabot")):
        raise InputError("github-actions: 'environment' goes with 'repository' alone: only Actions has such secrets")
    is_selected = options.get("visibility") == "selected"
    if is_selected is not bool(options.get("selected_repositories")):
        raise InputError("github-actions: 'selected_repositories' goes with 'visibility: selected', and the other way")
    if not is_shared and options.get("visibility"):
        raise InputError("github-actions: 'visibility' goes with 'organization'")


def _find_scope(options: Mapping[str, Json]) -> SecretScope:
    product, kind = ("dependabot", "Dependabot secrets") if options.get("dependabot") else ("actions", "Secrets")
    prefix = "dependabot:" if options.get("dependabot") else ""
    if organization := options.get("organization"):
        return SecretScope(
            title=f"{prefix}{organization}",
            path=f"/orgs/{quote(str(organization), safe='')}/{product}/secrets",
            classic_scope="admin:org",
            permission=f"Organization {kind.lower()}",
            is_shared=True,
        )
    repository = str(options["repository"])
    if environment := options.get("environment"):
        return SecretScope(
            title=f"{repository}@{environment}",
            path=f"/repos/{quote(repository)}/environments/{quote(str(environment), safe='')}/secrets",
            classic_scope="repo",
            permission="Environments",
            is_shared=False,
        )
    return SecretScope(
        title=f"{prefix}{repository}",
        path=f"/repos/{quote(repository)}/{product}/secrets",
        classic_scope="repo",
        permission=kind,
        is_shared=False,
    )


def _share(options: Mapping[str, Json]) -> Mapping[str, Json]:
    selected: Any = options.get("selected_repositories")
    settings: dict[str, Json] = {"visibility": options.get("visibility") or "private"}
    return settings | {"selected_repository_ids": list(selected)} if selected else settings
