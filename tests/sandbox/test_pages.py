"""Pages: cursors lead through every item once, in a stable order, and end."""

from __future__ import annotations

import base64
from itertools import chain
from typing import Any

import pytest
from sandbox.sandbox_client import Client, OpenClient


def pages(client: Client, path: str, field: str, **query: Any) -> list[list[str]]:
    """Return the names on each page."""
    found: list[list[str]] = []
    cursor: dict[str, str] = {}
    while not found or cursor:
        body = client.get(path, params={**query, **cursor}).json()
        found.append([each["name"] for each in body[field]])
        cursor = {"cursor": body["pagination"]["next_cursor"]} if body["pagination"]["has_more"] else {}
        assert ("next_cursor" in body["pagination"]) == bool(cursor)
    return found


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        pytest.param(2, [2, 2, 1], id="last page shorter"),
        pytest.param(5, [5], id="one full page has no next"),
        pytest.param(100, [5], id="largest page"),
    ],
)
def test_pages_hold_every_key_once_in_order_of_creation(opened: OpenClient, limit: int, sizes: list[int]) -> None:
    found = pages(opened(keys=4), "/v2/api-keys", "api_keys", limit=limit)
    assert [len(page) for page in found] == sizes
    assert list(chain.from_iterable(found)) == ["keyplan sandbox", *(f"seeded-{number:05d}" for number in range(1, 5))]


def test_a_page_holds_fifty_if_no_limit_is_named(opened: OpenClient) -> None:
    assert [len(page) for page in pages(opened(keys=60), "/v2/api-keys", "api_keys")] == [50, 11]


def test_the_number_of_an_unlimited_page_can_be_chosen(opened: OpenClient) -> None:
    assert [len(page) for page in pages(opened(spaces=4, page_default=3), "/v2/spaces", "spaces")] == [3, 3, 1]


def test_organizations_come_in_pages(either: Client) -> None:
    assert pages(either, "/v2/organizations", "organizations", limit=1) == [["acme"], ["labs"]]


def test_a_key_made_between_two_pages_is_neither_skipped_nor_repeated(either: Client) -> None:
    either.create("a")
    first = either.get("/v2/api-keys", params={"limit": 1}).json()
    either.create("b")
    assert either.names(limit=100, cursor=first["pagination"]["next_cursor"]) == ["a", "b"]


def test_a_cursor_goes_with_its_filters_only(either: Client) -> None:
    either.create("a")
    cursor = either.get("/v2/api-keys", params={"limit": 1}).json()["pagination"]["next_cursor"]
    key_type = "user" if either.is_alpha else "USER"
    assert either.get("/v2/api-keys", params={"cursor": cursor, "key_type": key_type}).status_code == 400
    assert either.get("/v2/spaces", params={"cursor": cursor}).status_code == 400


def test_an_empty_cursor_is_the_first_page(either: Client) -> None:
    assert [key["name"] for key in either.listed(cursor="")] == ["keyplan sandbox"]


@pytest.mark.parametrize(
    "content",
    [b"{}", b"[]", b"7", b'{"after": "x", "filters": ""}', b"\xff"],
    ids=["empty", "list", "number", "word", "bytes"],
)
def test_a_cursor_of_another_make_is_refused(either: Client, content: bytes) -> None:
    cursor = base64.b64encode(content).decode()
    assert either.get("/v2/api-keys", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize("limit", ["-1", "", "ten", "5.0", "0", "101", "1000", "\u0665"])
def test_a_limit_is_a_plain_number_from_1_to_100(either: Client, limit: str) -> None:
    assert either.get("/v2/spaces", params={"limit": limit}).status_code == 400
