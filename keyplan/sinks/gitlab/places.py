"""Which GitLab CI/CD variable a slot is, in a project or a group, and where keyplan's notes on it stand.

Nothing is sent here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json
from keyplan.model.observation import Slot
from keyplan.sinks import templates

DEFAULT_NAME: Final = "ARIZE_API_KEY"
DEFAULT_SCOPE: Final = "*"
_NOTES_PREFIX: Final = "KEYPLAN_"
# docs.gitlab.com/api/project_level_variables: at most 255 characters; the prefix of the notes needs some.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,239}")


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabHome:
    """A project or a group, which has variables."""

    title: str
    """For people: ``acme/app``, ``group:acme``."""
    path: str
    """Of the API: ``/projects/acme%2Fapp/variables``."""
    is_group: bool


@dataclass(frozen=True, slots=True)
class VariableName:
    """What distinguishes one variable of a home from the others."""

    key: str
    scope: str
    """The environments that see it: ``*``, ``production``, ``review/*``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabPlace:
    """A slot, read."""

    location: str
    home: GitLabHome
    name: VariableName
    is_masked: bool
    is_hidden: bool
    is_protected: bool
    kind: str
    """`env_var` or `file`."""

    @property
    def notes(self) -> VariableName:
        """The variable that holds the notes; of a project no job sees it, because no environment has such a name."""
        # Groups can scope variables only if GitLab is licensed for it, so theirs stay beside the value.
        scope = self.name.scope if self.home.is_group else f"keyplan/{self.name.scope}"
        return VariableName(f"{_NOTES_PREFIX}{self.name.key}", scope)

    @classmethod
    def of(cls, slot: Slot) -> GitLabPlace:
        """Return the place that a slot of `fill_slot` means."""
        options = slot.options
        is_hidden = bool(options.get("hidden"))
        return cls(
            location=slot.location,
            home=_find_home(options),
            name=VariableName(str(options["name"]), _find_scope(options)),
            is_masked=bool(options.get("masked", True)),
            is_hidden=is_hidden,
            is_protected=bool(options.get("protected", True)),
            kind=str(options.get("variable_type", "env_var")),
        )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``acme/app#ARIZE_API_KEY``, ``acme/app@production#ARIZE_API_KEY``.

    Raises InputError if options exclude each other, a template names an unknown field, or gives no variable's name.
    """
    _refuse_contradictions(options)
    template = str(options.get("name") or DEFAULT_NAME)
    name = templates.fill(template, templates.describe(owner, declaration), templates.to_variable_part)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' can't be the name of a GitLab variable",
            advice="use at most 240 letters, digits and _, and no digit first",
        )
    scope = _find_scope(options)
    among = "" if scope == DEFAULT_SCOPE else f"@{scope}"
    return Slot(sink=sink, location=f"{_find_home(options).title}{among}#{name}", options={**options, "name": name})


def _refuse_contradictions(options: Mapping[str, Json]) -> None:
    if bool(options.get("project")) is bool(options.get("group")):
        raise InputError("gitlab-ci needs either 'project' or 'group'")
    is_masked = bool(options.get("masked", True))
    if options.get("hidden") and not is_masked:
        raise InputError("gitlab-ci: 'hidden' needs 'masked: true': GitLab hides only what it masks")
    if options.get("newline") and is_masked:
        raise InputError("gitlab-ci: 'newline' needs 'masked: false': GitLab masks only values of one line")


def _find_home(options: Mapping[str, Json]) -> GitLabHome:
    if group := options.get("group"):
        return GitLabHome(title=f"group:{group}", path=f"/groups/{quote(str(group), safe='')}/variables", is_group=True)
    project = str(options["project"])
    return GitLabHome(title=project, path=f"/projects/{quote(project, safe='')}/variables", is_group=False)


def _find_scope(options: Mapping[str, Json]) -> str:
    return str(options.get("environment_scope") or DEFAULT_SCOPE)
