"""Each way in which protocols and programs write a secret is known."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import urllib.parse
from collections.abc import Callable

import pytest

from keyplan.model.secret_forms import find_parts, list_forms

ODD = "pa/ss+w=or;d,\"q'\\b<&>`|%:äß€"
"""A character for each that some encoding changes."""
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON beyond ASCII": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "repr": lambda secret: repr(secret)[1:-1],
    "repr between other quotes": lambda secret: repr([secret + '"', secret])[2:-2].partition('"')[0],
    "HTML": html.escape,
    "XML": lambda secret: html.escape(secret, quote=False),
    "percent": lambda secret: urllib.parse.quote(secret, safe=""),
    "percent in lower case": lambda secret: (
        urllib.parse.quote(secret, safe="").replace("%2F", "%2f").replace("%C3", "%c3")
    ),
    "a path of a URL": urllib.parse.quote,
    "a form": urllib.parse.quote_plus,
}


@pytest.mark.parametrize("encoding", [name for name in ENCODINGS if "lower" not in name and "other" not in name])
def test_a_secret_of_odd_characters_is_known_in_each_encoding(encoding: str) -> None:
    assert ENCODINGS[encoding](ODD) in list_forms(ODD)


def test_percent_in_lower_case_is_known() -> None:
    assert "%c3%a4%2f" in "".join(form for form in list_forms("secretä/") if "%c3" in form)


def test_a_cell_of_csv_is_known() -> None:
    written = io.StringIO()
    csv.writer(written).writerow([ODD])
    assert written.getvalue().strip()[1:-1] in list_forms(ODD)


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "Bearer ", "user:"])
@pytest.mark.parametrize("after", ["", "!", "!!", "!!!"])
@pytest.mark.parametrize("secret", ["token-of-0123456789", "??>>~~ÿÿ-and-more", "8letters"])
def test_base64_of_a_text_around_the_secret_holds_a_form(before: str, after: str, secret: str) -> None:
    data = f"{before}{secret}{after}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        digits = encode(data).decode()
        assert any(len(form) > len(secret) and form in digits for form in list_forms(secret))


def test_a_plain_secret_has_few_forms() -> None:
    assert len(list_forms("ak-0123456789")) == 4


@pytest.mark.parametrize(
    ("secret", "parts", "public"),
    [
        (
            "postgresql://keyplan:p%40ss%2Fword@db.example.com:5432/keyplan?sslmode=require",
            {"p%40ss%2Fword", "p@ss/word"},
            {"db.example.com", "keyplan", "require", "/keyplan", "5432"},
        ),
        ("postgresql://keyplan@db.example.com/keyplan?password=hunter22", {"hunter22"}, {"keyplan"}),
        (
            "https://hooks.example.com/services/T0001/B0002/abcdef",
            {"services/T0001/B0002/abcdef", "abcdef"},
            {"hooks.example.com"},
        ),
        ("https://hooks.example.com/in?token=abc%20def", {"abc%20def", "abc def"}, {"hooks.example.com"}),
        ("http://user:password@proxy.example.com:3128", {"password"}, {"user", "proxy.example.com:3128"}),
        ("https://ghp_token@github.com/acme", {"ghp_token"}, {"github.com"}),
        ("slack://TokenA/TokenB/TokenC", {"TokenA", "TokenB", "TokenC"}, {"slack"}),
    ],
)
def test_the_secret_parts_of_a_url_are_known_and_the_place_is_none(
    secret: str, parts: set[str], public: set[str]
) -> None:
    found = set(find_parts(secret))
    assert parts <= found
    assert not public & found
    assert secret not in found


def test_each_line_of_a_private_key_is_a_part() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    assert set(find_parts(key)) == {key, "MIIEvQIBADANBg", "kqhkiG9w0BAQEF"}
