"""A GitHub that keeps secrets, as far as its REST API shows: sealed values come in, names and times go out.

It opens every sealed value with the private key of its store, which the real one does where a job runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nacl.encoding import Base64Encoder
from nacl.public import PrivateKey, SealedBox
from sinks.faults import Faults
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

_PATH = re.compile(
    r"(?P<store>/repos/(?P<repository>[^/]+/[^/]+)/(?:(?:actions|dependabot)|environments/(?P<environment>[^/]+))/secrets"
    r"|/orgs/(?P<organization>[^/]+)/(?:actions|dependabot)/secrets)(?:/(?P<name>[A-Za-z0-9_-]+))?"
)
READ, WRITE = "read", "write"


@dataclass
class Secret:
    """One secret, opened."""

    value: str = field(repr=False)
    created_at: datetime
    updated_at: datetime
    settings: Mapping[str, Any]


class GitHubFake:
    """An ASGI application. What a test arranges and asks stands in its attributes."""

    def __init__(self, since: datetime) -> None:
        self.rights: dict[str, set[str]] = {"ghp_all": {READ, WRITE}, "ghp_reader": {READ}, "ghp_none": set()}
        self.known = {"acme/app", "production", "qa%2Feu", "acme", "reader/app"}
        self.stores: dict[str, dict[str, Secret]] = {}
        self.calls: list[str] = []
        """Method and path of every request."""
        self.bodies: list[bytes] = []
        self.faults = Faults()
        self.stopped_at: datetime | None = None
        """Set: its clock stands still."""
        self._ahead = max(since - datetime.now(UTC), timedelta(0))
        self.ahead = self._ahead
        """By how much its clock is ahead of this machine's."""
        self._keys: dict[str, PrivateKey] = {}
        self._generation = 1

    # what a test, or a person beside keyplan, does

    def reset(self) -> None:
        """Forget everything but the time and the keys."""
        self.stores.clear()
        self.calls.clear()
        self.bodies.clear()
        self.faults.clear()
        self.stopped_at = None
        self.ahead = self._ahead

    def value(self, store: str, name: str) -> str | None:
        """Return what a job would see."""
        secret = self.stores.get(store, {}).get(name.upper())
        return secret.value if secret else None

    def person_writes(self, store: str, name: str, value: str) -> None:
        """Somebody sets a secret in the browser."""
        self._set(store, name, value, {})

    def person_deletes(self, store: str, name: str) -> None:
        """Somebody deletes it there."""
        self.stores.get(store, {}).pop(name.upper(), None)

    def change_keys(self) -> None:
        """Every store gets another key pair, and takes nothing that is sealed for the former."""
        self._keys.clear()
        self._generation += 1

    # what it answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode().partition("?")[0]
        self.calls.append(f"{request.method} {path}")
        body = await request.body()
        self.bodies.append(body)
        response = self.faults.take(request) or self._answer(request, path, await request.json() if body else {})
        await response(scope, receive, send)

    def _answer(self, request: Request, path: str, body: dict[str, Any]) -> Response:
        rights = self.rights.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if rights is None:
            return _error(401, "Bad credentials")
        found = _PATH.fullmatch(path)
        names = (
            [found[part] for part in ("repository", "environment", "organization") if found[part]] if found else [""]
        )
        if found is None or not rights or not self.known.issuperset(names):
            return _error(404, "Not Found")
        if request.method != "GET" and WRITE not in rights:
            headers = {"X-Accepted-GitHub-Permissions": "secrets=write", "X-OAuth-Scopes": "read:org"}
            return _error(403, "Resource not accessible by personal access token", headers)
        return self._serve(request, found["store"], found["name"], body)

    def _serve(self, request: Request, store: str, name: str | None, body: dict[str, Any]) -> Response:
        if name is None:
            return self._list(request, store)
        if name == "public-key":
            key = self._key(store).public_key.encode(Base64Encoder).decode()
            return JSONResponse({"key_id": self._key_id(store), "key": key})
        if request.method == "PUT":
            return self._put(store, name, body)
        secret = self.stores.get(store, {}).get(name.upper())
        if secret is None:
            return _error(404, "Not Found")
        if request.method == "DELETE":
            del self.stores[store][name.upper()]
            return Response(status_code=204)
        return JSONResponse(_show(name.upper(), secret, store))

    def _list(self, request: Request, store: str) -> Response:
        size, page = (int(request.query_params.get(name, other)) for name, other in (("per_page", 30), ("page", 1)))
        size = min(size, 100)
        secrets = sorted(self.stores.get(store, {}).items())
        shown = [_show(name, secret, store) for name, secret in secrets[size * (page - 1) : size * page]]
        return JSONResponse({"total_count": len(secrets), "secrets": shown})

    def _put(self, store: str, name: str, body: dict[str, Any]) -> Response:
        if body.get("key_id") != self._key_id(store):
            return _error(422, "Bad request - encryption key ID does not exist")
        value = SealedBox(self._key(store)).decrypt(body["encrypted_value"].encode(), Base64Encoder).decode()
        settings = {name: body[name] for name in ("visibility", "selected_repository_ids") if name in body}
        is_new = name.upper() not in self.stores.get(store, {})
        self._set(store, name, value, settings)
        return JSONResponse({}, 201) if is_new else Response(status_code=204)

    def _set(self, store: str, name: str, value: str, settings: Mapping[str, Any]) -> None:
        now = self.stopped_at or datetime.now(UTC) + self.ahead
        secrets = self.stores.setdefault(store, {})
        former = secrets.get(name.upper())
        secrets[name.upper()] = Secret(value, former.created_at if former else now, now, settings)

    def _key(self, store: str) -> PrivateKey:
        return self._keys.setdefault(store, PrivateKey.generate())

    def _key_id(self, store: str) -> str:
        return f"{len(store)}-{self._generation}"


def _show(name: str, secret: Secret, store: str) -> dict[str, Any]:
    shown = {"name": name, "created_at": _time(secret.created_at), "updated_at": _time(secret.updated_at)}
    if store.startswith("/orgs/"):
        shown["visibility"] = secret.settings.get("visibility", "private")
    return shown


def _time(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"message": message}, status, dict(headers or {}))
