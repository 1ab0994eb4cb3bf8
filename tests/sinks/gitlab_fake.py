"""A GitLab that keeps CI/CD variables, as far as its REST API shows. Our own: there is none to be had.

Written after docs.gitlab.com/api/project_level_variables and group_level_variables, and after gitlab-org/gitlab:
`lib/api/ci/variables.rb`, `app/models/concerns/ci/maskable.rb`, `lib/gitlab/regex.rb`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sinks.faults import Faults
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

_PATH = re.compile(r"/api/v4/(?P<home>(?:projects|groups)/[^/]+)/variables(?:/(?P<key>[A-Za-z0-9_]+))?")
_MASKED = re.compile(r"[a-zA-Z0-9_+=/@:.~-]{8,}")
_MASKED_RAW = re.compile(r"\S{8,}")
_SCOPE = re.compile(r"[a-zA-Z0-9_/${}. *-]+")
_LONGEST = {"value": 10_000, "description": 255, "key": 255, "environment_scope": 255}
_DEFAULTS: dict[str, Any] = {
    "variable_type": "env_var",
    "value": None,
    "protected": False,
    "masked": False,
    "hidden": False,
    "raw": False,
    "environment_scope": "*",
    "description": None,
}
_READERS, _WRITERS = "developer", "maintainer"


@dataclass
class Abilities:
    """What a GitLab can do, by version and licence."""

    describes: bool = True
    """16.2 on."""
    hides: bool = True
    """17.4 on."""
    scopes_groups: bool = True
    """Premium."""
    filters: bool = True


class GitLabFake:
    """An ASGI application. What a test arranges and asks stands in its attributes."""

    def __init__(self) -> None:
        self.tokens = {"glpat-all": _WRITERS, "glpat-developer": _READERS}
        self.homes: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
        self.abilities = Abilities()
        self.calls: list[str] = []
        self.faults = Faults()
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.homes = {"projects/acme/app": {}, "projects/42": {}, "groups/acme": {}}
        self.abilities = Abilities()
        self.calls.clear()
        self.faults.clear()

    # what a test, or a person beside keyplan, does

    def value(self, home: str, key: str, scope: str = "*") -> str | None:
        """Return what a job would see."""
        variable = self.homes[home].get((key, scope))
        return None if variable is None else variable["value"]

    def person_writes(self, home: str, key: str, value: str, scope: str = "*") -> None:
        """Somebody changes a value in the browser, or makes the variable."""
        former = self.homes[home].get((key, scope), {**_DEFAULTS, "key": key, "environment_scope": scope})
        self.homes[home][key, scope] = {**former, "value": value}

    def person_deletes(self, home: str, key: str, scope: str = "*") -> None:
        """Somebody deletes it there."""
        self.homes[home].pop((key, scope), None)

    # what it answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode().partition("?")[0]
        self.calls.append(f"{request.method} {path}")
        body = await request.body()
        response = self.faults.take(request)
        if response is None:
            response = self._answer(request, path, await request.json() if body else {})
            response = self.faults.take(request, is_late=True) or response
        await response(scope, receive, send)

    def _answer(self, request: Request, path: str, body: dict[str, Any]) -> Response:
        role = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if role is None:
            return JSONResponse({"message": "401 Unauthorized"}, 401)
        found = _PATH.fullmatch(path)
        variables = self.homes.get(unquote(found["home"])) if found else None
        if found is None or variables is None:
            return JSONResponse({"message": "404 Project Not Found"}, 404)
        if role != _WRITERS:
            return JSONResponse({"message": "403 Forbidden"}, 403)
        if found["key"] is None:
            return (
                self._create(found["home"], variables, body)
                if request.method == "POST"
                else self._list(request, variables)
            )
        return self._serve(request, variables, found["key"], body)

    def _list(self, request: Request, variables: dict[tuple[str, str], dict[str, Any]]) -> Response:
        size, page = (int(request.query_params.get(name, other)) for name, other in (("per_page", 20), ("page", 1)))
        size = min(size, 100)
        shown = [self._show(variable) for _, variable in sorted(variables.items())]
        return JSONResponse(shown[size * (page - 1) : size * page])

    def _create(self, home: str, variables: dict[tuple[str, str], dict[str, Any]], body: dict[str, Any]) -> Response:
        fields = {name: value for name, value in body.items() if name in (*_DEFAULTS, "key") and name != "hidden"}
        if body.get("masked_and_hidden") and self.abilities.hides:
            fields |= {"masked": True, "hidden": True}
        if home.startswith("groups/") and not self.abilities.scopes_groups:
            fields.pop("environment_scope", None)
        variable = {**_DEFAULTS, **fields}
        name = (variable["key"], variable["environment_scope"])
        faults = _find_faults(variable)
        if name in variables:
            faults["key"] = [f"({name[0]}) has already been taken"]
        return self._keep(variables, name, variable, faults, status=201)

    def _serve(
        self, request: Request, variables: dict[tuple[str, str], dict[str, Any]], key: str, body: dict[str, Any]
    ) -> Response:
        scope = request.query_params.get("filter[environment_scope]") if self.abilities.filters else None
        fitting = [name for name in variables if name[0] == key and scope in (None, name[1])]
        if not fitting:
            return JSONResponse({"message": "404 Variable Not Found"}, 404)
        if len(fitting) > 1:
            return JSONResponse({"message": "There are multiple variables with provided parameters"}, 409)
        (name,) = fitting
        former = variables[name]
        if request.method == "DELETE":
            del variables[name]
            return Response(status_code=204)
        if request.method == "GET":
            return JSONResponse(self._show(former))
        # Merge request 141926: hiding never changes, and masking does not once a value is hidden.
        is_fixed = "hidden" in body or "masked_and_hidden" in body or (former["hidden"] and "masked" in body)
        faults = {"base": ["can't change hiding"]} if is_fixed else {}
        variable = {**former, **{field: value for field, value in body.items() if field in _DEFAULTS}}
        return self._keep(variables, name, variable, faults | _find_faults(variable), status=200)

    def _keep(
        self,
        variables: dict[tuple[str, str], dict[str, Any]],
        name: tuple[str, str],
        variable: dict[str, Any],
        faults: dict[str, list[str]],
        *,
        status: int,
    ) -> Response:
        if faults:
            return JSONResponse({"message": faults}, 400)
        if not self.abilities.describes:
            variable = {**variable, "description": None}
        variables[name] = variable
        return JSONResponse(self._show(variable), status)

    def _show(self, variable: dict[str, Any]) -> dict[str, Any]:
        shown = {**variable, "value": None if variable["hidden"] else variable["value"]}
        if not self.abilities.hides:
            del shown["hidden"]
        return shown


def _find_faults(variable: dict[str, Any]) -> dict[str, list[str]]:
    faults = {
        name: [f"is too long (maximum is {most} characters)"]
        for name, most in _LONGEST.items()
        if len(variable[name] or "") > most
    }
    pattern = _MASKED_RAW if variable["raw"] else _MASKED
    if variable["masked"] and not pattern.fullmatch(variable["value"]):
        faults["value"] = ["is invalid"]
    if not _SCOPE.fullmatch(variable["environment_scope"]):
        faults["environment_scope"] = ["can contain only letters"]
    return faults
