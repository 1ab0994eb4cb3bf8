"""Read what a service key may do: roles as a word or in the API's own shape, organizations and their spaces.

Roles that the API refuses for service keys are refused here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from keyplan.manifest.defaults import MergedFields
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import ItemList, Table
from keyplan.model.identity import OrganizationId, ScopeId
from keyplan.model.manifest import OrganizationGrant, Role, Roles, SpaceGrant
from keyplan.model.quotes import list_words, quote, suggest

# docs/arize-api.md, A18: what a service key may be given. ANNOTATOR and MEMBER_UI_ONLY are for people, and only the
# role in a space may be a custom one.
_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "space_role": frozenset({"admin", "member", "read-only"}),
        "org_role": frozenset({"admin", "member", "read-only"}),
        "account_role": frozenset({"admin", "member"}),
    }
)
_MAY_BE_CUSTOM = "space_role"
DEFAULT_ROLES = Roles()


def parse_role(kind: str, value: Any) -> Role:
    """Return a role of a kind: ``space_role``, ``org_role`` or ``account_role``.

    Raises ValueError, whose text follows the name of a field.
    """
    if isinstance(value, str):
        return _parse_word(kind, value)
    if value["type"] == "PREDEFINED":
        if "name" not in value or "id" in value:
            raise ValueError("of the type PREDEFINED must have a 'name', and no 'id'")
        return _parse_word(kind, value["name"])
    if kind != _MAY_BE_CUSTOM:
        raise ValueError("must not be a custom role; only the role in a space may be one")
    if "id" not in value:
        raise ValueError("of the type CUSTOM must have an 'id'")
    return Role(value["id"], custom=True)


def _parse_word(kind: str, word: str) -> Role:
    # The API writes READ_ONLY, and manifests read-only.
    name = word.lower().replace("_", "-")
    allowed = _WORDS[kind]
    if name not in allowed:
        raise ValueError(f"must be one of {list_words(allowed)}, not {quote(word)}{suggest(name, allowed)}")
    return Role(name)


def read_roles(fields: MergedFields, problems: Problems) -> Roles:
    """Return the roles of a service key, the API's own if none is given; problems are added."""
    if "roles" not in fields.values:
        return DEFAULT_ROLES
    given: Mapping[str, Any] = fields.values["roles"]
    if "organizations" in fields.values:
        given = _keep_account_role(given, fields, problems)
    roles = {kind: _read_role(kind, value, fields.spot("roles", kind), kind, problems) for kind, value in given.items()}
    return Roles(**roles) if roles else DEFAULT_ROLES


def _keep_account_role(given: Mapping[str, Any], fields: MergedFields, problems: Problems) -> Mapping[str, Any]:
    """Return the account role alone. A default for keys in one space says nothing about those in several."""
    if "roles" in fields.own:
        for kind in given.keys() - {"account_role"}:
            problems.add(
                fields.own.table["roles"].key_spot(kind),
                f"field '{kind}' stands beside each organization or space when 'organizations' is given",
            )
    return {kind: value for kind, value in given.items() if kind == "account_role"}


def read_organizations(rows: ItemList, problems: Problems) -> tuple[OrganizationGrant, ...]:
    """Return the organizations of a service key in several spaces, in file order; problems are added."""
    _refuse_repetition(rows, "org_id", problems)
    return tuple(
        OrganizationGrant(
            org_id=OrganizationId(granted["org_id"]),
            role=_read_own_role("org_role", granted, DEFAULT_ROLES.org_role, problems),
            spaces=_read_spaces(granted["spaces"], problems),
        )
        for granted in rows
    )


def _read_spaces(rows: ItemList, problems: Problems) -> tuple[SpaceGrant, ...]:
    _refuse_repetition(rows, "space_id", problems)
    return tuple(
        SpaceGrant(
            space_id=ScopeId(granted["space_id"]),
            role=_read_own_role("space_role", granted, DEFAULT_ROLES.space_role, problems),
        )
        for granted in rows
    )


def _refuse_repetition(rows: ItemList, field: str, problems: Problems) -> None:
    seen: set[str] = set()
    for granted in rows:
        if granted[field] in seen:
            problems.add(
                granted.value_spot(field), f"field '{field}' names {quote(granted[field])} a second time", "duplicate"
            )
        seen.add(granted[field])


def _read_own_role(kind: str, granted: Table, default: Role, problems: Problems) -> Role:
    if "role" not in granted:
        return default
    return _read_role(kind, granted["role"], granted.value_spot("role"), "role", problems)


def _read_role(kind: str, value: Any, spot: Spot, field: str, problems: Problems) -> Role:
    try:
        return parse_role(kind, value)
    except ValueError as error:
        problems.add(spot, f"field '{field}' {error}")
        return Role("")
