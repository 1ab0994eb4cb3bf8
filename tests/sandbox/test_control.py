"""The control endpoints: clock, request log, all keys, whether a raw key works."""

from __future__ import annotations

import json
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from sandbox.sandbox_client import PRODUCTION, Client, Json, OpenClient, bearer


def test_the_clock_moves_and_says_how_far(beta: Client) -> None:
    beta.advance(3600)
    beta.advance(-600)
    assert beta.get("/_sandbox/clock").json()["ahead_seconds"] == 3000


def test_answers_are_dated_by_the_sandboxs_clock(beta: Client) -> None:
    before = parsedate_to_datetime(beta.get("/v2/spaces").headers["date"])
    beta.advance(86_400)
    after = parsedate_to_datetime(beta.get("/v2/spaces").headers["date"])
    assert timedelta(days=1) <= after - before < timedelta(days=1, minutes=5)


@pytest.mark.parametrize(
    "body", [{"advance_seconds": "1"}, {"advance_seconds": 1e300}, {"advance_seconds": -3.1e11}, {"seconds": 1}]
)
def test_a_clock_is_not_moved_by_nonsense(beta: Client, body: Json) -> None:
    assert beta.post("/_sandbox/clock", json=body).status_code == 400
    assert beta.get("/_sandbox/clock").json()["ahead_seconds"] == 0


def test_a_clock_does_not_leave_the_calendar(beta: Client) -> None:
    answers = [beta.post("/_sandbox/clock", json={"advance_seconds": 3e11}).status_code for _ in range(2)]
    assert answers == [400, 400]


def test_the_request_log_shows_requests_without_credentials_or_bodies(beta: Client) -> None:
    made = beta.create("a name")
    beta.get("/v2/api-keys", params={"limit": 1}, headers=bearer(made["key"]))
    shown = beta.get("/_sandbox/requests")
    assert [(each["number"], each["method"], each["target"], each["status"]) for each in shown.json()["requests"]] == [
        (1, "POST", "/v2/api-keys", 201),
        (2, "GET", "/v2/api-keys?limit=1", 200),
    ]
    assert not any(secret in shown.text for secret in (made["key"], "a name", "Bearer"))


def test_the_request_log_can_be_read_on(beta: Client) -> None:
    for _ in range(3):
        beta.get("/v2/spaces")
    shown = beta.get("/_sandbox/requests", params={"after": "2"}).json()
    assert (shown["count"], [each["number"] for each in shown["requests"]]) == (3, [3])
    assert beta.get("/_sandbox/requests", params={"after": "x"}).status_code == 400


def test_every_key_is_shown_dead_expired_and_hidden_ones_too(opened: OpenClient) -> None:
    client = opened(list_delay=timedelta(hours=1), second_user=True)
    client.end(client.create("dead")["id"])
    client.create("expired", expires_at=client.now_plus(60))
    client.advance(61)
    client.create_service("hidden")
    shown = {key["name"]: key for key in client.get("/_sandbox/keys").json()["keys"]}
    facts = {name: (key["is_dead"], key["is_live"], key["space_ids"]) for name, key in shown.items()}
    assert facts == {
        "keyplan sandbox": (False, True, []),
        "keyplan sandbox, second user": (False, True, []),
        "dead": (True, False, []),
        "expired": (False, False, []),
        "hidden": (False, True, [PRODUCTION]),
    }


def test_no_raw_key_is_shown(beta: Client) -> None:
    made = beta.create()
    shown = beta.get("/_sandbox/keys").text
    assert made["key"] not in shown
    assert made["redacted_key"] in shown


def test_a_raw_key_is_checked_without_being_used(beta: Client) -> None:
    made = beta.create()
    assert beta.post("/_sandbox/check", json={"key": made["key"]}).json() == {"id": made["id"], "valid": True}
    assert "last_used_at" not in beta.listed()[1]


def test_a_dead_or_unknown_raw_key_is_not_valid(beta: Client) -> None:
    made = beta.create()
    beta.end(made["id"])
    for raw in (made["key"], "ak-unknown"):
        assert beta.post("/_sandbox/check", json={"key": raw}).json() == {"id": None, "valid": False}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("check", {}),
        ("check", {"key": "k", "id": "x"}),
        ("faults", {}),
        ("faults", {"rules": []}),
        ("spaces", {"name": "x"}),
        ("spaces", {"name": "x", "organization_id": "acme"}),
        ("spaces", {"name": "x", "organization_id": "acme", "colour": "red"}),
    ],
)
def test_a_malformed_control_request_is_refused(beta: Client, path: str, body: Json) -> None:
    assert beta.post(f"/_sandbox/{path}", content=json.dumps(body)).status_code == 400
