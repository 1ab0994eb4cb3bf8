"""A Kubernetes that keeps Secrets in memory: as much of the API as keyplan uses, field managers and RBAC included.

`exchanges.json` holds what a real API server answered; the fake must answer the same (`test_kubernetes_exchanges.py`).
"""

from __future__ import annotations

import base64
import binascii
import copy
import json
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

_SECRETS = re.compile(r"/api/v1/namespaces/(?P<namespace>[^/]+)/secrets(?:/(?P<name>[^/]+))?")
_RBAC = re.compile(r"/apis/rbac.authorization.k8s.io/v1/namespaces/(?P<namespace>[^/]+)/(?P<kind>roles|rolebindings)")
_ANNOTATIONS_LIMIT = 256 * 1024
_DATA_LIMIT = 1024 * 1024
_MAPS = ("data", "labels", "annotations")
Path = tuple[str, str]


class Refused(Exception):  # noqa: N818 - it is an answer, not a bug
    def __init__(self, code: int, reason: str, **details: Any) -> None:
        super().__init__(reason)
        self.code, self.reason, self.details = code, reason, details


def invalid(place: str, reason: str) -> Refused:
    return Refused(422, "Invalid", causes=[{"reason": reason, "field": place, "message": "(quotes the request)"}])


@dataclass
class Stored:
    """One Secret, and which manager owns which of its fields."""

    namespace: str
    name: str
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = ""
    immutable: bool = False
    values: dict[Path, str] = field(default_factory=dict)
    """Labels, annotations and data, by map and name."""
    managers: dict[tuple[str, str], set[Path]] = field(default_factory=dict)
    """Fields by manager and operation."""

    def part(self, kind: str) -> dict[str, str]:
        return {name: value for (of, name), value in sorted(self.values.items()) if of == kind}

    def check(self, before: Stored | None) -> None:
        if before and before.immutable and before.part("data") != self.part("data"):
            raise invalid("data", "FieldValueForbidden")
        if sum(len(name) + len(value) for name, value in self.part("annotations").items()) > _ANNOTATIONS_LIMIT:
            raise invalid("metadata.annotations", "FieldValueTooLong")
        if sum(len(base64.b64decode(value)) for value in self.part("data").values()) > _DATA_LIMIT:
            raise invalid("data", "FieldValueTooLong")

    def document(self, *, partial: bool) -> dict[str, Any]:
        metadata = {
            "name": self.name,
            "namespace": self.namespace,
            "uid": self.uid,
            **({"resourceVersion": self.version} if self.version else {}),
            **{kind: self.part(kind) for kind in ("labels", "annotations") if self.part(kind)},
            "managedFields": [
                {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": _to_fields(owned)}
                for (manager, operation), owned in self.managers.items()
            ],
        }
        if partial:
            return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
        data = {"data": self.part("data")} if self.part("data") else {}
        frozen = {"immutable": True} if self.immutable else {}
        return {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, **data, **frozen, "type": "Opaque"}


class KubernetesFake:
    """An ASGI application. What a test arranges and asks stands in its attributes."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self.tokens = tokens
        """User by token; `admin` may do everything."""
        self.namespaces: set[str] = set()
        self.secrets: dict[tuple[str, str], Stored] = {}
        self.roles: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.granted: list[tuple[str, str, str]] = []
        """Namespace, user, role."""
        self._lock = threading.Lock()
        self._version = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        body = await request.body()
        response = self.answer(request, body)
        await response(scope, receive, send)

    def answer(self, request: Request, body: bytes) -> JSONResponse:
        """Return the answer to one request."""
        try:
            with self._lock:
                code, document = self._route(request, self._authenticate(request), json.loads(body) if body else {})
        except Refused as refused:
            status = {"kind": "Status", "status": "Failure", "reason": refused.reason, "code": refused.code}
            return JSONResponse({**status, "details": refused.details, "message": "(in words)"}, refused.code)
        return JSONResponse(document, code)

    def _authenticate(self, request: Request) -> str:
        user = self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            raise Refused(401, "Unauthorized")
        return user

    def _route(self, request: Request, user: str, body: dict[str, Any]) -> tuple[int, Any]:
        path = request.url.path
        if path == "/api/v1/namespaces":
            self.namespaces.add(body["metadata"]["name"])
            return 201, body
        if found := _RBAC.fullmatch(path):
            self._note_rights(found["namespace"], found["kind"], body)
            return 201, body
        found = _SECRETS.fullmatch(path)
        if found is None:
            raise Refused(404, "NotFound")
        return _Asked(self, request, user, found["namespace"], found["name"] or "", body).answer()

    def _note_rights(self, namespace: str, kind: str, body: dict[str, Any]) -> None:
        if kind == "roles":
            self.roles[namespace, body["metadata"]["name"]] = body["rules"]
        else:
            self.granted += [(namespace, subject["name"], body["roleRef"]["name"]) for subject in body["subjects"]]

    def may(self, user: str, verb: str, namespace: str, name: str) -> bool:
        rules = [
            rule
            for where, who, role in self.granted
            if (where, who) == (namespace, user)
            for rule in self.roles[namespace, role]
        ]
        return user == "admin" or any(
            verb in rule["verbs"] and (not rule.get("resourceNames") or name in rule["resourceNames"]) for rule in rules
        )

    def keep(self, stored: Stored, before: Stored | None, *, is_rehearsal: bool) -> Stored:
        """Store a Secret, if it is right and differs."""
        stored.check(before)
        if before and _state(before) == _state(stored):
            return before
        if stored.namespace not in self.namespaces:
            raise Refused(404, "NotFound", kind="namespaces", name=stored.namespace)
        if not is_rehearsal:
            self._version += 1
            stored.version = str(self._version)
            self.secrets[stored.namespace, stored.name] = stored
        return stored


@dataclass
class _Asked:
    """One request about Secrets."""

    fake: KubernetesFake
    request: Request
    user: str
    namespace: str
    name: str
    body: dict[str, Any]

    def answer(self) -> tuple[int, Any]:
        before = self.fake.secrets.get((self.namespace, self.name))
        match self.request.method:
            case "GET" if not self.name:
                self.need("list")
                return 200, self.list()
            case "GET":
                self.need("get")
                return 200, self.existing(before).document(partial=self.is_partial)
            case "POST":
                self.need("create")
                return 201, self.create()
            case "PATCH":
                self.need("patch")
                is_apply = "apply-patch" in self.request.headers["content-type"]
                stored = self.apply(before) if is_apply else self.merge(self.existing(before))
                kept = self.fake.keep(stored, before, is_rehearsal="dryRun" in self.query)
                return 200 if before else 201, kept.document(partial=self.is_partial)
            case "DELETE":
                self.need("delete")
                self.check_version(self.existing(before), self.body.get("preconditions", {}).get("resourceVersion"))
                del self.fake.secrets[self.namespace, self.name]
                return 200, {"kind": "Status", "status": "Success"}
        raise Refused(405, "MethodNotAllowed")

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def is_partial(self) -> bool:
        return "as=PartialObjectMetadata" in self.request.headers.get("accept", "")

    @property
    def manager(self) -> str:
        return self.query.get("fieldManager") or self.request.headers["user-agent"].partition("/")[0]

    def need(self, verb: str) -> None:
        # Names count for a patch that creates, too; not for listing (unless by a field selector) and creating by POST.
        if not self.fake.may(self.user, verb, self.namespace, self.name):
            raise Refused(403, "Forbidden", kind="secrets")

    def existing(self, stored: Stored | None) -> Stored:
        if stored is None:
            raise Refused(404, "NotFound", kind="secrets", name=self.name)
        return stored

    def check_version(self, stored: Stored | None, version: str | None) -> None:
        if version and (stored is None or stored.version != version):
            raise Refused(409, "Conflict", kind="secrets", name=self.name)

    def list(self) -> dict[str, Any]:
        label, _, value = self.query.get("labelSelector", "").partition("=")
        found = [
            stored
            for (namespace, _), stored in sorted(self.fake.secrets.items())
            if namespace == self.namespace and (not label or stored.part("labels").get(label) == value)
        ]
        start, limit = int(self.query.get("continue", "0")), int(self.query.get("limit", "500"))
        rest = {"continue": str(start + limit)} if start + limit < len(found) else {}
        kind = "PartialObjectMetadataList" if self.is_partial else "SecretList"
        items = [stored.document(partial=self.is_partial) for stored in found[start : start + limit]]
        return {"kind": kind, "metadata": rest, "items": items}

    def create(self) -> dict[str, Any]:
        name = self.body["metadata"]["name"]
        if (self.namespace, name) in self.fake.secrets:
            raise Refused(409, "AlreadyExists", kind="secrets", name=name)
        values = dict(_flatten(self.body))
        stored = Stored(self.namespace, name, immutable=self.body.get("immutable", False), values=values)
        stored.managers[self.manager, "Update"] = set(values)
        return self.fake.keep(stored, None, is_rehearsal=False).document(partial=self.is_partial)

    def merge(self, before: Stored) -> Stored:
        """A JSON merge patch: what changes becomes this manager's, and is lost to all others."""
        self.check_version(before, self.body.get("metadata", {}).get("resourceVersion"))
        after = copy.deepcopy(before)
        after.immutable = self.body.get("immutable", before.immutable)
        for path, value in _flatten(self.body):
            if before.values.get(path) == value:
                continue
            for owned in after.managers.values():
                owned.discard(path)
            if value is None:
                after.values.pop(path, None)
            else:
                after.values[path] = value
                after.managers.setdefault((self.manager, "Update"), set()).add(path)
        return _without_idle(after)

    def apply(self, before: Stored | None) -> Stored:
        """Server-side apply: what differs and is another's is a conflict; what is no longer said goes."""
        if before is None:
            self.need("create")
        self.check_version(before, self.body["metadata"].get("resourceVersion"))
        after = copy.deepcopy(before) if before else Stored(self.namespace, self.name)
        said, me = dict(_flatten(self.body)), (self.manager, "Apply")
        clashes = {
            path: who
            for path, value in said.items()
            for who, owned in after.managers.items()
            if who != me and path in owned and after.values.get(path) != value
        }
        if clashes and self.query.get("force") != "true":
            causes = [{"reason": "FieldManagerConflict", "field": _to_place(path)} for path in sorted(clashes)]
            raise Refused(409, "Conflict", causes=causes)
        for path in clashes:
            for owned in after.managers.values():
                owned.discard(path)
        for path in after.managers.get(me, set()) - said.keys():
            if not any(path in owned for who, owned in after.managers.items() if who != me):
                after.values.pop(path, None)
        after.values |= said
        after.managers[me] = set(said)
        return _without_idle(after)


def _state(stored: Stored) -> tuple[object, ...]:
    return stored.values, stored.managers, stored.immutable


def _without_idle(stored: Stored) -> Stored:
    stored.managers = {who: owned for who, owned in stored.managers.items() if owned}
    return stored


def _flatten(body: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    metadata = body.get("metadata") or {}
    for kind in _MAPS:
        for name, value in ((body if kind == "data" else metadata).get(kind) or {}).items():
            if kind == "data" and value is not None:
                _check_base64(value)
            yield (kind, name), value


def _check_base64(value: str) -> None:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Refused(500, "") from None


def _to_fields(owned: set[Path]) -> dict[str, Any]:
    by_kind: dict[str, dict[str, Any]] = {}
    for kind, name in sorted(owned):
        by_kind.setdefault(f"f:{kind}", {})[f"f:{name}"] = {}
    data = by_kind.pop("f:data", None)
    return {**({"f:data": data} if data else {}), **({"f:metadata": by_kind} if by_kind else {})}


def _to_place(path: Path) -> str:
    kind, name = path
    return f".data.{name}" if kind == "data" else f".metadata.{kind}.{name}"
