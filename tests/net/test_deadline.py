"""The allowance of one exchange, with each kind of client that keyplan's adapters use."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from security.hostile_server import TOO_MUCH, Asked, HostileServer, Reply, too_slow

from keyplan.net import deadline
from keyplan.net.causes import find_fault
from keyplan.net.deadline import Allowance, ExchangeLimitError, ExchangeLimits, count_marks
from keyplan.net.http import Failure, exchange, open_client
from keyplan.net.streams import bound_transport

pytestmark = pytest.mark.enable_socket
SHORT = ExchangeLimits(seconds=0.6)
PAUSE = 0.05


def open_bounded(limits: ExchangeLimits | None) -> httpx.Client:
    """Return a client with limits of its own, as the transport of keyplan's has the usual ones."""
    transport = bound_transport(httpx.HTTPTransport(), limits)
    return httpx.Client(transport=transport, timeout=30, headers={"Accept-Encoding": "identity"})


def ask_with_httpx(url: str, limits: ExchangeLimits | None) -> str:
    """Return why there is no answer; empty if there is one."""
    with open_bounded(limits) if limits else open_client(environment={}) as client:
        result = exchange(client, client.build_request("GET", url), bearer=None)
    return result.reason if isinstance(result, Failure) else ""


def ask_with_requests(url: str, limits: ExchangeLimits | None) -> str:
    """Return why there is no answer; empty if there is one."""
    requests = pytest.importorskip("requests")
    sessions = pytest.importorskip("keyplan.net.sessions")
    with sessions.open_session(environment={}, base_url=url, limits=limits) as session:
        try:
            session.get(url, timeout=(5, 5))
        except requests.RequestException as error:
            return find_fault(error, url).reason
    return ""


def ask_with_botocore(url: str, limits: ExchangeLimits | None) -> str:
    """Return why there is no answer; empty if there is one."""
    boto3 = pytest.importorskip("boto3")
    errors = pytest.importorskip("botocore.exceptions")
    of_sdk = pytest.importorskip("botocore.session").Session()
    of_sdk.set_credentials("a", "b")
    config = pytest.importorskip("botocore.config").Config(retries={"mode": "standard", "total_max_attempts": 1})
    pytest.importorskip("keyplan.net.aws_transport").lead_aws(of_sdk, environment={}, timeout=(5, 5), limits=limits)
    session = boto3.Session(botocore_session=of_sdk, region_name="eu-west-1")
    try:
        session.client("ssm", endpoint_url=url, config=config).get_parameter(Name="x")
    except (errors.BotoCoreError, errors.ClientError) as error:
        return find_fault(error, url).reason
    return ""


Ask = Callable[[str, ExchangeLimits | None], str]
CLIENTS: dict[str, Ask] = {"httpx": ask_with_httpx, "requests": ask_with_requests, "botocore": ask_with_botocore}


@pytest.fixture(params=sorted(CLIENTS))
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return each kind of client in turn."""
    return CLIENTS[request.param]


@pytest.mark.parametrize("title", sorted(too_slow(PAUSE)))
def test_an_answer_that_never_ends_ends_with_its_time(ask: Ask, title: str) -> None:
    began = time.monotonic()
    with HostileServer(too_slow(PAUSE)[title]) as server:
        assert ask(server.url, SHORT).endswith(": the answer was given up (no whole answer within 0.6 s)")
    assert time.monotonic() - began < 5


def test_a_client_s_own_timeout_still_counts() -> None:
    def stay_silent(_: Asked) -> Iterator[bytes | float]:
        yield 10

    client = open_client(environment={})
    client.timeout = httpx.Timeout(0.2)
    with HostileServer(stay_silent) as server, client:
        result = exchange(client, client.build_request("GET", server.url), bearer=None)
        assert result == Failure(reason=f"127.0.0.1:{server.port}: no answer in time (0.2 s)", sent=True)


@pytest.mark.parametrize("title", sorted(TOO_MUCH))
def test_an_answer_that_is_too_large_is_not_taken(ask: Ask, title: str) -> None:
    if ask is ask_with_botocore and title.startswith("gzip"):
        pytest.skip("botocore decodes nothing")
    with HostileServer(TOO_MUCH[title]) as server:
        reason = ask(server.url, None)
    assert reason, "it was taken"
    assert "no whole answer" not in reason, "it took all of the time"


def test_each_request_of_a_connection_has_an_allowance_of_its_own() -> None:
    limits = ExchangeLimits(seconds=1.0, wire_bytes=300)

    def answer(_: Asked) -> Reply:
        return Reply(body=b"x" * 100)

    with HostileServer(answer) as server, open_bounded(limits) as client:
        for _ in range(5):
            assert exchange(client, client.build_request("GET", server.url), bearer=None).__class__.__name__ == "Answer"
            time.sleep(0.3)


def test_many_answers_to_sdks_have_allowances_of_their_own() -> None:
    sessions = pytest.importorskip("keyplan.net.sessions")
    limits = ExchangeLimits(seconds=1.0, wire_bytes=300)

    def answer(_: Asked) -> Reply:
        return Reply(body=b"x" * 100)

    with (
        HostileServer(answer) as server,
        sessions.open_session(environment={}, base_url=server.url, limits=limits) as session,
    ):
        for _ in range(5):
            assert session.get(server.url, timeout=5).content == b"x" * 100
            time.sleep(0.3)


@pytest.mark.parametrize("ask", [ask_with_httpx, ask_with_requests])
def test_one_layer_of_gzip_is_taken_off(ask: Ask) -> None:
    packed = Reply(body=gzip.compress(b'{"Parameter": {}}'), headers={"Content-Encoding": "gzip"})
    with HostileServer(lambda _: packed) as server:
        reason = ask(server.url, None)
    assert reason == ""


def test_an_allowance_cuts_each_timeout_to_what_is_left() -> None:
    allowance = Allowance(ExchangeLimits(seconds=5))
    assert 4 < allowance.bound(None) <= 5
    assert allowance.bound(0.5) == 0.5


def test_what_is_counted_begins_anew_with_an_exchange() -> None:
    allowance = Allowance(ExchangeLimits(wire_bytes=4, marks=4))
    allowance.take(b",,,,")
    with pytest.raises(ExchangeLimitError, match="larger than 4 bytes"):
        allowance.take(b".")
    allowance.restart()
    allowance.take(b",,,,")
    with pytest.raises(ExchangeLimitError, match="more than 1 answers to one request"):
        Allowance(ExchangeLimits(status_lines=1)).take(b"HTTP/1.1 100 Continue\r\n\r\n" * 2)
    with pytest.raises(ExchangeLimitError, match="more than 1 values"):
        Allowance(ExchangeLimits(marks=1)).take(b"[[")


@given(chunks=st.lists(st.text(alphabet=",[{<.", max_size=6).map(str.encode)), most=st.integers(0, 12))
def test_marks_are_too_many_at_the_same_read_as_if_each_were_counted(chunks: list[bytes], most: int) -> None:
    allowance = Allowance(ExchangeLimits(marks=most))
    received = b""
    for chunk in chunks:
        received += chunk
        if count_marks(received) > most:
            with pytest.raises(ExchangeLimitError, match=f"more than {most} values"):
                allowance.take(chunk)
            return
        allowance.take(chunk)


def test_the_marks_of_a_small_answer_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[bytes] = []
    monkeypatch.setattr(deadline, "count_marks", lambda received: counted.append(received) or len(received))
    allowance = Allowance(ExchangeLimits(marks=3))
    allowance.take(b",[,")
    assert counted == []
    allowance.restart()
    allowance.take(b"{,")
    with pytest.raises(ExchangeLimitError, match="more than 3 values"):
        allowance.take(b",,")
    assert counted == [b"{,", b",,"]
