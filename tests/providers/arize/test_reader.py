"""Listings: which are asked for, and how they become one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from scripted_arize import CREDENTIAL, NO_PAGE, Arize, refusal

from keyplan.errors import InputError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import KeyType

USERS = "/v2/api-keys?key_type=USER&status=ACTIVE"
SERVICES = "/v2/api-keys?key_type=SERVICE&status=ACTIVE"
MEMBER = {"type": "PREDEFINED", "name": "MEMBER"}


def page(*keys: dict[str, Any] | str, cursor: str | None = None, more: bool | None = None) -> dict[str, Any]:
    items = [{"id": key, "name": key, "status": "ACTIVE"} if isinstance(key, str) else key for key in keys]
    pagination = {"has_more": bool(cursor) if more is None else more, "next_cursor": cursor}
    return {"api_keys": items, "pagination": pagination}


def service(key_id: str, *spaces: str) -> dict[str, Any]:
    granted = [{"space_id": space, "role": MEMBER} for space in spaces]
    organizations = [{"org_id": "O1", "role": MEMBER, "spaces": granted}] if spaces else []
    bot_user = {"name": key_id, "account_role": MEMBER, "organizations": organizations}
    return {"id": key_id, "name": key_id, "key_type": "SERVICE", "status": "ACTIVE", "bot_user": bot_user}


def test_beta_lists_users_services_and_each_space_once(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.provider().reader.list_keys([ScopeId("S=2"), ScopeId("S1"), ScopeId("S1")])
    assert sorted(arize.lines()) == [
        f"GET {SERVICES}&limit=100",
        f"GET {SERVICES}&space_id=S%3D2&limit=100",
        f"GET {SERVICES}&space_id=S1&limit=100",
        f"GET {USERS}&limit=100",
    ]


def test_alpha_lists_once(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", page("b", "a"))
    keys = arize.provider(api="alpha").reader.list_keys([ScopeId("S1")])
    assert [(key.id, key.scope_ids) for key in keys] == [("a", None), ("b", None)]
    assert arize.lines() == ["GET /v2/api-keys?status=active&limit=100"]


def test_a_key_in_several_listings_is_one_with_all_its_spaces(arize: Arize) -> None:
    arize.on("GET", USERS, page("user"))
    arize.on("GET", SERVICES, page(service("both", "S1"), service("bare")))
    arize.on("GET", f"{SERVICES}&space_id=S1", page(service("both")))
    arize.on("GET", f"{SERVICES}&space_id=S2", page(service("both"), service("foreign")))
    keys = arize.provider().reader.list_keys([ScopeId("S1"), ScopeId("S2")])
    assert {key.id: key.scope_ids for key in keys} == {
        "bare": frozenset(),
        "both": {"S1", "S2"},
        "foreign": {"S2"},
        "user": frozenset(),
    }


def test_the_access_comes_from_the_listing_that_shows_it(arize: Arize) -> None:
    arize.on("GET", USERS, NO_PAGE)
    arize.on("GET", SERVICES, page(service("ours", "S1")))
    arize.on("GET", f"{SERVICES}&space_id=S1", page(service("ours"), service("foreign")))
    ours_and_foreign = arize.provider().reader.list_keys([ScopeId("S1")])
    assert {key.id: key.access is not None for key in ours_and_foreign} == {"foreign": False, "ours": True}


def test_the_server_s_status_filter_is_not_trusted(arize: Arize) -> None:
    dead = {"id": "dead", "status": "revoked"}
    arize.on("GET", "/v2/api-keys", page("live", dead, {"id": "odd", "status": "paused"}, {"id": "silent"}))
    keys = arize.provider(api="alpha").reader.list_keys([])
    assert [key.id for key in keys] == ["live", "silent"]


def test_all_pages_are_read_with_the_same_filters(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", page("a", cursor="cur+2/="), page("b", cursor="c3"), page("c"))
    keys = arize.provider(api="alpha").reader.list_keys([])
    assert [key.id for key in keys] == ["a", "b", "c"]
    assert arize.lines()[1] == "GET /v2/api-keys?status=active&limit=100&cursor=cur%2B2%2F%3D"


@pytest.mark.parametrize(
    "last",
    [
        pytest.param({"has_more": False, "next_cursor": "left over"}, id="no more, with a cursor"),
        pytest.param({"has_more": False, "next_cursor": None}, id="null cursor"),
        pytest.param({"next_cursor": ""}, id="empty cursor"),
        pytest.param({}, id="empty pagination"),
        pytest.param(None, id="no pagination"),
    ],
)
def test_the_last_page_is_recognized(arize: Arize, last: object) -> None:
    arize.on("GET", "/v2/api-keys", {"api_keys": [{"id": "a"}], "pagination": last})
    assert len(arize.provider(api="alpha").reader.list_keys([])) == 1
    assert len(arize.requests) == 1


def test_a_cursor_alone_means_that_there_is_more(arize: Arize) -> None:
    first = {"api_keys": [{"id": "a"}], "pagination": {"next_cursor": "c2"}}
    arize.on("GET", "/v2/api-keys", first, page("b"))
    assert len(arize.provider(api="alpha").reader.list_keys([])) == 2


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        pytest.param([page("a", cursor="c1")], "have no end", id="a cursor that repeats"),
        pytest.param([page("a", cursor="c1"), page("b", cursor="c2"), page("c", cursor="c1")], "no end", id="a circle"),
        pytest.param([page("a", more=True)], "announces more pages without a cursor", id="more without a cursor"),
        pytest.param([{"api_keys": None}], "has no list 'api_keys'", id="no list"),
    ],
)
def test_half_a_listing_is_not_taken_for_the_whole(arize: Arize, pages: list[dict[str, Any]], why: str) -> None:
    arize.on("GET", "/v2/api-keys", *pages)
    with pytest.raises(ProviderUnavailableError, match=why):
        arize.provider(api="alpha").reader.list_keys([])


def test_pages_without_an_end_are_an_error(arize: Arize) -> None:
    from keyplan.providers.arize.pages import fetch_all  # noqa: PLC0415  # only this test goes below the port

    class Endless:
        asked = 0
        base_url, max_keys = "https://api.arize.com", 200

        def get(self, *_: object, **__: object) -> dict[str, Any]:
            self.asked += 1
            return page(cursor=f"c{self.asked}")

    endless = Endless()
    with pytest.raises(ProviderUnavailableError, match="no end"):
        fetch_all(endless, "list keys", "/v2/api-keys", {}, "api_keys")  # type: ignore[arg-type]  # stands in for a client
    assert endless.asked == 121, "a hundred, and one for each ten keys that may be there"


@pytest.mark.parametrize(("max_keys", "fits"), [(2, False), (3, True)])
def test_a_listing_longer_than_its_ceiling_is_an_error_that_names_the_option(
    arize: Arize, max_keys: int, fits: bool
) -> None:
    arize.on("GET", "/v2/api-keys", page("a", "b", cursor="c2"), page("c"))
    reader = arize.provider(api="alpha", max_keys=max_keys).reader
    if fits:
        assert len(reader.list_keys([])) == 3
        return
    with pytest.raises(ProviderUnavailableError, match=r"api\.arize\.com lists more than 2") as caught:
        reader.list_keys([])
    assert "provider.max_keys" in caught.value.advice


def test_a_listing_without_an_end_ends_at_the_ceiling(arize: Arize) -> None:
    asked = 0

    def go_on(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(200, json=page(*(f"k{asked}-{number}" for number in range(100)), cursor=f"c{asked}"))

    arize.on("GET", "/v2/api-keys", go_on)
    with pytest.raises(ProviderUnavailableError, match="lists more than 1000"):
        arize.provider(api="alpha", max_keys=1000).reader.list_keys([])
    assert asked == 11


def test_pages_that_cannot_be_counted_are_an_error(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", {"api_keys": [{"id": "a"}], "pagination": "more"})
    with pytest.raises(ProviderUnavailableError, match="'pagination' is not a JSON object"):
        arize.provider(api="alpha").reader.list_keys([])


def test_items_that_are_no_objects_are_left_out(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", {"api_keys": [None, "x", {"id": "a"}]})
    assert [key.id for key in arize.provider(api="alpha").reader.list_keys([])] == ["a"]


def test_a_space_that_is_not_accessible_is_named(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.on("GET", f"{SERVICES}&space_id=S9", refusal(404, "Not Found"))
    with pytest.raises(ProviderRefusedError, match="space S9: 404 Not Found") as caught:
        arize.provider().reader.list_keys([ScopeId("S9")])
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("search", "asked"),
    [
        pytest.param({}, [f"{SERVICES}", f"{USERS}"], id="both types, by two listings"),
        pytest.param({"key_type": KeyType.USER}, [USERS], id="one type"),
        pytest.param({"scope_id": ScopeId("S1")}, ["/v2/api-keys?status=ACTIVE&space_id=S1"], id="one space"),
        pytest.param(
            {"key_type": KeyType.USER, "active": False}, ["/v2/api-keys?key_type=USER&status=REVOKED"], id="dead ones"
        ),
        pytest.param(
            {"key_type": KeyType.USER, "active": None},
            [USERS, "/v2/api-keys?key_type=USER&status=REVOKED"],
            id="live and dead",
        ),
    ],
)
def test_a_search_in_beta_asks_for_what_was_asked(arize: Arize, search: dict[str, Any], asked: list[str]) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.provider().reader.search_keys(**{"key_type": None, "active": True, "scope_id": None, **search})
    assert sorted(arize.lines()) == [f"GET {path}&limit=100" for path in asked]


def test_a_search_shows_what_it_was_asked_for_whatever_the_server_sends(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", page("live", {"id": "dead", "status": "REVOKED"}, {"id": "silent"}))
    reader = arize.provider().reader
    dead = reader.search_keys(key_type=KeyType.USER, active=False, scope_id=None)
    assert [(key.id, key.active) for key in dead] == [("dead", False), ("silent", False)]
    both = reader.search_keys(key_type=KeyType.USER, active=None, scope_id=None)
    assert [(key.id, key.active) for key in both] == [("dead", False), ("live", True), ("silent", True)]


@pytest.mark.parametrize("status", [400, 422])
def test_dead_keys_are_found_under_either_word_of_alpha(arize: Arize, status: int) -> None:
    arize.on("GET", "/v2/api-keys?status=deleted", refusal(status))
    arize.on("GET", "/v2/api-keys?status=revoked", page({"id": "dead", "status": "revoked"}))
    keys = arize.provider(api="alpha").reader.search_keys(key_type=None, active=False, scope_id=None)
    assert [key.id for key in keys] == ["dead"]


def test_a_word_that_is_known_is_enough(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys?status=deleted", NO_PAGE)
    assert arize.provider(api="alpha").reader.search_keys(key_type=None, active=False, scope_id=None) == ()


def test_a_search_that_is_refused_for_another_reason_fails(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys?status=deleted", refusal(404))
    with pytest.raises(ProviderRefusedError):
        arize.provider(api="alpha").reader.search_keys(key_type=None, active=False, scope_id=None)


def test_alpha_has_no_filter_for_spaces(arize: Arize) -> None:
    with pytest.raises(InputError, match="alpha API cannot list the keys of one space"):
        arize.provider(api="alpha").reader.search_keys(key_type=None, active=True, scope_id=ScopeId("S1"))


def test_the_credential_is_recognized_by_its_redacted_form(arize: Arize) -> None:
    reader = arize.provider().reader
    assert reader.presents(f"{CREDENTIAL[:6]}...{CREDENTIAL[-3:]}")
    assert not reader.presents("ak-abc...xyz")


def test_a_reader_shows_its_base_url(arize: Arize) -> None:
    assert arize.provider(base_url="https://x.test/").reader.base_url == "https://x.test"


def test_a_reader_has_no_mutating_method(arize: Arize) -> None:
    reader = arize.provider().reader
    assert not any(hasattr(reader, name) for name in ("create", "refresh", "delete", "verify"))


def test_one_failing_listing_fails_the_whole(arize: Arize) -> None:
    arize.on("GET", USERS, NO_PAGE)
    arize.on("GET", SERVICES, httpx.ReadTimeout(""))
    with pytest.raises(ProviderUnavailableError, match=r"list service keys: api\.arize\.com: no answer in time"):
        arize.provider().reader.list_keys([])


def test_no_clock_difference_is_known_if_the_server_sends_no_date(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    reader = arize.provider().reader
    reader.list_keys([])
    assert reader.clock_skew() is None
