"""The beta generation's laws (docs/arize-api.md, A1), each as SDK 8.61.0 relies on it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sandbox.sandbox_client import (
    ACME,
    FIRST_USER,
    LABS,
    PRODUCTION,
    RESEARCH,
    SECOND_USER,
    STAGING,
    UNKNOWN_KEY,
    UNKNOWN_ORGANIZATION,
    UNKNOWN_SPACE,
    Client,
    Json,
    OpenClient,
    bearer,
)

ROLE = "Um9sZToxOmFCY0Q="
PREDEFINED = {"type": "PREDEFINED", "name": "MEMBER"}
CUSTOM = {"type": "CUSTOM", "id": ROLE}
SEVEN_FIELDS = {"id", "name", "key_type", "status", "redacted_key", "created_at", "created_by_user_id"}


def service_body(**fields: object) -> Json:
    return {"key_type": "SERVICE", "name": "svc", "organizations": [organization()], **fields}


def organization(**fields: object) -> Json:
    return {"org_id": ACME, "spaces": [{"space_id": PRODUCTION}], **fields}


def test_a_user_key_has_no_bot_user(beta: Client) -> None:
    assert set(beta.create()) == SEVEN_FIELDS | {"key"}


def test_a_created_service_key_shows_its_bot_user_with_defaults_filled_in(beta: Client) -> None:
    bot = beta.create_service()["bot_user"]
    assert bot["account_role"] == PREDEFINED
    assert bot["organizations"] == [
        {
            "org_id": ACME,
            "role": {"type": "PREDEFINED", "name": "READ_ONLY"},
            "spaces": [{"space_id": PRODUCTION, "role": PREDEFINED}],
        }
    ]


def test_a_custom_role_of_a_space_comes_back(beta: Client) -> None:
    spaces = [{"space_id": PRODUCTION, "role": CUSTOM}]
    made = beta.create_service(organizations=[organization(spaces=spaces)])
    assert made["bot_user"]["organizations"][0]["spaces"] == spaces
    assert beta.listed(key_type="SERVICE")[0]["bot_user"] == made["bot_user"]


def test_words_are_upper_case(beta: Client) -> None:
    made = beta.create()
    assert (made["key_type"], made["status"]) == ("USER", "ACTIVE")
    beta.end(made["id"])
    assert [key["status"] for key in beta.listed(status="REVOKED")] == ["REVOKED"]


def test_a_listing_of_a_space_leaves_the_organizations_out(beta: Client) -> None:
    made = beta.create_service()
    assert beta.listed()[1]["bot_user"] == made["bot_user"]
    assert beta.listed(space_id=PRODUCTION)[0]["bot_user"] == made["bot_user"] | {"organizations": []}


def test_a_key_shows_its_last_use_once_used(beta: Client) -> None:
    made = beta.create()
    assert "last_used_at" not in beta.listed()[1]
    assert beta.works(made["key"])
    assert beta.listed()[1]["last_used_at"] >= made["created_at"]


def test_the_last_use_lags_as_chosen(opened: OpenClient) -> None:
    client = opened(usage_lag=timedelta(hours=1))
    first = client.listed()[0]["last_used_at"]
    client.advance(3000)
    assert client.listed()[0]["last_used_at"] == first
    client.advance(3000)
    assert client.listed()[0]["last_used_at"] > first


def test_a_listing_without_space_holds_the_callers_own_keys(beta: Client) -> None:
    beta.create("a")
    beta.create_service("b")
    assert beta.names() == ["a", "b"]
    assert beta.names(key_type="SERVICE") == ["b"]
    assert beta.names(user_id=FIRST_USER) == ["a", "b"]


def test_a_listing_without_space_holds_no_service_key_if_so_chosen(opened: OpenClient) -> None:
    client = opened(unfiltered_services="none")
    client.create("a")
    client.create_service("b")
    assert client.names() == client.names(key_type="USER") == ["a"]
    assert client.names(key_type="SERVICE") == []
    assert client.names(space_id=PRODUCTION) == ["b"]


def test_a_listing_of_a_space_holds_its_service_keys_alone(beta: Client) -> None:
    beta.create("a")
    beta.create_service("b")
    assert beta.names(space_id=PRODUCTION) == beta.names(space_id=PRODUCTION, key_type="SERVICE") == ["b"]
    assert beta.names(space_id=STAGING) == beta.names(space_id=PRODUCTION, key_type="USER") == []
    assert beta.names(space_id=PRODUCTION, user_id=SECOND_USER) == []


def test_a_revoked_key_leaves_its_space_for_the_dead_listing(beta: Client) -> None:
    made = beta.create_service()
    beta.end(made["id"])
    assert beta.names(space_id=PRODUCTION) == []
    assert beta.names(space_id=PRODUCTION, status="REVOKED") == ["svc"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param({"key_type": "user"}, 400, id="lower-case type"),
        pytest.param({"status": "active"}, 400, id="lower-case status"),
        pytest.param({"space_id": "production"}, 400, id="a name is no id"),
        pytest.param({"space_id": UNKNOWN_SPACE}, 404, id="unknown space"),
        pytest.param({"user_id": "me"}, 400, id="no user id"),
    ],
)
def test_a_listing_refuses(beta: Client, query: dict[str, str], status: int) -> None:
    assert beta.get("/v2/api-keys", params=query).status_code == status


def test_only_an_administrator_lists_another_users_keys(opened: OpenClient) -> None:
    client = opened(second_user=True)
    assert client.names(user_id=SECOND_USER) == ["keyplan sandbox, second user"]
    as_second = bearer(client.sandbox.credentials.second)
    assert client.get("/v2/api-keys", params={"user_id": FIRST_USER}, headers=as_second).status_code == 403


def test_only_an_administrator_refreshes_and_revokes_other_users_keys(opened: OpenClient) -> None:
    client = opened(second_user=True)
    as_second = bearer(client.sandbox.credentials.second)
    mine, theirs = client.create()["id"], client.listed(user_id=SECOND_USER)[0]["id"]
    assert client.end(mine, headers=as_second).status_code == 404
    assert client.post(f"/v2/api-keys/{mine}/refresh", headers=as_second).status_code == 404
    renewed = client.refresh(theirs)
    assert renewed.json()["created_by_user_id"] == SECOND_USER
    assert client.end(renewed.json()["id"]).status_code == 204


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"name": "x"}, 400, id="type is required"),
        pytest.param({"key_type": "user", "name": "x"}, 400, id="lower-case type"),
        pytest.param({"key_type": "USER", "name": "x", "space_id": PRODUCTION}, 400, id="alpha field"),
        pytest.param({"key_type": "USER", "name": "x", "organizations": [organization()]}, 400, id="user key bound"),
        pytest.param({"key_type": "SERVICE", "name": "x"}, 400, id="no organizations"),
        pytest.param(service_body(organizations=[]), 400, id="empty organizations"),
        pytest.param(service_body(organizations=["acme"]), 400, id="organization not an object"),
        pytest.param(service_body(organizations=[organization()] * 101), 400, id="too many organizations"),
        pytest.param(service_body(organizations=[organization(spaces=[])]), 400, id="no spaces"),
        pytest.param(service_body(organizations=[organization(name="acme")]), 400, id="surplus field"),
        pytest.param(service_body(organizations=[organization(org_id="acme")]), 400, id="malformed organization id"),
        pytest.param(service_body(organizations=[organization(org_id=UNKNOWN_ORGANIZATION)]), 404, id="no such org"),
        pytest.param(service_body(organizations=[organization(org_id=LABS)]), 422, id="space of another organization"),
        pytest.param(service_body(organizations=[organization(), organization()]), 422, id="a space twice"),
        pytest.param(
            service_body(organizations=[organization(spaces=[{"space_id": UNKNOWN_SPACE}])]), 404, id="unknown space"
        ),
        pytest.param(
            {"key_type": "USER", "name": "x", "expires_at": "2001-01-01T00:00:00Z"}, 422, id="expiry in the past"
        ),
    ],
)
def test_create_refuses(beta: Client, body: Json, status: int) -> None:
    assert beta.post("/v2/api-keys", json=body).status_code == status
    assert beta.names() == []


@pytest.mark.parametrize(
    ("level", "role", "status"),
    [
        pytest.param("account", {"type": "PREDEFINED", "name": "ADMIN"}, 201, id="account: administrator"),
        pytest.param("account", {"type": "PREDEFINED", "name": "READ_ONLY"}, 400, id="account: unknown name"),
        pytest.param("account", {"type": "PREDEFINED", "name": "ANNOTATOR"}, 400, id="account: annotator"),
        pytest.param("account", {"type": "PREDEFINED", "name": "MEMBER_UI_ONLY"}, 400, id="account: UI only"),
        pytest.param("account", CUSTOM, 422, id="account: custom"),
        pytest.param("organization", PREDEFINED, 201, id="organization: member"),
        pytest.param("organization", {"type": "PREDEFINED", "name": "ANNOTATOR"}, 422, id="organization: annotator"),
        pytest.param("organization", CUSTOM, 422, id="organization: custom"),
        pytest.param("space", {"type": "PREDEFINED", "name": "READ_ONLY"}, 201, id="space: read only"),
        pytest.param("space", {"type": "PREDEFINED", "name": "ANNOTATOR"}, 422, id="space: annotator"),
        pytest.param("space", CUSTOM, 201, id="space: custom"),
        pytest.param("space", {"type": "CUSTOM", "id": "my role"}, 400, id="custom: malformed id"),
        pytest.param("space", {"type": "CUSTOM", "id": ROLE, "name": "x"}, 400, id="role objects are closed"),
        pytest.param("space", {"type": "PREDEFINED", "name": "MEMBER", "id": ROLE}, 400, id="closed here too"),
        pytest.param("space", {"name": "MEMBER"}, 400, id="type is required"),
        pytest.param("space", "MEMBER", 400, id="not an object"),
    ],
)
def test_roles_of_a_service_key(beta: Client, level: str, role: object, status: int) -> None:
    body = {
        "account": service_body(account_role=role),
        "organization": service_body(organizations=[organization(role=role)]),
        "space": service_body(organizations=[organization(spaces=[{"space_id": PRODUCTION, "role": role}])]),
    }[level]
    assert beta.post("/v2/api-keys", json=body).status_code == status


@pytest.mark.parametrize(("api", "status"), [("alpha", 400), ("beta", 422)])
def test_a_role_above_the_callers_own_is_refused(opened: OpenClient, api: str, status: int) -> None:
    client = opened(api=api, second_user=True)
    admin: Json = {
        "alpha": {"name": "x", "key_type": "service", "space_id": PRODUCTION, "roles": {"space_role": "admin"}},
        "beta": service_body(account_role={"type": "PREDEFINED", "name": "ADMIN"}),
    }[api]
    as_second = bearer(client.sandbox.credentials.second)
    assert client.post("/v2/api-keys", json=admin, headers=as_second).status_code == status


BOUNDED, UNBOUNDED = "2098-01-01T00:00:00Z", None


@pytest.mark.parametrize(
    ("former", "given", "expected"),
    [
        pytest.param(UNBOUNDED, None, None, id="unbounded stays unbounded"),
        pytest.param(UNBOUNDED, BOUNDED, BOUNDED, id="unbounded may be bounded"),
        pytest.param(BOUNDED, "2097-01-01T00:00:00Z", "2097-01-01T00:00:00Z", id="shortened"),
        pytest.param(BOUNDED, BOUNDED, BOUNDED, id="the same"),
        pytest.param(BOUNDED, "2098-01-01T00:00:00.900Z", BOUNDED, id="the same, but for a fraction"),
        pytest.param(BOUNDED, "2098-01-01T00:00:01Z", 422, id="extended by a second"),
        pytest.param(BOUNDED, None, 422, id="left out"),
        pytest.param(UNBOUNDED, "2001-01-01T00:00:00Z", 422, id="in the past"),
        pytest.param(BOUNDED, "2001-01-01T00:00:00Z", 422, id="shortened into the past"),
    ],
)
def test_the_expiry_of_a_refresh(
    beta: Client, former: str | None, given: str | None, expected: str | int | None
) -> None:
    made = beta.create(**({"expires_at": former} if former else {}))
    answer = beta.refresh(made["id"], **({"expires_at": given} if given else {}))
    assert (answer.json().get("expires_at") if answer.status_code == 200 else answer.status_code) == expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param("inherit", BOUNDED, id="inherit: the old key's"),
        pytest.param("unbounded", None, id="unbounded: none"),
    ],
)
def test_an_expiry_left_out_becomes_what_is_chosen(opened: OpenClient, choice: str, expected: str | None) -> None:
    client = opened(omitted_expiry=choice)
    made = client.create(expires_at=BOUNDED)
    assert client.refresh(made["id"]).json().get("expires_at") == expected


def test_an_expired_key_inherits_no_life(opened: OpenClient) -> None:
    client = opened(omitted_expiry="inherit")
    made = client.create(expires_at=client.now_plus(60))
    client.advance(61)
    assert client.refresh(made["id"]).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"grace_period_seconds": -1}, id="grace below zero"),
        pytest.param({"grace_period_seconds": 86_401}, id="grace above a day"),
        pytest.param({"grace_period_seconds": "60"}, id="grace as text"),
        pytest.param({"grace_period_seconds": True}, id="grace as truth"),
        pytest.param({"expires_at": None}, id="null is no time"),
        pytest.param({"overlap": 60}, id="unknown field"),
    ],
)
def test_a_refresh_refuses_with_400(beta: Client, body: Json) -> None:
    made = beta.create()
    assert beta.refresh(made["id"], **body).status_code == 400
    assert beta.works(made["key"])


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_a_refresh_shows_no_bot_user_and_keeps_it(opened: OpenClient, refresh_id: str) -> None:
    client = opened(refresh_id=refresh_id)
    made = client.create_service(description="d")
    renewed = client.refresh(made["id"]).json()
    assert set(renewed) == SEVEN_FIELDS | {"key", "description"}
    assert client.listed(space_id=PRODUCTION)[0]["bot_user"]["id"] == made["bot_user"]["id"]
    assert client.listed(key_type="SERVICE")[0]["bot_user"] == made["bot_user"]


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_within_grace_both_raw_keys_work_and_then_the_new_one_alone(opened: OpenClient, refresh_id: str) -> None:
    client = opened(refresh_id=refresh_id)
    made = client.create()
    renewed = client.refresh(made["id"], grace_period_seconds=300).json()
    client.advance(299)
    assert client.works(made["key"])
    client.advance(2)
    assert [client.works(raw) for raw in (made["key"], renewed["key"])] == [False, True]


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_grace_never_outlives_the_old_keys_own_expiry(opened: OpenClient, refresh_id: str) -> None:
    client = opened(refresh_id=refresh_id)
    expiry = client.now_plus(60)
    made = client.create(expires_at=expiry)
    client.refresh(made["id"], grace_period_seconds=300, expires_at=expiry)
    client.advance(61)
    assert not client.works(made["key"])


def test_the_old_raw_key_outlives_a_shorter_expiry_of_the_new_one(opened: OpenClient) -> None:
    client = opened(refresh_id="same")
    made = client.create()
    renewed = client.refresh(made["id"], grace_period_seconds=300, expires_at=client.now_plus(60)).json()
    client.advance(61)
    assert [client.works(raw) for raw in (made["key"], renewed["key"])] == [True, False]


def test_under_a_new_id_grace_lists_both_keys_with_their_expiries(beta: Client) -> None:
    made = beta.create()
    renewed = beta.refresh(made["id"], grace_period_seconds=300).json()
    old, new = beta.listed()[1:]
    assert (old["id"], new["id"]) == (made["id"], renewed["id"])
    assert beta.now_plus(290)[:19] < old["expires_at"][:19] <= beta.now_plus(300)[:19]
    assert "expires_at" not in new


def test_revoking_ends_every_raw_key_of_an_id(opened: OpenClient) -> None:
    client = opened(refresh_id="same")
    made = client.create()
    renewed = client.refresh(made["id"], grace_period_seconds=300).json()
    client.end(made["id"])
    assert [client.works(raw) for raw in (made["key"], renewed["key"])] == [False, False]


def test_a_revoked_key_is_refreshed_no_more(beta: Client) -> None:
    made = beta.create()
    beta.end(made["id"])
    assert beta.refresh(made["id"]).status_code == 422


def test_revoking_again_changes_nothing(beta: Client) -> None:
    made = beta.create()
    assert [beta.end(made["id"]).status_code for _ in range(2)] == [204, 204]


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_a_single_key_takes_no_method(beta: Client, method: str) -> None:
    made = beta.create()
    assert beta.request(method, f"/v2/api-keys/{made['id']}").status_code == 405
    assert beta.works(made["key"])


DAY = 86_400


@pytest.mark.parametrize(
    ("wanted_seconds", "status"),
    [
        pytest.param(None, 201, id="left out: filled in"),
        pytest.param(DAY - 60, 201, id="within"),
        pytest.param(DAY + 60, 422, id="beyond"),
    ],
)
def test_a_maximum_lifetime_bounds_new_keys(opened: OpenClient, wanted_seconds: int | None, status: int) -> None:
    client = opened(max_lifetime=timedelta(days=1))
    wish = {} if wanted_seconds is None else {"expires_at": client.now_plus(wanted_seconds)}
    answer = client.post("/v2/api-keys", json={"key_type": "USER", "name": "x", **wish})
    assert answer.status_code == status
    assert status != 201 or answer.json()["expires_at"][:19] <= client.now_plus(DAY)[:19]


def test_a_maximum_lifetime_bounds_what_an_unbounded_key_becomes(opened: OpenClient) -> None:
    client = opened(max_lifetime=timedelta(days=1))
    first = client.listed()[0]
    assert "expires_at" not in first
    assert "expires_at" in client.refresh(first["id"]).json()


def test_a_maximum_lifetime_can_be_longer_than_the_calendar(opened: OpenClient) -> None:
    client = opened(max_lifetime=timedelta(days=999_999_999))
    assert client.create()["expires_at"].startswith("9999-12-31")


def test_a_space_shows_its_organization(beta: Client) -> None:
    space = beta.get(f"/v2/spaces/{RESEARCH}").json()
    assert set(space) == {"id", "name", "description", "created_at", "is_private", "organization_id"}
    assert (space["name"], space["organization_id"]) == ("research", LABS)


def test_an_unknown_organization_is_not_found(beta: Client) -> None:
    assert beta.get("/v2/spaces", params={"org_id": UNKNOWN_ORGANIZATION}).status_code == 404


def test_problems_have_the_types_of_the_vendors_errors_page(beta: Client) -> None:
    body = beta.end(UNKNOWN_KEY).json()
    assert body["type"] == "https://arize.com/docs/ax/rest-reference/errors#resource-not-found"
    assert (body["status"], body["title"]) == (404, "Not Found")
