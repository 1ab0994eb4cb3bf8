"""The server of probes and metrics: what it answers, and what it bears."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Event, Thread

import httpx
import pytest

from keyplan.errors import InputError
from keyplan.net import probes
from keyplan.net.probes import Intake, ListenAddress, PostedMessage, ProbePage, serve_pages

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


class Box:
    """An intake that keeps what it takes."""

    def __init__(self) -> None:
        self.messages: list[PostedMessage] = []
        self.refusals = 0
        self.gate = Event()
        self.gate.set()

    def take(self, message: PostedMessage) -> ProbePage:
        assert self.gate.wait(10)
        self.messages.append(message)
        return ProbePage(text="taken\n", status=202)

    def note_refusal(self) -> None:
        self.refusals += 1


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def posting(box: Box) -> Iterator[ListenAddress]:
    """Return where bodies of up to 1,000 bytes are taken."""
    intake = Intake(take=box.take, most_bytes=1000, note_refusal=box.note_refusal)
    with serve_pages(LOCAL, PAGES, {"/box": intake}) as where:
        yield where


def exchange(address: ListenAddress, *pieces: bytes) -> bytes:
    """Return the whole answer to these bytes."""
    with socket.create_connection((address.host, address.port), timeout=15) as client:
        for piece in pieces:
            client.sendall(piece)
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_a_body_is_taken_as_it_was_sent(posting: ListenAddress, box: Box) -> None:
    answer = httpx.post(f"http://{posting}/box?x=1", content=b"\x00{ }\r\n", headers={"X-One": "1"})
    assert (answer.status_code, answer.text) == (202, "taken\n")
    (message,) = box.messages
    assert (message.body, message.header("x-one"), message.header("X-Two")) == (b"\x00{ }\r\n", "1", "")
    assert box.refusals == 0


def test_a_header_that_is_given_twice_counts_as_missing(posting: ListenAddress, box: Box) -> None:
    exchange(posting, b"POST /box HTTP/1.1\r\nX-One: 1\r\nX-One: 2\r\nContent-Length: 0\r\n\r\n")
    assert box.messages[0].header("X-One") == ""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET /box HTTP/1.1\r\n\r\n", 405, id="another method"),
        pytest.param(b"PUT /box HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 501, id="a method that no page has"),
        pytest.param(b"POST /other HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 404, id="another path"),
        pytest.param(b"POST /box/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 404, id="a path below"),
    ],
)
def test_only_posts_to_the_path_are_taken(posting: ListenAddress, box: Box, request_: bytes, status: int) -> None:
    assert exchange(posting, request_).startswith(f"HTTP/1.0 {status} ".encode())
    assert (box.messages, box.refusals) == ([], 0)


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        pytest.param(b"", b"x", 411, id="no length"),
        pytest.param(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"x", 411, id="two lengths"),
        pytest.param(b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n0\r\n\r\n", 411, id="chunks"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", b"x", 411, id="chunks and a length"),
        pytest.param(b"Content-Length: -1\r\n", b"x", 400, id="a negative length"),
        pytest.param(b"Content-Length: \xb2\r\n", b"x", 400, id="a digit that is not ASCII"),
        pytest.param(b"Content-Length: 1001\r\n", b"x" * 1001, 413, id="a byte too long"),
        pytest.param(b"Content-Length: " + b"9" * 5000 + b"\r\n", b"x", 413, id="a length of many digits"),
    ],
)
def test_a_body_without_a_bounded_length_is_refused_and_the_answer_arrives(
    posting: ListenAddress, box: Box, head: bytes, body: bytes, status: int
) -> None:
    answer = exchange(posting, b"POST /box HTTP/1.1\r\n" + head + b"\r\n", body)
    assert answer.startswith(f"HTTP/1.0 {status} ".encode())
    assert (box.messages, box.refusals) == ([], 1)


def test_a_body_that_ends_too_early_is_refused(posting: ListenAddress, box: Box) -> None:
    with socket.create_connection((posting.host, posting.port), timeout=5) as client:
        client.sendall(b"POST /box HTTP/1.1\r\nContent-Length: 10\r\n\r\nx")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096).startswith(b"HTTP/1.0 400 ")
    assert (box.messages, box.refusals) == ([], 1)


def test_a_body_that_comes_byte_by_byte_ends_with_its_time(
    posting: ListenAddress, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_BODY_SECONDS", 1.0)
    begun = time.monotonic()
    with socket.create_connection((posting.host, posting.port), timeout=15) as client:
        client.sendall(b"POST /box HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        client.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - begun < 10:
            client.sendall(b"x")
            try:
                answer = client.recv(4096)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.0 408 ")
    assert 0.9 < time.monotonic() - begun < 5
    assert (box.messages, box.refusals) == ([], 1)


def test_of_too_many_bodies_at_once_one_is_refused_and_a_probe_gets_through(posting: ListenAddress, box: Box) -> None:
    box.gate.clear()
    senders = [Thread(target=httpx.post, args=(f"http://{posting}/box",), kwargs={"content": b"x"}) for _ in range(4)]
    for sender in senders:
        sender.start()
    deadline = time.monotonic() + 5
    status = 0
    while status != 503 and time.monotonic() < deadline:
        # Until all four are being taken, this one may be the fourth, and waits then.
        try:
            status = httpx.post(f"http://{posting}/box", content=b"x", timeout=0.5).status_code
        except httpx.TimeoutException:
            continue
    assert status == 503
    assert httpx.get(f"http://{posting}/healthz", timeout=2).text == "ok\n"
    box.gate.set()
    for sender in senders:
        sender.join(10)
    assert httpx.post(f"http://{posting}/box", content=b"x").status_code == 202


def test_without_an_intake_nothing_is_taken(address: ListenAddress) -> None:
    assert httpx.post(f"http://{address}/box", content=b"x").status_code == 404
