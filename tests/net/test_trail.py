"""Each fault over real sockets: what httpx makes of it, how it is worded, and whether anything was sent."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from net.fault_servers import (
    PAGE,
    SOUND,
    Authority,
    Handler,
    answer,
    close,
    dead_port,
    greet,
    read_request,
    reset,
    respond,
    serve,
    stay_silent,
)

from keyplan.net.faults import FaultKind
from keyplan.net.http import Answer, Failure, exchange, open_client

pytestmark = pytest.mark.enable_socket
PASSWORD = "proxy-canary-5f2e"


AUTHORITY = Authority()


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with open_client(tls=AUTHORITY.trust()) as opened:
        yield opened


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def ask(client: httpx.Client, url: str, *, seconds: float = 1.0) -> Answer | Failure:
    request = client.build_request("POST", url, json={}, timeout=seconds)
    return exchange(client, request, bearer=None)


def fail(client: httpx.Client, url: str, *, seconds: float = 1.0) -> Failure:
    result = ask(client, url, seconds=seconds)
    assert isinstance(result, Failure), result
    assert result.fault
    assert "\n" not in result.reason
    return result


@pytest.mark.parametrize(
    ("handler", "is_tls", "kind", "sent"),
    [
        pytest.param(greet(SOUND), False, FaultKind.NOT_TLS, False, id="plain http on an https URL"),
        pytest.param(greet(b"220 mail ready\r\n"), False, FaultKind.NOT_TLS, False, id="another protocol"),
        pytest.param(reset, False, FaultKind.RESET, False, id="reset in the handshake"),
        pytest.param(lambda connection: None, False, None, False, id="closed in the handshake"),
        pytest.param(stay_silent, False, FaultKind.CONNECT_TIMEOUT, False, id="silent in the handshake"),
        pytest.param(close, True, FaultKind.CLOSED, True, id="closed without an answer"),
        pytest.param(stay_silent, True, FaultKind.ANSWER_TIMEOUT, True, id="silent"),
        pytest.param(
            answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), True, FaultKind.CLOSED, True, id="cut off"
        ),
        pytest.param(
            answer(b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"), True, FaultKind.NOT_HTTP, True, id="no HTTP inside of TLS"
        ),
        pytest.param(respond("200 OK", PAGE), True, FaultKind.CAPTIVE_PORTAL, True, id="captive portal"),
    ],
)
def test_a_failing_server_is_named_with_what_it_did(
    handler: Handler,
    is_tls: bool,
    kind: FaultKind | None,
    sent: bool,
    client: httpx.Client,
) -> None:
    with serve(handler, tls=AUTHORITY.serve_as("127.0.0.1") if is_tls else None) as port:
        result = fail(client, f"https://127.0.0.1:{port}/v2")
    assert result.reason.startswith(f"127.0.0.1:{port}: ")
    assert result.sent is sent
    assert result.fault
    # A close may overtake the client's first bytes, and then it is a reset.
    assert result.fault.kind in ({kind} if kind else {FaultKind.TLS_FAILED, FaultKind.RESET})


@pytest.mark.parametrize(
    ("names", "expired", "kind"),
    [
        pytest.param(["other.test"], False, FaultKind.CERTIFICATE_WRONG_HOST, id="wrong host"),
        pytest.param(["127.0.0.2"], False, FaultKind.CERTIFICATE_WRONG_HOST, id="wrong address"),
        pytest.param(["127.0.0.1"], True, FaultKind.CERTIFICATE_EXPIRED, id="expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_told_with_its_reason_and_the_variables(
    names: list[str],
    expired: bool,
    kind: FaultKind,
    client: httpx.Client,
) -> None:
    with serve(answer(SOUND), tls=AUTHORITY.serve_as(*names, expired=expired)) as port:
        result = fail(client, f"https://127.0.0.1:{port}")
    assert result.fault
    assert result.fault.kind is kind
    assert (result.sent, result.passing) == (False, False)
    for variable in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "ARIZE_SSL_CA_CERT", "AWS_CA_BUNDLE", "ca_file"):
        assert variable in result.fault.advise("provider.base_url")


def test_a_certificate_of_an_unknown_authority_is_told_with_the_words_of_openssl(client: httpx.Client) -> None:
    with serve(answer(SOUND), tls=Authority().serve_as("127.0.0.1")) as port:
        result = fail(client, f"https://127.0.0.1:{port}")
    assert result.reason == (
        f"127.0.0.1:{port}: the certificate is not trusted (unable to get local issuer certificate)"
    )


def test_a_dead_port_was_sent_nothing(client: httpx.Client) -> None:
    with dead_port() as port:
        result = fail(client, f"https://127.0.0.1:{port}")
    assert (result.reason, result.sent) == (f"127.0.0.1:{port}: connection refused", False)


def test_a_name_that_does_not_resolve_was_sent_nothing(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    result = fail(client, "https://api.example.test")
    assert (result.reason, result.sent) == ("api.example.test: the host name cannot be resolved", False)


def test_plain_http_to_a_port_that_expects_tls_is_told_what_to_try(client: httpx.Client) -> None:
    with serve(answer(SOUND), tls=AUTHORITY.serve_as("127.0.0.1")) as port:
        result = fail(client, f"http://127.0.0.1:{port}")
    assert result.fault
    assert result.fault.kind in {FaultKind.RESET, FaultKind.CLOSED}
    assert result.fault.advise("provider.base_url").endswith(
        "; if the server expects TLS, write https:// in provider.base_url"
    )


def test_a_host_without_a_route_over_ipv6_is_reached_over_ipv4(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def both(host: str, port: int, *rest: object, **named: object) -> object:
        # 100::/64 is for addresses that lead nowhere (RFC 6666): without a route, the system refuses at once.
        dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 9, 0, 0))
        return [dead, *resolve("127.0.0.1", port)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with serve(respond("200 OK", b"{}"), tls=AUTHORITY.serve_as("both.test")) as port:
        assert isinstance(ask(client, f"https://both.test:{port}"), Answer)


@pytest.mark.parametrize(
    ("length", "body", "is_sound"),
    [
        pytest.param(True, b"{}", True, id="with a length"),
        pytest.param(False, b"{}", True, id="until the end of the connection"),
        pytest.param(False, b'{"keys": [', False, id="cut off without a length"),
    ],
)
def test_an_old_gateway_is_understood_and_blamed_for_what_it_cut_off(
    length: bool,
    body: bytes,
    is_sound: bool,
    client: httpx.Client,
) -> None:
    tls = AUTHORITY.serve_as("127.0.0.1")
    with serve(respond("200 OK", body, version="1.0", length=length), tls=tls) as port:
        result = ask(client, f"https://127.0.0.1:{port}")
    assert isinstance(result, Answer)
    assert result.body == body
    assert is_sound or "HTTP/1.0" in result.find_unreadable().reason


@pytest.mark.parametrize(
    ("location", "said"),
    [
        pytest.param("https://login.corp.test/?token=x", "to https://login.corp.test)", id="another host"),
        pytest.param("http://me:secret@login.corp.test:81/", "to http://login.corp.test:81)", id="with a password"),
        pytest.param("//login.corp.test/x", "to https://login.corp.test)", id="without a scheme"),
        pytest.param("https://evil\u202e[31m.test/", "the server redirects", id="not a host at all"),
        pytest.param("/v3/keys", "at another path now", id="another path"),
    ],
)
def test_a_redirect_is_not_followed_and_names_the_host_that_it_leads_to(
    location: str, said: str, client: httpx.Client
) -> None:
    redirect = respond("307 Temporary Redirect", b"", f"Location: {location}")
    with serve(redirect, tls=AUTHORITY.serve_as("127.0.0.1")) as port:
        result = ask(client, f"https://127.0.0.1:{port}/v2")
    assert result.fault
    assert said in result.fault.reason
    assert result.fault.reason.isprintable()
    assert "secret" not in result.fault.reason
    assert "token" not in result.fault.reason


def through(port: int, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, *, scheme: str = "http") -> httpx.Client:
    """Return a client whose environment names that proxy, with a password."""
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:{PASSWORD}@127.0.0.1:{port}")
    return stack.enter_context(open_client(tls=AUTHORITY.trust()))


@pytest.mark.parametrize(
    ("handler", "kind", "said"),
    [
        pytest.param(
            respond("407 Proxy Authentication Required", PAGE),
            FaultKind.PROXY_CREDENTIALS,
            "credentials are missing or wrong (status 407)",
            id="wants other credentials",
        ),
        pytest.param(
            respond("403 Forbidden", PAGE), FaultKind.PROXY_REFUSED, "refuses to connect to this host", id="forbids"
        ),
        pytest.param(
            respond("502 Bad Gateway", PAGE), FaultKind.PROXY_FAILED, "cannot connect to this host", id="bad gateway"
        ),
        pytest.param(respond("503 Busy"), FaultKind.PROXY_FAILED, "cannot connect to this host", id="busy"),
        pytest.param(respond("302 Found", b"", "Location: https://x"), FaultKind.PROXY_REFUSED, "", id="redirects"),
        pytest.param(answer(PAGE + b"\r\n\r\n"), FaultKind.NOT_HTTP, "the answer is not HTTP", id="speaks HTML"),
        pytest.param(close, FaultKind.CLOSED, "the connection ended", id="closes"),
        pytest.param(reset, FaultKind.RESET, "the connection was reset", id="resets"),
        pytest.param(stay_silent, FaultKind.ANSWER_TIMEOUT, "no answer in time (1 s)", id="is silent"),
    ],
)
def test_a_failing_proxy_is_blamed_and_the_server_was_sent_nothing(
    handler: Handler, kind: FaultKind, said: str, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(handler) as port:
        result = fail(through(port, stack, monkeypatch), "https://api.example.test/v2")
    assert result.reason.startswith(f"api.example.test: the proxy 127.0.0.1:{port}: {said}")
    assert result.fault
    assert result.fault.kind is kind
    assert result.sent is False
    assert PASSWORD not in f"{result} {result.fault.advise('provider.base_url')}"


def test_a_dead_proxy_is_blamed_and_its_variable_is_named(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    with dead_port() as port:
        result = fail(through(port, stack, monkeypatch), "https://api.example.test")
    assert result.reason == f"api.example.test: the proxy 127.0.0.1:{port}: connection refused"
    assert result.fault
    assert result.fault.advise("provider.base_url").startswith("check HTTPS_PROXY; ")
    assert "NO_PROXY" in result.fault.advise("provider.base_url")


def test_a_server_behind_a_proxy_that_lets_through_is_blamed_itself(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tunnel(connection: socket.socket) -> None:
        answer(b"HTTP/1.0 200 Connection established\r\n\r\n")(connection)
        with Authority().serve_as("api.example.test").wrap_socket(connection, server_side=True):
            pass

    with serve(tunnel) as port:
        result = fail(through(port, stack, monkeypatch), "https://api.example.test")
    assert result.reason == (
        "api.example.test: the certificate is not trusted (unable to get local issuer certificate), "
        f"through the proxy 127.0.0.1:{port}"
    )


def test_the_certificate_of_the_proxy_is_not_taken_for_that_of_the_server(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(answer(SOUND), tls=Authority().serve_as("127.0.0.1")) as port:
        opened = through(port, stack, monkeypatch, scheme="https")
        result = fail(opened, "https://api.example.test")
    assert result.reason.startswith(f"api.example.test: the proxy 127.0.0.1:{port}: the certificate is not trusted")


def test_a_proxy_is_asked_for_an_ipv6_address_in_brackets(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def note(connection: socket.socket) -> None:
        asked.append(read_request(connection).decode())

    with serve(note) as port:
        fail(through(port, stack, monkeypatch), "https://[fd01::10]:8443")
    assert asked[0].startswith("CONNECT [fd01::10]:8443 HTTP/1.1\r\nHost: [fd01::10]:8443\r\n")
