"""The server on a real socket: start, stop, parallel clients, and connections that break."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from sandbox.sandbox_client import bearer

from keyplan.sandbox.options import SandboxError, SandboxOptions
from keyplan.sandbox.server import RunningSandbox, _listening, _Server, _threaded, running, serve

pytestmark = pytest.mark.enable_socket

BODY = {"key_type": "USER", "name": "x"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """Return a sandbox that all tests of this module share; each looks at what it made itself."""
    with running(SandboxOptions()) as one:
        yield one


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Return a client of the shared sandbox, without any fault in force."""
    with httpx.Client(base_url=sandbox.url, headers=bearer(sandbox.credential), trust_env=False) as one:
        one.delete("/_sandbox/faults")
        yield one


def key_names(client: httpx.Client) -> list[str]:
    return [key["name"] for key in client.get("/_sandbox/keys").json()["keys"]]


def order(client: httpx.Client, **rule: object) -> None:
    assert client.post("/_sandbox/faults", json={"faults": [rule]}).status_code == 200


@pytest.mark.parametrize(
    ("action", "exists"),
    [
        pytest.param("drop_before", False, id="dropped before the effect"),
        pytest.param("drop_after", True, id="dropped after the effect"),
        pytest.param("truncate", True, id="cut after the effect"),
    ],
)
def test_a_broken_connection_is_seen_as_such_and_the_effect_is_as_said(
    client: httpx.Client, action: str, exists: bool
) -> None:
    order(client, action=action, method="POST")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post("/v2/api-keys", json=BODY | {"name": action})
    assert (action in key_names(client)) == exists
    assert client.get("/_sandbox/requests").json()["requests"][-1]["fault"] == action


def test_a_truncated_body_arrives_by_half(client: httpx.Client) -> None:
    order(client, action="truncate", method="POST")
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        client.post("/v2/api-keys", json=BODY)
    assert client.get("/_sandbox/requests").json()["requests"][-1]["status"] == 201


def test_an_answer_without_body_is_dropped_whole(client: httpx.Client) -> None:
    made = client.post("/v2/api-keys", json=BODY).json()
    order(client, action="truncate", method="PUT")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.put(f"/v2/api-keys/{made['id']}/revoke")
    assert client.post("/_sandbox/check", json={"key": made["key"]}).json()["valid"] is False


def test_only_the_faulty_connection_breaks(client: httpx.Client, sandbox: RunningSandbox) -> None:
    with httpx.Client(base_url=sandbox.url, headers=bearer(sandbox.credential), trust_env=False) as other:
        other.get("/v2/spaces")
        order(client, action="drop_before", path="organizations")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.get("/v2/organizations")
        assert other.get("/v2/spaces").status_code == 200


def test_ids_reach_the_request_log_as_they_were_sent(client: httpx.Client) -> None:
    client.put("/v2/api-keys/QXBpS2V5Ojk6YUFhQQ%3D%3D/revoke?x=1%2B1")
    (entry,) = client.get("/_sandbox/requests").json()["requests"][-1:]
    assert entry["target"] == "/v2/api-keys/QXBpS2V5Ojk6YUFhQQ%3D%3D/revoke?x=1%2B1"
    assert entry["status"] == 404


def test_twenty_clients_at_once_make_twenty_keys(sandbox: RunningSandbox) -> None:
    def make(number: int) -> str:
        answer = httpx.post(
            f"{sandbox.url}/v2/api-keys",
            json=BODY | {"name": f"parallel-{number}"},
            headers=bearer(sandbox.credential),
            trust_env=False,
        )
        return str(answer.json()["id"])

    with ThreadPoolExecutor(20) as pool:
        assert len(set(pool.map(make, range(20)))) == 20


def test_a_taken_port_is_refused_by_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SandboxError, match=f"port: 127.0.0.1:{port}"), running(SandboxOptions(port=port)):
            pass


class Stillborn(_Server):
    """Gives up before it answers."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.should_exit = True


def test_a_server_that_does_not_start_is_an_error() -> None:
    server = Stillborn(uvicorn.Config(lambda: None, log_config=None, lifespan="off", ws="none"))
    with _listening(0) as listener, pytest.raises(SandboxError, match="did not start"), _threaded(server, listener):
        pass


def test_a_held_back_request_does_not_hold_up_the_end() -> None:
    with running(SandboxOptions()) as sandbox, httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        order(client, action="delay", seconds=3600)
        with pytest.raises(httpx.ReadTimeout):
            client.get("/v2/spaces", timeout=0.05)
    with pytest.raises(httpx.ConnectError):
        httpx.get(sandbox.url, trust_env=False)


def test_the_credentials_stay_out_of_the_repr(sandbox: RunningSandbox) -> None:
    assert sandbox.credential not in repr(sandbox)
    assert sandbox.credential


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_announces_itself_answers_and_ends_on_a_signal(number: signal.Signals) -> None:
    answered = []
    former = signal.getsignal(number)

    def announce(url: str, credential: str) -> None:
        answered.append(httpx.get(f"{url}/v2/spaces", headers=bearer(credential), trust_env=False).status_code)
        signal.raise_signal(number)

    serve(SandboxOptions(), announce=announce)
    assert answered == [200]
    assert signal.getsignal(number) == former


def test_serve_announces_no_credential_that_was_announced_before(tmp_path_factory: pytest.TempPathFactory) -> None:
    options = SandboxOptions(state=tmp_path_factory.mktemp("state") / "state.db", credential="ak-chosen")
    announced = []

    def announce(_url: str, credential: str) -> None:
        announced.append(credential)
        signal.raise_signal(signal.SIGTERM)

    serve(options, announce=announce)
    serve(options, announce=announce)
    assert announced == ["ak-chosen", ""]
