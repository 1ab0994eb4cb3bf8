"""What is sent to change something, and what is read from the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from samples import make_desired
from scripted_arize import Arize

from keyplan.errors import InDoubtError, InputError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.secret import RawKey

RAW = "ak-canary00000000000"
EXPIRY = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
NO_GRACE = timedelta(0)


def issued(**fields: Any) -> httpx.Response:
    return httpx.Response(201, json={"id": "key-1", "key_type": "USER", "name": "ci", "key": RAW, **fields})


def test_a_create_returns_the_key_and_its_raw_key(arize: Arize) -> None:
    arize.on("POST", "/v2/api-keys", issued(expires_at="2027-01-01T00:00:00Z"))
    made = arize.provider().writer.create(make_desired(), expires_at=EXPIRY)
    assert (made.key.id, made.key.key_type, made.raw.reveal()) == ("key-1", KeyType.USER, RAW)
    # An account may cut the life that was asked for (docs/arize-api.md, A21): what the answer says counts.
    assert made.key.expires_at == datetime(2027, 1, 1, tzinfo=UTC)
    assert made.key.active


def test_a_create_sends_json_once(arize: Arize) -> None:
    arize.on("POST", "/v2/api-keys", issued())
    arize.provider().writer.create(make_desired(), expires_at=None)
    assert arize.lines() == ["POST /v2/api-keys"]
    assert arize.requests[0].headers["Content-Type"] == "application/json"
    assert arize.bodies()[0]["key_type"] == "USER"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_success_with_a_raw_key_is_a_success(arize: Arize, status: int) -> None:
    arize.on("POST", "/v2/api-keys", httpx.Response(status, json={"id": "key-1", "key": RAW}))
    assert arize.provider().writer.create(make_desired(), expires_at=None).key.id == "key-1"


def test_a_create_without_an_id_is_in_doubt(arize: Arize) -> None:
    arize.on("POST", "/v2/api-keys", issued(id=None))
    with pytest.raises(InDoubtError, match="create key 'ci': the server's answer has no id") as caught:
        arize.provider().writer.create(make_desired(), expires_at=None)
    assert RAW not in repr(caught.value)


@pytest.mark.parametrize(("answered", "expected"), [("key-2", "key-2"), ("key/1=", "key/1="), (None, "key/1=")])
def test_a_refresh_returns_the_id_of_the_answer(arize: Arize, answered: str | None, expected: str) -> None:
    arize.on("POST", "/v2/api-keys/key%2F1%3D/refresh", issued(id=answered))
    refreshed = arize.provider().writer.refresh(KeyId("key/1="), expires_at=EXPIRY, grace=timedelta(minutes=5))
    assert refreshed.key.id == expected
    assert arize.bodies() == [{"expires_at": "2027-01-02T03:04:05+00:00", "grace_period_seconds": 300}]


def test_a_refresh_with_nothing_to_say_sends_an_empty_object(arize: Arize) -> None:
    arize.on("POST", "/v2/api-keys/key-1/refresh", issued())
    arize.provider(api="alpha").writer.refresh(KeyId("key-1"), expires_at=None, grace=NO_GRACE)
    assert arize.requests[0].content == b"{}"


def test_a_grace_that_the_dialect_has_not_is_refused_before_anything_is_sent(arize: Arize) -> None:
    with pytest.raises(InputError, match="alpha API grants"):
        arize.provider(api="alpha").writer.refresh(KeyId("key-1"), expires_at=None, grace=timedelta(hours=1))
    assert arize.requests == []


@pytest.mark.parametrize(
    ("api", "line"), [("alpha", "DELETE /v2/api-keys/key-1"), ("beta", "PUT /v2/api-keys/key-1/revoke")]
)
def test_a_delete_is_said_the_dialect_s_way_and_without_a_body(arize: Arize, api: str, line: str) -> None:
    arize.on(line.partition(" ")[0], "/v2/api-keys", httpx.Response(204))
    arize.provider(api=api).writer.delete(KeyId("key-1"))
    assert arize.lines() == [line]
    assert arize.requests[0].content == b""


def test_verifying_asks_for_one_key(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", {"api_keys": []})
    assert arize.provider().writer.verify(RawKey(RAW))
    assert arize.lines() == ["GET /v2/api-keys?limit=1"]


def test_a_service_key_s_access_is_read_from_the_answer(arize: Arize) -> None:
    member = {"type": "PREDEFINED", "name": "MEMBER"}
    organizations = [{"org_id": "O1", "role": member, "spaces": [{"space_id": "S1", "role": member}]}]
    arize.on(
        "POST", "/v2/api-keys", issued(bot_user={"name": "x", "account_role": member, "organizations": organizations})
    )
    key = arize.provider().writer.create(make_desired(), expires_at=None).key
    assert key.scope_ids == {"S1"}
    assert key.access is not None


def test_a_writer_has_no_listing(arize: Arize) -> None:
    assert not hasattr(arize.provider().writer, "list_keys")
