"""One exchange: what is sent, what is never sent, and what is known when no answer comes."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest

from keyplan.errors import InputError
from keyplan.model.secret import Credential
from keyplan.net.http import (
    MAX_ANSWER_BYTES,
    Answer,
    Bearer,
    Exchange,
    Failure,
    check_base_url,
    exchange,
    open_client,
    read_http_date,
    read_retry_after,
    show_safely,
)

SECRET = "ak-canary0123456789"
URL = "https://api.arize.com/v2/api-keys"
NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)


class Server:
    """Answers every request with the same response or error, and keeps the requests."""

    def __init__(self, outcome: httpx.Response | Exception) -> None:
        self.outcome = outcome
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def ask(server: Server, *, times: int = 1) -> Exchange:
    client = open_client(transport=httpx.MockTransport(server))
    for _ in range(times):
        result = exchange(client, client.build_request("GET", URL), bearer=Bearer(Credential(SECRET)))
    return result


def test_an_answer_is_returned_whole() -> None:
    headers = {"Content-Type": "application/json", "Retry-After": "3", "Date": "Mon, 23 Nov 2026 07:31:00 GMT"}
    assert ask(Server(httpx.Response(429, headers=headers, content=b"{}"))) == Answer(
        status=429,
        content_type="application/json",
        retry_after="3",
        date="Mon, 23 Nov 2026 07:31:00 GMT",
        body=b"{}",
    )


def test_an_answer_does_not_show_its_body() -> None:
    assert SECRET not in repr(Answer(status=201, body=SECRET.encode()))


def test_every_request_names_keyplan_and_bears_the_secret() -> None:
    server = Server(httpx.Response(200))
    ask(server)
    sent = server.requests[0].headers
    assert sent["User-Agent"] == f"keyplan/{version('keyplan')}"
    assert sent["Authorization"] == f"Bearer {SECRET}"
    assert "application/json" in sent["Accept"]


def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    server = Server(httpx.Response(307, headers={"Location": "https://elsewhere.test/"}))
    result = ask(server)
    assert isinstance(result, Answer)
    assert result.status == 307
    assert len(server.requests) == 1


def test_a_cookie_is_not_kept_because_it_could_authenticate_another_key_s_call() -> None:
    server = Server(httpx.Response(200, headers={"Set-Cookie": "session=admin; Path=/"}))
    ask(server, times=2)
    assert "Cookie" not in server.requests[1].headers


def test_everything_has_a_time_limit() -> None:
    server = Server(httpx.Response(200))
    ask(server)
    limits = server.requests[0].extensions["timeout"]
    assert limits == {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}


@pytest.mark.parametrize(
    ("error", "sent", "passing"),
    [
        pytest.param(httpx.ConnectError("[Errno 111] Connection refused"), False, True, id="connection refused"),
        pytest.param(httpx.ConnectTimeout(""), False, True, id="no connection in time"),
        pytest.param(httpx.PoolTimeout(""), False, True, id="no free connection"),
        pytest.param(httpx.ProxyError("502 Bad Gateway"), False, True, id="the proxy failed"),
        pytest.param(httpx.ProxyError("407 Say Who"), False, False, id="wrong credentials again would lock a user out"),
        pytest.param(httpx.UnsupportedProtocol(""), False, False, id="no such protocol"),
        pytest.param(httpx.ReadTimeout(""), True, True, id="no answer in time"),
        pytest.param(httpx.WriteTimeout(""), True, True, id="request stuck halfway"),
        pytest.param(httpx.ReadError(""), True, True, id="reset while reading"),
        pytest.param(httpx.WriteError(""), True, True, id="reset while writing"),
        pytest.param(httpx.RemoteProtocolError(SECRET), True, True, id="closed without an answer"),
        pytest.param(httpx.LocalProtocolError(SECRET), True, True, id="illegal header"),
        pytest.param(httpx.DecodingError(""), True, False, id="broken compression"),
        pytest.param(httpx.TooManyRedirects(""), True, True, id="anything else is in doubt"),
    ],
)
def test_a_failure_says_whether_the_server_may_have_got_the_request(
    error: Exception, *, sent: bool, passing: bool
) -> None:
    result = ask(Server(error))
    assert isinstance(result, Failure)
    assert (result.sent, result.passing) == (sent, passing)
    assert result.reason
    assert SECRET not in result.reason


def test_a_refused_connection_names_the_host_and_what_it_was() -> None:
    error = httpx.ConnectError("[Errno 111] Connection refused\n")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert ask(Server(error)) == Failure(reason="api.arize.com: connection refused", sent=False)


def test_a_web_page_with_a_status_of_success_is_no_answer_so_that_no_write_counts_as_done() -> None:
    result = ask(Server(httpx.Response(201, html="<!DOCTYPE html><title>Log in</title>")))
    assert isinstance(result, Failure)
    assert (result.sent, result.passing) == (True, False)
    assert result.reason == "api.arize.com: a web page came in place of an answer (status 201)"


def test_a_success_that_only_calls_itself_html_is_an_answer() -> None:
    assert isinstance(ask(Server(httpx.Response(200, html="ok"))), Answer)
    assert isinstance(ask(Server(httpx.Response(204, headers={"Content-Type": "text/html"}))), Answer)


def test_a_certificate_that_is_not_trusted_does_not_pass_by_waiting() -> None:
    error = httpx.ConnectError("certificate verify failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    result = ask(Server(error))
    assert isinstance(result, Failure)
    assert (result.sent, result.passing) == (False, False)
    assert result.reason.startswith("api.arize.com: the certificate is not accepted")


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    def stream() -> Iterator[bytes]:
        for _ in range(2 * MAX_ANSWER_BYTES // 2**20):
            yield bytes(2**20)

    result = ask(Server(httpx.Response(200, content=stream())))
    assert result == Failure(
        reason="api.arize.com: the answer was given up (the answer is larger than 8388608 bytes)",
        sent=True,
        passing=False,
    )


def test_the_largest_answer_allowed_is_read() -> None:
    result = ask(Server(httpx.Response(200, content=bytes(MAX_ANSWER_BYTES))))
    assert isinstance(result, Answer)
    assert len(result.body) == MAX_ANSWER_BYTES


def test_debug_logging_of_everything_writes_down_nothing_that_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ask(Server(httpx.Response(200)))
    for name in ("httpx", "httpcore", "httpcore.http11", "httpcore.connection"):
        logging.getLogger(name).debug("Authorization: %s", SECRET)
        logging.getLogger(name).info("Authorization: %s", SECRET)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://api.arize.com", "https://api.arize.com", id="as it is"),
        pytest.param("https://api.arize.com/", "https://api.arize.com", id="no trailing slash"),
        pytest.param("https://proxy.test:8443/arize/", "https://proxy.test:8443/arize", id="port and path stay"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080", id="plain http to this machine"),
        pytest.param("http://127.9.9.9", "http://127.9.9.9", id="all of 127/8 is this machine"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080", id="this machine in IPv6"),
        pytest.param("http://localhost:8080", "http://localhost:8080", id="this machine by name"),
    ],
)
def test_a_base_url_is_taken(url: str, expected: str) -> None:
    assert check_base_url(url) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("http://api.arize.com", "plain http", id="plain http to the world"),
        pytest.param("http://localhost.evil.test", "plain http", id="only looks like this machine"),
        pytest.param("http://10.0.0.1", "plain http", id="a private network is not this machine"),
        pytest.param(f"https://me:{SECRET}@api.arize.com", "must hold no user name", id="password"),
        pytest.param("http://127.0.0.1@evil.test", "must hold no user name", id="user name that looks like a host"),
        pytest.param(f"https://api.arize.com?key={SECRET}", "must hold no user name", id="query"),
        pytest.param("https://api.arize.com#x", "must hold no user name", id="fragment"),
        pytest.param("api.arize.com", "must begin with https://", id="no scheme"),
        pytest.param("ftp://api.arize.com", "must begin with https://", id="another scheme"),
        pytest.param("https://", "must begin with https://", id="no host"),
        pytest.param("https://api.arize.com:x", "is not a URL", id="no port number"),
        pytest.param("https://api.arize.com:99999", "names no port", id="port beyond the last"),
        pytest.param("https://api.arize.com:0", "names no port", id="port zero"),
        pytest.param("https://a\x1b[31m", "is not a URL", id="control characters"),
    ],
)
def test_a_base_url_that_could_leak_or_fail_is_refused(url: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        check_base_url(url)
    assert SECRET not in f"{caught.value}{caught.value.advice}"


def test_a_missing_certificate_bundle_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="certificate bundle cannot be read: No such file"):
        open_client(ca_file=str(tmp_path / "nowhere.pem"))


def test_a_bundle_without_certificates_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(InputError, match="certificate bundle cannot be read"):
        open_client(ca_file=str(tmp_path / "empty.pem"))


def test_an_unusable_proxy_is_an_input_error_that_does_not_quote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"gopher://me:{SECRET}@proxy.test")
    with pytest.raises(InputError, match="proxy URL") as caught:
        open_client()
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, None, id="missing"),
        pytest.param("42", timedelta(seconds=42), id="seconds"),
        pytest.param(" 1.5 ", timedelta(seconds=1.5), id="fraction"),
        pytest.param("0", timedelta(0), id="at once"),
        pytest.param("Mon, 23 Nov 2026 07:31:30 GMT", timedelta(seconds=30), id="HTTP date"),
        pytest.param("Mon, 23 Nov 2026 07:00:00 GMT", timedelta(0), id="date in the past"),
        pytest.param("-5", None, id="negative"),
        pytest.param("9" * 400, None, id="absurd"),
        pytest.param("soon", None, id="garbage"),
    ],
)
def test_retry_after_is_understood(text: str | None, expected: timedelta | None) -> None:
    assert read_retry_after(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Mon, 23 Nov 2026 07:31:00 GMT", NOW, id="as RFC 9110 says"),
        pytest.param("Mon, 23 Nov 2026 08:31:00 +0100", NOW, id="another zone"),
        pytest.param("Mon, 23 Nov 2026 07:31:00 -0000", NOW, id="unknown zone is UTC"),
        pytest.param("Mon, 32 Nov 2026 07:31:00 GMT", None, id="no such day"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -0500", None, id="beyond the last year"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="missing"),
    ],
)
def test_a_date_header_is_understood(text: str | None, expected: datetime | None) -> None:
    assert read_http_date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("two\nlines", "two lines", id="one line"),
        pytest.param("\x1b[31mred\x07", "[31mred", id="no terminal escapes"),
        pytest.param("a\u202eb", "a b", id="no change of direction"),
        pytest.param("x" * 11, "xxxxxxx...", id="cut"),
        pytest.param("x" * 10, "x" * 10, id="just fits"),
    ],
)
def test_foreign_text_comes_out_inert(text: str, expected: str) -> None:
    assert show_safely(text, limit=10) == expected
