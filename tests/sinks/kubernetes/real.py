"""A real API server and its etcd, on loopback and free ports, while a block runs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from sinks.kubernetes.cluster import TOKENS, Cluster

_SECONDS = 90


@contextmanager
def serving(binary: str, folder: Path, *, client_authority: Path | None = None) -> Iterator[Cluster]:
    """Yield a cluster that consists of etcd and the kube-apiserver of that path; both end with the block."""
    etcd_port, peer_port, port = _free_ports(3)
    store, peer = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
    etcd = shutil.which("etcd")
    assert etcd, "needs etcd: apt-get install etcd-server"
    subprocess.run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], check=True, capture_output=True)
    lines = [f"{token},{user},{user}{',system:masters' if user == 'admin' else ''}" for token, user in TOKENS.items()]
    (folder / "tokens.csv").write_text("\n".join(lines))
    etcd_command = [
        etcd,
        *("--data-dir", str(folder / "etcd"), "--unsafe-no-fsync", "--logger", "zap"),
        *("--listen-client-urls", store, "--advertise-client-urls", store),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
    ]
    server_command = [
        binary,
        f"--etcd-servers={store}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={folder / 'certs'}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'sa.key'}",
        f"--service-account-signing-key-file={folder / 'sa.key'}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder / 'tokens.csv'}",
        # Nobody makes service accounts here.
        "--disable-admission-plugins=ServiceAccount",
        *([f"--client-ca-file={client_authority}"] if client_authority else []),
    ]
    with ExitStack() as stack:
        stack.enter_context(_running(etcd_command, folder / "etcd.log"))
        server = stack.enter_context(_running(server_command, folder / "apiserver.log"))
        cluster = _await(f"https://127.0.0.1:{port}", folder, server)
        stack.callback(cluster.close)
        yield cluster


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file, cwd=log.parent) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(url: str, folder: Path, server: subprocess.Popen[bytes]) -> Cluster:
    """Return the cluster once it is ready."""
    deadline = time.monotonic() + _SECONDS
    certificate = folder / "certs" / "apiserver.crt"
    while time.monotonic() < deadline:
        assert server.poll() is None, (folder / "apiserver.log").read_text()[-2000:]
        if certificate.exists():
            cluster = Cluster(url, authority=certificate.read_text())
            try:
                if cluster.ask("GET", "/readyz").status_code == httpx.codes.OK:
                    return cluster
            except httpx.TransportError:
                pass
            cluster.close()
        time.sleep(0.2)
    raise AssertionError((folder / "apiserver.log").read_text()[-2000:])


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
