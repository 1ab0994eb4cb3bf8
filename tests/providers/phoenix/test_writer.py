"""What is sent to change something, and what is read from the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from samples import make_desired
from simulated_phoenix import ADMIN_KEY, NEVER_ISSUED, Phoenix, page, plain

from keyplan.errors import (
    InDoubtError,
    InputError,
    KeyplanError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.identity import KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.secret import RawKey

RAW = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJBcGlLZXk6OSJ9." + "c" * 43
EXPIRY = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
DESIRED = make_desired("ci", key_type=KeyType.SYSTEM, description="For CI")
WHOLE = {"id": "x", "name": "ci", "created_at": "2026-01-01T00:00:00Z", "key": RAW}


def test_a_create_sends_name_marked_description_and_expiry_once(phoenix: Phoenix) -> None:
    made = phoenix.provider().writer.create(DESIRED, expires_at=EXPIRY)
    assert phoenix.lines() == ["POST /v1/system/api_keys"]
    assert phoenix.bodies() == [
        {"data": {"name": "ci", "description": DESIRED.full_description, "expires_at": "2027-01-02T03:04:05+00:00"}}
    ]
    assert (made.key.key_type, made.key.marker, made.key.expires_at) == (KeyType.SYSTEM, DESIRED.marker, EXPIRY)


def test_a_create_leaves_out_what_is_empty(phoenix: Phoenix) -> None:
    bare = make_desired("ci", key_type=KeyType.SYSTEM)
    unmarked = type(bare)(declaration=bare.declaration, identity=bare.identity, marker=None, access=None)
    phoenix.provider().writer.create(unmarked, expires_at=None)
    assert phoenix.bodies() == [{"data": {"name": "ci"}}]


def test_an_expiry_of_another_offset_is_the_same_instant_in_answer_and_listing(phoenix: Phoenix) -> None:
    ports = phoenix.provider()
    local = EXPIRY.astimezone(timezone(timedelta(hours=5, minutes=30)))
    made = ports.writer.create(DESIRED, expires_at=local)
    assert made.key.expires_at == EXPIRY
    assert made.key.expires_at.tzinfo is UTC
    assert [key.expires_at for key in ports.reader.list_keys([])] == [EXPIRY]


def test_a_users_key_is_not_created(phoenix: Phoenix) -> None:
    with pytest.raises(InputError, match="lets users alone create keys of users"):
        phoenix.provider().writer.create(make_desired("ci", key_type=KeyType.USER), expires_at=None)
    assert phoenix.requests == []


@pytest.mark.parametrize("name", [" ci", "ci\n", "\u00a0ci"])
def test_a_name_that_the_server_would_strip_is_refused(phoenix: Phoenix, name: str) -> None:
    with pytest.raises(InputError, match="removes white space around names"):
        phoenix.provider().writer.create(make_desired(name, key_type=KeyType.SYSTEM), expires_at=None)
    assert phoenix.requests == []


def test_a_refresh_is_refused_by_law(phoenix: Phoenix) -> None:
    with pytest.raises(InputError, match="law has_refresh") as caught:
        phoenix.provider().writer.refresh(KeyId("x"), expires_at=None, grace=timedelta(0))
    assert "replace it" in caught.value.advice
    assert phoenix.requests == []


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(plain(500, "Internal Server Error"), id="the server fails"),
        pytest.param(httpx.ReadError("Connection reset by peer"), id="a kept connection that was closed"),
        pytest.param(httpx.RemoteProtocolError("Server disconnected"), id="no answer on a kept connection"),
        pytest.param(httpx.WriteError("Broken pipe"), id="closed while the request was sent"),
        pytest.param(httpx.ReadTimeout("late"), id="a lost answer"),
        pytest.param(page(), id="a web page"),
        pytest.param(httpx.Response(201, content=b'{"data": {"id'), id="truncated"),
        pytest.param(httpx.Response(201, json={}), id="no data"),
        pytest.param(httpx.Response(201, json={"data": {**WHOLE, "key": ""}}), id="an empty raw key"),
        pytest.param(httpx.Response(201, json={"data": {**WHOLE, "key": "a\nb"}}), id="no raw key that can be sent"),
        pytest.param(httpx.Response(201, json={"data": {**WHOLE, "id": None}}), id="no id"),
        pytest.param(httpx.Response(201, json={"data": {**WHOLE, "created_at": RAW}}), id="no time"),
    ],
)
def test_a_create_is_in_doubt_and_not_repeated(phoenix: Phoenix, trouble: httpx.Response | Exception) -> None:
    phoenix.plant("POST", "/v1/system", trouble)
    with pytest.raises(InDoubtError, match="create key 'ci'") as caught:
        phoenix.provider().writer.create(DESIRED, expires_at=None)
    assert phoenix.lines() == ["POST /v1/system/api_keys"]
    assert RAW not in f"{caught.value!r}{caught.value.advice}{caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (plain(401, "Invalid token"), ProviderDeniedError),
        (plain(403, "API keys cannot create API keys"), ProviderDeniedError),
        (plain(405, "Method Not Allowed"), ProviderRefusedError),
        (httpx.Response(422, json={"detail": [{"input": "For CI", "msg": "x"}]}), ProviderRefusedError),
    ],
    ids=["unauthorized", "forbidden", "another server", "invalid"],
)
def test_a_refused_create_did_nothing(phoenix: Phoenix, trouble: httpx.Response, error: type[KeyplanError]) -> None:
    phoenix.plant("POST", "/v1/system", trouble)
    with pytest.raises(error) as caught:
        phoenix.provider().writer.create(DESIRED, expires_at=None)
    assert "For CI" not in f"{caught.value}{caught.value.advice}"


def test_the_key_of_an_administrator_cannot_create_and_the_advice_says_so(phoenix: Phoenix) -> None:
    phoenix.credential = ADMIN_KEY
    ports = phoenix.provider()
    with pytest.raises(ProviderDeniedError) as caught:
        ports.writer.create(DESIRED, expires_at=None)
    assert "use the admin secret of the server" in caught.value.advice
    assert ports.reader.list_keys([]) == ()


def test_a_create_is_sent_again_after_a_throttle_or_if_nothing_was_sent(phoenix: Phoenix) -> None:
    phoenix.plant("POST", "/v1/system", plain(429, ""), httpx.ConnectError("refused"))
    phoenix.provider().writer.create(DESIRED, expires_at=None)
    assert len(phoenix.keys) == 1


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("SystemApiKey", "/v1/system/api_keys/U3lzdGVtQXBpS2V5OjI%3D"),
        ("UserApiKey", "/v1/user/api_keys/VXNlckFwaUtleToy"),
    ],
)
def test_a_key_is_deleted_where_its_type_lives_and_twice_is_no_error(phoenix: Phoenix, kind: str, path: str) -> None:
    key_id = phoenix.add(kind, name="ci", **({"user": {}} if kind == "UserApiKey" else {}))
    writer = phoenix.provider().writer
    writer.delete(KeyId(key_id))
    assert phoenix.keys == {}
    writer.delete(KeyId(key_id))
    assert phoenix.lines() == [f"DELETE {path}"] * 2


def test_an_id_of_another_provider_is_left_to_the_server(phoenix: Phoenix) -> None:
    phoenix.plant("DELETE", "/v1/system", plain(422, "Invalid SystemApiKey GlobalID format: ../x"))
    with pytest.raises(ProviderRefusedError):
        phoenix.provider().writer.delete(KeyId("../x"))
    assert phoenix.lines() == ["DELETE /v1/system/api_keys/..%2Fx"]


@pytest.mark.parametrize("status", [200, 404])
def test_a_web_page_does_not_say_that_a_key_is_gone(phoenix: Phoenix, status: int) -> None:
    key_id = phoenix.add(name="ci")
    phoenix.plant("DELETE", "/v1/system", *(page(status) for _ in range(99)))
    with pytest.raises((ProviderUnavailableError, ProviderRefusedError)) as caught:
        phoenix.provider().writer.delete(KeyId(key_id))
    assert "web page" in str(caught.value)


def test_a_delete_is_repeated_after_a_lost_answer(phoenix: Phoenix) -> None:
    key_id = phoenix.add(name="ci")
    phoenix.plant("DELETE", "/v1/system", httpx.ReadError("reset"), plain(500, ""))
    phoenix.provider().writer.delete(KeyId(key_id))
    assert phoenix.keys == {}


def test_a_raw_key_works_until_it_is_deleted(phoenix: Phoenix) -> None:
    writer = phoenix.provider().writer
    made = writer.create(DESIRED, expires_at=None)
    assert writer.verify(made.raw)
    writer.delete(made.key.id)
    assert not writer.verify(made.raw)
    assert not writer.verify(RawKey(NEVER_ISSUED))


def test_a_check_presents_the_raw_key_alone(phoenix: Phoenix) -> None:
    phoenix.provider().writer.verify(RawKey(RAW))
    assert phoenix.lines() == ["GET /v1/user"]
    assert phoenix.requests[0].headers["Authorization"] == f"Bearer {RAW}"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(page(), id="the web app"),
        pytest.param(page(401), id="a login page with 401"),
        pytest.param(plain(403, "Forbidden"), id="forbidden"),
        pytest.param(plain(404, "Not Found"), id="another server"),
        pytest.param(httpx.Response(200, text="OK"), id="text"),
        pytest.param(httpx.Response(200, json={"data": None}), id="no user"),
        pytest.param(httpx.Response(200, json={"data": {"id": ""}}), id="a user without an id"),
        pytest.param(httpx.Response(302, headers={"Location": "/login"}), id="a redirect"),
    ],
)
def test_an_answer_that_names_no_user_says_nothing_of_a_key(phoenix: Phoenix, answer: httpx.Response) -> None:
    phoenix.plant("GET", "/v1/user", answer)
    with pytest.raises(ProviderUnavailableError, match="verify a new raw key") as caught:
        phoenix.provider().writer.verify(RawKey(RAW))
    assert RAW not in f"{caught.value}{caught.value.advice}"


def test_a_check_is_repeated_after_a_failure(phoenix: Phoenix) -> None:
    phoenix.plant("GET", "/v1/user", plain(500, ""), httpx.ReadError("reset"))
    assert not phoenix.provider().writer.verify(RawKey(RAW))
