"""The sandbox's audit log: who sees it, what it holds, and its pages."""

from __future__ import annotations

import json

import pytest
from sandbox.sandbox_client import FIRST_USER, Client, Json, OpenClient, bearer


def list_log(client: Client, **parameters: str) -> list[Json]:
    """Return the entries of one page."""
    answer = client.get("/v2/audit-logs", params=parameters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["logs"])


def test_each_change_of_a_key_is_an_entry_newest_first(beta: Client) -> None:
    made = beta.create(description="x")
    renewed = beta.refresh(made["id"], grace_period_seconds=60).json()
    beta.end(renewed["id"])
    beta.get("/v2/api-keys")
    entries = list_log(beta)
    assert [(entry["operation_name"], json.loads(entry["variables"])) for entry in entries] == [
        ("revokeApiKey", {"key_id": renewed["id"]}),
        ("refreshApiKey", {"key_id": made["id"]}),
        ("createApiKey", {}),
    ]
    assert {(entry["user_id"], entry["operation_type"]) for entry in entries} == {(FIRST_USER, "MUTATION")}
    assert made["key"] not in json.dumps(entries)


def test_a_change_that_was_refused_is_no_entry(beta: Client) -> None:
    made = beta.create()
    beta.end(made["id"])
    assert beta.refresh(made["id"]).status_code == 422
    assert [entry["operation_name"] for entry in list_log(beta)] == ["revokeApiKey", "createApiKey"]


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        pytest.param({"operation_type": "MUTATION"}, 3, id="mutations"),
        pytest.param({"operation_type": "QUERY"}, 0, id="queries, which are not recorded"),
        pytest.param({"user_id": FIRST_USER}, 3, id="of its user"),
        pytest.param({"user_id": "VXNlcjo5OmFhYWE="}, 0, id="of another user"),
        pytest.param({"start_time": "2100-01-01T00:00:00Z", "end_time": "2101-01-01T00:00:00Z"}, 0, id="later"),
        pytest.param({"end_time": "2020-01-01T00:00:00Z"}, 0, id="earlier"),
        pytest.param({"end_time": "2020-01-01T00:00:00.000000+0000"}, 0, id="earlier, as the SDK writes it"),
        pytest.param({"limit": "2"}, 2, id="a page"),
    ],
)
def test_entries_are_filtered(beta: Client, parameters: dict[str, str], found: int) -> None:
    for name in ("a", "b", "c"):
        beta.create(name)
    assert len(list_log(beta, **parameters)) == found


def test_entries_older_than_a_month_are_listed_only_if_they_are_asked_for(beta: Client) -> None:
    beta.create()
    beta.post("/_sandbox/clock", json={"advance_seconds": 31 * 86_400})
    assert list_log(beta) == []
    assert len(list_log(beta, start_time="2020-01-01T00:00:00Z")) == 1


def test_the_pages_hold_each_entry_once(beta: Client) -> None:
    for number in range(5):
        beta.create(f"k{number}")
    seen, cursor = [], ""
    while True:
        asked = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        answer = beta.get("/v2/audit-logs", params=asked).json()
        seen += [entry["id"] for entry in answer["logs"]]
        cursor = answer["pagination"].get("next_cursor", "")
        if not cursor:
            break
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("parameters", [{"start_time": "yesterday"}, {"operation_type": "mutation"}, {"what": "1"}])
def test_what_the_log_does_not_understand_is_refused(beta: Client, parameters: dict[str, str]) -> None:
    assert beta.get("/v2/audit-logs", params=parameters).status_code == 400


def test_the_log_is_for_the_administrator_if_it_is_on(opened: OpenClient) -> None:
    client = opened(second_user=True)
    second = client.sandbox.credentials.second
    assert client.get("/v2/audit-logs").status_code == 200
    assert client.get("/v2/audit-logs", headers=bearer(second)).status_code == 403
    assert opened(audit_log="off").get("/v2/audit-logs").status_code == 403


def test_alpha_has_no_audit_log(alpha: Client) -> None:
    assert alpha.get("/v2/audit-logs").status_code == 404
