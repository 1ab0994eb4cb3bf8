"""A ZenML server in memory with the laws of version 0.98, behind an in-memory transport.

It differs from a real one in this alone: raw keys are made up, and a script can break any answer.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote
from uuid import UUID

import httpx
from samples import make_desired
from simulated.clock import SimulatedClock

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.desired import Desired
from keyplan.model.identity import Identity, KeyId, Lineage
from keyplan.model.manifest import FromEnvironment, Json, KeyType, ProviderSettings, ScopeByName, SecretSource
from keyplan.model.secret import Credential
from keyplan.ports import ProviderPorts, ReaderPorts
from keyplan.providers.zenml import build, build_reader

BASE_URL = "https://zenml.example.com"
TOKEN = "admin-token-000000000"
PASSWORD = "canary-Pass w0rd&"
CI = ScopeByName("ci")
REPLAY = timedelta(seconds=300)
_ACCOUNTS = "/api/v1/service_accounts"

Break: TypeAlias = httpx.Response | Exception
Rule: TypeAlias = Callable[[httpx.Request], "Break | None"]


@dataclass
class StoredKey:
    """A key as the server holds it."""

    id: str
    account: str
    name: str
    description: str
    secret: str
    created: datetime
    updated: datetime
    active: bool = True
    retain: int = 0
    rotated: datetime | None = None
    previous: str = ""

    def accepts(self, raw: str, now: datetime) -> bool:
        """Whether a raw key works."""
        is_kept = self.rotated is not None and now < self.rotated + timedelta(minutes=max(0, self.retain))
        return self.active and (raw == self.secret or (is_kept and raw == self.previous))


@dataclass
class Zenml:
    """One server, with the service accounts `ci` and `prod`."""

    clock: SimulatedClock = field(default_factory=SimulatedClock)
    requests: list[httpx.Request] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    fetched: list[SecretSource] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)
    keys: dict[str, StoredKey] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    after: list[Rule] = field(default_factory=list)
    """Asked once the server has acted: what it returns takes the place of the answer."""
    _replays: dict[str, tuple[datetime, httpx.Response]] = field(default_factory=dict)
    _serial: int = 0

    def __post_init__(self) -> None:
        for name in ("ci", "prod"):
            self.add_account(name)

    # What tests do.

    def add_account(self, name: str) -> str:
        """Create a service account and return its id."""
        account_id = self._next_id()
        self.accounts[account_id] = name
        return account_id

    def account_id(self, name: str = "ci") -> str:
        """Return the id of a service account."""
        return next(account_id for account_id, called in self.accounts.items() if called == name)

    def add_key(self, name: str, account: str = "ci", description: str = "", **changes: Any) -> StoredKey:
        """Create a key without the API."""
        key_id, now = self._next_id(), self.clock.now() + timedelta(microseconds=self._serial)
        key = StoredKey(
            id=key_id,
            account=self.account_id(account),
            name=name,
            description=description,
            secret=self._make_raw(key_id),
            created=now,
            updated=now,
        )
        self.keys[key_id] = replace(key, **changes)
        return self.keys[key_id]

    def break_once(self, method: str, part: str, broken: Break, *, acted: bool = False) -> None:
        """Answer the next request of that method, with that text in its path, so; `acted`: after it had its effect."""
        rules = self.after if acted else self.rules

        def rule(request: httpx.Request) -> Break | None:
            if request.method != method or part not in request.url.path:
                return None
            rules.remove(rule)
            return broken

        rules.append(rule)

    def lines(self) -> list[str]:
        """Return what was asked: method and path."""
        return [f"{request.method} {unquote(request.url.path)}" for request in self.requests]

    def bodies(self) -> list[Any]:
        """Return what was sent as JSON."""
        sent = [request for request in self.requests if request.headers.get("Content-Type") == "application/json"]
        return [json.loads(request.content) for request in sent]

    def provider(self, **options: Json) -> ProviderPorts:
        """Return the ports to this server."""
        return build(self.settings(**options), self.context(), transport=httpx.MockTransport(self))

    def reader(self, reader_credential: SecretSource | None = None) -> ReaderPorts:
        """Return the port that reads alone."""
        settings = replace(self.settings(), reader_credential=reader_credential)
        return build_reader(settings, self.context(), transport=httpx.MockTransport(self))

    def settings(self, **options: Json) -> ProviderSettings:
        """Return settings with these options."""
        source = FromEnvironment("ZENML_ADMIN_PASSWORD" if "username" in options else "ZENML_ADMIN_TOKEN")
        return ProviderSettings(type="zenml", credential=source, options={"base_url": BASE_URL, **options})

    def context(self) -> PluginContext:
        """Return a context whose credential variables are set."""
        return PluginContext(
            folder="/nowhere",
            lineage=Lineage(identity=Identity("ml-platform")),
            clock=self.clock,
            jitter=lambda most: most,
            resolve=self._resolve,
            environment={},
            say=self.said.append,
        )

    # What the server does.

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        self.requests.append(request)
        assert "Cookie" not in request.headers
        for broken in self._break(self.rules, request):
            return broken
        answer = self._answer(request)
        for broken in self._break(self.after, request):
            return broken
        return answer

    @staticmethod
    def _break(rules: list[Rule], request: httpx.Request) -> list[httpx.Response]:
        broken = next((found for rule in list(rules) if (found := rule(request)) is not None), None)
        if isinstance(broken, Exception):
            raise broken
        return [broken] if broken is not None else []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path)
        if path == "/api/v1/login":
            return self._log_in(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if path == "/api/v1/current-user":
            return self._identify(bearer)
        if bearer not in (TOKEN, "login-token-1"):
            return _fail(401, "CredentialsNotValid", "invalid token")
        if path == _ACCOUNTS:
            rows = [{"id": account_id, "name": name} for account_id, name in self.accounts.items()]
            return _page(request, rows)
        account_id, _, key_path = path.removeprefix(f"{_ACCOUNTS}/").partition("/api_keys")
        if account_id not in self.accounts:
            return _fail(404, "KeyError", "unknown account")
        return self._answer_keys(request, account_id, key_path.removeprefix("/"))

    def _answer_keys(self, request: httpx.Request, account_id: str, key_path: str) -> httpx.Response:
        if not key_path:
            return self._create(request, account_id) if request.method == "POST" else self._list(request, account_id)
        key_id, _, verb = key_path.partition("/")
        key = self.keys.get(key_id)
        if key is None or key.account != account_id:
            return _fail(404, "KeyError", "unknown key")
        if request.method == "DELETE":
            del self.keys[key_id]
            return httpx.Response(200, json=None)
        return self._rotate(request, key) if verb == "rotate" else self._change(request, key)

    def _list(self, request: httpx.Request, account_id: str) -> httpx.Response:
        is_hydrated = request.url.params.get("hydrate") == "true"
        mine = sorted((key for key in self.keys.values() if key.account == account_id), key=lambda key: key.created)
        return _page(request, [_show(key, is_hydrated=is_hydrated) for key in mine])

    def _create(self, request: httpx.Request, account_id: str) -> httpx.Response:
        UUID(number := request.headers["Idempotency-Key"])
        kept = self._replays.get(number)
        if kept and self.clock.now() < kept[0] + REPLAY:
            return kept[1]
        sent = json.loads(request.content)
        if any(key.account == account_id and key.name == sent["name"] for key in self.keys.values()):
            return _fail(409, "EntityExistsError", f"Unable to register API key with name '{sent['name']}'")
        self.clock.advance(timedelta(seconds=1))
        key = self.add_key(sent["name"], self.accounts[account_id], sent["description"])
        answer = httpx.Response(200, json=_show(key, raw=key.secret))
        self._replays[number] = (self.clock.now(), answer)
        return answer

    def _rotate(self, request: httpx.Request, key: StoredKey) -> httpx.Response:
        self.clock.advance(timedelta(seconds=1))
        key.retain = json.loads(request.content)["retain_period_minutes"]
        key.previous, key.secret = key.secret, self._make_raw(key.id)
        key.rotated = key.updated = self.clock.now()
        return httpx.Response(200, json=_show(key, raw=key.secret, is_hydrated=False))

    def _change(self, request: httpx.Request, key: StoredKey) -> httpx.Response:
        sent = json.loads(request.content)
        others = (other for other in self.keys.values() if other is not key and other.account == key.account)
        if any(other.name == sent["name"] for other in others):
            return _fail(409, "EntityExistsError", "taken")
        key.name, key.description, key.updated = sent["name"], sent["description"], self.clock.now()
        return httpx.Response(200, json=_show(key))

    def _identify(self, raw: str) -> httpx.Response:
        if any(key.accepts(raw, self.clock.now()) for key in self.keys.values()):
            return httpx.Response(200, json={"body": {"is_service_account": True}})
        return _fail(401, "CredentialsNotValid", "error decoding API key")

    def _log_in(self, request: httpx.Request) -> httpx.Response:
        form = parse_qs(request.content.decode())
        if form != {"grant_type": ["password"], "username": ["admin"], "password": [PASSWORD]}:
            return _fail(401, "CredentialsNotValid", "invalid credentials")
        cookie = {"Set-Cookie": "zenml-server=login-token-1; Path=/"}
        return httpx.Response(200, headers=cookie, json={"access_token": "login-token-1", "token_type": "bearer"})

    def _make_raw(self, key_id: str) -> str:
        self._serial += 1
        text = json.dumps({"id": key_id, "key": f"{self._serial:064x}"}, separators=(",", ":"))
        return f"ZENKEY_{base64.b64encode(text.encode()).decode()}"

    def _next_id(self) -> str:
        self._serial += 1
        return str(UUID(int=self._serial))

    def _resolve(self, source: SecretSource) -> Credential:
        self.fetched.append(source)
        if source == FromEnvironment("ZENML_ADMIN_PASSWORD"):
            return Credential(PASSWORD)
        if source == FromEnvironment("ZENML_ADMIN_TOKEN"):
            return Credential(TOKEN)
        raise InputError(f"{source} is not set")


def desire(name: str = "ingest", description: str = "Used for CI") -> Desired:
    """Return a desired key of the service account `ci`."""
    desired = make_desired(name, description=description, key_type=KeyType.SERVICE)
    return replace(desired, declaration=replace(desired.declaration, scope=CI))


def id_of(key: StoredKey) -> KeyId:
    """Return the id of a stored key."""
    return KeyId(key.id)


def _page(request: httpx.Request, rows: list[dict[str, Any]]) -> httpx.Response:
    assert request.url.params["sort_by"] == "asc:created"
    size, page = int(request.url.params["size"]), int(request.url.params["page"])
    pages = max(1, -(-len(rows) // size))
    if page > pages:
        return _fail(400, "ValueError", f"Invalid page {page}")
    items = rows[(page - 1) * size : page * size]
    values = {"index": page, "max_size": size, "total_pages": pages, "total": len(rows), "items": items}
    return httpx.Response(200, headers={"Date": "Mon, 23 Nov 2026 07:31:05 GMT"}, json=values)


def _show(key: StoredKey, *, raw: str | None = None, is_hydrated: bool = True) -> dict[str, Any]:
    details = {
        "description": key.description,
        "retain_period_minutes": key.retain,
        "last_login": None,
        "last_rotated": key.rotated and _write(key.rotated),
    }
    body = {"created": _write(key.created), "updated": _write(key.updated), "key": raw, "active": key.active}
    return {"id": key.id, "name": key.name, "body": body, "metadata": details if is_hydrated else None}


def _write(instant: datetime) -> str:
    """Return a time as the server writes it: UTC, with microseconds, without an offset."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _fail(status: int, kind: str, message: str) -> httpx.Response:
    return httpx.Response(status, json={"detail": [kind, message]})
