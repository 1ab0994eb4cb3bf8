from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from simulated.clock import SimulatedClock

from keyplan.errors import InputError, SinkPausedError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.secret import Credential
from keyplan.net.http import open_client
from keyplan.net.retry import Gate, Patience, Retrier
from keyplan.sinks.forge import Call, Forge
from keyplan.sinks.patience import open_retrier
from keyplan.testing.samples import make_context

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

    with pytest.raises(SinkUnavailableError, match=r"acme/app: look: forge\.example: no connection"):
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
    with pytest.raises(SinkPausedError, match=r"acme/app: look: busy or throttled until 2026-.* UTC"):
        forge.ask(CALL)


def test_everybody_waits_for_one_who_was_told_to() -> None:
    clock = SimulatedClock()
    forge = open_forge(lambda _: httpx.Response(200), clock=clock, deadline=timedelta(seconds=5))
    forge._retrier.gate.throttled(0, pause=timedelta(seconds=60))
    with pytest.raises(SinkPausedError, match="busy or throttled until"):
        forge.ask(CALL)


SECONDARY = {
    "message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    "documentation_url": "https://docs.github.com/free-pro-team@latest/rest/overview/"
    "rate-limits-for-the-rest-api#about-secondary-rate-limits",
}
"""GitHub's answer, with neither Retry-After nor x-ratelimit-remaining: 0."""
ABUSE = {
    "message": "You have triggered an abuse detection mechanism. Please retry your request again later.",
    "documentation_url": "https://docs.github.com/rest/overview/resources-in-the-rest-api#abuse-rate-limits",
}
"""The same from an older GitHub Enterprise Server."""


def open_patient(handle: Handler, said: list[str] | None = None, **options: Json) -> tuple[Forge, SimulatedClock]:
    """Return a forge with the patience of a sink, and its clock."""
    clock = SimulatedClock()
    context = make_context(clock=clock, said=said)
    forge = open_forge(handle)
    forge._retrier = open_retrier(options, context, name="app")
    return forge, clock


def answer_with(*answers: httpx.Response) -> Handler:
    left = list(answers)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(SECONDARY, id="as it is today"),
        pytest.param(ABUSE, id="as it was called before"),
        pytest.param({"message": SECONDARY["message"]}, id="by the message alone"),
        pytest.param({"documentation_url": SECONDARY["documentation_url"]}, id="by the page alone"),
    ],
)
def test_the_secondary_limit_of_github_is_waited_for_a_minute_and_told(status: int, body: dict[str, str]) -> None:
    said: list[str] = []
    forge, clock = open_patient(answer_with(httpx.Response(status, json=body), httpx.Response(200)), said)
    began = clock.now()
    assert forge.ask(CALL).status == 200
    assert clock.now() - began == timedelta(seconds=60)
    assert said == [f"sink 'app' is busy or throttled: waiting 60 s, until {clock.now():%H:%M:%S} UTC"]


def test_a_secondary_limit_that_stays_is_waited_for_longer_each_time_and_at_most_ten_minutes() -> None:
    starts: list[datetime] = []
    forge, clock = open_patient(lambda _: starts.append(clock.now()) or httpx.Response(403, json=SECONDARY))  # type: ignore[func-returns-value]  # append returns None
    with pytest.raises(SinkPausedError, match="still busy or throttled after 600 s of waiting") as caught:
        forge.ask(CALL)
    waits = [(after - before).total_seconds() for before, after in pairwise(starts)]
    assert waits == [60, 120, 240]
    assert clock.now() - starts[0] <= timedelta(minutes=10)
    assert "'patience_seconds'" in caught.value.advice


@pytest.mark.parametrize(
    ("asked", "is_waited"),
    [
        pytest.param(59, True, id="under a minute"),
        pytest.param(119, True, id="two minutes"),
        pytest.param(599, True, id="ten minutes"),
        pytest.param(601, False, id="more than ten minutes"),
        pytest.param(3000, False, id="an hour"),
    ],
)
def test_a_limit_that_names_a_time_is_waited_for_up_to_ten_minutes(asked: int, is_waited: bool) -> None:
    said: list[str] = []
    limit = httpx.Response(429, headers={"Retry-After": str(asked)})
    forge, clock = open_patient(answer_with(limit, httpx.Response(200)), said)
    began = clock.now()
    if is_waited:
        assert forge.ask(CALL).status == 200
        assert clock.now() - began == timedelta(seconds=asked)
        return
    with pytest.raises(SinkPausedError, match="busy or throttled until"):
        forge.ask(CALL)
    assert clock.now() == began, "a limit that is too long is told at once"
    assert said == []


def test_a_limit_with_the_time_of_its_reset_is_waited_for() -> None:
    clock = SimulatedClock()
    reset = int((clock.now() + timedelta(seconds=300)).timestamp())
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    forge, clock = open_patient(answer_with(httpx.Response(403, headers=headers), httpx.Response(200)))
    began = clock.now()
    assert forge.ask(CALL).status == 200
    assert clock.now() - began == timedelta(seconds=300)


def test_many_short_limits_are_waited_for_two_minutes() -> None:
    forge, clock = open_patient(lambda _: httpx.Response(429, headers={"Retry-After": "20"}))
    began = clock.now()
    with pytest.raises(SinkPausedError):
        forge.ask(CALL)
    assert timedelta(seconds=100) < clock.now() - began <= timedelta(seconds=120)


@pytest.mark.parametrize("seconds", [0, 30, 900])
def test_the_option_says_how_long_is_waited_for_any_limit(seconds: int) -> None:
    forge, clock = open_patient(lambda _: httpx.Response(403, json=SECONDARY), patience_seconds=seconds)
    began = clock.now()
    with pytest.raises(SinkPausedError):
        forge.ask(CALL)
    assert seconds - 480 <= (clock.now() - began).total_seconds() <= seconds


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"message": "Resource not accessible by personal access token"}),
        httpx.Response(403, content=b"no JSON"),
        httpx.Response(403, json=["no object"]),
    ],
    ids=["a missing right", "no JSON", "no object"],
)
def test_a_refusal_is_no_limit(answer: httpx.Response) -> None:
    forge, clock = open_patient(lambda _: answer)
    began = clock.now()
    assert forge.ask(CALL).status == 403
    assert clock.now() == began


def test_a_server_in_maintenance_that_names_a_time_is_waited_for() -> None:
    busy = httpx.Response(503, headers={"Retry-After": "30"})
    forge, clock = open_patient(answer_with(busy, httpx.Response(200)))
    began = clock.now()
    assert forge.ask(CALL).status == 200
    assert clock.now() - began == timedelta(seconds=30)
