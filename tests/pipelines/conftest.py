"""A world with a sandbox, and a manifest whose sink outlives every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pipelines.github_server import Forge, serving
from pipelines.world import World

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running

HEAD = """\
version: 1
owner: pipelines
provider: {{base_url: "{url}", api: beta, patience_seconds: 2}}
sinks:
  store: {{type: file, path: "{store}/{{name}}.key"}}
defaults: {{sink: store}}
keys:
"""
CI = "  - {name: ci, key_type: user, description: Used by CI}\n"
INGEST = "  - {name: ingest, key_type: service, space: production, expires_in: 90d}\n"
Manifest = Callable[..., dict[str, str]]


@dataclass(kw_only=True)
class Provider:
    """The sandbox, as a person with a credential sees it."""

    sandbox: RunningSandbox

    def live_names(self) -> list[str]:
        """Return the names of all keys that work, but the first credential's, sorted."""
        keys = httpx.get(f"{self.sandbox.url}/_sandbox/keys", timeout=10).json()["keys"]
        return sorted(key["name"] for key in keys if key["is_live"] and key["name"] != "keyplan sandbox")

    def revoke(self, name: str) -> None:
        """End a key behind keyplan's back."""
        headers = {"Authorization": f"Bearer {self.sandbox.credential}"}
        keys = httpx.get(f"{self.sandbox.url}/v2/api-keys", headers=headers, timeout=10).json()["api_keys"]
        key = next(key for key in keys if key["name"] == name)
        url = f"{self.sandbox.url}/v2/api-keys/{key['id']}/revoke"
        httpx.put(url, headers=headers, timeout=10).raise_for_status()

    def count_changes(self) -> int:
        """Return how many requests so far were to change something."""
        requests = httpx.get(f"{self.sandbox.url}/_sandbox/requests", timeout=10).json()["requests"]
        return sum(one["method"] != "GET" for one in requests)

    def is_valid(self, raw: str) -> bool:
        """Whether a raw key works."""
        answer = httpx.post(f"{self.sandbox.url}/_sandbox/check", json={"key": raw}, timeout=10)
        return bool(answer.json()["valid"])


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Return a sandbox of the newer dialect."""
    with running(SandboxOptions(api="beta")) as sandbox:
        yield Provider(sandbox=sandbox)


@pytest.fixture
def gh() -> str:
    """Return which `gh` a job finds; empty for the stand-in."""
    return ""


@pytest.fixture
def world(tmp_path: Path, provider: Provider, gh: str) -> Iterator[World]:
    """Return a repository without keys."""
    forge = Forge()
    with serving(forge) as url:
        secrets = {"ARIZE_API_KEY": provider.sandbox.credential}
        store = tmp_path / "store"
        host = provider.sandbox.url.removeprefix("http://")
        # A manifest that no one has reviewed may name no other host than its operator does.
        operator = {"ARIZE_API_HOST": host, "ARIZE_API_SCHEME": "http"}
        yield World(folder=tmp_path, store=store, forge=forge, forge_url=url, secrets=secrets, operator=operator, gh=gh)


@pytest.fixture
def manifest(world: World, provider: Provider) -> Manifest:
    """Return a function from declarations to the files of a commit."""
    head = HEAD.format(url=provider.sandbox.url, store=world.store)
    return lambda *keys: {"keys.yaml": head + "".join(keys)}
