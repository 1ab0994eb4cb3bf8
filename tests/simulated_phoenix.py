"""A Phoenix server in memory with the laws of the real one, and the provider that talks to it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias

import httpx
from simulated.clock import SimulatedClock

from keyplan.context import PluginContext
from keyplan.model.identity import Identity, Lineage
from keyplan.model.manifest import FromEnvironment, Json, ProviderSettings, SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.phoenix import build, build_reader

URL = "https://phoenix.simulated.test"
ADMIN_SECRET = "admin-secret-of-the-server-0123456789"
ADMIN_KEY = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJBcGlLZXk6MSJ9." + "a" * 43
CREATOR = "VXNlcjoy"
NEVER_ISSUED = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJqdGkiOiJBcGlLZXk6OTkifQ." + "z" * 43
WEB_PAGE = "<!DOCTYPE html><html><body>Phoenix</body></html>"

Trouble: TypeAlias = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]
"""What happens in place of the server's own answer."""


def plain(status: int, text: str) -> httpx.Response:
    """Return a refusal as the server writes it: text, not JSON."""
    return httpx.Response(status, text=text)


def page(status: int = 200) -> httpx.Response:
    """Return the web app, which answers every GET that the API doesn't know."""
    return httpx.Response(status, html=WEB_PAGE)


@dataclass
class Phoenix:
    """Answers as Phoenix 20.26.1 does, unless trouble is planted; keeps all requests."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    requests: list[httpx.Request] = field(default_factory=list)
    keys: dict[int, dict[str, Any]] = field(default_factory=dict)
    raws: dict[str, int] = field(default_factory=dict)
    credential: str = ADMIN_SECRET
    last: int = 1
    _troubles: list[tuple[str, str, list[Trouble]]] = field(default_factory=list)

    def plant(self, method: str, path: str, *troubles: Trouble) -> None:
        """Give the next requests of that method and path these answers, one each, before the server answers again."""
        self._troubles.append((method, path, list(troubles)))

    def add(self, kind: str = "SystemApiKey", **fields: Any) -> str:
        """Add a key and return its id."""
        self.last += 1
        key_id = b64encode(f"{kind}:{self.last}".encode()).decode()
        self.keys[self.last] = {"id": key_id, "created_at": self.clock.now().isoformat(), **fields}
        return key_id

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        answer = self._play(request)
        answer.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return answer

    def lines(self) -> list[str]:
        """Return what was asked: method, encoded path and query."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]

    def bodies(self) -> list[Any]:
        """Return what was sent as JSON."""
        return [json.loads(request.content) for request in self.requests if request.content]

    def provider(self, **options: Json) -> ProviderPorts:
        """Return both ports to this server."""
        return build(self._settings(options), self._context(), transport=httpx.MockTransport(self))

    def reader(self, reader_credential: SecretSource | None = None) -> ReaderPorts:
        """Return what can only read."""
        settings = ProviderSettings(type="phoenix", reader_credential=reader_credential, options={"base_url": URL})
        return build_reader(settings, self._context(), transport=httpx.MockTransport(self))

    def _settings(self, options: dict[str, Json]) -> ProviderSettings:
        return ProviderSettings(type="phoenix", options={"base_url": URL, **options})

    def _context(self) -> PluginContext:
        return PluginContext(
            folder="/nowhere",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=self.clock,
            jitter=lambda most: most,
            resolve=lambda source: Credential(ADMIN_KEY if source == FromEnvironment("READER") else self.credential),
            environment={},
            say=lambda _: None,
        )

    def _play(self, request: httpx.Request) -> httpx.Response:
        target = request.url.path
        for method, path, troubles in self._troubles:
            if troubles and request.method == method and target.startswith(path):
                trouble = troubles.pop(0)
                if isinstance(trouble, Exception):
                    raise trouble
                return trouble if isinstance(trouble, httpx.Response) else trouble(request)
        return self._answer(request, target)

    def _answer(self, request: httpx.Request, target: str) -> httpx.Response:
        self._drop_expired()
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        number = self.raws.get(presented)
        if presented not in (ADMIN_SECRET, ADMIN_KEY) and number not in self.keys:
            return plain(401, "Invalid token")
        if target == "/v1/user":
            return httpx.Response(200, json={"data": {"id": "VXNlcjox", "username": "system", "role": "SYSTEM"}})
        if number in self.keys:
            return plain(403, "Only admin or system users can perform this action.")
        return self._manage(request, target, presented)

    def _manage(self, request: httpx.Request, target: str, presented: str) -> httpx.Response:
        match request.method, target:
            case "GET", "/v1/system/api_keys":
                found = [key for key in reversed(self.keys.values()) if "user" not in key]
                return httpx.Response(200, json={"data": found})
            case "GET", "/v1/users/api_keys":
                return self._page_users(request)
            case "POST", "/v1/system/api_keys":
                return self._create(request, presented)
            case "DELETE", _:
                return self._delete(target)
        return page()

    def _page_users(self, request: httpx.Request) -> httpx.Response:
        found = [key for key in self.keys.values() if "user" in key]
        first, limit = int(request.url.params.get("cursor", "0")), int(request.url.params["limit"])
        end = first + limit
        return httpx.Response(
            200, json={"data": found[first:end], "next_cursor": str(end) if end < len(found) else None}
        )

    def _create(self, request: httpx.Request, presented: str) -> httpx.Response:
        if presented != ADMIN_SECRET:
            return plain(403, "API keys cannot create API keys")
        data = json.loads(request.content)["data"]
        expiry = data.get("expires_at")
        if expiry and datetime.fromisoformat(expiry) <= self.clock.now():
            return httpx.Response(422, json={"detail": [{"type": "value_error", "loc": ["body"], "input": data}]})
        key_id = self.add(**{**data, "name": data["name"].strip()})
        raw = f"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.{b64encode(str(self.last).encode()).decode()}.{'s' * 43}"
        self.raws[raw] = self.last
        # The answer repeats the offset as it was sent; the listing has +00:00.
        answer = {"data": {**self.keys[self.last], "key": raw, "id": key_id}}
        if expiry:
            self.keys[self.last]["expires_at"] = datetime.fromisoformat(expiry).astimezone(UTC).isoformat()
        return httpx.Response(201, json=answer)

    def _delete(self, target: str) -> httpx.Response:
        folder, _, key_id = target.rpartition("/")
        kind = "user" if folder == "/v1/user/api_keys" else "system"
        for number, key in self.keys.items():
            if key["id"] == key_id and ("user" in key) is (kind == "user"):
                del self.keys[number]
                return httpx.Response(204, headers={"Content-Type": "application/json"})
        return plain(404, "API key not found" if kind == "user" else "System API key not found")

    def _drop_expired(self) -> None:
        limit = self.clock.now() - timedelta(seconds=10)
        for number, key in list(self.keys.items()):
            expiry = key.get("expires_at")
            if expiry and datetime.fromisoformat(expiry).astimezone(UTC) <= limit:
                del self.keys[number]
