"""A Secret Manager that keeps annotations, entity tags and rights, as far as its REST API shows. Our own.

Written after cloud.google.com/secret-manager: the REST reference v1, "Use entity tags", "Filter lists of secrets" and
"Resource consistency". The emulator drongo has none of the three; `test_gcp_secret_manager.py` uses both.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from sinks.faults import Faults
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

google_crc32c = pytest.importorskip("google_crc32c")

PROJECT = "acme-prod"
_PATH = re.compile(
    r"/v1/projects/(?P<project>[^/]+)/secrets(?:/(?P<secret>[A-Za-z0-9_-]{1,255}))?"
    r"(?:/versions(?:/(?P<version>[^/:]+))?)?(?::(?P<verb>[a-zA-Z]+))?"
)
_ANNOTATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_MOST_ANNOTATED = 16 * 1024
_LONGEST_PAYLOAD = 64 * 1024
_SECRET_FIELDS = {"name", "replication", "labels", "annotations", "etag"}


@dataclass
class Version:
    data: bytes
    state: str = "ENABLED"


@dataclass
class Secret:
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    replication: dict[str, Any] = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    changes: int = 1


class _RefusedError(Exception):
    def __init__(self, status: int, word: str, text: str = "no") -> None:
        super().__init__(text)
        self.response = JSONResponse({"error": {"code": status, "status": word, "message": text}}, status)


class GcpFake:
    """An ASGI application. What a test arranges and asks stands in its attributes."""

    def __init__(self) -> None:
        self.secrets: dict[str, Secret] = {}
        self.calls: list[str] = []
        self.denied: set[str] = set()
        """Rights that nobody has, such as ``versions.add``."""
        self.used: set[str] = set()
        """Rights that were asked for."""
        self.lag = 0
        """By how many versions `latest` is behind."""
        self.knows_rights = True
        self.faults = Faults()

    def reset(self) -> None:
        """Forget everything."""
        self.__init__()  # type: ignore[misc]  # all there is to forget stands in the constructor

    # what a test, or a person beside keyplan, does

    def value(self, name: str) -> str | None:
        """Return what a consumer of `latest` gets."""
        secret = self.secrets.get(name)
        newest = secret.versions[-1] if secret and secret.versions else None
        return newest.data.decode() if newest and newest.state == "ENABLED" else None

    def person_writes(self, name: str, text: str) -> None:
        """Somebody adds a version in the console, or makes the secret."""
        self.secrets.setdefault(name, Secret()).versions.append(Version(text.encode()))

    # what it answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.calls.append(f"{request.method} {request.url.path.rpartition('/secrets')[2]}")
        body = await request.body()
        response = self.faults.take(request)
        if response is None:
            try:
                response = JSONResponse(self._answer(request, await request.json() if body else {}))
            except _RefusedError as refused:
                response = refused.response
            response = self.faults.take(request, is_late=True) or response
        await response(scope, receive, send)

    def _answer(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        found = _PATH.fullmatch(request.url.path)
        if found is None or found["project"] != PROJECT:
            raise _RefusedError(404, "NOT_FOUND")
        name, query = found["secret"], request.query_params
        if name is None:
            return self._create(query["secretId"], body) if request.method == "POST" else self._list(query)
        if found["verb"] == "testIamPermissions":
            return self._test(name, body["permissions"])
        if "/versions" in request.url.path or found["verb"]:
            return self._serve_version(request, found, body)
        handlers = {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
        return handlers[request.method](name, query, body)

    def _require(self, right: str) -> None:
        self.used.add(right)
        if right in self.denied:
            raise _RefusedError(403, "PERMISSION_DENIED", f"Permission 'secretmanager.{right}' denied")

    def _find(self, name: str) -> Secret:
        if name not in self.secrets:
            raise _RefusedError(404, "NOT_FOUND")
        return self.secrets[name]

    def _create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        self._require("secrets.create")
        _validate(body)
        if not body.get("replication"):
            raise _RefusedError(400, "INVALID_ARGUMENT", "replication is required")
        if name in self.secrets:
            raise _RefusedError(409, "ALREADY_EXISTS")
        self.secrets[name] = Secret(body.get("annotations", {}), body.get("labels", {}), body["replication"])
        return self._show(name)

    def _list(self, query: Any) -> dict[str, Any]:
        self._require("secrets.list")
        part = query.get("filter", "name:").removeprefix("name:")
        names = sorted(name for name in self.secrets if part in name)
        start, size = int(query.get("pageToken") or 0), min(int(query.get("pageSize", 25_000)), 25_000)
        page = {"secrets": [self._show(name) for name in names[start : start + size]], "totalSize": len(names)}
        return page | ({"nextPageToken": str(start + size)} if start + size < len(names) else {})

    def _get(self, name: str, query: Any, body: Any) -> dict[str, Any]:
        self._require("secrets.get")
        self._find(name)
        return self._show(name)

    def _patch(self, name: str, query: Any, body: dict[str, Any]) -> dict[str, Any]:
        self._require("secrets.update")
        secret = self._find(name)
        _validate(body)
        self._match(name, body.get("etag"))
        for part in query["updateMask"].split(","):
            setattr(secret, part, body.get(part, {}))
        secret.changes += 1
        return self._show(name)

    def _delete(self, name: str, query: Any, body: Any) -> dict[str, Any]:
        self._require("secrets.delete")
        self._find(name)
        self._match(name, query.get("etag"))
        del self.secrets[name]
        return {}

    def _match(self, name: str, etag: str | None) -> None:
        if etag and etag != self._show(name)["etag"]:
            raise _RefusedError(400, "FAILED_PRECONDITION", "etag mismatch")

    def _test(self, name: str, permissions: list[str]) -> dict[str, Any]:
        if not self.knows_rights:
            raise _RefusedError(404, "NOT_FOUND")
        denied = {f"secretmanager.{right}" for right in self.denied}
        return {"permissions": [right for right in permissions if name in self.secrets and right not in denied]}

    def _serve_version(self, request: Request, found: re.Match[str], body: dict[str, Any]) -> dict[str, Any]:
        name, verb = found["secret"], found["verb"]
        secret = self._find(name)
        if verb == "addVersion":
            self._require("versions.add")
            return self._add(name, secret, body["payload"])
        if found["version"] is None:
            self._require("versions.list")
            shown = [self._show_version(name, number) for number in range(len(secret.versions), 0, -1)]
            return {"versions": [each for each in shown if "ENABLED" in request.query_params["filter"]]}
        number = max(len(secret.versions) - self.lag, 0) if found["version"] == "latest" else int(found["version"])
        if not 0 < number <= len(secret.versions):
            raise _RefusedError(404, "NOT_FOUND")
        version = secret.versions[number - 1]
        if verb == "access":
            self._require("versions.access")
            return self._access(name, number, version)
        self._require("versions.disable" if verb == "disable" else "versions.get")
        if verb == "disable":
            version.state = "DISABLED"
        return self._show_version(name, number)

    def _add(self, name: str, secret: Secret, payload: dict[str, str]) -> dict[str, Any]:
        data = base64.b64decode(payload["data"], validate=True)
        if not 0 < len(data) <= _LONGEST_PAYLOAD or int(payload["dataCrc32c"]) != google_crc32c.value(data):
            raise _RefusedError(400, "INVALID_ARGUMENT", f"payload {payload} is corrupt")
        secret.versions.append(Version(data))
        return self._show_version(name, len(secret.versions))

    def _access(self, name: str, number: int, version: Version) -> dict[str, Any]:
        if version.state != "ENABLED":
            raise _RefusedError(400, "FAILED_PRECONDITION", f"version is in {version.state} state")
        payload = {
            "data": base64.b64encode(version.data).decode(),
            "dataCrc32c": str(google_crc32c.value(version.data)),
        }
        return {"name": self._show_version(name, number)["name"], "payload": payload}

    def _show(self, name: str) -> dict[str, Any]:
        secret = self.secrets[name]
        return {
            "name": f"projects/424242/secrets/{name}",
            "replication": secret.replication,
            "labels": secret.labels,
            "annotations": secret.annotations,
            "etag": f'"{secret.changes:x}"',
            "createTime": "2026-11-23T07:31:00Z",
        }

    def _show_version(self, name: str, number: int) -> dict[str, Any]:
        version = self.secrets[name].versions[number - 1]
        return {"name": f"projects/424242/secrets/{name}/versions/{number}", "state": version.state}


def _validate(body: dict[str, Any]) -> None:
    annotations = body.get("annotations", {})
    size = sum(len(f"{name}{value}".encode()) for name, value in annotations.items())
    names_fit = all(_ANNOTATION.fullmatch(name) for name in annotations)
    if not set(body) <= _SECRET_FIELDS or not names_fit or size >= _MOST_ANNOTATED:
        raise _RefusedError(400, "INVALID_ARGUMENT", f"bad secret: {body}")
