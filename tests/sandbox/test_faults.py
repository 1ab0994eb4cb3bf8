"""Fault rules: which request they strike; and the faults that need no connection."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox.sandbox_client import Client, Json

from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.faults import FaultPlan, read_rule


def struck(rule: Json, requests: list[tuple[str, str]]) -> list[bool]:
    """Return for each request whether a rule strikes it."""
    plan = FaultPlan()
    plan.add([read_rule(RequestBody({"action": "delay", **rule}))])
    return [plan.match(method, target) is not None for method, target in requests]


def order(client: Client, *rules: Json) -> None:
    assert client.post("/_sandbox/faults", json={"faults": list(rules)}).status_code == 200


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        pytest.param({}, [True, False, False, False], id="the first request, once"),
        pytest.param({"nth": 3}, [False, False, True, False], id="the third"),
        pytest.param({"nth": 2, "times": 2}, [False, True, True, False], id="two from the second on"),
        pytest.param({"nth": 2, "times": 0}, [False, True, True, True], id="all from the second on"),
        pytest.param({"method": "post", "times": 0}, [False, True, False, True], id="by method, whatever its case"),
        pytest.param({"path": "keys$", "times": 0}, [False, True, False, True], id="by path"),
        pytest.param({"path": r"\?limit=1$", "times": 0}, [True, False, False, False], id="by query"),
        pytest.param(
            {"method": "POST", "nth": 2}, [False, False, False, True], id="fitting requests are counted alone"
        ),
    ],
)
def test_a_rule_applies_to_the_requests_it_selects(rule: Json, pattern: list[bool]) -> None:
    requests = [
        ("GET", "/v2/api-keys?limit=1"),
        ("POST", "/v2/api-keys"),
        ("GET", "/v2/spaces"),
        ("POST", "/v2/api-keys"),
    ]
    assert struck(rule, requests) == pattern


def test_the_first_rule_that_applies_wins_and_all_count() -> None:
    plan = FaultPlan()
    plan.add([read_rule(RequestBody({"action": action, "nth": 1})) for action in ("drop_before", "truncate")])
    assert [str(rule.action) if rule else None for rule in (plan.match("GET", "/"), plan.match("GET", "/"))] == [
        "drop_before",
        None,
    ]
    assert [rule.seen for rule in plan.rules] == [2, 2]


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({}, id="no action"),
        pytest.param({"action": "explode"}, id="unknown action"),
        pytest.param({"action": "delay", "path": "("}, id="no regular expression"),
        pytest.param({"action": "rewrite", "pattern": "("}, id="none here either"),
        pytest.param({"action": "delay", "nth": 0}, id="counted from 1"),
        pytest.param({"action": "delay", "times": -1}, id="fewer than none"),
        pytest.param({"action": "status", "status": 700}, id="no status"),
        pytest.param({"action": "delay", "seconds": -1}, id="into the past"),
        pytest.param({"action": "delay", "seconds": True}, id="truth is no number"),
        pytest.param({"action": "delay", "when": "during"}, id="unknown side"),
        pytest.param({"action": "status", "body": "poem"}, id="unknown body"),
        pytest.param({"action": "status", "colour": "red"}, id="unknown field"),
    ],
)
def test_an_invalid_rule_is_refused(beta: Client, rule: Json) -> None:
    assert beta.post("/_sandbox/faults", json={"faults": [rule]}).status_code == 400
    assert beta.get("/_sandbox/faults").json() == {"faults": []}


def test_rules_are_listed_with_their_counts_and_lifted(beta: Client) -> None:
    order(beta, {"action": "status", "path": "spaces", "times": 0}, {"action": "delay"})
    beta.get("/v2/spaces")
    shown = beta.get("/_sandbox/faults").json()["faults"]
    assert [(rule["action"], rule["path"], rule["times"], rule["seen"]) for rule in shown] == [
        ("status", "spaces", 0, 1),
        ("delay", None, 1, 1),
    ]
    assert beta.delete("/_sandbox/faults").status_code == 204
    assert beta.get("/v2/spaces").status_code == 200


@pytest.mark.parametrize(
    ("fault", "status", "media_type", "start"),
    [
        pytest.param({}, 503, "application/problem+json", b"{", id="problem"),
        pytest.param({"status": 599}, 599, "application/problem+json", b"{", id="a status nobody knows"),
        pytest.param({"status": 502, "body": "html"}, 502, "text/html; charset=utf-8", b"<html>", id="HTML"),
        pytest.param({"status": 500, "body": "empty"}, 500, "application/json", b"", id="nothing"),
        pytest.param({"status": 201, "body": "garbage"}, 201, "application/json", b'{"key": "ak-', id="garbage"),
    ],
)
def test_a_status_fault_answers_in_place_of_the_api(
    beta: Client, fault: Json, status: int, media_type: str, start: bytes
) -> None:
    order(beta, {"action": "status", **fault})
    answer = beta.post("/v2/api-keys", json={"key_type": "USER", "name": "x"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, media_type)
    assert answer.content.startswith(start)
    assert beta.names() == []


def test_a_status_fault_without_content_has_no_body(beta: Client) -> None:
    order(beta, {"action": "status", "status": 204})
    answer = beta.get("/v2/spaces")
    assert (answer.status_code, answer.content, "content-type" in answer.headers) == (204, b"", False)


def test_a_status_fault_after_the_effect_leaves_the_effect(beta: Client) -> None:
    order(beta, {"action": "status", "status": 500, "when": "after"})
    assert beta.post("/v2/api-keys", json={"key_type": "USER", "name": "x"}).status_code == 500
    assert beta.names() == ["x"]


def test_a_rewrite_makes_a_word_that_no_client_knows(beta: Client) -> None:
    order(beta, {"action": "rewrite", "pattern": '"ACTIVE"', "replacement": r'"PAUSED\\1"'})
    (key,) = beta.listed()
    assert key["status"] == r"PAUSED\1"
    assert beta.listed()[0]["status"] == "ACTIVE"


def test_a_rewrite_makes_a_cursor_that_never_ends(beta: Client) -> None:
    endless = {"pattern": '"has_more":false', "replacement": '"has_more":true,"next_cursor":""'}
    order(beta, {"action": "rewrite", "times": 0, **endless})
    for _ in range(2):
        assert beta.get("/v2/api-keys", params={"cursor": ""}).json()["pagination"]["has_more"] is True


def test_a_rewrite_without_pattern_changes_nothing(beta: Client) -> None:
    order(beta, {"action": "rewrite"})
    assert beta.listed()[0]["status"] == "ACTIVE"


def test_a_status_fault_may_say_when_to_come_back(beta: Client) -> None:
    order(beta, {"action": "status", "status": 429, "retry_after": 7})
    assert beta.get("/v2/spaces").headers["retry-after"] == "7"


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_delay_only_delays(beta: Client, when: str) -> None:
    order(beta, {"action": "delay", "seconds": 0.001, "when": when})
    assert beta.create()["name"] == "ci"


def test_faults_are_noted_in_the_request_log(beta: Client) -> None:
    order(beta, {"action": "status", "status": 500})
    beta.get("/v2/spaces")
    (entry,) = beta.get("/_sandbox/requests").json()["requests"]
    assert entry == {"number": 1, "method": "GET", "target": "/v2/spaces", "status": 500, "fault": "status"}


def test_control_endpoints_meet_no_fault(beta: Client) -> None:
    order(beta, {"action": "status", "times": 0})
    answers: list[Any] = [beta.get(f"/_sandbox/{what}") for what in ("faults", "clock", "requests", "keys")]
    assert [answer.status_code for answer in answers] == [200] * 4
