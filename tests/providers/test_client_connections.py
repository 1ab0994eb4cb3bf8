"""Requests at one time have a connection each, and the next one uses again what is there."""

from __future__ import annotations

import httpx
from simulated.clock import SimulatedClock

from keyplan.model.secret import Credential
from keyplan.net.retry import Gate, Retrier
from keyplan.providers.arize.factory import WORDS
from keyplan.providers.client import ProviderReadClient, ProviderServer


class Connections:
    """Opens clients whose server asks one more question while it answers `/outer`."""

    def __init__(self) -> None:
        self.opened: list[httpx.Client] = []
        clock = SimulatedClock()
        self.client = ProviderReadClient(
            http=self.open(),
            server=ProviderServer(base_url="https://api.simulated.test", words=WORDS),
            fetch_credential=lambda: Credential("ak-0123456789"),
            retrier=Retrier(clock=clock, jitter=lambda limit: limit, gate=Gate(clock)),
            open_another=self.open,
        )

    def open(self) -> httpx.Client:
        self.opened.append(httpx.Client(transport=httpx.MockTransport(self.answer)))
        return self.opened[-1]

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/outer":
            self.client.get("ask", "/inner")
        return httpx.Response(200, json={})


def test_one_request_after_the_other_uses_one_connection() -> None:
    connections = Connections()
    connections.client.get("ask", "/first")
    connections.client.get("ask", "/second")
    assert len(connections.opened) == 1


def test_a_request_during_another_has_its_own_connection_which_is_used_again() -> None:
    connections = Connections()
    connections.client.get("ask", "/outer")
    connections.client.get("ask", "/outer")
    assert len(connections.opened) == 2


def test_every_connection_is_closed_at_the_end() -> None:
    connections = Connections()
    connections.client.get("ask", "/outer")
    connections.client.close()
    assert [client.is_closed for client in connections.opened] == [True, True]
