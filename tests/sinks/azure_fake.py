"""An Azure Key Vault, and the identity endpoint of an App Service, as far as Azure's SDK shows them. Our own.

Written after the Key Vault secrets REST reference (7.x) and "Authentication, requests and responses": a request without
a token is answered with a challenge, whose resource must be a parent of the vault's own name. On 127.0.0.1 that is
0.0.1, so that the SDK checks it as it does elsewhere. Soft deletion is on.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
import uvicorn
from sinks.faults import Faults
from sinks.serving import free_port
from sinks.threaded import _Server
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

TOKEN, IDENTITY_HEADER = "token-of-the-managed-identity", "header-of-the-app-service"
_PATH = re.compile(r"/(?P<root>secrets|deletedsecrets)(?:/(?P<name>[0-9a-zA-Z-]{1,127}))?(?:/(?P<rest>[0-9a-z]*))?")
_MOST_TAGS, _TAG_SIZE, _LONGEST_VALUE, _PAGE = 15, 256, 25 * 1024, 25
_START = 1_795_419_060
_LAST_TURNS_SECONDS = 0.1


@dataclass
class Version:
    id: str
    value: str
    tags: dict[str, str]
    content_type: str | None
    attributes: dict[str, Any]


@dataclass
class Secret:
    versions: list[Version] = field(default_factory=list)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, inner: str = "", text: str = "no") -> None:
        super().__init__(text)
        error: dict[str, Any] = {"code": code, "message": text}
        if inner:
            error["innererror"] = {"code": inner}
        self.response = JSONResponse({"error": error}, status)


class AzureFake:
    """An ASGI application. What a test arranges and asks stands in its attributes."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self.secrets: dict[str, Secret] = {}
        self.deleted: dict[str, Secret] = {}
        self.calls: list[str] = []
        self.denied: dict[str, str] = {}
        """Inner codes of refusals, by permission: get, list, set, delete, recover."""
        self.used: set[str] = set()
        """Permissions that were asked for."""
        self.challenges = 0
        self.slow = 0
        """How many requests it takes until what is recovered is there."""
        self.faults = Faults()
        self._seconds = _START

    def reset(self) -> None:
        """Forget everything."""
        self.__init__(self.host)  # type: ignore[misc]  # all there is to forget stands in the constructor

    # what a test, or a person beside keyplan, does

    def newest(self, name: str) -> Version:
        """Return what there is."""
        return self.secrets[name].versions[-1]

    def value(self, name: str) -> str | None:
        """Return what a consumer gets."""
        if name not in self.secrets or not self.newest(name).attributes["enabled"]:
            return None
        return self.newest(name).value

    def person_writes(self, name: str, text: str, *, tags: dict[str, str] | None = None) -> None:
        """Somebody sets a value; Azure CLI takes no tags along, other programs do."""
        self._add(name, {"value": text, "tags": tags or {}})

    def person_deletes(self, name: str) -> None:
        """Somebody deletes a secret."""
        self.deleted[name] = self.secrets.pop(name)

    # what it answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        if request.url.path == "/msi/token":
            response = self._give_token(request)
        elif request.headers.get("authorization") != f"Bearer {TOKEN}":
            response = self._challenge()
        else:
            self.calls.append(f"{request.method} {request.url.path}")
            response = self.faults.take(request) or self._respond(request, await request.json() if body else {})
        await response(scope, receive, send)

    def _give_token(self, request: Request) -> Response:
        assert request.headers["x-identity-header"] == IDENTITY_HEADER
        resource = request.query_params["resource"]
        return JSONResponse({"access_token": TOKEN, "expires_on": "4102444800", "resource": resource})

    def _challenge(self) -> Response:
        self.challenges += 1
        resource = f"https://{self.host.partition('.')[2]}"
        header = f'Bearer authorization="https://login.microsoftonline.com/t", resource="{resource}"'
        return JSONResponse({}, 401, {"WWW-Authenticate": header})

    def _respond(self, request: Request, body: dict[str, Any]) -> Response:
        try:
            response: Response = JSONResponse(self._answer(request, body))
        except _RefusedError as refused:
            response = refused.response
        return self.faults.take(request, is_late=True) or response

    def _answer(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        found = _PATH.fullmatch(request.url.path)
        assert found, request.url.path
        assert request.query_params["api-version"]
        name, rest = (found["name"] or "").lower(), found["rest"] or ""
        if found["root"] == "deletedsecrets":
            return self._answer_deleted(name, rest)
        if not name:
            return self._list(request)
        if request.method == "PUT":
            self._require("set")
            return self._show(name, self._add(name, body), with_value=True)
        if name not in self.secrets:
            self._require({"GET": "get", "PATCH": "set", "DELETE": "delete"}[request.method])
            raise _RefusedError(404, "SecretNotFound")
        if request.method == "PATCH":
            return self._patch(name, rest, body)
        if request.method == "DELETE":
            return self._delete(name)
        return self._list_versions(name) if rest == "versions" else self._get(name)

    def _require(self, permission: str) -> None:
        self.used.add(permission)
        if permission in self.denied:
            raise _RefusedError(403, "Forbidden", self.denied[permission], "Caller is not authorized")

    def _add(self, name: str, body: dict[str, Any]) -> Version:
        if name in self.deleted:
            raise _RefusedError(409, "Conflict", "ObjectIsDeletedButRecoverable", f"deleted: {body}")
        _validate(body)
        self._seconds += 1
        attributes = {"enabled": True, "created": self._seconds, "updated": self._seconds, "recoverableDays": 90}
        attributes |= {key: value for key, value in body.get("attributes", {}).items() if value is not None}
        version = Version(
            f"{self._seconds:032x}", body["value"], body.get("tags") or {}, body.get("contentType"), attributes
        )
        self.secrets.setdefault(name, Secret()).versions.append(version)
        return version

    def _get(self, name: str) -> dict[str, Any]:
        self._require("get")
        if self.slow:
            self.slow -= 1
            raise _RefusedError(404, "SecretNotFound")
        if not self.newest(name).attributes["enabled"]:
            raise _RefusedError(
                403, "Forbidden", "SecretDisabled", "Operation get is not allowed on a disabled secret."
            )
        return self._show(name, self.newest(name), with_value=True)

    def _patch(self, name: str, version_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self._require("set")
        version = next(each for each in self.secrets[name].versions if each.id == version_id)
        _validate({"value": "unchanged", **body})
        version.tags = body.get("tags", version.tags)
        version.attributes |= {key: value for key, value in body.get("attributes", {}).items() if value is not None}
        self._seconds += 1
        version.attributes["updated"] = self._seconds
        return self._show(name, version)

    def _delete(self, name: str) -> dict[str, Any]:
        self._require("delete")
        self.deleted[name] = self.secrets.pop(name)
        return self._show_deleted(name)

    def _get_deleted(self, name: str) -> dict[str, Any]:
        self._require("get")
        if name not in self.deleted:
            raise _RefusedError(404, "SecretNotFound")
        return self._show_deleted(name)

    def _answer_deleted(self, name: str, rest: str) -> dict[str, Any]:
        if not name:
            return self._list_deleted()
        return self._recover(name) if rest == "recover" else self._get_deleted(name)

    def _list_deleted(self) -> dict[str, Any]:
        self._require("list")
        return {"value": [self._show_deleted(name) for name in sorted(self.deleted)], "nextLink": None}

    def _recover(self, name: str) -> dict[str, Any]:
        self._require("recover")
        self.secrets[name] = self.deleted.pop(name)
        return self._show(name, self.newest(name))

    def _list(self, request: Request) -> dict[str, Any]:
        self._require("list")
        start = int(request.query_params.get("$skiptoken", "0"))
        names = sorted(self.secrets)
        items = [self._show(name, self.newest(name)) for name in names[start : start + _PAGE]]
        for name, item in zip(names[start:], items, strict=False):
            item["id"] = f"https://{self.host}/secrets/{name}"
        more = start + _PAGE < len(names)
        link = f"https://{self.host}/secrets?api-version=7.6&$skiptoken={start + _PAGE}" if more else None
        return {"value": items, "nextLink": link}

    def _list_versions(self, name: str) -> dict[str, Any]:
        self._require("list")
        # Not in the order of time: Azure gives them sorted by their ids, which are random.
        versions = sorted(self.secrets[name].versions, key=lambda version: version.id[::-1])
        return {"value": [self._show(name, version) for version in versions], "nextLink": None}

    def _show(self, name: str, version: Version, *, with_value: bool = False) -> dict[str, Any]:
        shown = {
            "id": f"https://{self.host}/secrets/{name}/{version.id}",
            "tags": version.tags,
            "contentType": version.content_type,
            "attributes": version.attributes,
        }
        return {**shown, "value": version.value} if with_value else shown

    def _show_deleted(self, name: str) -> dict[str, Any]:
        where = {"recoveryId": f"https://{self.host}/deletedsecrets/{name}"}
        times = {"deletedDate": self._seconds, "scheduledPurgeDate": self._seconds + 90 * 86_400}
        return {**self._show(name, self.deleted[name].versions[-1]), **where, **times}


def _validate(body: dict[str, Any]) -> None:
    tags = body.get("tags") or {}
    too_long = any(len(text) > _TAG_SIZE for name, value in tags.items() for text in (name, value))
    if not body["value"] or len(body["value"]) > _LONGEST_VALUE or len(tags) > _MOST_TAGS or too_long:
        raise _RefusedError(400, "BadParameter", text=f"bad secret: {body}")


class _SecureServer(_Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            # TLS is closed by both sides; one that waits for the other would outlive the loop.
            connection.transport.abort()  # type: ignore[union-attr]  # the connection is open
        await super().shutdown(sockets)
        await asyncio.sleep(_LAST_TURNS_SECONDS)


@contextmanager
def answering_securely(app: AzureFake, ca_file: Path) -> Iterator[str]:
    """Yield the https URL where the fake answers; who is to trust it is written into `ca_file`."""
    authority, port = trustme.CA(), free_port()
    authority.cert_pem.write_to_path(str(ca_file))
    app.host = f"127.0.0.1:{port}"
    config = uvicorn.Config(
        app,
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(config.ssl)
    server = _SecureServer(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        assert server.ready.wait(30), "the server did not start"
        yield f"https://{app.host}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def shaking_hands() -> Iterator[str]:
    """Yield an https URL where a handshake is all that happens, by an authority that nobody trusts.

    Without asyncio, which leaves a transport behind where the other side breaks a handshake off.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True):
                pass
