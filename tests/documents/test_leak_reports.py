"""Reports of a secret scanner: what is read, and what is refused without a word of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from keyplan.documents.leak_reports import MOST_REPORTS, read_reports
from keyplan.errors import InputError
from keyplan.model.leak_report import Sighting, join_tokens

TOKEN = "ak-5e2c77a1-Zq9Zq9Zq9Zq9"
REPORT = {"token": TOKEN, "type": "arize_api_key", "url": "https://example.test/x", "source": "commit"}


def test_the_reports_of_a_message_are_read() -> None:
    body = json.dumps([REPORT, {"token": "\ud800x", "url": None, "more": 1}]).encode()
    message = read_reports(body)
    assert [one.sighting for one in message.reports] == [
        Sighting(secret_type="arize_api_key", url="https://example.test/x", source="commit"),
        Sighting(secret_type="", url="", source=""),
    ]
    assert join_tokens(message.reports) == TOKEN.encode() + b" ; ?x"
    assert message.size == len(body)
    assert read_reports(b"[]").reports == ()


def test_a_token_is_not_shown() -> None:
    assert TOKEN not in repr(read_reports(json.dumps([REPORT]).encode()))


@pytest.mark.parametrize(
    ("message", "says"),
    [
        pytest.param(REPORT, "not an array of objects", id="an object"),
        pytest.param([TOKEN], "not an array of objects", id="an array of texts"),
        pytest.param([{}], "no token", id="no token"),
        pytest.param([REPORT | {"token": ""}], "no token", id="an empty token"),
        pytest.param([REPORT | {"token": [TOKEN]}], "no token", id="a list for a token"),
        pytest.param([REPORT | {"token": "x" * 1001}], "no token", id="a token that no key is as long as"),
        pytest.param([REPORT | {"url": 1}], "the url of a report", id="a number for a URL"),
        pytest.param([REPORT | {"type": "x" * 2001}], "the type of a report", id="a long type"),
        pytest.param([REPORT] * (MOST_REPORTS + 1), "more than 20000 reports", id="too many"),
    ],
)
def test_another_form_is_refused(message: Any, says: str) -> None:
    with pytest.raises(InputError, match=says) as refused:
        read_reports(json.dumps(message).encode())
    assert TOKEN not in str(refused.value.message)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"<html>" + TOKEN.encode(), id="HTML"),
        pytest.param(b"payload=%5B%5D", id="a form"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[" + b"9" * 5000 + b"]", id="a number of many digits"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(InputError, match="is not JSON") as refused:
        read_reports(body)
    assert refused.value.__cause__ is None
