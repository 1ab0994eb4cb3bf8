"""A scripted Arize behind an in-memory transport, and the provider that talks to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx
from simulated.clock import SimulatedClock

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import FromEnvironment, Json, ProviderSettings, SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.arize import build, build_reader

CREDENTIAL = "ak-own000000000000"
MISSING = FromEnvironment("NOT_SET")
"""A credential that is not there."""
NO_PAGE = {"api_keys": [], "pagination": {"has_more": False}}

Answer: TypeAlias = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response] | dict[str, Any]
"""What the server does: a response, a failure, something to work out, or JSON with status 200."""


@dataclass
class Arize:
    """Answers from a script for each request line, the last word of it for ever; keeps all requests."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    requests: list[httpx.Request] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    fetched: list[SecretSource] = field(default_factory=list)
    _scripts: list[tuple[str, str, list[Answer]]] = field(default_factory=list)

    def on(self, method: str, path: str, *answers: Answer) -> None:
        """Answer requests of that method whose encoded path and query begin with `path`; the last `on` wins."""
        self._scripts.insert(0, (method, path, list(answers)))

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        target = request.url.raw_path.decode()
        for method, path, answers in self._scripts:
            if request.method == method and target.startswith(path):
                return self._play(answers.pop(0) if len(answers) > 1 else answers[0], request)
        raise AssertionError(f"nobody expected {request.method} {target}")

    @staticmethod
    def _play(answer: Answer, request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, dict):
            return httpx.Response(200, json=answer)
        # A response can be read once; the last one of a script is given again and again.
        given = answer if isinstance(answer, httpx.Response) else answer(request)
        return httpx.Response(given.status_code, headers=given.headers, content=given.content)

    def lines(self) -> list[str]:
        """Return what was asked: method, encoded path and query."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def bodies(self) -> list[Any]:
        """Return what was sent as JSON."""
        return [json.loads(request.content) for request in self.requests if request.content]

    def provider(self, **options: Json) -> ProviderPorts:
        """Return the doors to this server; the dialect is beta unless `api` says another."""
        settings = ProviderSettings(options={"api": "beta", **options})
        return build(settings, self._context(), transport=httpx.MockTransport(self))

    def reader(self, reader_credential: SecretSource | None = None) -> ReaderPorts:
        """Return the reading door alone."""
        settings = ProviderSettings(reader_credential=reader_credential, options={"api": "beta"})
        return build_reader(settings, self._context(), transport=httpx.MockTransport(self))

    def _context(self) -> PluginContext:
        return PluginContext(
            folder="/nowhere",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=self.clock,
            jitter=lambda most: most,
            resolve=self._resolve,
            environment={},
            say=self.said.append,
        )

    def _resolve(self, source: SecretSource) -> Credential:
        self.fetched.append(source)
        if source == MISSING:
            raise InputError(f"environment variable {MISSING.name} is not set")
        return Credential(CREDENTIAL)


def refusal(status: int, title: str = "Bad Request", detail: str = "", **headers: str) -> httpx.Response:
    """Return a problem as the API writes it; `Retry_After=` becomes a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        status,
        headers={"Content-Type": "application/problem+json", **named},
        content=json.dumps({"status": status, "title": title, "detail": detail}).encode(),
    )
