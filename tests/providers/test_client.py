"""The retry law and the translation of failures: what is asked again, and what each outcome is called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

import httpx
import pytest
from samples import make_desired
from scripted_arize import CREDENTIAL, NO_PAGE, Answer, Arize, refusal
from simulated.clock import START

from keyplan.errors import (
    InDoubtError,
    InputError,
    KeyplanError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.identity import KeyId
from keyplan.model.manifest import ProviderSettings
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import ProviderPorts
from keyplan.providers.answers import ProviderWords
from keyplan.providers.client import ProviderClient, ProviderServer
from keyplan.providers.connection import ProviderConnection
from keyplan.testing.samples import make_context

Call: TypeAlias = Callable[[ProviderPorts], object]
RAW = "ak-canary00000000000"
ISSUED = {"id": "key-1", "name": "ci", "key": RAW}
REFUSED_CONNECTION = httpx.ConnectError("[Errno 111] Connection refused")
REFUSED_CONNECTION.__cause__ = ConnectionRefusedError(111, "Connection refused")
LOST = httpx.ReadTimeout("")


def list_keys(provider: ProviderPorts) -> object:
    return provider.reader.search_keys(key_type=None, active=True, scope_id=None)


def create(provider: ProviderPorts) -> object:
    return provider.writer.create(make_desired(), expires_at=None)


def refresh(provider: ProviderPorts) -> object:
    return provider.writer.refresh(KeyId("key-1"), expires_at=None, grace=timedelta(0))


def delete(provider: ProviderPorts) -> object:
    return provider.writer.delete(KeyId("key-1"))


def verify(provider: ProviderPorts) -> object:
    return provider.writer.verify(RawKey(RAW))


EVERY = pytest.mark.parametrize("call", [list_keys, create, refresh, delete, verify])
REPEATABLE = pytest.mark.parametrize("call", [list_keys, delete, verify])
ISSUING = pytest.mark.parametrize("call", [create, refresh])
TRANSLATED = pytest.mark.parametrize("call", [list_keys, create, refresh, delete])


def serve(arize: Arize, *answers: Answer) -> ProviderPorts:
    """Let every request be answered so."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        arize.on(method, "/v2/api-keys", *answers)
    return arize.provider(api="alpha")


def fail(arize: Arize, call: Call, *answers: Answer) -> KeyplanError:
    with pytest.raises(KeyplanError) as caught:
        call(serve(arize, *answers))
    return caught.value


def succeed(request: httpx.Request) -> httpx.Response:
    return httpx.Response(201, json=ISSUED) if request.method == "POST" else httpx.Response(200, json=NO_PAGE)


@EVERY
@pytest.mark.parametrize(
    "harmless",
    [
        pytest.param(REFUSED_CONNECTION, id="nothing was sent"),
        pytest.param(httpx.ConnectTimeout(""), id="no connection in time"),
        pytest.param(refusal(429, "Too Many Requests"), id="throttled"),
        pytest.param(refusal(429, "Too Many Requests", Retry_After="2"), id="throttled with a time"),
    ],
)
def test_what_certainly_had_no_effect_is_tried_again(arize: Arize, call: Call, harmless: Answer) -> None:
    call(serve(arize, harmless, harmless, succeed))
    assert len(arize.requests) == 3


@REPEATABLE
@pytest.mark.parametrize(
    "passing",
    [
        pytest.param(LOST, id="answer lost"),
        pytest.param(httpx.RemoteProtocolError(""), id="connection dropped"),
        pytest.param(refusal(500), id="internal error"),
        pytest.param(refusal(503, Retry_After="1"), id="unavailable for a second"),
        pytest.param(refusal(408), id="request timeout"),
    ],
)
def test_a_transient_failure_is_repeated_if_twice_is_harmless(arize: Arize, call: Call, passing: Answer) -> None:
    call(serve(arize, passing, succeed))
    assert len(arize.requests) == 2


@ISSUING
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(LOST, id="no answer in time"),
        pytest.param(httpx.ReadError(""), id="reset while reading"),
        pytest.param(httpx.WriteError(""), id="reset while writing"),
        pytest.param(httpx.RemoteProtocolError(""), id="closed halfway"),
        pytest.param(httpx.DecodingError(""), id="broken compression"),
        pytest.param(refusal(500), id="internal error"),
        pytest.param(refusal(503, Retry_After="1"), id="unavailable: it may have acted all the same"),
        pytest.param(httpx.Response(200, content=b""), id="success without a body"),
        pytest.param(httpx.Response(200, content=b'{"id": "key-1", "key": "ak-'), id="truncated"),
        pytest.param(httpx.Response(200, html="<p>Welcome</p>"), id="HTML"),
        pytest.param(httpx.Response(200, json=["key-1"]), id="no object"),
        pytest.param(httpx.Response(200, content=b"[" * 100_000), id="nested without end"),
        pytest.param(httpx.Response(204), id="no content"),
        pytest.param({"id": "key-1"}, id="no raw key"),
        pytest.param({"id": "key-1", "key": ""}, id="empty raw key"),
        pytest.param({"id": "key-1", "key": None}, id="null raw key"),
        pytest.param({"id": "key-1", "key": "two words"}, id="raw key that no header carries"),
    ],
)
def test_an_issue_whose_answer_is_lost_is_in_doubt_and_not_repeated(arize: Arize, call: Call, lost: Answer) -> None:
    assert isinstance(fail(arize, call, lost), InDoubtError)
    assert len(arize.requests) == 1


@EVERY
def test_a_server_that_is_not_there_is_asked_for_some_seconds(arize: Arize, call: Call) -> None:
    error = fail(arize, call, REFUSED_CONNECTION)
    assert isinstance(error, ProviderUnavailableError)
    assert "api.arize.com: connection refused" in error.message
    assert "provider.base_url" in error.advice
    assert len(arize.requests) == 6
    assert arize.clock.now() - START == timedelta(seconds=15.5)


@EVERY
def test_an_untrusted_certificate_fails_at_once(arize: Arize, call: Call) -> None:
    assert isinstance(fail(arize, call, httpx.UnsupportedProtocol("")), ProviderUnavailableError)
    assert len(arize.requests) == 1


@EVERY
def test_a_storm_of_429_ends_after_the_deadline(arize: Arize, call: Call) -> None:
    error = fail(arize, call, refusal(429, "Too Many Requests", Retry_After="10"))
    assert isinstance(error, ProviderUnavailableError)
    assert "429 Too Many Requests" in error.message
    assert timedelta(seconds=100) < arize.clock.now() - START <= timedelta(seconds=120)


@REPEATABLE
def test_a_500_that_stays_makes_the_provider_unavailable(arize: Arize, call: Call) -> None:
    error = fail(arize, call, refusal(500, "Internal Server Error", "database is away"))
    assert isinstance(error, ProviderUnavailableError)
    assert "500 Internal Server Error: database is away" in error.message


@TRANSLATED
@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_is_refused_is_denied(arize: Arize, call: Call, status: int) -> None:
    error = fail(arize, call, refusal(status, "No", "a developer flag is needed"))
    assert isinstance(error, ProviderDeniedError)
    assert f"{status} No: a developer flag is needed" in error.message
    assert "ARIZE_API_KEY" in error.advice
    assert len(arize.requests) == 1


@TRANSLATED
@pytest.mark.parametrize("status", [400, 409, 413, 422, 451])
def test_any_other_4xx_is_a_refusal_with_its_status(arize: Arize, call: Call, status: int) -> None:
    error = fail(arize, call, refusal(status, "Bad", "no such role"))
    assert isinstance(error, ProviderRefusedError)
    assert error.status == status
    assert len(arize.requests) == 1


@TRANSLATED
def test_a_redirect_did_nothing_and_is_not_followed(arize: Arize, call: Call) -> None:
    error = fail(arize, call, httpx.Response(308, headers={"Location": "https://elsewhere.test/"}))
    assert isinstance(error, ProviderRefusedError)
    assert "api.arize.com: the server redirects" in error.message
    assert "(to https://elsewhere.test)" in error.message
    assert "base_url" in error.advice


@ISSUING
def test_a_404_says_that_it_may_be_about_rights(arize: Arize, call: Call) -> None:
    error = fail(arize, call, refusal(404, "Not Found"))
    assert isinstance(error, ProviderRefusedError)
    assert "may not see it" in error.advice


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(httpx.Response(200, html="<html>log in</html>"), "a web page came in place", id="captive portal"),
        pytest.param(httpx.Response(200, content=b""), "the answer is not JSON (empty, status 200)", id="empty"),
        pytest.param(httpx.Response(200, json=[]), "the answer is not a JSON object", id="a list"),
        pytest.param(httpx.Response(200, content=b"\xff"), "the answer is not JSON", id="binary"),
        pytest.param({"keys": []}, "has no list 'api_keys'", id="another object"),
    ],
)
def test_a_listing_that_is_no_listing_is_not_taken_for_an_empty_one(arize: Arize, answer: Answer, said: str) -> None:
    error = fail(arize, list_keys, answer)
    assert isinstance(error, ProviderUnavailableError)
    assert said in error.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(refusal(400, "T", "D"), "list keys: 400 T: D", id="title and detail"),
        pytest.param(httpx.Response(400, json={"detail": 7}), "list keys: 400 Bad Request", id="only a status"),
        pytest.param(
            httpx.Response(400, html="<h1>x</h1>"),
            "list keys: api.arize.com: a web page came in place of an answer (status 400)",
            id="HTML",
        ),
        pytest.param(httpx.Response(499, content=b"?"), "list keys: 499", id="a status without a name"),
        pytest.param(refusal(400, "T", "a\x1b[31m\n::error::b"), "list keys: 400 T: a [31m ::error::b", id="inert"),
    ],
)
def test_a_refusal_is_one_line(arize: Arize, answer: Answer, said: str) -> None:
    assert fail(arize, list_keys, answer).message == said


def test_a_long_detail_is_cut(arize: Arize) -> None:
    assert len(fail(arize, list_keys, refusal(400, "T", "d" * 5000)).message) < 350


@ISSUING
@pytest.mark.parametrize("status", [200, 500])
def test_what_an_issue_answered_is_never_quoted(arize: Arize, call: Call, status: int) -> None:
    broken = httpx.Response(status, content=f'{{"key": "{RAW}"'.encode())
    error = fail(arize, call, broken)
    assert RAW not in f"{error!r} {error.advice}"
    assert error.__cause__ is None


@pytest.mark.parametrize("status", [404, 410])
def test_deleting_what_is_gone_is_success(arize: Arize, status: int) -> None:
    delete(serve(arize, refusal(status)))
    assert len(arize.requests) == 1


@pytest.mark.parametrize(
    ("status", "accepted"),
    [
        pytest.param(200, True, id="lists"),
        pytest.param(204, True, id="any success"),
        pytest.param(403, True, id="known, but may not list"),
        pytest.param(404, True, id="known, but may not see"),
        pytest.param(401, False, id="unknown"),
    ],
)
def test_a_raw_key_is_accepted_if_the_server_authenticates_it(arize: Arize, status: int, *, accepted: bool) -> None:
    assert verify(serve(arize, refusal(status))) is accepted
    assert len(arize.requests) == 1


@pytest.mark.parametrize("status", [400, 302, 500])
def test_an_answer_that_says_nothing_about_the_raw_key_is_no_verdict(arize: Arize, status: int) -> None:
    error = fail(arize, verify, refusal(status))
    assert isinstance(error, ProviderUnavailableError)
    assert RAW not in error.message


def test_verifying_presents_the_raw_key_and_nothing_of_our_own(arize: Arize) -> None:
    provider = serve(arize, NO_PAGE)
    list_keys(provider)
    verify(provider)
    list_keys(provider)
    presented = [request.headers["Authorization"] for request in arize.requests]
    assert presented == [f"Bearer {CREDENTIAL}", f"Bearer {RAW}", f"Bearer {CREDENTIAL}"]


def test_the_credential_is_fetched_when_it_is_needed_and_once(arize: Arize) -> None:
    provider = serve(arize, NO_PAGE)
    assert arize.fetched == []
    list_keys(provider)
    list_keys(provider)
    assert len(arize.fetched) == 1


def test_verifying_needs_no_credential_of_ours(arize: Arize) -> None:
    verify(serve(arize, NO_PAGE))
    assert arize.fetched == []


@pytest.mark.parametrize(
    ("advice", "told"),
    [("", "set ARIZE_API_KEY, or provider.credential in the manifest"), ("mend it", "mend it")],
    ids=["missing", "with advice of its own"],
)
def test_without_a_credential_the_advice_says_where_to_put_one(arize: Arize, advice: str, told: str) -> None:
    def refuse(_: object) -> object:
        raise InputError("environment variable ARIZE_API_KEY is not set", advice=advice)

    arize._resolve = refuse  # type: ignore[method-assign,assignment]  # stands in for the method
    with pytest.raises(InputError, match="ARIZE_API_KEY is not set") as caught:
        list_keys(arize.provider())
    assert caught.value.advice == told


def test_the_largest_difference_of_the_clocks_is_remembered(arize: Arize) -> None:
    dates = ["Mon, 23 Nov 2026 07:31:05 GMT", "Mon, 23 Nov 2026 07:30:00 GMT", "Mon, 23 Nov 2026 07:31:07 GMT", "?"]
    provider = serve(arize, *(httpx.Response(200, json=NO_PAGE, headers={"Date": date}) for date in dates))
    assert provider.reader.clock_skew() is None
    for _ in dates:
        list_keys(provider)
    assert provider.reader.clock_skew() == timedelta(seconds=-60)


def test_a_closed_provider_lets_go_of_its_connections(arize: Arize) -> None:
    provider = serve(arize, NO_PAGE)
    provider.close()
    with pytest.raises(RuntimeError, match="closed"):
        list_keys(provider)


# A server that answers a repeated issue in the same way.


def issue_repeatably(arize: Arize, *answers: Answer) -> object:
    arize.on("POST", "/v2/api-keys", *answers)
    words = ProviderWords(setting="provider.base_url", credential="check it", missing_credential="set it")
    server = ProviderServer(base_url="https://api.example.com", words=words)
    connection = ProviderConnection(server=server, transport=httpx.MockTransport(arize))
    context = make_context(clock=arize.clock)
    client = connection.open(ProviderClient, ProviderSettings(), context, lambda: Credential(CREDENTIAL))
    return client.issue("create a key", "/v2/api-keys", {"name": "ci"}, headers={"Number": "1"}, repeatable=True)


@pytest.mark.parametrize("lost", [LOST, refusal(500), refusal(503, Retry_After="1"), httpx.RemoteProtocolError("")])
def test_a_repeatable_issue_whose_answer_is_lost_is_repeated_as_it_was(arize: Arize, lost: Answer) -> None:
    assert issue_repeatably(arize, lost, ISSUED) == ISSUED
    first, second = arize.requests
    assert (first.content, first.headers["Number"]) == (second.content, second.headers["Number"])


@pytest.mark.parametrize("lost", [LOST, refusal(500)])
@pytest.mark.parametrize(
    "last", [refusal(401), refusal(404), refusal(409), refusal(429), REFUSED_CONNECTION, httpx.Response(307)]
)
def test_no_failure_after_a_lost_answer_says_that_nothing_was_issued(arize: Arize, lost: Answer, last: Answer) -> None:
    with pytest.raises(InDoubtError, match=r"create a key: .*; an earlier answer was lost"):
        issue_repeatably(arize, lost, last)


@pytest.mark.parametrize(
    ("harmless", "last", "kind"),
    [
        (refusal(429), refusal(409), ProviderRefusedError),
        (REFUSED_CONNECTION, refusal(401), ProviderDeniedError),
        (refusal(429), REFUSED_CONNECTION, ProviderUnavailableError),
    ],
)
def test_a_failure_after_harmless_ones_is_what_it_says(
    arize: Arize, harmless: Answer, last: Answer, kind: type[KeyplanError]
) -> None:
    with pytest.raises(kind):
        issue_repeatably(arize, harmless, last)
