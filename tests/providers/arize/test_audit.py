"""The audit log: which entries name a key, where reading stops, and what a log that is none does."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from scripted_arize import Arize, refusal

from keyplan.errors import ProviderDeniedError, ProviderError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.audit import AuditLog, AuditQuery
from keyplan.model.identity import KeyId
from keyplan.ports import Auditable

LABEL = "ApiKey:1002:c820"
KEY = KeyId(base64.b64encode(LABEL.encode()).decode())
OTHER = KeyId("QXBpS2V5OjEwMDM6ODNhYg==")
UNTIL = datetime(2026, 11, 23, 12, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=30)


def entry(variables: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an entry as the API writes it."""
    sent = {"key_id": KEY} if variables is None else variables
    return {
        "id": "QXVkaXRMb2c6NDI=",
        "user_id": "VXNlcjoxMjM0NQ==",
        "ip": "192.0.2.7",
        "operation_type": "MUTATION",
        "operation_name": "revokeApiKey",
        "variables": sent if isinstance(sent, str) else json.dumps(sent),
        "created_at": "2026-11-20T12:00:00.000Z",
        **fields,
    }


def page(*entries: Any, cursor: str | None = None) -> dict[str, Any]:
    """Return a page of the log."""
    return {"logs": list(entries), "pagination": {"has_more": bool(cursor), "next_cursor": cursor}}


def read(arize: Arize, *, entries: int = 1000, time: timedelta = timedelta(seconds=20)) -> AuditLog:
    """Return what the log says of two keys."""
    reader = arize.reader().reader
    assert isinstance(reader, Auditable)
    query = AuditQuery(key_ids=frozenset({KEY, OTHER}), since=SINCE, until=UNTIL, entries=entries, time=time)
    return reader.read_audit(query)


def test_an_entry_tells_who_when_from_where_and_what(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry()))
    (found,) = read(arize).entries
    assert (found.user_id, found.ip, found.operation) == ("VXNlcjoxMjM0NQ==", "192.0.2.7", "revokeApiKey")
    assert (found.at, found.key_ids) == (datetime(2026, 11, 20, 12, tzinfo=UTC), (KEY,))


def test_changes_of_the_window_alone_are_asked_for(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page())
    assert read(arize) == AuditLog(entries=(), read=0)
    window = "start_time=2026-10-24T12%3A00%3A00Z&end_time=2026-11-23T12%3A00%3A00Z"
    assert arize.lines() == [f"GET /v2/audit-logs?{window}&operation_type=MUTATION&limit=100"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"key_id": KEY}, (KEY,), id="its id"),
        pytest.param({"input": {"ids": [{"apiKeyId": KEY}]}}, (KEY,), id="its id, deep inside"),
        pytest.param({"id": LABEL}, (KEY,), id="what its id encodes"),
        pytest.param({"ids": [OTHER, KEY]}, (KEY, OTHER), id="two keys"),
        pytest.param({"ids": ["QXBpS2V5Ojk6YUFhQQ=="]}, (), id="another key"),
        pytest.param({"name": f"see {KEY}"}, (), id="a text in which its id occurs"),
        pytest.param({KEY: True}, (), id="the name of a value"),
        pytest.param({"number": 1002}, (), id="its number"),
        pytest.param(f"{KEY}", (), id="no JSON"),
        pytest.param(json.dumps(KEY), (KEY,), id="its id alone"),
        pytest.param('{"key_id": ', (), id="half of JSON"),
        pytest.param('{"a": NaN}', (), id="a number that is none"),
        pytest.param("[" * 50_000, (), id="nested too deeply"),
        pytest.param({"a": "x" * 65_536, "key_id": KEY}, (), id="too long"),
        pytest.param({"key_id": KEY, "many": [0] * 15_000}, (), id="too many values"),
        pytest.param({}, (), id="nothing"),
    ],
)
def test_an_entry_names_a_key_only_by_a_value_that_is_its_id(
    arize: Arize, variables: Any, named: tuple[KeyId, ...]
) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry(variables)))
    assert [found.key_ids for found in read(arize).entries] == ([named] if named else [])


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"variables": {"key_id": KEY}}, id="an object in place of a text"),
        pytest.param({"operation_type": None}, id="no type"),
        pytest.param({"operation_type": "mutation"}, id="a type in another case"),
        pytest.param({"created_at": None}, id="no time"),
        pytest.param({"created_at": "soon"}, id="a time that is none"),
        pytest.param({"user_id": 7, "ip": ["x"], "operation_name": {}}, id="texts that are none"),
        pytest.param({"ip": "\ud83d"}, id="half of a pair"),
    ],
)
def test_a_field_that_is_missing_or_wrong_ends_nothing(arize: Arize, fields: dict[str, Any]) -> None:
    body = json.dumps(page(None, "text", [], entry(**fields)))
    arize.on("GET", "/v2/audit-logs", httpx.Response(200, text=body))
    (found,) = read(arize).entries
    assert found.key_ids == (KEY,)
    assert all(isinstance(text, str) for text in (found.user_id, found.ip, found.operation))


def test_an_entry_of_another_type_or_time_is_left_out_although_the_server_sent_it(arize: Arize) -> None:
    early, late = "2026-10-24T11:59:59Z", "2026-11-23T12:00:01Z"
    arize.on(
        "GET",
        "/v2/audit-logs",
        page(entry(created_at=late), entry(operation_type="QUERY"), entry(created_at=early)),
    )
    assert read(arize) == AuditLog(entries=(), read=3)


def test_long_texts_are_cut(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry(operation_name="x" * 5000, ip="1" * 5000)))
    (found,) = read(arize).entries
    assert (len(found.operation), len(found.ip)) == (256, 256)


def test_all_pages_are_read(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry(), cursor="2"))
    arize.on("GET", f"/v2/audit-logs?start_time={SINCE:%Y-%m-%d}", page(entry(), cursor="2"), page(entry({}), entry()))
    found = read(arize)
    assert (len(found.entries), found.read, found.reached) == (2, 3, None)


def test_reading_stops_at_its_limit_of_entries_and_says_how_far_it_came(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry(), entry(created_at="2026-11-19T00:00:00Z"), cursor="2"))
    found = read(arize, entries=2)
    assert (len(arize.requests), found.read, found.reached) == (1, 2, datetime(2026, 11, 19, tzinfo=UTC))


def test_reading_stops_when_its_time_is_over(arize: Arize) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        arize.clock.advance(timedelta(seconds=15))
        return httpx.Response(200, json=page(entry(), cursor=f"c{len(arize.requests)}"))

    arize.on("GET", "/v2/audit-logs", answer)
    found = read(arize)
    assert (len(arize.requests), found.reached is None) == (2, False)


def test_a_server_that_ignores_the_window_is_read_no_further_than_it(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", page(entry(created_at="2020-01-01T00:00:00Z"), cursor="2"))
    assert (read(arize).entries, len(arize.requests)) == ((), 1)


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        pytest.param(refusal(403, "Forbidden"), ProviderDeniedError, "administrators of an account", id="403"),
        pytest.param(refusal(404, "Not Found"), ProviderRefusedError, "may have no audit log", id="404"),
        pytest.param(refusal(400), ProviderRefusedError, "may have no audit log", id="400"),
        pytest.param(
            httpx.Response(302, headers={"Location": "https://sso.example"}), ProviderError, "", id="a redirect"
        ),
        pytest.param(httpx.Response(200, html="<html>hello</html>"), ProviderUnavailableError, "", id="HTML"),
        pytest.param(httpx.Response(200, json=[]), ProviderUnavailableError, "", id="a list"),
        pytest.param(httpx.Response(200, json={"logs": {}}), ProviderUnavailableError, "", id="no list of entries"),
        pytest.param(page(entry(), cursor="again"), ProviderUnavailableError, "", id="pages in a circle"),
        pytest.param(refusal(503), ProviderUnavailableError, "", id="503"),
        pytest.param(refusal(429, Retry_After="3600"), ProviderUnavailableError, "", id="429"),
        pytest.param(httpx.ConnectError("refused"), ProviderUnavailableError, "", id="no connection"),
    ],
)
def test_a_log_that_cannot_be_read_is_one_error_and_soon(
    arize: Arize, answer: Any, kind: type[ProviderError], said: str
) -> None:
    arize.on("GET", "/v2/audit-logs", answer)
    began = arize.clock.now()
    with pytest.raises(kind) as raised:
        read(arize)
    assert "read the audit log" in raised.value.message
    assert said in raised.value.advice
    assert arize.clock.now() - began <= timedelta(seconds=20)


def test_what_a_caller_sent_is_not_in_the_error(arize: Arize) -> None:
    arize.on("GET", "/v2/audit-logs", {"entries": [entry({"key": "ak-secret"})]})
    with pytest.raises(ProviderUnavailableError) as raised:
        read(arize)
    assert "ak-secret" not in f"{raised.value.message} {raised.value.advice}"
