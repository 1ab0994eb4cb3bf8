"""The words of faults: complete, one line, and without anything that a stranger or a password could put in."""

from __future__ import annotations

import pytest

from keyplan.net.faults import (
    TRUST_VARIABLES,
    Fault,
    FaultKind,
    classify_proxy_status,
    find_answer_fault,
    is_web_page,
    name_host,
)

URL = "https://api.example.test/v2"
EVERY_KIND = pytest.mark.parametrize("kind", FaultKind, ids=lambda kind: kind.name)


def find(status: int, *, content_type: str = "", location: str = "", body: bytes = b"") -> Fault | None:
    return find_answer_fault(URL, status=status, content_type=content_type, location=location, body=body)


@EVERY_KIND
def test_every_kind_names_the_host_what_it_was_and_what_to_do(kind: FaultKind) -> None:
    fault = Fault(kind=kind, host="api.example.test")
    assert fault.reason.startswith("api.example.test: ")
    assert fault.what
    advice = fault.advise("provider.base_url")
    assert advice
    assert "{" not in f"{fault.reason}{advice}"
    assert "\n" not in f"{fault.reason}{advice}"
    assert not f"{fault.reason}".endswith(".")


@EVERY_KIND
def test_every_kind_can_happen_at_a_proxy(kind: FaultKind) -> None:
    fault = Fault(kind=kind, host="api.example.test", proxy="proxy.test:3128")
    assert fault.reason.startswith("api.example.test: the proxy proxy.test:3128: ")
    assert "PROXY" in fault.advise("provider.base_url") or kind.name.startswith("CERTIFICATE")


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind.name.startswith("CERTIFICATE")])
def test_every_certificate_that_is_not_accepted_names_the_variables_and_does_not_pass(kind: FaultKind) -> None:
    fault = Fault(kind=kind, host="api.example.test")
    assert TRUST_VARIABLES in fault.advise("provider.base_url")
    assert fault.is_lasting


@pytest.mark.parametrize(
    ("url", "named"),
    [
        pytest.param("https://api.example.test/v2?a=b", "api.example.test", id="the usual"),
        pytest.param("https://api.example.test:443", "api.example.test", id="the port of its scheme"),
        pytest.param("https://api.example.test:8443", "api.example.test:8443", id="another port"),
        pytest.param("http://127.0.0.1:8200", "127.0.0.1:8200", id="an address"),
        pytest.param("https://[fd00::1]:8443/x", "[fd00::1]:8443", id="an address of version 6"),
        pytest.param("http://me:secret@proxy.test:3128", "proxy.test:3128", id="with a password"),
        pytest.param("https://a\x1b[2Jb.test", "", id="terminal escapes"),
        pytest.param("https://a\u202eb.test", "a?b.test", id="letters that turn the line around"),
        pytest.param(f"https://{'a' * 5000}.test", "a" * 100, id="without end"),
        pytest.param("https://a:99999999", "(no host)", id="no port"),
        pytest.param("https://[::", "(no host)", id="no address"),
        pytest.param("", "(no host)", id="nothing"),
    ],
)
def test_a_host_is_named_without_what_else_a_url_may_hold(url: str, named: str) -> None:
    assert name_host(url).startswith(named)
    assert name_host(url).isprintable()
    assert "secret" not in name_host(url)


@pytest.mark.parametrize(
    ("content_type", "body", "is_page"),
    [
        pytest.param("text/html; charset=utf-8", b"<p>Log in</p>", True, id="called so, and looks so"),
        pytest.param("", b"\xef\xbb\xbf\r\n <!DOCTYPE HTML>", True, id="not called so"),
        pytest.param("application/json", b"<html>", True, id="called JSON"),
        pytest.param("text/html", b"ok", False, id="a text of a framework"),
        pytest.param("text/html", b"", False, id="nothing"),
        pytest.param("application/xml", b"<Error/>", False, id="XML"),
        pytest.param("application/json", b'{"a": "<html>"}', False, id="JSON about HTML"),
    ],
)
def test_a_web_page_is_known_by_what_it_is(content_type: str, body: bytes, *, is_page: bool) -> None:
    assert is_web_page(content_type, body) is is_page


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param({"status": 200, "body": b"{}"}, None, id="sound"),
        pytest.param({"status": 204}, None, id="nothing"),
        pytest.param({"status": 404, "body": b"404 page not found"}, None, id="plain text"),
        pytest.param({"status": 503, "body": b"<html>"}, FaultKind.WEB_PAGE, id="a gateway's page"),
        pytest.param({"status": 200, "body": b"<html>"}, FaultKind.CAPTIVE_PORTAL, id="a captive portal"),
        pytest.param({"status": 407}, FaultKind.PROXY_CREDENTIALS, id="a proxy that answers itself"),
        pytest.param({"status": 302, "location": "https://x.test"}, FaultKind.REDIRECTED, id="elsewhere"),
        pytest.param({"status": 301, "location": "http://api.example.test/v2"}, FaultKind.REDIRECTED, id="to http"),
        pytest.param({"status": 301, "location": f"{URL}/"}, FaultKind.MOVED, id="another path"),
        pytest.param({"status": 301, "location": "?a"}, FaultKind.MOVED, id="a relative one"),
        pytest.param({"status": 304}, None, id="not modified"),
        pytest.param({"status": 302, "location": "https://[::"}, FaultKind.REDIRECTED, id="to nowhere"),
    ],
)
def test_an_answer_that_the_api_did_not_send_is_known(answer: dict[str, object], kind: FaultKind | None) -> None:
    found = find(**answer)  # type: ignore[arg-type]  # a row of the table
    assert (found and found.kind) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (407, FaultKind.PROXY_CREDENTIALS),
        (403, FaultKind.PROXY_REFUSED),
        (302, FaultKind.PROXY_REFUSED),
        (502, FaultKind.PROXY_FAILED),
        (503, FaultKind.PROXY_FAILED),
    ],
)
def test_what_a_proxy_answers_to_connect_says_whose_turn_it_is(status: int, kind: FaultKind) -> None:
    assert classify_proxy_status(status) is kind
