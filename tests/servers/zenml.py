"""A real ZenML server on loopback, activated, with a database of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from servers.installation import ZENML
from sinks.serving import free_port, serving

_SIGNING_SECRET = "5ec0de" * 8
ADMIN = "admin"
ADMIN_PASSWORD = "Adm1n-Pass-canary!"
_PATIENCE_SECONDS = 240
"""It takes 12 s on an idle machine; a busy one imports and migrates for minutes."""


@dataclass(frozen=True, kw_only=True)
class RunningZenml:
    """One running server."""

    base_url: str
    folder: Path
    startup_seconds: float
    admin_token: str = field(repr=False)

    def client(self, token: str | None = None) -> httpx.Client:
        """Return a client of the administrator, or of the user that a token or raw key belongs to."""
        headers = {"Authorization": f"Bearer {self.admin_token if token is None else token}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=30, trust_env=False)

    def create_service_account(self, name: str) -> str:
        """Create a service account, and return its id."""
        with self.client() as client:
            answer = client.post("/api/v1/service_accounts", json={"name": name, "active": True})
        answer.raise_for_status()
        account: str = answer.json()["id"]
        return account

    def accepts(self, raw_key: str) -> bool:
        """Whether a raw key authenticates."""
        with self.client(raw_key) as client:
            status = client.get("/api/v1/current-user").status_code
        assert status in (200, 401), status
        return status == 200


@contextmanager
def running_zenml(folder: Path) -> Iterator[RunningZenml]:
    """Run a server while the block runs."""
    port = free_port()
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "ZENML_SERVER": "true",
        "ZENML_STORE_TYPE": "sql",
        "ZENML_STORE_URL": f"sqlite:///{folder}/zen.db",
        "ZENML_CONFIG_PATH": str(folder / "config"),
        "ZENML_LOCAL_STORES_PATH": str(folder / "stores"),
        "ZENML_ANALYTICS_OPT_IN": "false",
        "ZENML_SERVER_AUTH_SCHEME": "OAUTH2_PASSWORD_BEARER",
        "ZENML_SERVER_DEPLOYMENT_TYPE": "other",
        "ZENML_SERVER_JWT_SECRET_KEY": _SIGNING_SECRET,
    }
    base_url = f"http://127.0.0.1:{port}"
    application = ["zenml.zen_server.zen_server_api:app", "--host", "127.0.0.1", "--port", str(port)]
    started = time.monotonic()
    with serving(
        [ZENML.program("python"), "-m", "uvicorn", *application],
        is_ready=lambda: _is_ready(base_url),
        log=folder / "log.txt",
        environment=environment,
        patience_seconds=_PATIENCE_SECONDS,
    ):
        elapsed = time.monotonic() - started
        token = _activate(base_url)
        yield RunningZenml(base_url=base_url, folder=folder, startup_seconds=elapsed, admin_token=token)


def _activate(base_url: str) -> str:
    """Create the first administrator, and return a token of theirs that does not expire."""
    first = {"admin_username": ADMIN, "admin_password": ADMIN_PASSWORD}
    login = {"grant_type": "password", "username": ADMIN, "password": ADMIN_PASSWORD}
    # The server prefers a cookie of the login to the header, so no client is kept.
    httpx.put(f"{base_url}/api/v1/activate", json=first, trust_env=False, timeout=60).raise_for_status()
    answer = httpx.post(f"{base_url}/api/v1/login", data=login, trust_env=False, timeout=60).raise_for_status()
    token: str = answer.json()["access_token"]
    return token


def _is_ready(base_url: str) -> bool:
    try:
        return httpx.get(f"{base_url}/health", trust_env=False, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
