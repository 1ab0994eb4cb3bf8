"""The two generations of the API as tables: words, paths, request bodies and laws. Nothing is sent here.

`ALPHA` is what SDK 8.6 to 8.39 speaks, `BETA` what SDK 8.41 and later speaks (docs/arize-api.md, A1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from keyplan.errors import InputError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, Roles
from keyplan.model.observation import Access
from keyplan.providers.answers import JsonObject

KEYS_PATH = "/v2/api-keys"
SPACES_PATH = "/v2/spaces"
ORGANIZATIONS_PATH = "/v2/organizations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One generation of the API."""

    laws: Laws
    type_words: Mapping[KeyType, str]
    active_word: str
    dead_words: tuple[str, ...]
    """Words for a dead key, the most likely first: servers of one generation differ (docs/arize-api.md, A8)."""
    delete_method: str
    delete_suffix: str
    write_service: Callable[[Desired, Access], dict[str, Any]]
    """Return the fields that only the create of a service key has."""

    def write_create(self, desired: Desired, expires_at: datetime | None) -> JsonObject:
        """Return the body of a create. Fields that are not set are left out, never null (docs/arize-api.md, A6).

        Raises:
            InputError: This generation cannot express the access that is declared.
        """
        service = {} if desired.access is None else self.write_service(desired, desired.access)
        description = desired.full_description
        return {
            "key_type": self.type_words[desired.declaration.key_type],
            "name": desired.declaration.name,
            **({"description": description} if description else {}),
            **_write_expiry(expires_at),
            **service,
        }

    def write_refresh(self, expires_at: datetime | None, grace: timedelta) -> JsonObject:
        """Return the body of a refresh.

        Raises:
            InputError: The grace is longer than this generation grants.
        """
        if grace > self.laws.longest_grace:
            longest = self.laws.longest_grace.total_seconds()
            raise InputError(f"the {self.laws.dialect} API grants a refreshed key {longest:.0f} s of grace at most")
        # Zero is left out: alpha does not know the field, and omitted means zero (docs/arize-api.md, A25).
        seconds = int(grace.total_seconds())
        return {**_write_expiry(expires_at), **({"grace_period_seconds": seconds} if seconds else {})}

    def filters(
        self, *, key_type: KeyType | None = None, status: str, space_id: ScopeId | None = None
    ) -> dict[str, str]:
        """Return the query parameters of a listing; None means no filter."""
        return {
            **({"key_type": self.type_words[key_type]} if key_type else {}),
            "status": status,
            **({"space_id": space_id} if space_id else {}),
        }

    def delete_path(self, key_id: KeyId) -> str:
        """Return the path to which `delete_method` is sent to delete a key."""
        return f"{path_of(KEYS_PATH, key_id)}{self.delete_suffix}"


def path_of(collection: str, identity: str) -> str:
    """Return the path of one member of a collection, its id fully percent-encoded (docs/arize-api.md, A6)."""
    # Dots too: clients and servers resolve "..", so an id of two dots would name another path.
    return f"{collection}/{quote(identity, safe='').replace('.', '%2E')}"


def _write_expiry(expires_at: datetime | None) -> dict[str, str]:
    # With its offset: servers read a time without one as they like (docs/arize-api.md, A6 and A35).
    return {"expires_at": expires_at.astimezone(UTC).isoformat()} if expires_at else {}


def _write_alpha_service(desired: Desired, access: Access) -> dict[str, Any]:
    """Return `space_id`, and `roles` if one differs from the API's own defaults (docs/arize-api.md, A16 and A18)."""
    if desired.declaration.organizations or len(desired.scope_ids) != 1:
        raise InputError(
            f"{desired.address}: the alpha API knows no key with several spaces",
            advice="declare `space` or `space_id` instead of `organizations`, or set provider.api to beta",
        )
    granted = access.organizations[0]
    space = granted.spaces[0]
    roles = Roles(space_role=space.role, org_role=granted.role, account_role=access.account_role)
    named = (("space_role", roles.space_role), ("org_role", roles.org_role), ("account_role", roles.account_role))
    if any(role.custom for _, role in named):
        raise InputError(f"{desired.address}: the alpha API knows no custom roles")
    return {
        "space_id": space.space_id,
        **({} if roles == Roles() else {"roles": {field: role.name for field, role in named}}),
    }


def _write_beta_service(desired: Desired, access: Access) -> dict[str, Any]:
    """Return `account_role` and `organizations`, with every role written out (docs/arize-api.md, A17)."""
    # The manifest may name a space only; its organization is looked up before (docs/arize-api.md, A37).
    if not all(granted.org_id for granted in access.organizations):
        raise InputError(f"{desired.address}: the beta API wants the organization of each space")
    return {
        "account_role": _write_role(access.account_role),
        "organizations": [_write_organization(granted) for granted in access.organizations],
    }


def _write_organization(granted: OrganizationGrant) -> dict[str, Any]:
    return {
        "org_id": granted.org_id,
        "role": _write_role(granted.role),
        "spaces": [{"space_id": space.space_id, "role": _write_role(space.role)} for space in granted.spaces],
    }


def _write_role(role: Role) -> dict[str, str]:
    # A custom role is named by its id, a predefined one by its name (docs/arize-api.md, A17).
    if role.custom:
        return {"type": "CUSTOM", "id": role.name}
    return {"type": "PREDEFINED", "name": role.name.upper().replace("-", "_")}


ALPHA = Dialect(
    laws=Laws(
        dialect="alpha",
        # The laws of a refresh are docs/arize-api.md, A23 for alpha, A24 and A25 for beta.
        refresh_extends_life=True,
        refresh_needs_expiry=False,
        longest_grace=timedelta(0),
        names_organizations=False,
        shows_scopes=False,
        shows_last_use=False,
        takes_organizations=False,
        takes_custom_roles=False,
    ),
    type_words={KeyType.USER: "user", KeyType.SERVICE: "service"},
    active_word="active",
    dead_words=("deleted", "revoked"),  # until SDK 8.33, and from 8.34 to 8.39
    delete_method="DELETE",
    delete_suffix="",
    write_service=_write_alpha_service,
)
BETA = Dialect(
    laws=Laws(
        dialect="beta",
        # Servers differ on a refresh without an expiry, so keyplan always sends one (docs/arize-api.md, A24).
        refresh_extends_life=False,
        refresh_needs_expiry=True,
        longest_grace=timedelta(seconds=86_400),
        names_organizations=True,
        shows_scopes=True,
        shows_last_use=True,
    ),
    type_words={KeyType.USER: "USER", KeyType.SERVICE: "SERVICE"},
    active_word="ACTIVE",
    dead_words=("REVOKED",),
    delete_method="PUT",
    delete_suffix="/revoke",
    write_service=_write_beta_service,
)
DIALECTS: Mapping[str, Dialect] = {"alpha": ALPHA, "beta": BETA}
