"""A real Phoenix server with authentication, on loopback, with a database of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from servers.installation import PHOENIX
from sinks.serving import free_port, serving

_SIGNING_SECRET = "phoenix-signing-canary-9c41-of-a-test"
_ADMIN_SECRET = "phoenix-admin-canary-70be-of-a-test-1"
_PASSWORD = "Adm1n-Pass-canary!"
_PATIENCE_SECONDS = 240
"""It takes 13 s on an idle machine; a busy one imports and migrates for minutes."""


@dataclass(frozen=True, kw_only=True)
class RunningPhoenix:
    """One running server."""

    base_url: str
    folder: Path
    startup_seconds: float
    admin_secret: str = field(default=_ADMIN_SECRET, repr=False)

    def client(self, token: str | None = None) -> httpx.Client:
        """Return a client of the administrator, or of the user that a token belongs to."""
        headers = {"Authorization": f"Bearer {self.admin_secret if token is None else token}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=30, trust_env=False)

    def accepts(self, raw_key: str) -> bool:
        """Whether a raw key authenticates at this process."""
        with self.client(raw_key) as client:
            status = client.get("/v1/user").status_code
        assert status in (200, 401), status
        return status == 200


@contextmanager
def running_phoenix(folder: Path) -> Iterator[RunningPhoenix]:
    """Run a server while the block runs; a second one on the same folder shares the database."""
    port = free_port()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_ENABLE_AUTH": "True",
        "PHOENIX_SECRET": _SIGNING_SECRET,
        "PHOENIX_ADMIN_SECRET": _ADMIN_SECRET,
        "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD": _PASSWORD,
        "PHOENIX_TELEMETRY_ENABLED": "False",
    }
    base_url = f"http://127.0.0.1:{port}"
    started = time.monotonic()
    with serving(
        [PHOENIX.program("phoenix"), "serve"],
        is_ready=lambda: _is_ready(base_url),
        log=folder / f"log-{port}.txt",
        environment=environment,
        patience_seconds=_PATIENCE_SECONDS,
    ):
        yield RunningPhoenix(base_url=base_url, folder=folder, startup_seconds=time.monotonic() - started)


def _is_ready(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/healthz", trust_env=False, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
