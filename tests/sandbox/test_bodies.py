"""Request bodies: each wrong form is one 400, and never a crash."""

from __future__ import annotations

import pytest
from sandbox.sandbox_client import Client

NAME = b'{"key_type": "USER", "name": "x"'


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="no JSON"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(b"[" * 100_000, id="nested too deep"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"key_type": "USER"}', id="no name"),
        pytest.param(b'{"key_type": "USER", "name": 7}', id="name a number"),
        pytest.param(b'{"key_type": "USER", "name": null}', id="name null"),
        pytest.param(b'{"key_type": "USER", "name": "\\ud800"}', id="name half a character"),
        pytest.param(b'{"key_type": "USER", "name": "' + b"x" * 257 + b'"}', id="name too long"),
        pytest.param(b'{"key_type": ["USER"], "name": "x"}', id="type a list"),
        pytest.param(NAME + b', "description": null}', id="description null"),
        pytest.param(NAME + b', "description": "' + b"x" * 1001 + b'"}', id="description too long"),
        pytest.param(NAME + b', "expires_at": 4102444800}', id="expiry a number"),
        pytest.param(NAME + b', "expires_at": "2099-01-01"}', id="expiry a date"),
        pytest.param(NAME + b', "expires_at": "0001-01-01T00:00:00+14:00"}', id="expiry outside the calendar"),
        pytest.param(NAME + b', "expires_at": "2099-02-30T00:00:00Z"}', id="expiry on no day"),
        pytest.param(NAME + b', "\xc3\xb6rg": 1}', id="unknown field"),
    ],
)
def test_a_malformed_create_is_refused_with_400(beta: Client, content: bytes) -> None:
    answer = beta.post("/v2/api-keys", content=content)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
    assert beta.names() == []


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"name": ""}, id="no minimum is declared for a name"),
        pytest.param({"name": "x" * 256}, id="longest name"),
        pytest.param({"name": "é\N{PILE OF POO}\n"}, id="any text is a name"),
        pytest.param({"description": "x" * 1000}, id="longest description"),
    ],
)
def test_text_comes_back_as_it_was_sent(either: Client, fields: dict[str, str]) -> None:
    made = either.create(**fields)
    assert fields.items() <= made.items()
    assert fields.items() <= either.listed()[1].items()


def test_a_refusal_names_the_place_of_the_mistake(beta: Client) -> None:
    organizations = [{"org_id": "T3JnYW5pemF0aW9uOjEwMDE6eFl6Vw==", "spaces": [{}]}]
    answer = beta.post("/v2/api-keys", json={"key_type": "SERVICE", "name": "x", "organizations": organizations})
    assert answer.json()["detail"] == "organizations[0].spaces[0].space_id is required."
