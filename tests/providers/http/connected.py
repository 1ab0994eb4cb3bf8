"""Connects the provider with a function that answers in the place of a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from providers.http.vendors import Vendor
from simulated.clock import SimulatedClock

from keyplan.app.plugin_files import make_file_reader
from keyplan.context import PluginContext
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import FromEnvironment, Json, ProviderSettings, SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.http import build, build_reader

EXAMPLES = Path(__file__).parents[3] / "examples" / "providers"
ADMIN = "admin-credential-1"
SOURCES = {"KEYPLAN_PROVIDER_CREDENTIAL": ADMIN, "READER": "reader-credential-1"}

Answer = httpx.Response | Exception


@dataclass
class Script:
    """Gives its answers in turn, the last one for ever, and keeps all requests."""

    answers: list[Answer]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    def lines(self) -> list[str]:
        """Return what was asked: method, encoded path and query."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def script(*answers: Answer | dict[str, Any] | list[Any]) -> Script:
    """Return a script; a JSON value stands for an answer with status 200."""
    made = [httpx.Response(200, json=each) if isinstance(each, dict | list) else each for each in answers]
    return Script(made)


def connect(
    server: Callable[[httpx.Request], httpx.Response],
    folder: Path,
    *,
    credential: str = ADMIN,
    clock: SimulatedClock | None = None,
    **options: Json,
) -> ProviderPorts:
    """Return reader and writer of an account at that server, by the definition `acme.yaml` or that of the options."""
    context = _make_context(folder, credential, clock or SimulatedClock())
    return build(_make_settings(options), context, transport=httpx.MockTransport(server))


def connect_reader(server: Callable[[httpx.Request], httpx.Response], folder: Path, **options: Json) -> ReaderPorts:
    """Return the reader alone, which presents a credential of its own."""
    settings = _make_settings(options, reader=FromEnvironment("READER"))
    context = _make_context(folder, ADMIN, SimulatedClock())
    return build_reader(settings, context, transport=httpx.MockTransport(server))


def connect_vendor(vendor: Vendor, *, credential: str = "") -> ProviderPorts:
    """Return reader and writer of a vendor's stand-in, by the definition in `examples/providers`.

    Without a credential, the right one is presented.
    """
    options: dict[str, Json] = {"definition": vendor.file, "base_url": "https://vendor.test"}
    if vendor.variables:
        options["variables"] = dict(vendor.variables)
    return connect(vendor, EXAMPLES, credential=credential or vendor.credential, clock=vendor.clock, **options)


def _make_settings(options: dict[str, Json], reader: SecretSource | None = None) -> ProviderSettings:
    return ProviderSettings(
        type="http",
        credential=FromEnvironment("KEYPLAN_PROVIDER_CREDENTIAL"),
        reader_credential=reader,
        options={"definition": "acme.yaml", **options},
    )


def _make_context(folder: Path, credential: str, clock: SimulatedClock) -> PluginContext:
    secrets = {**SOURCES, "KEYPLAN_PROVIDER_CREDENTIAL": credential}

    def resolve(source: SecretSource) -> Credential:
        assert isinstance(source, FromEnvironment)
        return Credential(secrets[source.name])

    return PluginContext(
        folder=str(folder),
        lineage=Lineage(identity=Identity("ml-platform")),
        clock=clock,
        jitter=lambda most: most,
        resolve=resolve,
        environment={},
        say=lambda _text: None,
        read_file=make_file_reader(folder),
    )
