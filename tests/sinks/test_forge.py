from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from simulated.clock import SimulatedClock

from keyplan.errors import InputError, SinkUnavailableError
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.sinks.forge import Call, Forge

CALL = Call(what="acme/app: look", method="GET", path="/x")
Handler = Callable[[httpx.Request], httpx.Response]


def open_forge(handle: Handler, *, clock: SimulatedClock | None = None, **patience: object) -> Forge:
    clock = clock or SimulatedClock()
    return Forge(
        http=open_client(transport=httpx.MockTransport(handle)),
        base_url="https://forge.example/api",
        headers={"X-Own": "1"},
        fetch_token=lambda: Credential("token-1"),
        retrier=Retrier(
            clock=clock,
            jitter=lambda most: most,
            gate=Gate(clock),
            patience=Patience(attempts=2, **patience),  # type: ignore[arg-type]  # a test's own choice
        ),
    )


def test_a_request_carries_token_and_headers() -> None:
    seen: list[httpx.Request] = []
    open_forge(lambda request: seen.append(request) or httpx.Response(200)).ask(CALL)  # type: ignore[func-returns-value]  # append returns None
    assert str(seen[0].url) == "https://forge.example/api/x"
    assert (seen[0].headers["Authorization"], seen[0].headers["X-Own"]) == ("Bearer token-1", "1")


def test_the_token_is_fetched_once_and_late() -> None:
    fetched: list[str] = []

    def fetch() -> Credential:
        fetched.append("once")
        return Credential("token-1")

    forge = open_forge(lambda _: httpx.Response(200))
    forge._fetch_token = fetch
    assert fetched == []
    forge.ask(CALL)
    forge.ask(CALL)
    assert fetched == ["once"]


def test_a_token_that_cannot_be_had_is_told() -> None:
    def fetch() -> Credential:
        raise InputError("environment variable GITHUB_TOKEN is not set")

    forge = open_forge(lambda _: httpx.Response(200))
    forge._fetch_token = fetch
    with pytest.raises(InputError, match="GITHUB_TOKEN"):
        forge.ask(CALL)


def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused", request=request)

    with pytest.raises(SinkUnavailableError, match="acme/app: look: Connection refused"):
        open_forge(refuse).ask(CALL)


def test_what_will_not_pass_is_asked_once() -> None:
    asked: list[int] = []

    def garble(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        raise httpx.DecodingError("odd", request=request)

    with pytest.raises(SinkUnavailableError, match="cannot be decompressed"):
        open_forge(garble).ask(CALL)
    assert asked == [1]


def test_a_rate_limit_without_any_hint_is_waited_out() -> None:
    clock, answers = SimulatedClock(), [httpx.Response(429), httpx.Response(200)]
    began = clock.now()
    assert open_forge(lambda _: answers.pop(0), clock=clock).ask(CALL).status == 200
    assert clock.now() - began >= timedelta(seconds=10)


def test_a_rate_limit_that_stays_is_told() -> None:
    forge = open_forge(lambda _: httpx.Response(429, headers={"Retry-After": "30"}))
    with pytest.raises(SinkUnavailableError, match="rate limit is used up until"):
        forge.ask(CALL)


def test_everybody_waits_for_one_who_was_told_to() -> None:
    clock = SimulatedClock()
    forge = open_forge(lambda _: httpx.Response(200), clock=clock, deadline=timedelta(seconds=5))
    forge._retrier.gate.throttled(0, pause=timedelta(seconds=60))
    with pytest.raises(SinkUnavailableError, match="keeps everybody waiting"):
        forge.ask(CALL)
