"""A client of the sandbox for tests: without sockets, and in the words of whichever generation answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from keyplan.sandbox.application import Sandbox, open_sandbox
from keyplan.sandbox.options import SandboxOptions

ACME = "T3JnYW5pemF0aW9uOjEwMDE6eFl6Vw=="
LABS = "T3JnYW5pemF0aW9uOjEwMDI6a0xtTg=="
PRODUCTION = "U3BhY2U6MjAwMTphQmNE"
STAGING = "U3BhY2U6MjAwMjplRmdI"
RESEARCH = "U3BhY2U6MjAwMzppSmtM"
FIRST_USER = "VXNlcjoxMDAxOm5OYkM="
SECOND_USER = "VXNlcjoxMDAyOnBRclM="
UNKNOWN_KEY = "QXBpS2V5Ojk6YUFhQQ=="
UNKNOWN_SPACE = "U3BhY2U6OTphQWFB"
UNKNOWN_ORGANIZATION = "T3JnYW5pemF0aW9uOjk6YUFhQQ=="

Json = dict[str, Any]


class InProcess(httpx.BaseTransport):
    """Hands requests straight to an ASGI application."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the application's answer."""
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class Client(httpx.Client):
    """Presents the first credential unless told otherwise."""

    def __init__(self, options: SandboxOptions, sandbox: Sandbox) -> None:
        super().__init__(
            transport=InProcess(sandbox.app), base_url="http://sandbox", headers=bearer(sandbox.credentials.first)
        )
        self.is_alpha = options.api == "alpha"
        self.sandbox = sandbox

    def create(self, name: str = "ci", **fields: object) -> Json:
        """Make a user key."""
        key_type = "user" if self.is_alpha else "USER"
        return made(self.post("/v2/api-keys", json={"name": name, "key_type": key_type, **fields}))

    def create_service(self, name: str = "svc", **fields: object) -> Json:
        """Make a service key of the space `production`."""
        if self.is_alpha:
            body: Json = {"name": name, "key_type": "service", "space_id": PRODUCTION}
        else:
            organizations = [{"org_id": ACME, "spaces": [{"space_id": PRODUCTION}]}]
            body = {"name": name, "key_type": "SERVICE", "organizations": organizations}
        return made(self.post("/v2/api-keys", json=body | fields))

    def refresh(self, key_id: str, **fields: object) -> httpx.Response:
        """Ask for another raw key."""
        return self.post(f"/v2/api-keys/{key_id}/refresh", json=fields)

    def end(self, key_id: str, **options: Any) -> httpx.Response:
        """Delete or revoke a key."""
        if self.is_alpha:
            return self.delete(f"/v2/api-keys/{key_id}", **options)
        return self.put(f"/v2/api-keys/{key_id}/revoke", **options)

    def listed(self, **filters: Any) -> list[Json]:
        """Return the first page of a listing."""
        answer = self.get("/v2/api-keys", params=filters)
        assert answer.status_code == 200, answer.text
        keys: list[Json] = answer.json()["api_keys"]
        return keys

    def names(self, **filters: Any) -> list[str]:
        """Return the names on the first page of a listing, but the first credential's."""
        return [key["name"] for key in self.listed(**filters) if key["name"] != "keyplan sandbox"]

    def works(self, raw: str) -> bool:
        """Whether a raw key authenticates."""
        return self.get("/v2/spaces", headers=bearer(raw)).status_code == 200

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock."""
        assert self.post("/_sandbox/clock", json={"advance_seconds": seconds}).status_code == 200

    def now_plus(self, seconds: float) -> str:
        """Return an RFC 3339 time, that much after the sandbox's now."""
        now = datetime.fromisoformat(self.get("/_sandbox/clock").json()["now"])
        return (now.astimezone(UTC) + timedelta(seconds=seconds)).isoformat()


OpenClient = Callable[..., Client]
"""Takes the fields of SandboxOptions, and returns a client of such a sandbox."""


def bearer(raw: str) -> dict[str, str]:
    """Return the header that presents a raw key."""
    return {"Authorization": f"Bearer {raw}"}


def made(answer: httpx.Response) -> Json:
    """Return the body of a create."""
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    return body


def open_client(options: SandboxOptions) -> Client:
    """Open a sandbox and return a client of it, which closes neither."""

    def refuse(_scope: object) -> None:
        raise AssertionError("no connection here to hang up")

    return Client(options, open_sandbox(options, close_connection=refuse))
