"""JSON pointers, and texts that join several of them."""

from __future__ import annotations

import pytest

from keyplan.providers.http.pointers import Source, read_pointer, resolve

# The document and the pointers of RFC 6901, section 5.
RFC = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", RFC),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
    ],
)
def test_the_examples_of_the_standard(text: str, value: object) -> None:
    assert resolve(RFC, read_pointer(text)) == value


@pytest.mark.parametrize("text", ["/foo/2", "/foo/-", "/foo/01", "/none", "/a~1b/x", "/foo/0/0", "/foo/x"])
def test_what_is_not_there_is_none(text: str) -> None:
    assert resolve(RFC, read_pointer(text)) is None


def test_an_escaped_tilde_before_a_one_is_no_slash() -> None:
    assert read_pointer("/~01") == ("~1",)


def test_several_pointers_make_one_text() -> None:
    source = Source("${/public}:${/secret}")
    assert source.find({"public": "pk", "secret": "sk"}) == "pk:sk"


@pytest.mark.parametrize("document", [{"public": "pk"}, {"public": "pk", "secret": ""}, {"public": "pk", "secret": 7}])
def test_without_one_of_its_parts_there_is_no_text(document: object) -> None:
    assert Source("${/public}:${/secret}").find(document) is None
    assert Source("${/public}:${/secret}").find_text(document) == ""


@pytest.mark.parametrize(
    ("value", "text"), [("k1", "k1"), (7, "7"), (True, ""), (None, ""), (1.5, ""), (["k"], ""), ("\ud800", "?")]
)
def test_a_text_is_a_text_or_a_whole_number(value: object, text: str) -> None:
    assert Source("/id").find_text({"id": value}) == text
