"""What both generations share: who authenticates, what create, refresh and end do to a key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sandbox.sandbox_client import PRODUCTION, UNKNOWN_KEY, Client, OpenClient, bearer


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": ""}, id="no credential"),
        pytest.param({"Authorization": "Basic abc"}, id="another scheme"),
        pytest.param(bearer("ak-nobody"), id="unknown"),
        pytest.param(bearer(""), id="empty"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/api-keys", "/v2/spaces", "/v2/organizations", f"/v2/spaces/{PRODUCTION}"])
def test_nothing_is_answered_without_a_credential(either: Client, path: str, headers: dict[str, str]) -> None:
    answer = either.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_name_of_the_scheme_is_not_case_sensitive(either: Client) -> None:
    made = either.create()
    assert either.get("/v2/spaces", headers={"Authorization": f"bearer {made['key']}"}).status_code == 200


def test_a_raw_key_and_its_redacted_form_have_the_vendors_shape(either: Client) -> None:
    made = either.create()
    raw = made["key"]
    assert (raw[:3], len(raw), raw[3:].isalnum(), raw.lower()) == ("ak-", 53, True, raw)
    assert made["redacted_key"] == f"{raw[:6]}...{raw[-3:]}"


def test_two_keys_may_have_one_name(either: Client) -> None:
    first, second = either.create("twin"), either.create("twin")
    assert first["id"] != second["id"]
    assert either.names() == ["twin", "twin"]


def test_a_service_key_authenticates_and_manages_nothing(either: Client) -> None:
    as_service = bearer(either.create_service()["key"])
    assert either.get("/v2/api-keys", headers=as_service).json()["api_keys"] == []
    assert either.end(UNKNOWN_KEY, headers=as_service).status_code == 403


def test_a_service_key_creates_nothing(alpha: Client) -> None:
    as_service = bearer(alpha.create_service()["key"])
    assert alpha.post("/v2/api-keys", json={"name": "x"}, headers=as_service).status_code == 403


def test_an_ended_key_works_no_more(either: Client) -> None:
    made = either.create()
    assert either.works(made["key"])
    assert either.end(made["id"]).status_code == 204
    assert not either.works(made["key"])


def test_a_key_works_until_its_expiry(either: Client) -> None:
    made = either.create(expires_at=either.now_plus(60))
    either.advance(50)
    assert either.works(made["key"])
    either.advance(11)
    assert not either.works(made["key"])


def test_an_expired_key_stays_active_in_listings(either: Client) -> None:
    either.create(expires_at=either.now_plus(60))
    either.advance(61)
    assert either.names() == ["ci"]


@pytest.mark.parametrize(("api", "dead"), [("alpha", "deleted"), ("beta", "REVOKED")])
def test_an_expired_key_is_listed_as_dead_if_so_chosen(opened: OpenClient, api: str, dead: str) -> None:
    client = opened(api=api, expired_stays_active=False)
    client.create(expires_at=client.now_plus(60))
    assert client.names() == ["ci"]
    client.advance(61)
    assert client.names() == []
    assert [key["status"] for key in client.listed(status=dead)] == [dead]


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_a_refresh_gives_a_new_id_and_ends_the_old_key(opened: OpenClient, api: str) -> None:
    client = opened(api=api, refresh_id="new")
    made = client.create(description="d")
    renewed = client.refresh(made["id"]).json()
    assert renewed["id"] != made["id"]
    assert [key["id"] for key in client.listed()[1:]] == [renewed["id"]]
    assert [client.works(raw) for raw in (made["key"], renewed["key"])] == [False, True]
    assert [renewed[field] for field in ("name", "description")] == ["ci", "d"]


@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_a_refresh_keeps_the_id_if_so_chosen(opened: OpenClient, api: str) -> None:
    client = opened(api=api, refresh_id="same")
    made = client.create(description="d")
    renewed = client.refresh(made["id"]).json()
    assert {name for name in made if made[name] != renewed[name]} == {"key", "redacted_key"}
    assert [key["redacted_key"] for key in client.listed()[1:]] == [renewed["redacted_key"]]
    assert [client.works(raw) for raw in (made["key"], renewed["key"])] == [False, True]


def test_a_refresh_may_come_without_a_body(either: Client) -> None:
    made = either.create()
    assert either.post(f"/v2/api-keys/{made['id']}/refresh").status_code == 200


@pytest.mark.parametrize(("key_id", "status"), [(UNKNOWN_KEY, 404), ("abc", 400), ("YWJj", 400)])
def test_a_key_that_is_not_there(either: Client, key_id: str, status: int) -> None:
    assert either.end(key_id).status_code == status
    assert either.refresh(key_id).status_code == status


def test_an_id_arrives_percent_encoded(either: Client) -> None:
    made = either.create()
    assert either.end(made["id"].replace("=", "%3D")).status_code == 204


@pytest.mark.parametrize("refresh_id", ["new", "same"])
def test_an_expired_key_is_revived_by_an_alpha_refresh(opened: OpenClient, refresh_id: str) -> None:
    client = opened(api="alpha", refresh_id=refresh_id)
    made = client.create(expires_at=client.now_plus(60))
    client.advance(61)
    assert client.works(client.refresh(made["id"]).json()["key"])


def test_a_new_key_shows_in_listings_only_after_the_delay(opened: OpenClient) -> None:
    client = opened(list_delay=timedelta(seconds=10))
    made = client.create_service()
    assert client.names() == client.names(space_id=PRODUCTION) == []
    assert client.works(made["key"])
    client.advance(10)
    assert client.names() == client.names(space_id=PRODUCTION) == ["svc"]
