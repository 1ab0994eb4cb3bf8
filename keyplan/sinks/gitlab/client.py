"""GitLab's REST API for CI/CD variables, as far as a sink needs it; each refusal says which right is missing.

No error repeats what GitLab says of a refused request: it could quote a value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from typing import Any

from keyplan.errors import SinkDeniedError
from keyplan.model.manifest import Json
from keyplan.model.secret import RawKey
from keyplan.net.answers import load_json
from keyplan.net.http import Answer
from keyplan.sinks.answers import to_text, understood
from keyplan.sinks.forge import Call, Forge, read_json, read_objects
from keyplan.sinks.gitlab.places import GitLabHome, VariableName

# docs.gitlab.com/api/rest, "Pagination": `per_page` is 100 at most.
_PAGE_SIZE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLabVariable:
    """One variable, as GitLab shows it."""

    name: VariableName
    value: RawKey | None = field(repr=False)
    """None if it is hidden."""
    description: str
    knows_hiding: bool
    """Whether this GitLab can hide values at all."""


class GitLab:
    """The variables of one GitLab server; safe for threads.

    Every method may raise SinkDeniedError, SinkUnavailableError, and InputError if there is no token.
    """

    def __init__(self, forge: Forge) -> None:
        self._forge = forge

    def list_variables(
        self, home: GitLabHome, wanted: Collection[VariableName]
    ) -> Mapping[VariableName, GitLabVariable]:
        """Return those of a home's variables that are wanted; the others are forgotten at once."""
        found: dict[VariableName, GitLabVariable] = {}
        what = f"{home.title}: list variables"
        listing = self._forge.list_pages(what)
        for page in count(1):
            parameters = {"per_page": str(_PAGE_SIZE), "page": str(page)}
            call = Call(what=what, method="GET", path=home.path, parameters=parameters)
            answer = self._expect(call, home)
            shown = read_objects(call, read_json(call, answer))
            listing.add_page(len(shown))
            found |= {variable.name: variable for variable in [_read_variable(call, values) for values in shown]}
            found = {name: variable for name, variable in found.items() if name in wanted}
            # docs.gitlab.com/api/rest, "Pagination": the number of the next page, empty on the last one.
            if not answer.headers.get("x-next-page", str(page + 1) if len(shown) >= _PAGE_SIZE else ""):
                break
        return found

    def find(self, home: GitLabHome, name: VariableName) -> GitLabVariable | None:
        """Return one variable; None if there is none."""
        call = _call("look at", "GET", home, name)
        answer = self._forge.ask(call)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        variable = self._read(call, home, answer)
        # A GitLab that does not know the filter shows the variable of another scope.
        return variable if variable.name == name else None

    def create(self, home: GitLabHome, name: VariableName, fields: Mapping[str, Json]) -> GitLabVariable:
        """Make a variable, or replace the one that is there by now, and return it as GitLab has it."""
        named = {"key": name.key, "environment_scope": name.scope}
        call = Call(
            what=f"{home.title}: make variable {name.key}", method="POST", path=home.path, body={**named, **fields}
        )
        answer = self._forge.ask(call)
        # A request whose answer was lost may have made it.
        if answer.status == HTTPStatus.BAD_REQUEST and self.find(home, name):
            return self.replace(home, name, fields)
        return self._read(call, home, answer)

    def replace(self, home: GitLabHome, name: VariableName, fields: Mapping[str, Json]) -> GitLabVariable:
        """Change a variable and return it as GitLab has it."""
        call = _call("change", "PUT", home, name, {key: fields[key] for key in fields if key != "masked_and_hidden"})
        return self._read(call, home, self._forge.ask(call))

    def delete(self, home: GitLabHome, name: VariableName) -> None:
        """Delete a variable; nothing if there is none."""
        call = _call("delete", "DELETE", home, name)
        answer = self._forge.ask(call)
        if answer.status != HTTPStatus.NOT_FOUND:
            _expect_success(call, home, answer)

    def close(self) -> None:
        """Close all connections."""
        self._forge.close()

    def _expect(self, call: Call, home: GitLabHome) -> Answer:
        return _expect_success(call, home, self._forge.ask(call))

    def _read(self, call: Call, home: GitLabHome, answer: Answer) -> GitLabVariable:
        (values,) = read_objects(call, [read_json(call, _expect_success(call, home, answer))])
        return _read_variable(call, values)


def _call(verb: str, method: str, home: GitLabHome, name: VariableName, body: Mapping[str, Json] | None = None) -> Call:
    return Call(
        what=f"{home.title}: {verb} variable {name.key}",
        method=method,
        path=f"{home.path}/{name.key}",
        parameters={"filter[environment_scope]": name.scope},
        body=body,
    )


def _read_variable(call: Call, values: Mapping[str, Any]) -> GitLabVariable:
    with understood(call.what, advice="check that option 'url' leads to a GitLab"):
        value = values["value"]
        return GitLabVariable(
            name=VariableName(to_text(values["key"]), to_text(values.get("environment_scope") or "*")),
            value=None if value is None or values.get("hidden") else RawKey(to_text(value)),
            description=to_text(values.get("description") or ""),
            knows_hiding="hidden" in values,
        )


def _expect_success(call: Call, home: GitLabHome, answer: Answer) -> Answer:
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    raise _refusal(call, home, answer)


def _refusal(call: Call, home: GitLabHome, answer: Answer) -> SinkDeniedError:
    role = "Owner of the group" if home.is_group else "Maintainer of the project"
    needed = f"the token needs the scope 'api' and the role {role}"
    match answer.status:
        case HTTPStatus.UNAUTHORIZED:
            advice = f"give option 'token' a valid one; {needed}"
            return SinkDeniedError(f"{call.what}: GitLab does not accept the token", advice=advice)
        case HTTPStatus.FORBIDDEN:
            return SinkDeniedError(f"{call.what}: GitLab forbids it", advice=needed)
        case HTTPStatus.NOT_FOUND:
            # GitLab hides what a token may not see behind a 404.
            advice = f"check the name of {home.title}; {needed}"
            return SinkDeniedError(f"{call.what}: not found, or the token may not see it", advice=advice)
        case status if status < HTTPStatus.BAD_REQUEST:
            return SinkDeniedError(f"{call.what}: it has moved", advice=f"write the new name of {home.title}, or url")
        case _:
            blamed = _name_blamed(answer)
            return SinkDeniedError(
                f"{call.what}: GitLab answered {answer.status}{blamed}", advice="check the options of this sink"
            )


def _name_blamed(answer: Answer) -> str:
    """Return which fields GitLab finds at fault: their names and no more, for the rest could quote a value."""
    try:
        blamed = set(load_json(answer.body)["message"])
    except (ValueError, TypeError, KeyError):
        return ""
    known = sorted(blamed & {"key", "value", "description", "environment_scope", "masked", "hidden", "base"})
    return f" about {', '.join(known)}" if known else ""
