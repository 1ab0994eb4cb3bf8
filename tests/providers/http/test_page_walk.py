"""Listings are whole, or fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from providers.http.connected import connect, script

from keyplan.errors import ProviderUnavailableError
from keyplan.model.checked_file import CheckedFile

Load = Callable[..., CheckedFile]
OFFSET = {"by": "offset", "parameter": "offset"}
CURSOR = {"by": "cursor", "parameter": "cursor", "next": "/next"}


def make_item(key_id: str) -> dict[str, Any]:
    return {"id": key_id, "name": f"name of {key_id}", "created": "2026-01-01T00:00:00Z"}


def test_parameters_of_the_query_are_repeated_on_each_page(load: Load, tmp_path: Path) -> None:
    load(list__pages=OFFSET, list__query={"include_expired": True})
    server = script({"data": [make_item("k1")]}, {"data": [make_item("k2")]}, {"data": []})
    assert [key.id for key in connect(server, tmp_path).reader.list_keys(())] == ["k1", "k2"]
    assert server.lines() == [f"GET /keys?include_expired=true&offset={number}" for number in (0, 1, 2)]


def test_a_listing_may_be_an_array_itself(load: Load, tmp_path: Path) -> None:
    load(list__items=None)
    assert [key.id for key in connect(script([make_item("k1")]), tmp_path).reader.list_keys(())] == ["k1"]


def test_a_key_that_moved_to_the_next_page_while_they_were_read_is_listed_once(load: Load, tmp_path: Path) -> None:
    load(list__pages=OFFSET)
    pages = [{"data": [make_item("k1"), make_item("k2")]}, {"data": [make_item("k2"), make_item("k3")]}, {"data": []}]
    assert [key.id for key in connect(script(*pages), tmp_path).reader.list_keys(())] == ["k1", "k2", "k3"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"keys": []}, "has no list where 'list.items' says"),
        ({"data": {}}, "has no list where 'list.items' says"),
        ({"data": ["hash"]}, "a key is not a JSON object"),
        ({"data": [{"name": "ci"}]}, "a key has no id at '/id'"),
        ({"data": [{"id": "", "name": "ci"}]}, "a key has no id at '/id'"),
        ({"data": [{"id": None}]}, "a key has no id at '/id'"),
        ({"data": [], "next": {}}, "its cursor is neither text nor number"),
        ({"data": [], "next": "c"}, "page 1 is empty, and not the last one"),
    ],
)
def test_an_answer_that_is_not_what_the_definition_says_is_an_error(
    load: Load, tmp_path: Path, answer: dict[str, Any], reason: str
) -> None:
    load(list__pages=CURSOR)
    with pytest.raises(ProviderUnavailableError, match=reason) as failed:
        connect(script(answer), tmp_path).reader.list_keys(())
    assert "definition" in failed.value.advice
    assert "https://acme.test" in failed.value.message


def test_a_server_that_does_not_know_the_parameter_does_not_keep_keyplan_for_ever(load: Load, tmp_path: Path) -> None:
    load(list__pages=OFFSET)
    server = script({"data": [make_item("k1")]})
    with pytest.raises(ProviderUnavailableError, match="page 2 repeats keys"):
        connect(server, tmp_path).reader.list_keys(())


def test_a_listing_that_is_too_long_is_an_error_and_never_cut_off(load: Load, tmp_path: Path) -> None:
    load()
    server = script({"data": [make_item("k1"), make_item("k2")]})
    with pytest.raises(ProviderUnavailableError, match="more than 1") as failed:
        connect(server, tmp_path, max_keys=1).reader.list_keys(())
    assert "max_keys" in failed.value.advice
