"""Words in paths, queries and bodies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.providers.http.templates import fill_body, fill_path, fill_query, find_words


def test_a_text_that_is_one_word_becomes_its_value_of_whatever_type() -> None:
    body: dict[str, Json] = {"a": "${number}", "b": {"c": ["${text}", 1, True, None]}}
    assert fill_body(body, {"number": 7, "text": "x"}) == {"a": 7, "b": {"c": ["x", 1, True, None]}}


def test_what_has_no_value_is_left_out() -> None:
    body: dict[str, Json] = {"a": "${none}", "b": ["${none}", "x"], "c": {"d": "${none}"}}
    assert fill_body(body, {"none": None}) == {"b": ["x"], "c": {}}


def test_a_word_in_a_text_is_put_into_it() -> None:
    assert fill_body({"a": "for ${project}, $${name}"}, {"project": "p1"}) == {"a": "for p1, ${name}"}


def test_a_value_is_never_read_as_a_template() -> None:
    assert fill_body({"a": "${name}", "b": "-${name}"}, {"name": "${id}"}) == {"a": "${id}", "b": "-${id}"}


@given(st.text(min_size=1).filter(lambda text: text not in {".", ".."} and text.isprintable()))
def test_no_value_changes_the_way_of_a_path(value: str) -> None:
    filled = fill_path("/keys/${id}/rotate", {"id": value})
    assert filled.count("/") == 3
    assert not set("?#\\ ") & set(filled)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_a_value_that_leads_to_another_path_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="another path"):
        fill_path("/keys/${id}", {"id": value})


def test_a_path_may_hold_what_begins_a_word() -> None:
    assert fill_path("/keys/$${id}", {}) == "/keys/%24%7Bid}"


def test_truth_values_of_a_query_are_words() -> None:
    query: dict[str, Json] = {"all": True, "old": False, "size": 100, "project": "${project}"}
    assert fill_query(query, {"project": "p 1"}) == {"all": "true", "old": "false", "size": "100", "project": "p 1"}


def test_words_are_found_with_their_places() -> None:
    value: Json = {"a": "${name}", "b": ["x", "of ${id} $${no}"]}
    assert list(find_words(value)) == [(("a",), "name", True), (("b", 1), "id", False)]
