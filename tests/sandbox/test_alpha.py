"""The alpha generation's laws (docs/arize-api.md, A1), each as SDK 8.10.0 relies on it."""

from __future__ import annotations

import pytest
from sandbox.sandbox_client import ACME, FIRST_USER, PRODUCTION, UNKNOWN_KEY, UNKNOWN_SPACE, Client, Json, OpenClient

SEVEN_FIELDS = {"id", "name", "key_type", "status", "redacted_key", "created_at", "created_by_user_id"}


def test_a_bare_key_has_exactly_the_seven_fields_and_its_raw_key(alpha: Client) -> None:
    assert set(alpha.create()) == SEVEN_FIELDS | {"key"}


def test_a_full_key_has_description_and_expiry_too(alpha: Client) -> None:
    made = alpha.create(description="d", expires_at="2099-01-02T03:04:05+00:00")
    assert set(made) == SEVEN_FIELDS | {"key", "description", "expires_at"}
    assert made["expires_at"] == "2099-01-02T03:04:05Z"


def test_a_service_key_shows_nothing_of_its_space(alpha: Client) -> None:
    alpha.create_service()
    assert set(alpha.listed(key_type="service")[0]) == SEVEN_FIELDS


def test_words_are_lower_case(alpha: Client) -> None:
    made = alpha.create()
    assert (made["key_type"], made["status"]) == ("user", "active")
    alpha.end(made["id"])
    assert [key["status"] for key in alpha.listed(status="deleted")] == ["deleted"]


def test_a_key_without_type_is_a_user_key(alpha: Client) -> None:
    assert alpha.post("/v2/api-keys", json={"name": "x"}).json()["key_type"] == "user"


def test_a_listing_holds_the_callers_own_keys_of_both_types(alpha: Client) -> None:
    alpha.create("a")
    alpha.create_service("b")
    assert alpha.names() == ["a", "b"]
    assert alpha.names(key_type="user") == ["a"]
    assert alpha.names(key_type="service") == ["b"]


@pytest.mark.parametrize(
    "query",
    [
        pytest.param({"space_id": PRODUCTION}, id="no space filter before 8.23"),
        pytest.param({"user_id": FIRST_USER}, id="no creator filter before 8.23"),
        pytest.param({"key_type": "USER"}, id="upper-case type is of 8.40"),
        pytest.param({"status": "ACTIVE"}, id="upper-case status is of 8.40"),
        pytest.param({"status": "revoked"}, id="revoked is of 8.34"),
        pytest.param({"limit": "0"}, id="limit too small"),
        pytest.param({"limit": "101"}, id="limit too large"),
        pytest.param({"limit": "1_0"}, id="limit no plain number"),
        pytest.param({"cursor": "nonsense"}, id="cursor not ours"),
        pytest.param({"côlour": "red"}, id="parameter of no generation"),
    ],
)
def test_a_listing_refuses_with_400(alpha: Client, query: dict[str, str]) -> None:
    answer = alpha.get("/v2/api-keys", params=query)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"name": "x", "key_type": "service"}, 400, id="service key without space"),
        pytest.param({"name": "x", "space_id": PRODUCTION}, 400, id="user key with space"),
        pytest.param({"name": "x", "roles": {}}, 400, id="user key with roles"),
        pytest.param({"name": "x", "key_type": "service", "space_id": "nope"}, 400, id="malformed space id"),
        pytest.param({"name": "x", "key_type": "service", "space_id": UNKNOWN_SPACE}, 404, id="unknown space"),
        pytest.param({"name": "x", "key_type": "USER"}, 400, id="upper-case type"),
        pytest.param({"name": "x", "organizations": []}, 400, id="beta body"),
        pytest.param({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, 400, id="expiry in the past"),
    ],
)
def test_create_refuses(alpha: Client, body: Json, status: int) -> None:
    assert alpha.post("/v2/api-keys", json=body).status_code == status
    assert alpha.names() == []


@pytest.mark.parametrize(
    ("roles", "status"),
    [
        pytest.param({}, 201, id="defaults"),
        pytest.param({"space_role": "read-only", "org_role": "admin", "account_role": "member"}, 201, id="every role"),
        pytest.param({"account_role": "read-only"}, 400, id="account role below member"),
        pytest.param({"space_role": "READ_ONLY"}, 400, id="upper-case role"),
        pytest.param({"team_role": "admin"}, 400, id="unknown level"),
        pytest.param("admin", 400, id="not an object"),
    ],
)
def test_roles_of_a_service_key(alpha: Client, roles: object, status: int) -> None:
    body = {"name": "x", "key_type": "service", "space_id": PRODUCTION, "roles": roles}
    assert alpha.post("/v2/api-keys", json=body).status_code == status


def test_a_key_refreshed_without_expiry_never_expires(alpha: Client) -> None:
    made = alpha.create(expires_at="2099-01-01T00:00:00Z")
    assert "expires_at" not in alpha.refresh(made["id"]).json()


def test_a_refresh_may_extend_a_life(alpha: Client) -> None:
    made = alpha.create(expires_at="2098-01-01T00:00:00Z")
    answer = alpha.refresh(made["id"], expires_at="2099-01-01T00:00:00Z")
    assert answer.json()["expires_at"] == "2099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"grace_period_seconds": 10}, id="grace is of 8.31"),
        pytest.param({"expires_at": "2001-01-01T00:00:00Z"}, id="expiry in the past"),
        pytest.param({"expires_at": "tomorrow"}, id="no time"),
    ],
)
def test_a_refresh_refuses_with_400(alpha: Client, body: Json) -> None:
    made = alpha.create()
    assert alpha.refresh(made["id"], **body).status_code == 400
    assert alpha.works(made["key"])


def test_a_deleted_key_is_not_found_by_a_refresh(alpha: Client) -> None:
    made = alpha.create()
    alpha.end(made["id"])
    assert alpha.refresh(made["id"]).status_code == 404


@pytest.mark.parametrize("status", [204, 404])
def test_a_second_delete_answers_as_chosen(opened: OpenClient, status: int) -> None:
    client = opened(api="alpha", second_delete=status)
    made = client.create()
    assert [client.end(made["id"]).status_code for _ in range(2)] == [204, status]


def test_no_user_refreshes_or_deletes_another_users_key(opened: OpenClient) -> None:
    client = opened(api="alpha", second_user=True)
    other = next(key for key in client.get("/_sandbox/keys").json()["keys"] if "second" in key["name"])
    assert client.refresh(other["id"]).status_code == 400
    assert client.end(other["id"]).status_code == 404


def test_there_is_no_revoke(alpha: Client) -> None:
    made = alpha.create()
    assert alpha.put(f"/v2/api-keys/{made['id']}/revoke").status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_a_single_key_takes_delete_alone(alpha: Client, method: str) -> None:
    answer = alpha.request(method, f"/v2/api-keys/{UNKNOWN_KEY}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")


def test_a_space_shows_its_four_fields(alpha: Client) -> None:
    for space in alpha.get("/v2/spaces").json()["spaces"]:
        assert set(space) == {"id", "name", "description", "created_at"}


def test_an_unknown_organization_is_a_bad_filter(alpha: Client) -> None:
    assert alpha.get("/v2/spaces", params={"org_id": UNKNOWN_KEY}).status_code == 400
    assert alpha.get("/v2/spaces", params={"org_id": ACME}).status_code == 200


def test_problems_have_the_types_of_their_time(alpha: Client) -> None:
    body = alpha.end(UNKNOWN_KEY).json()
    assert body["type"] == "https://example.com/probs/resource-not-found"
    assert set(body) == {"type", "title", "status", "detail"}
