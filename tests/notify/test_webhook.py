"""Notices by webhook: what is sent, when it is sent again, and what is told when nobody takes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

import httpx
import pytest
from simulated.clock import SimulatedClock

from keyplan.errors import NotificationError
from keyplan.model.notice import Notice
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.notify.targets import NotifyTarget, Shape, read_target
from keyplan.notify.webhook import Webhook

SECRET = "s3cr3t-canary"
URL = f"https://example.test/{SECRET}"
Reply: TypeAlias = Callable[[httpx.Request], httpx.Response]


class Server:
    """Gives its answers in turn, the last one for ever, and keeps what it was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def make_webhook(server: Server, url: str = URL, clock: SimulatedClock | None = None) -> Webhook:
    return Webhook(
        target=read_target(url),
        client=lambda: open_client(transport=httpx.MockTransport(server)),
        clock=clock or SimulatedClock(),
        jitter=lambda limit: limit,
    )


@pytest.mark.parametrize(
    ("url", "body"),
    [
        pytest.param(URL, {"as": "json"}, id="a program"),
        pytest.param(f"slack+{URL}", {"as": "slack"}, id="a chat"),
    ],
)
def test_a_target_gets_its_shape_and_no_credential(url: str, body: object, notice: Notice) -> None:
    server = Server(httpx.Response(204))
    webhook = make_webhook(server, url)
    webhook.notify(notice)
    (request,) = server.requests
    assert (request.method, str(request.url), json.loads(request.content)) == ("POST", URL, body)
    assert "Authorization" not in request.headers
    assert webhook.name == "https://example.test"


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(httpx.Response(503), id="the server is busy"),
        pytest.param(httpx.Response(429, headers={"Retry-After": "2"}), id="it asked for a pause"),
        pytest.param(httpx.Response(429), id="too many, without a word how long"),
        pytest.param(httpx.ReadTimeout("slow"), id="no answer"),
        pytest.param(httpx.ConnectError("refused"), id="no connection"),
    ],
)
def test_what_can_pass_is_tried_again(first: httpx.Response | Exception, notice: Notice) -> None:
    server = Server(first, httpx.Response(200))
    make_webhook(server).notify(notice)
    assert len(server.requests) == 2


def test_a_pause_that_is_asked_for_is_kept(notice: Notice) -> None:
    clock = SimulatedClock()
    before = clock.now()
    make_webhook(Server(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200)), clock=clock).notify(
        notice
    )
    assert (clock.now() - before).total_seconds() == 7


@pytest.mark.parametrize(
    ("answer", "tries", "reason"),
    [
        pytest.param(httpx.Response(404, text=SECRET), 1, "the server answered 404", id="unknown webhook"),
        pytest.param(
            httpx.Response(302, headers={"Location": "https://evil.test"}),
            1,
            "the server redirects, which keyplan does not follow (to https://evil.test)",
            id="a redirect",
        ),
        pytest.param(httpx.Response(500, text=SECRET), 3, "the server answered 500", id="broken for good"),
        pytest.param(httpx.ReadTimeout(SECRET), 3, "no answer in time (30 s)", id="never an answer"),
        pytest.param(httpx.UnsupportedProtocol(SECRET), 1, "the protocol is not supported", id="nothing that passes"),
    ],
)
def test_what_nobody_takes_is_an_error_that_names_scheme_and_host(
    answer: httpx.Response | Exception, tries: int, reason: str, notice: Notice
) -> None:
    server = Server(answer)
    with pytest.raises(NotificationError) as caught:
        make_webhook(server).notify(notice)
    assert caught.value.message == f"https://example.test did not take the notice: {reason}"
    assert SECRET not in caught.value.advice
    assert len(server.requests) == tries


def test_a_server_that_keeps_everybody_waiting_is_left_in_the_end(notice: Notice) -> None:
    clock, server = SimulatedClock(), Server(httpx.Response(503, headers={"Retry-After": "3600"}))
    before = clock.now()
    with pytest.raises(NotificationError, match="the server answered 503"):
        make_webhook(server, clock=clock).notify(notice)
    assert (clock.now() - before).total_seconds() <= 60


def test_a_target_of_apprise_is_no_webhook(notice: Notice) -> None:
    target = NotifyTarget(shape=Shape.APPRISE, name="mailto://...", url=Credential(URL))
    webhook = Webhook(target=target, client=open_client, clock=SimulatedClock(), jitter=lambda limit: limit)
    with pytest.raises(AssertionError, match="not a webhook"):
        webhook.notify(notice)


class _Keeping(BaseHTTPRequestHandler):
    received: list[bytes]

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def loopback() -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL of a real server, and what it was sent."""
    received: list[bytes] = []
    handler = type("Handler", (_Keeping,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", received
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.enable_socket
def test_a_real_server_gets_the_notice_once(loopback: tuple[str, list[bytes]], notice: Notice) -> None:
    url, received = loopback
    webhook = Webhook(target=read_target(url), client=open_client, clock=SimulatedClock(), jitter=lambda limit: limit)
    webhook.notify(notice)
    assert [json.loads(body) for body in received] == [{"as": "json"}]
