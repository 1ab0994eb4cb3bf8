"""Which keys a listing shows, and what it does about accounts that vanish."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from scripted_zenml import BASE_URL, CI, Zenml

from keyplan.errors import ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import KeyType
from keyplan.providers.zenml.laws import ZENML_LAWS


def test_a_listing_shows_the_keys_of_all_accounts_sorted_by_id(zenml: Zenml) -> None:
    keys = [zenml.add_key(name, account) for name, account in [("b", "prod"), ("a", "ci"), ("a", "prod")]]
    shown = zenml.provider().reader.list_keys([ScopeId(zenml.account_id())])
    assert [key.id for key in shown] == sorted(key.id for key in keys)
    assert {key.scope_ids for key in shown} == {frozenset([account]) for account in zenml.accounts}


def test_a_key_whose_account_is_no_longer_declared_is_still_seen(zenml: Zenml) -> None:
    # What a complete listing does not show is taken for gone, and would never be deleted.
    key = zenml.add_key("a", "prod")
    assert [shown.id for shown in zenml.provider().reader.list_keys([])] == [key.id]


def test_a_server_without_accounts_has_no_keys(zenml: Zenml) -> None:
    zenml.accounts.clear()
    assert zenml.provider().reader.list_keys([]) == ()


def test_every_listing_asks_for_the_details_that_hold_the_marker(zenml: Zenml) -> None:
    zenml.provider().reader.list_keys([])
    asked = [request for request in zenml.requests if request.url.path.endswith("api_keys")]
    assert [request.url.params["hydrate"] for request in asked] == ["true", "true"]


def test_a_suspended_key_is_listed_as_not_active(zenml: Zenml) -> None:
    zenml.add_key("a", active=False)
    assert [key.active for key in zenml.provider().reader.list_keys([])] == [False]


@pytest.mark.parametrize(("active", "names"), [(True, ["on"]), (False, ["off"]), (None, ["on", "off"])])
def test_a_search_filters_by_state(zenml: Zenml, active: bool | None, names: list[str]) -> None:
    zenml.add_key("on")
    zenml.add_key("off", active=False)
    found = zenml.provider().reader.search_keys(key_type=None, active=active, scope_id=None)
    assert [key.name for key in found] == names


def test_a_search_in_one_account_shows_its_keys_alone(zenml: Zenml) -> None:
    zenml.add_key("a", "ci")
    zenml.add_key("b", "prod")
    reader = zenml.provider().reader
    scope = reader.find_scopes([CI])[CI]
    found = reader.search_keys(key_type=KeyType.SERVICE, active=True, scope_id=scope.id)
    assert [key.name for key in found] == ["a"]


@pytest.mark.parametrize("key_type", [KeyType.USER, KeyType.SYSTEM, KeyType.API])
def test_there_are_service_keys_alone(zenml: Zenml, key_type: KeyType) -> None:
    zenml.add_key("a")
    assert zenml.provider().reader.search_keys(key_type=key_type, active=None, scope_id=None) == ()


def test_an_account_that_vanished_is_reported_as_such(zenml: Zenml) -> None:
    with pytest.raises(ProviderRefusedError, match="it does not exist any more") as caught:
        zenml.provider().reader.list_keys([ScopeId("00000000-gone")])
    assert caught.value.status == 404
    assert "ends all its keys" in caught.value.advice


def test_an_account_that_is_not_asked_for_may_vanish_while_accounts_are_listed(zenml: Zenml) -> None:
    key = zenml.add_key("a", "ci")
    zenml.break_once("GET", f"{zenml.account_id('prod')}/api_keys", httpx.Response(404, json={"detail": "Not Found"}))
    assert [shown.id for shown in zenml.provider().reader.list_keys([])] == [key.id]


def test_a_refused_account_fails_the_whole_listing(zenml: Zenml) -> None:
    zenml.break_once("GET", f"{zenml.account_id('prod')}/api_keys", httpx.Response(422, json=["ValueError", "no"]))
    with pytest.raises(ProviderRefusedError, match="422"):
        zenml.provider().reader.list_keys([])


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_is_answered_with_which_one_is_needed(zenml: Zenml, status: int) -> None:
    zenml.break_once("GET", "/api_keys", httpx.Response(status, json={"detail": ["X", "y"]}))
    with pytest.raises(ProviderDeniedError) as caught:
        zenml.provider().reader.list_keys([])
    assert "the token of an admin user" in caught.value.advice


def test_a_key_without_details_is_an_error_and_not_an_unmarked_key(zenml: Zenml) -> None:
    page = {"index": 1, "max_size": 100, "total_pages": 1, "total": 1, "items": [{"id": "1", "body": {}}]}
    zenml.break_once("GET", "/api_keys", httpx.Response(200, json=page))
    with pytest.raises(ProviderUnavailableError, match="a key without its metadata"):
        zenml.provider().reader.list_keys([])


@pytest.mark.parametrize(
    "body",
    [pytest.param(b"<html>Sign in</html>", id="HTML"), pytest.param(b'{"items": [', id="truncated"), b"null", b"[]"],
)
def test_an_answer_that_is_not_a_page_is_unavailable(zenml: Zenml, body: bytes) -> None:
    zenml.break_once("GET", "/api_keys", httpx.Response(200, content=body))
    with pytest.raises(ProviderUnavailableError):
        zenml.provider().reader.list_keys([])


def test_a_refusal_that_repeats_the_input_is_never_quoted(zenml: Zenml) -> None:
    leaky = ["ValueError", "1 validation error: /srv/zenml/models.py input_value='canary'"]
    zenml.break_once("GET", "/api_keys", httpx.Response(422, json=leaky))
    with pytest.raises(ProviderRefusedError) as caught:
        zenml.provider().reader.list_keys([])
    assert "canary" not in caught.value.message + caught.value.advice
    assert "/srv" not in caught.value.message


def test_the_accounts_are_listed_sorted_by_id(zenml: Zenml) -> None:
    scopes = zenml.provider().reader.list_scopes()  # type: ignore[attr-defined]  # of a reader that lists scopes
    assert [(scope.id, scope.name) for scope in scopes] == sorted(zenml.accounts.items())


def test_the_reader_says_where_it_is_and_how_the_clocks_differ(zenml: Zenml) -> None:
    reader = zenml.provider().reader
    assert reader.base_url == BASE_URL
    assert reader.clock_skew() is None
    reader.list_keys([])
    assert reader.clock_skew() == timedelta(seconds=5)


def test_laws_need_no_request_and_no_form_is_that_of_the_credential(zenml: Zenml) -> None:
    reader = zenml.provider().reader
    assert reader.laws() is ZENML_LAWS
    assert not reader.presents("adm...000")
    assert zenml.requests == []
    assert zenml.fetched == []


def test_the_account_of_an_unknown_key_is_looked_for(zenml: Zenml) -> None:
    key = zenml.add_key("a", "prod")
    reader = zenml.provider().reader
    assert reader.find_account(KeyId(key.id)) == zenml.account_id("prod")  # type: ignore[attr-defined]  # for the writer
    assert reader.find_account(KeyId("none")) is None  # type: ignore[attr-defined]  # as above
