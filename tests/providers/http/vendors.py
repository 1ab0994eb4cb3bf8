"""Stand-ins for four vendors: small servers with the answers that their published specifications describe.

They show what keyplan relies on, and hide what the real ones hide unless asked. None of the vendors was reached.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any, ClassVar
from uuid import UUID

import httpx
from simulated.clock import SimulatedClock

Item = dict[str, Any]
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def make_json(status: int, value: Any) -> httpx.Response:
    """Return an answer in JSON."""
    return httpx.Response(status, json=value)


@dataclass
class Vendor(ABC):
    """A server with keys, its own clock, and one credential that may manage them."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    items: dict[str, Item] = field(default_factory=dict)
    """What the server shows of each key, by id."""
    raws: dict[str, str] = field(default_factory=dict)
    """The id of each raw key that works."""
    requests: list[httpx.Request] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    credential: ClassVar[str]
    file: ClassVar[str]
    variables: ClassVar[Mapping[str, str]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request, with the time."""
        self.requests.append(request)
        response = self.answer(request, self.present(request))
        response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
        return response

    def present(self, request: httpx.Request) -> str:
        """Return what a request presents as bearer token."""
        return request.headers.get("Authorization", "").removeprefix("Bearer ")

    @abstractmethod
    def answer(self, request: httpx.Request, secret: str) -> httpx.Response:
        """Answer a request that presents a secret."""

    def is_accepted(self, secret: str) -> bool:
        """Whether a raw key works now."""
        item = self.items.get(self.raws.get(secret, ""), {})
        expires = item.get("_expires")
        return bool(item) and not item.get("disabled") and (expires is None or expires > self.clock.now())

    def show(self, item: Item) -> Item:
        """Return a key as a listing shows it."""
        return {name: value for name, value in item.items() if not name.startswith("_")}

    def listed(self) -> list[Item]:
        """Return all keys as a listing shows them, newest last."""
        return [self.show(item) for item in self.items.values()]

    def forget(self, key_id: str) -> bool:
        """Delete a key; False if there is none."""
        self.raws = {raw: known for raw, known in self.raws.items() if known != key_id}
        return self.items.pop(key_id, None) is not None

    def digits(self, length: int) -> str:
        """Return hex digits that no other call returns."""
        digest = hashlib.sha512(str(next(self.numbers)).encode()).hexdigest()
        return digest[:length]


class OpenRouter(Vendor):
    """Keys with a name alone, by offset, 100 a page; expired and disabled ones are hidden unless asked for."""

    credential = "management-key-of-openrouter"
    file = "openrouter.yaml"

    def answer(self, request: httpx.Request, secret: str) -> httpx.Response:
        if request.url.path == "/api/v1/key":
            return make_json(200, {"data": {}}) if self.is_accepted(secret) else self._refuse(401)
        if secret != self.credential:
            return self._refuse(401)
        if request.url.path == "/api/v1/keys" and request.method == "GET":
            return self._list(request.url.params)
        if request.url.path == "/api/v1/keys" and request.method == "POST":
            return self._create(json.loads(request.content))
        if request.method == "DELETE":
            found = self.forget(request.url.path.rpartition("/")[2])
            return make_json(200, {"deleted": True}) if found else self._refuse(404)
        return self._refuse(405)

    @staticmethod
    def _refuse(status: int) -> httpx.Response:
        return make_json(status, {"error": {"code": status, "message": "no"}})

    def _list(self, query: httpx.QueryParams) -> httpx.Response:
        shown = [
            self.show(item)
            for item in self.items.values()
            if (not item["disabled"] or query.get("include_disabled") == "true")
            and (self._lives(item) or query.get("include_expired") == "true")
        ]
        begin = int(query.get("offset", "0"))
        return make_json(200, {"data": shown[begin : begin + 100]})

    def _lives(self, item: Item) -> bool:
        return item["_expires"] is None or item["_expires"] > self.clock.now()

    def _create(self, body: Item) -> httpx.Response:
        expires = body.get("expires_at")
        if expires is not None and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", expires):
            return self._refuse(400)
        raw = f"sk-or-v1-{self.digits(64)}"
        item = {
            "hash": hashlib.sha256(raw.encode()).hexdigest(),
            "name": body["name"],
            "label": f"{raw[:12]}...{raw[-4:]}",
            "disabled": False,
            "created_at": self.clock.now().isoformat(),
            "expires_at": expires,
            "last_used_at": None,
            "creator_user_id": "user_1",
            "workspace_id": "default",
            "_expires": datetime.fromisoformat(expires) if expires else None,
        }
        self.items[item["hash"]], self.raws[raw] = item, item["hash"]
        return make_json(201, {"data": self.show(item), "key": raw})


class OpenAI(Vendor):
    """Service accounts of one project, each with a key; behind the last id, 100 at most; times in unix seconds."""

    credential = "admin-key-of-openai"
    file = "openai.yaml"
    variables: ClassVar[Mapping[str, str]] = {"project": "proj_1"}

    def answer(self, request: httpx.Request, secret: str) -> httpx.Response:
        base, path = "/v1/organization/projects/proj_1/service_accounts", request.url.path
        if path == "/v1/models":
            return make_json(200, {"data": []}) if self.is_accepted(secret) else self._refuse(401)
        if secret != self.credential:
            return self._refuse(401)
        if not path.startswith(base):
            return self._refuse(404)
        if request.method == "GET":
            return self._list(request.url.params)
        if request.method == "POST":
            return self._create(json.loads(request.content))
        key_id = path.removeprefix(f"{base}/")
        return make_json(200, {"id": key_id, "deleted": True}) if self.forget(key_id) else self._refuse(404)

    @staticmethod
    def _refuse(status: int) -> httpx.Response:
        return make_json(status, {"error": {"message": "no", "type": "invalid_request_error"}})

    def _list(self, query: httpx.QueryParams) -> httpx.Response:
        shown, after = self.listed(), query.get("after")
        ids = [item["id"] for item in shown]
        begin = ids.index(after) + 1 if after else 0
        page = shown[begin : begin + int(query.get("limit", "20"))]
        answer = {"object": "list", "data": page, "has_more": begin + len(page) < len(shown)}
        return make_json(200, answer | {"last_id": page[-1]["id"] if page else None})

    def _create(self, body: Item) -> httpx.Response:
        raw, key_id = f"sk-svcacct-Aa{self.digits(58)}", f"svc_acct_{self.digits(12)}"
        now = int(self.clock.now().timestamp())
        item = {
            "object": "organization.project.service_account",
            "id": key_id,
            "name": body["name"],
            "role": "member",
            "created_at": now,
        }
        self.items[key_id], self.raws[raw] = item, key_id
        api_key = {"value": raw, "name": "Secret Key", "created_at": now, "id": f"key_{self.digits(12)}"}
        return make_json(200, {**item, "api_key": api_key})


class Langfuse(Vendor):
    """Keys of two values in one project, listed whole; Basic authentication."""

    credential = "pk-org:sk-org"
    file = "langfuse.yaml"
    variables: ClassVar[Mapping[str, str]] = {"project": "p1"}

    def present(self, request: httpx.Request) -> str:
        """Return user name and password."""
        encoded = request.headers.get("Authorization", "").removeprefix("Basic ")
        return base64.b64decode(encoded).decode()

    def answer(self, request: httpx.Request, secret: str) -> httpx.Response:
        base, path = "/api/public/projects/p1/apiKeys", request.url.path
        if path == "/api/public/projects":
            return make_json(200, {"data": []}) if self.is_accepted(secret) else self._refuse(401)
        if secret != self.credential:
            return self._refuse(401)
        if request.method == "GET" and path == base:
            return make_json(200, {"apiKeys": self.listed()})
        if request.method == "POST" and path == base:
            return self._create(json.loads(request.content))
        found = self.forget(path.removeprefix(f"{base}/"))
        return make_json(200, {"success": True}) if found else self._refuse(404)

    @staticmethod
    def _refuse(status: int) -> httpx.Response:
        return make_json(status, {"message": "no", "error": "no"})

    def _create(self, body: Item) -> httpx.Response:
        public, secret = f"pk-lf-{UUID(self.digits(32))}", f"sk-lf-{UUID(self.digits(32))}"
        expires = body.get("expiresAt")
        item = {
            "id": f"c{self.digits(24)}",
            "createdAt": self.clock.now().isoformat(),
            "expiresAt": expires,
            "name": body["name"],
            "note": body["name"],
            "publicKey": public,
            "displaySecretKey": f"{secret[:6]}...{secret[-4:]}",
            "_expires": datetime.fromisoformat(expires) if expires else None,
        }
        self.items[item["id"]], self.raws[f"{public}:{secret}"] = item, item["id"]
        return make_json(200, {**self.show(item), "secretKey": secret})

    def show(self, item: Item) -> Item:
        """Return a key with its last use, which the answer to a create has not."""
        return {**super().show(item), "lastUsedAt": None}


class LiteLLM(Vendor):
    """Keys with metadata, by page number; a deletion is a POST with the hash in its body."""

    credential = "master-key-of-litellm"
    file = "litellm.yaml"

    def answer(self, request: httpx.Request, secret: str) -> httpx.Response:
        if request.url.path == "/key/info":
            return make_json(200, {"info": {}}) if self.is_accepted(secret) else self._refuse(401)
        if secret != self.credential:
            return self._refuse(401)
        match request.method, request.url.path:
            case "GET", "/key/list":
                return self._list(request.url.params)
            case "POST", "/key/generate":
                return self._create(json.loads(request.content))
            case "POST", "/key/delete":
                keys = json.loads(request.content)["keys"]
                gone = [key for key in keys if self.forget(key)]
                return make_json(200, {"deleted_keys": gone}) if gone else self._refuse(404)
            case _:
                return self._refuse(405)

    @staticmethod
    def _refuse(status: int) -> httpx.Response:
        return make_json(status, {"error": {"message": "no", "code": str(status)}})

    def _list(self, query: httpx.QueryParams) -> httpx.Response:
        size, page = int(query.get("size", "10")), int(query.get("page", "1"))
        shown: list[Any] = self.listed()
        if query.get("return_full_object") != "true":
            shown = [item["token"] for item in shown]
        keys = shown[(page - 1) * size : page * size]
        pages = -(-len(shown) // size)
        return make_json(200, {"keys": keys, "total_count": len(shown), "current_page": page, "total_pages": pages})

    def _create(self, body: Item) -> httpx.Response:
        raw, duration = f"sk-{self.digits(22)}", body.get("duration")
        life = timedelta(seconds=int(duration[:-1]) * _UNITS[duration[-1]]) if duration else None
        expires = self.clock.now() + life if life else None
        item = {
            "token": hashlib.sha256(raw.encode()).hexdigest(),
            "key_name": f"sk-...{raw[-4:]}",
            "key_alias": None,
            "metadata": body["metadata"],
            "blocked": None,
            # Without offset, as its database gives it.
            "created_at": self.clock.now().astimezone(UTC).replace(tzinfo=None).isoformat(),
            "expires": expires.astimezone(UTC).isoformat() if expires else None,
            "created_by": "default_user_id",
            "_expires": expires,
        }
        self.items[item["token"]], self.raws[raw] = item, item["token"]
        return make_json(200, {**self.show(item), "key": raw, "token_id": item["token"]})


VENDORS: tuple[type[Vendor], ...] = (OpenRouter, OpenAI, Langfuse, LiteLLM)
