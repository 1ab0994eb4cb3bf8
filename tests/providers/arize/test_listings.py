"""Listings at the same time, and beside the look-up of spaces: what they save, and how they end."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from scripted_arize import NO_PAGE, Arize, refusal

from keyplan.errors import InputError, ProviderRefusedError
from keyplan.model.identity import ScopeId
from keyplan.providers.arize.reader import ArizeReader

USERS = "/v2/api-keys?key_type=USER&status=ACTIVE"
SERVICES = "/v2/api-keys?key_type=SERVICE&status=ACTIVE"
_LONGEST_WAIT_SECONDS = 5.0


def page(key: str, cursor: str | None = None) -> dict[str, Any]:
    item = {"id": key, "name": key, "status": "ACTIVE"}
    return {"api_keys": [item], "pagination": {"has_more": bool(cursor), "next_cursor": cursor}}


def open_reader(arize: Arize, **options: str) -> ArizeReader:
    reader = arize.provider(**options).reader
    assert isinstance(reader, ArizeReader)
    return reader


def wait_for(arize: Arize, line: str) -> None:
    """Return once a request was sent."""
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while line not in arize.lines():
        assert time.monotonic() < deadline, f"{line} was not sent"
        time.sleep(0.001)


def test_keys_are_listed_while_the_spaces_are_looked_up(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)

    def find() -> list[ScopeId]:
        wait_for(arize, f"GET {USERS}&limit=100")
        wait_for(arize, f"GET {SERVICES}&limit=100")
        return [ScopeId("S1")]

    assert open_reader(arize).list_while(find) == ()
    assert arize.lines()[2:] == [f"GET {SERVICES}&space_id=S1&limit=100"]


def test_the_question_for_the_generation_is_the_first_page_of_the_user_keys(arize: Arize) -> None:
    arize.on("GET", USERS, page("a", cursor="c2"), page("b"))
    arize.on("GET", SERVICES, page("c"))
    keys = open_reader(arize, api="auto").list_keys([])
    assert [key.id for key in keys] == ["a", "b", "c"]
    assert sorted(arize.lines()) == [
        f"GET {SERVICES}&limit=100",
        f"GET {USERS}&limit=100",
        f"GET {USERS}&limit=100&cursor=c2",
    ]


def test_the_answer_to_that_question_is_used_once(arize: Arize) -> None:
    arize.on("GET", USERS, page("a"), page("b"))
    arize.on("GET", SERVICES, NO_PAGE)
    reader = open_reader(arize, api="auto")
    assert [[key.id for key in reader.list_keys([])] for _ in range(2)] == [["a"], ["b"]]


def test_alpha_has_refused_the_question_and_lists_from_the_start(arize: Arize) -> None:
    arize.on("GET", USERS, refusal(422))
    arize.on("GET", "/v2/api-keys?status=active", page("a"))
    assert [key.id for key in open_reader(arize, api="auto").list_keys([ScopeId("S1")])] == ["a"]
    assert arize.lines() == [f"GET {USERS}&limit=100", "GET /v2/api-keys?status=active&limit=100"]


def test_a_failed_look_up_ends_the_listings_under_way(arize: Arize) -> None:
    pages = iter(range(1_000_000))

    def endless(_: httpx.Request) -> httpx.Response:
        number = next(pages)
        return httpx.Response(200, json=page(f"k{number}", cursor=f"c{number}"))

    arize.on("GET", USERS, endless)
    arize.on("GET", SERVICES, NO_PAGE)

    def find() -> list[ScopeId]:
        wait_for(arize, f"GET {USERS}&limit=100&cursor=c0")
        raise InputError("space 'x' is unknown")

    with pytest.raises(InputError, match="space 'x' is unknown"):
        open_reader(arize, max_keys=1_000_000).list_while(find)  # type: ignore[arg-type]  # a number, too
    sent = len(arize.requests)
    time.sleep(0.05)
    assert len(arize.requests) == sent


def test_a_space_that_is_refused_fails_the_whole(arize: Arize) -> None:
    arize.on("GET", "/v2/api-keys", NO_PAGE)
    arize.on("GET", f"{SERVICES}&space_id=S1", refusal(404))
    with pytest.raises(ProviderRefusedError):
        open_reader(arize).list_keys([ScopeId("S1")])
