"""KV version 2 in memory, behind what the sink `vault` uses of hvac's client; answers as OpenBao 2.7.2 does.

Unless a test says so, it compares no versions of metadata, as HashiCorp Vault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from threading import RLock
from types import SimpleNamespace
from typing import Any

import requests

CREATED = "2026-11-23T08:27:08.088258092Z"
EXPIRES = 3600


EXCEPTIONS = requests.exceptions


@dataclass(frozen=True)
class Answer:
    """Stands for requests.Response."""

    status_code: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    def json(self) -> Any:
        if self.body is None:
            raise ValueError("no JSON")
        return self.body


@dataclass
class Entry:
    """One path: its versions, None for a deleted one, and its custom metadata."""

    versions: list[dict[str, Any] | None] = field(default_factory=list)
    custom: dict[str, str] | None = None
    deletion_time: str = ""
    changes: int = 0
    """How often its metadata was changed."""
    changed_at: str = CREATED


@dataclass
class FakeVault:
    """The server, and a client of it in one."""

    paths: dict[str, Entry] = field(default_factory=dict)
    denied: frozenset[str] = frozenset()
    """Such as ``read data`` and ``patch metadata``."""
    rights: list[str] | None = None
    """What the token is told that it may do; None: it may not ask."""
    engine: str | None = "2"
    """Version of the KV engine; None: it may not be seen."""
    interfere: Callable[[FakeVault, str], Answer | None] = lambda _vault, _doing: None
    """Is called before each request with what it is, and may answer in its place, or raise."""
    compares_metadata: bool = False
    """Whether a change of metadata may name the version that it is meant for, as in OpenBao."""
    token: str = ""
    asked: list[str] = field(default_factory=list)
    logins: list[Mapping[str, str]] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    # as hvac's client

    @property
    def secrets(self) -> Any:
        return SimpleNamespace(kv=SimpleNamespace(v2=self))

    @property
    def adapter(self) -> Any:
        return self

    @property
    def sys(self) -> Any:
        return self

    @property
    def auth(self) -> Any:
        mount = SimpleNamespace(login=self._login)
        return SimpleNamespace(approle=mount, kubernetes=mount)

    # as hvac.api.secrets_engines.KvV2

    def read_secret_version(self, path: str, *, mount_point: str, raise_on_deleted_version: bool) -> Answer:
        return self._do("read data", path, self._read)

    def read_secret_metadata(self, path: str, *, mount_point: str) -> Answer:
        return self._do("read metadata", path, self._read_metadata)

    def create_or_update_secret(self, path: str, secret: dict[str, Any], *, cas: int, mount_point: str) -> Answer:
        return self._do("update data", path, lambda path: self._write(path, secret, cas))

    def delete_latest_version_of_secret(self, path: str, *, mount_point: str) -> Answer:
        return self._do("delete data", path, self._delete)

    # as its adapter and system backend

    def request(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any) -> Answer:
        kind, _, path = url.removeprefix("/v1/secret/").partition("/")
        if method == "post":
            assert kind == "metadata"
            return self._do("update metadata", path, lambda path: self._update_metadata(path, json))
        assert (method, headers) == ("patch", {"Content-Type": "application/merge-patch+json"})
        return self._do(f"patch {kind}", path, lambda path: self._patch(kind, path, json))

    def get(self, url: str) -> Answer:
        options = {"options": {"version": self.engine} if self.engine != "1" else None}
        answer = Answer(200, {"data": options}) if self.engine else Answer(403)
        return self._do("read mount", url, lambda _: answer)

    def get_capabilities(self, *, paths: list[str]) -> Answer:
        answer = Answer(200, {"data": dict.fromkeys(paths, self.rights)}) if self.rights else Answer(403)
        return self._do("ask rights", paths[0], lambda _: answer)

    def _login(self, *, use_token: bool, mount_point: str, **proof: str) -> Answer:
        self.logins.append({**proof, "mount": mount_point})
        granted = {"client_token": f"token-{len(self.logins)}", "lease_duration": EXPIRES}
        return self._do("log in", mount_point, lambda _: Answer(200, {"auth": granted}))

    # what a server does

    def _do(self, doing: str, path: str, act: Callable[[str], Answer]) -> Answer:
        self.asked.append(doing)
        answer = self.interfere(self, doing)
        if answer is not None:
            return answer
        with self.lock:
            return Answer(403, {"errors": ["permission denied"]}) if doing in self.denied else act(path)

    def _read(self, path: str) -> Answer:
        entry = self.paths.get(path)
        if entry is None or not entry.versions or entry.versions[-1] is None:
            return Answer(404, {"errors": []})
        metadata = {"version": len(entry.versions), "created_time": CREATED, "custom_metadata": entry.custom}
        return Answer(200, {"data": {"data": dict(entry.versions[-1]), "metadata": metadata}})

    def _read_metadata(self, path: str) -> Answer:
        entry = self.paths.get(path)
        if entry is None:
            return Answer(404, {"errors": []})
        deleted = entry.deletion_time or (datetime(2026, 1, 1, tzinfo=UTC).isoformat())
        versions = {
            str(number): {
                "created_time": CREATED,
                "deletion_time": entry.deletion_time if version is not None else deleted,
                "destroyed": False,
            }
            for number, version in enumerate(entry.versions, 1)
        }
        data = {"current_version": len(versions), "versions": versions, "custom_metadata": entry.custom}
        known = {"current_metadata_version": entry.changes} if self.compares_metadata else {}
        now = format_datetime(datetime.now(UTC), usegmt=True)
        return Answer(200, {"data": data | known | {"updated_time": entry.changed_at}}, {"Date": now})

    def _write(self, path: str, secret: dict[str, Any], cas: int) -> Answer:
        entry = self.paths.get(path, Entry())
        if cas != len(entry.versions):
            return Answer(400, {"errors": ["check-and-set parameter did not match the current version"]})
        self.paths[path] = entry
        entry.versions.append(dict(secret))
        return Answer(200, {"data": {"version": len(entry.versions)}})

    def _patch(self, kind: str, path: str, body: Any) -> Answer:
        entry = self.paths.get(path)
        if entry is None:
            return Answer(404, {"errors": []})
        if kind == "metadata":
            custom = merge(entry.custom or {}, body["custom_metadata"])
            return self._update_metadata(path, {**body, "custom_metadata": custom})
        held = entry.versions[-1] if entry.versions else None
        if held is None:
            return Answer(404, {"errors": []})
        return self._write(path, merge(held, body["data"]), body["options"]["cas"])

    def _update_metadata(self, path: str, body: Any) -> Answer:
        entry = self.paths.get(path, Entry())
        if self.compares_metadata and body.get("metadata_cas") not in {None, entry.changes}:
            return Answer(400, {"errors": ["metadata check-and-set parameter does not match the current version"]})
        self.paths[path] = entry
        entry.custom = body.get("custom_metadata", entry.custom)
        entry.changes += 1
        entry.changed_at = datetime.now(UTC).isoformat()
        return Answer(204)

    def _delete(self, path: str) -> Answer:
        self.paths[path].versions[-1] = None
        return Answer(204)


def merge(held: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what JSON Merge Patch (RFC 7396) makes of an object without objects in it."""
    return {name: value for name, value in {**held, **changes}.items() if value is not None}
