"""The server of probes and metrics: what it answers, and what it bears."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest

from keyplan.errors import InputError
from keyplan.net.probes import ListenAddress, ProbePage, serve_pages

pytestmark = pytest.mark.enable_socket

LOCAL = ListenAddress("127.0.0.1", 0)


def fail() -> ProbePage:
    raise ZeroDivisionError


PAGES = {
    "/healthz": lambda: ProbePage(text="ok\n"),
    "/readyz": lambda: ProbePage(text="not yet\n", status=503),
    "/broken": fail,
}


@pytest.fixture
def address() -> Iterator[ListenAddress]:
    """Return where the pages are served."""
    with serve_pages(LOCAL, PAGES) as where:
        yield where


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        pytest.param("GET", "/healthz", 200, "ok\n", id="a page"),
        pytest.param("GET", "/readyz?verbose", 503, "not yet\n", id="a query makes no difference"),
        pytest.param("HEAD", "/healthz", 200, "", id="a head has no body"),
        pytest.param("GET", "/", 404, "there is no such page\n", id="no page"),
        pytest.param("GET", "/../healthz", 404, "there is no such page\n", id="no way around"),
        pytest.param("POST", "/healthz", 501, "501 Unsupported method ('POST')\n", id="no other method"),
    ],
)
def test_it_answers(address: ListenAddress, method: str, path: str, status: int, body: str) -> None:
    with socket.create_connection((address.host, address.port), timeout=5) as client:
        client.sendall(f"{method} {path} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    head, _, text = answer.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.0 {status} ")
    assert "Content-Type: text/plain; charset=utf-8" in head
    assert "Server: keyplan" in head
    assert text == body


def test_a_page_that_fails_ends_its_own_request_alone(address: ListenAddress) -> None:
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://{address}/broken")
    assert httpx.get(f"http://{address}/healthz").text == "ok\n"


def test_clients_that_say_nothing_do_not_keep_a_probe_waiting(address: ListenAddress) -> None:
    silent = [socket.create_connection((address.host, address.port), timeout=5) for _ in range(40)]
    try:
        assert httpx.get(f"http://{address}/healthz", timeout=2).text == "ok\n"
        # The oldest of too many was closed.
        assert silent[0].recv(1) == b""
    finally:
        for client in silent:
            client.close()


def test_an_endless_line_is_refused(address: ListenAddress) -> None:
    with socket.create_connection((address.host, address.port), timeout=5) as client:
        client.sendall(b"GET /" + b"a" * 70_000)
        assert b" 414 " in client.recv(4096)


def test_it_stops_with_its_block() -> None:
    with serve_pages(LOCAL, PAGES) as where:
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{where}/healthz")


def test_a_port_that_is_taken_is_told(address: ListenAddress) -> None:
    with (
        pytest.raises(InputError, match=f"impossible to listen on {address}: Address already in use"),
        serve_pages(address, PAGES),
    ):
        pass


def test_it_listens_on_version_6_too() -> None:
    with serve_pages(ListenAddress("::1", 0), PAGES) as where:
        assert str(where).startswith("[::1]:")
        assert httpx.get(f"http://{where}/healthz").text == "ok\n"
