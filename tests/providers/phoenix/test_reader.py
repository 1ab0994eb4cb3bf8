"""What is listed, and what is no listing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from samples import make_desired
from simulated_phoenix import ADMIN_KEY, CREATOR, URL, Phoenix, page, plain

from keyplan.errors import InputError, ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import FromEnvironment, KeyType, ScopeByName

USER = {"id": CREATOR, "username": "jo", "email": "jo@example.com"}
MARKED = make_desired(key_type=KeyType.SYSTEM)


def test_system_keys_and_keys_of_users_are_listed_sorted_by_id(phoenix: Phoenix) -> None:
    system, user = phoenix.add(name="ci"), phoenix.add("UserApiKey", name="own", user=USER)
    keys = phoenix.provider().reader.list_keys([])
    assert [(key.id, key.key_type, key.created_by) for key in keys] == [
        (system, KeyType.SYSTEM, ""),
        (user, KeyType.USER, CREATOR),
    ]


def test_a_marker_counts_on_a_system_key_alone(phoenix: Phoenix) -> None:
    phoenix.add(name="ci", description=MARKED.full_description)
    phoenix.add("UserApiKey", name="ci", description=MARKED.full_description, user=USER)
    system, user = phoenix.provider().reader.list_keys([])
    assert (system.marker, system.description) == (MARKED.marker, MARKED.shown_description)
    assert (user.marker, user.description) == (None, MARKED.full_description)


def test_a_users_key_without_a_user_has_no_creator(phoenix: Phoenix) -> None:
    phoenix.add("UserApiKey", name="own", user=None)
    assert [key.created_by for key in phoenix.provider().reader.list_keys([])] == [""]


@pytest.mark.parametrize(
    ("shown", "instant"),
    [
        ("2027-01-02T08:34:05.000007+05:30", datetime(2027, 1, 2, 3, 4, 5, 7, tzinfo=UTC)),
        ("2027-01-02T03:04:05Z", datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2027-01-02T03:04:05", datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (None, None),
    ],
)
def test_times_are_instants_whatever_their_offset(
    phoenix: Phoenix, shown: str | None, instant: datetime | None
) -> None:
    phoenix.add(name="ci", expires_at=shown)
    assert [key.expires_at for key in phoenix.provider().reader.list_keys([])] == [instant]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({"name": "ci", "created_at": "2026-01-01T00:00:00Z"}, id="no id"),
        pytest.param({"id": "x", "name": "ci"}, id="no creation"),
        pytest.param({"id": "x", "name": "ci", "created_at": "soon-SECRET"}, id="no time"),
        pytest.param({"id": "x", "created_at": "2026-01-01T00:00:00Z", "expires_at": 7}, id="no time of expiry"),
        pytest.param({"id": "x", "created_at": "0001-01-01T00:00:00+09:00"}, id="before the year 1"),
        pytest.param("text", id="no object"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/system/api_keys", "/v1/users/api_keys"])
def test_a_key_that_cannot_be_understood_fails_the_listing(phoenix: Phoenix, path: str, item: object) -> None:
    phoenix.plant("GET", path, httpx.Response(200, json={"data": [item], "next_cursor": None}))
    with pytest.raises(ProviderUnavailableError, match=URL) as caught:
        phoenix.provider().reader.list_keys([])
    assert "provider.base_url" in caught.value.advice
    assert "SECRET" not in str(caught.value)


def test_half_a_character_in_a_name_does_not_end_a_listing(phoenix: Phoenix) -> None:
    body = b'{"data": [{"id": "x", "name": "\\ud800", "created_at": "2026-01-01T00:00:00Z"}]}'
    phoenix.plant("GET", "/v1/system", httpx.Response(200, content=body))
    assert [key.name for key in phoenix.provider().reader.list_keys([])] == ["?"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(page(), id="the web app"),
        pytest.param(httpx.Response(200, text="OK"), id="text"),
        pytest.param(httpx.Response(200, content=b'{"data": ['), id="truncated"),
        pytest.param(httpx.Response(200, json=[]), id="another JSON value"),
        pytest.param(httpx.Response(200, json={"data": None}), id="no list"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/system/api_keys", "/v1/users/api_keys"])
def test_an_answer_that_is_no_listing_is_an_error(phoenix: Phoenix, path: str, answer: httpx.Response) -> None:
    phoenix.plant("GET", path, answer)
    with pytest.raises(ProviderUnavailableError):
        phoenix.provider().reader.list_keys([])


def test_the_web_app_in_place_of_a_listing_is_answered_with_advice(phoenix: Phoenix) -> None:
    phoenix.plant("GET", "/v1/system", page())
    with pytest.raises(ProviderUnavailableError, match=r"list system keys: .*web page") as caught:
        phoenix.provider().reader.list_keys([])
    assert "provider.base_url" in caught.value.advice


def test_keys_of_users_come_in_pages(phoenix: Phoenix) -> None:
    for number in range(1001):
        phoenix.add("UserApiKey", name=f"own-{number}", user=USER)
    assert len(phoenix.provider().reader.search_keys(key_type=KeyType.USER, active=True, scope_id=None)) == 1001
    assert phoenix.lines() == [
        "GET /v1/users/api_keys?limit=1000",
        "GET /v1/users/api_keys?limit=1000&cursor=1000",
    ]


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([{"data": [], "next_cursor": "a"}], id="an empty page with a next one"),
        pytest.param([{"data": [1], "next_cursor": 7}], id="a cursor that is no text"),
        pytest.param([{"data": [1], "next_cursor": "a"}, {"data": [1], "next_cursor": "a"}], id="a repeated cursor"),
    ],
)
def test_pages_without_end_are_an_error(phoenix: Phoenix, answers: list[dict[str, object]]) -> None:
    key = {"id": "x", "created_at": "2026-01-01T00:00:00Z", "user": USER}
    given = [{**answer, "data": [key] if answer["data"] else []} for answer in answers]
    phoenix.plant("GET", "/v1/users", *(httpx.Response(200, json=answer) for answer in given))
    with pytest.raises(ProviderUnavailableError, match="the pages have no end"):
        phoenix.provider().reader.list_keys([])


@pytest.mark.parametrize("kind", ["SystemApiKey", "UserApiKey"])
def test_a_listing_beyond_the_limit_is_an_error_and_never_cut_off(phoenix: Phoenix, kind: str) -> None:
    for _ in range(3):
        phoenix.add(kind, name="ci", **({"user": USER} if kind == "UserApiKey" else {}))
    with pytest.raises(ProviderUnavailableError, match="lists more than 2") as caught:
        phoenix.provider(max_keys=2).reader.list_keys([])
    assert "provider.max_keys" in caught.value.advice


def test_a_search_for_dead_keys_asks_nothing(phoenix: Phoenix) -> None:
    assert phoenix.provider().reader.search_keys(key_type=KeyType.SYSTEM, active=False, scope_id=None) == ()
    assert phoenix.requests == []


@pytest.mark.parametrize(
    ("key_type", "paths"),
    [
        (KeyType.SYSTEM, ["/v1/system/api_keys"]),
        (KeyType.USER, ["/v1/users/api_keys"]),
        (None, ["/v1/system/api_keys", "/v1/users/api_keys"]),
        (KeyType.SERVICE, []),
    ],
)
def test_a_search_asks_for_the_wanted_types_alone(phoenix: Phoenix, key_type: KeyType | None, paths: list[str]) -> None:
    phoenix.provider().reader.search_keys(key_type=key_type, active=None, scope_id=None)
    assert [request.url.path for request in phoenix.requests] == paths


def test_phoenix_has_no_scopes(phoenix: Phoenix) -> None:
    reader = phoenix.provider().reader
    assert reader.find_scopes([]) == {}
    with pytest.raises(InputError, match="keys of Phoenix have no space"):
        reader.find_scopes([ScopeByName("production")])
    with pytest.raises(InputError, match="keys of Phoenix have no space"):
        reader.search_keys(key_type=None, active=None, scope_id=ScopeId("x"))


@pytest.mark.parametrize(
    ("status", "said", "advice"),
    [
        (401, "Invalid token", "check PHOENIX_ADMIN_SECRET"),
        (403, "Only admin or system users can perform this action.", "a system key was presented"),
        (403, "This action requires authentication to be enabled. Please", "start it with PHOENIX_ENABLE_AUTH=True"),
        (403, "Something else", "check PHOENIX_ADMIN_SECRET"),
    ],
)
def test_a_denial_says_which_credential_is_needed(phoenix: Phoenix, status: int, said: str, advice: str) -> None:
    phoenix.plant("GET", "/v1/system", plain(status, said))
    with pytest.raises(ProviderDeniedError, match=f"list system keys: {status}") as caught:
        phoenix.provider().reader.list_keys([])
    assert advice in caught.value.advice
    assert said not in str(caught.value)


def test_a_refusal_never_quotes_what_was_sent(phoenix: Phoenix) -> None:
    answer = httpx.Response(422, json={"detail": [{"type": "t", "loc": ["query"], "input": "SECRET"}]})
    phoenix.plant("GET", "/v1/users", answer)
    with pytest.raises(ProviderRefusedError) as caught:
        phoenix.provider().reader.list_keys([])
    assert "SECRET" not in f"{caught.value}{caught.value.advice}"


def test_a_listing_is_repeated_after_a_failure_and_a_throttle(phoenix: Phoenix) -> None:
    phoenix.add(name="ci")
    phoenix.plant("GET", "/v1/system", plain(500, "Internal Server Error"), httpx.ReadError("reset"), plain(429, ""))
    assert len(phoenix.provider().reader.list_keys([])) == 1


def test_the_reader_presents_its_own_credential(phoenix: Phoenix) -> None:
    ports = phoenix.reader(FromEnvironment("READER"))
    ports.reader.list_keys([])
    assert {request.headers["Authorization"] for request in phoenix.requests} == {f"Bearer {ADMIN_KEY}"}
    ports.close()


def test_a_reader_holds_nothing_that_could_change_keys(phoenix: Phoenix) -> None:
    client = phoenix.reader().reader._client  # type: ignore[attr-defined]  # the port hides its client
    assert not hasattr(client, "issue")


def test_nothing_is_presented_and_the_skew_is_known_after_an_answer(phoenix: Phoenix) -> None:
    reader = phoenix.provider().reader
    assert not reader.presents("eyJ...sss")
    assert not reader.laws().shows_redacted
    assert reader.clock_skew() is None
    reader.list_keys([])
    skew = reader.clock_skew()
    assert skew is not None
    assert abs(skew) < timedelta(seconds=1)
    assert reader.base_url == URL
