"""What is sent for what is wanted, in both generations (docs/arize-api.md, A6, A16, A17 and A25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from samples import IDENTITY, make_declaration, make_desired

from keyplan.errors import InputError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId, OrganizationId, ScopeId
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access
from keyplan.providers.arize.dialects import ALPHA, BETA, DIALECTS, Dialect, path_of

EXPIRY = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
SENT_EXPIRY = "2027-01-02T03:04:05+00:00"
MARK = make_desired().full_description


def predefined(name: str) -> dict[str, str]:
    return {"type": "PREDEFINED", "name": name}


def grant(space: str = "S1", role: str = "member", **rest: Any) -> SpaceGrant:
    return SpaceGrant(space_id=ScopeId(space), role=Role(role, **rest))


def organization(org_id: str | None = "O1", *spaces: SpaceGrant, role: str = "read-only") -> OrganizationGrant:
    named = OrganizationId(org_id) if org_id else None
    return OrganizationGrant(org_id=named, role=Role(role), spaces=spaces or (grant(),))


def service(
    *organizations: OrganizationGrant, account: str = "member", marked: bool = False, **changes: Any
) -> Desired:
    access = Access(account_role=Role(account), organizations=organizations or (organization(),))
    declaration = make_declaration("ingest", key_type=KeyType.SERVICE, address=Address("service/S1/ingest"), **changes)
    marker = make_desired().marker if marked else None
    return Desired(declaration=declaration, identity=IDENTITY, marker=marker, access=access)


@pytest.mark.parametrize(("dialect", "word"), [(ALPHA, "user"), (BETA, "USER")], ids=["alpha", "beta"])
def test_a_user_key_is_asked_for_with_its_marker(dialect: Dialect, word: str) -> None:
    assert dialect.write_create(make_desired(), EXPIRY) == {
        "key_type": word,
        "name": "ci",
        "description": MARK,
        "expires_at": SENT_EXPIRY,
    }


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        pytest.param(ALPHA, {"key_type": "service", "name": "ingest", "space_id": "S1"}, id="alpha: roles left out"),
        pytest.param(
            BETA,
            {
                "key_type": "SERVICE",
                "name": "ingest",
                "account_role": predefined("MEMBER"),
                "organizations": [
                    {
                        "org_id": "O1",
                        "role": predefined("READ_ONLY"),
                        "spaces": [{"space_id": "S1", "role": predefined("MEMBER")}],
                    }
                ],
            },
            id="beta: roles said",
        ),
    ],
)
def test_a_service_key_with_default_roles(dialect: Dialect, expected: object) -> None:
    assert dialect.write_create(service(), None) == expected


@pytest.mark.parametrize(
    "desired",
    [
        pytest.param(service(organization("O1", grant("S1", "admin"))), id="space role"),
        pytest.param(service(organization(role="member")), id="organization role"),
        pytest.param(service(account="admin"), id="account role"),
    ],
)
def test_alpha_names_all_roles_as_soon_as_one_differs_from_the_api_s_defaults(desired: Desired) -> None:
    body = ALPHA.write_create(desired, None)
    assert set(body["roles"]) == {"space_role", "org_role", "account_role"}


def test_alpha_writes_roles_in_lower_case_with_a_hyphen() -> None:
    desired = service(organization("O1", grant("S1", "read-only"), role="admin"))
    roles = {"space_role": "read-only", "org_role": "admin", "account_role": "member"}
    assert ALPHA.write_create(desired, None)["roles"] == roles


def test_beta_names_every_organization_and_space() -> None:
    desired = service(
        organization("O1", grant("S1"), grant("S2", "role-7", custom=True)), organization("O2", grant("S3", "admin"))
    )
    organizations = BETA.write_create(desired, None)["organizations"]
    assert [each["org_id"] for each in organizations] == ["O1", "O2"]
    assert organizations[0]["spaces"][1] == {"space_id": "S2", "role": {"type": "CUSTOM", "id": "role-7"}}
    assert organizations[1]["spaces"][0]["role"] == predefined("ADMIN")


@pytest.mark.parametrize(
    ("dialect", "desired", "why"),
    [
        pytest.param(ALPHA, service(organizations=(organization(),)), "several spaces", id="organizations in alpha"),
        pytest.param(
            ALPHA, service(organization("O1", grant(), grant("S2"))), "several spaces", id="two spaces in alpha"
        ),
        pytest.param(
            ALPHA, service(organization("O1", grant("S1", "r", custom=True))), "custom roles", id="custom role in alpha"
        ),
        pytest.param(BETA, service(organization(None)), "wants the organization", id="no organization in beta"),
    ],
)
def test_what_a_dialect_cannot_say_is_an_input_error(dialect: Dialect, desired: Desired, why: str) -> None:
    with pytest.raises(InputError, match=f"service/S1/ingest: .*{why}"):
        dialect.write_create(desired, None)


def test_an_expiry_is_sent_in_utc_with_its_offset() -> None:
    elsewhere = EXPIRY.astimezone(timezone(timedelta(hours=5)))
    assert BETA.write_create(make_desired(), elsewhere)["expires_at"] == SENT_EXPIRY


@pytest.mark.parametrize(
    ("dialect", "expires_at", "grace", "expected"),
    [
        pytest.param(ALPHA, None, timedelta(0), {}, id="alpha: nothing to say is an empty object"),
        pytest.param(ALPHA, EXPIRY, timedelta(0), {"expires_at": SENT_EXPIRY}, id="alpha: expiry"),
        pytest.param(BETA, None, timedelta(0), {}, id="beta: no grace is left out"),
        pytest.param(BETA, None, timedelta(hours=24), {"grace_period_seconds": 86_400}, id="beta: longest grace"),
        pytest.param(
            BETA,
            EXPIRY,
            timedelta(minutes=5),
            {"expires_at": SENT_EXPIRY, "grace_period_seconds": 300},
            id="beta: both",
        ),
    ],
)
def test_a_refresh_says_expiry_and_grace(
    dialect: Dialect, expires_at: datetime | None, grace: timedelta, expected: object
) -> None:
    assert dialect.write_refresh(expires_at, grace) == expected


@pytest.mark.parametrize(
    ("dialect", "grace", "most"),
    [
        pytest.param(ALPHA, timedelta(seconds=1), "the alpha API grants a refreshed key 0 s", id="alpha has none"),
        pytest.param(BETA, timedelta(seconds=86_401), "the beta API grants a refreshed key 86400 s", id="beyond a day"),
    ],
)
def test_a_grace_beyond_the_law_is_an_input_error(dialect: Dialect, grace: timedelta, most: str) -> None:
    with pytest.raises(InputError, match=most):
        dialect.write_refresh(None, grace)


@pytest.mark.parametrize(
    ("dialect", "method", "path"),
    [
        pytest.param(ALPHA, "DELETE", "/v2/api-keys/QXBp%3D%3D", id="alpha deletes"),
        pytest.param(BETA, "PUT", "/v2/api-keys/QXBp%3D%3D/revoke", id="beta revokes"),
    ],
)
def test_a_key_is_ended_the_dialect_s_way(dialect: Dialect, method: str, path: str) -> None:
    assert (dialect.delete_method, dialect.delete_path(KeyId("QXBp=="))) == (method, path)


@pytest.mark.parametrize(
    ("identity", "path"),
    [
        pytest.param("a/b", "/v2/spaces/a%2Fb", id="slash"),
        pytest.param("..", "/v2/spaces/%2E%2E", id="dots don't climb"),
        pytest.param("a?b#c+d e", "/v2/spaces/a%3Fb%23c%2Bd%20e", id="query, fragment, plus, space"),
    ],
)
def test_an_id_is_one_path_segment_whatever_it_holds(identity: str, path: str) -> None:
    assert path_of("/v2/spaces", identity) == path


def test_each_dialect_is_known_by_the_name_in_its_laws() -> None:
    assert all(name == dialect.laws.dialect for name, dialect in DIALECTS.items())
