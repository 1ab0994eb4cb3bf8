"""What a cell meets: TLS servers at addresses that are not loopback, and real proxies, in namespaces of their own.

Nothing leaves the network namespace: its only interface is a loopback of its own, with two more addresses.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from networks.cells import ADDRESS, IN_KUBECONFIG, NAME, OWN_VARIABLES, Exempt, NetworkCell, ProxyKind, Trusted

_ADDRESS_V4 = "192.0.2.10"
_PORT = 8443
_OPEN, _SOCKS, _GUARDED, _DEAD = 3128, 1080, 3129, 9
USER, PASSWORD = "me", "proxy-canary-5f2e"
_ADDON = """
import os
def server_connect(data):
    with open(os.environ["PROXY_LOG"], "a") as log:
        log.write("%s\\n" % data.server.address[0])
"""
_SETUP = f"""
set -e
ip link set lo up
ip address add {_ADDRESS_V4}/32 dev lo
ip address add {ADDRESS}/128 dev lo nodad
"""


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = 0

    def answer(self) -> None:
        """Count, and say that there is nothing of that name."""
        type(self).requests += 1
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b"{}"
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        """Return `answer` for every method: do_GET, do_LIST."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: str, tls: ssl.SSLContext) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._tls = tls
        super().__init__((address, _PORT), _Answer)

    def server_bind(self) -> None:
        """Bind, and look for no name of this machine."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_name, self.server_port = "server", _PORT

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the thread of the request: a client that does not trust us must not hold up the others."""
        with self._tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: to be refused is what many cells are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Servers and proxies that run, and what they have seen."""

    folder: Path
    password: str = PASSWORD
    """Of the proxy that wants one."""

    def seen(self) -> tuple[int, int]:
        """Return how many requests the server, and how many connections the proxies have had."""
        log = self.folder / "proxy.log"
        return _Answer.requests, len(log.read_text().splitlines()) if log.exists() else 0

    def describe(self, cell: NetworkCell) -> Mapping[str, Any]:
        """Return the cell for `clients.py`."""
        host = f"[{ADDRESS}]" if cell.is_v6 else NAME
        own = cell.trusted is Trusted.OWN
        return {
            "client": cell.client,
            "url": f"https://{host}:{_PORT}",
            "api": "beta",
            "folder": str(self.folder),
            "environment": {**_credentials(self.folder), **self._trust(cell), **_route(cell)},
            "ca_file": str(self.folder / "good.pem") if own else "",
            "kubeconfig": self._write_kubeconfig(host, with_authority=own) if cell.client == IN_KUBECONFIG else "",
        }

    def _trust(self, cell: NetworkCell) -> Mapping[str, str]:
        good, wrong = str(self.folder / "good.pem"), str(self.folder / "wrong.pem")
        match cell.trusted:
            case Trusted.SYSTEM:
                return {}
            case Trusted.SSL_CERT_FILE:
                return {"SSL_CERT_FILE": good}
            case Trusted.REQUESTS_CA_BUNDLE:
                return {"REQUESTS_CA_BUNDLE": good}
            case Trusted.OWN:
                own = OWN_VARIABLES.get(cell.client)
                return {"SSL_CERT_FILE": wrong, **({own: good} if own else {})}
            case Trusted.WRONG:
                return {"SSL_CERT_FILE": wrong}

    def _write_kubeconfig(self, host: str, *, with_authority: bool) -> str:
        cluster = {"server": f"https://{host}:{_PORT}"}
        if with_authority:
            cluster["certificate-authority"] = str(self.folder / "good.pem")
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "c", "user": {"token": "t"}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c", "namespace": "ml"}}],
        }
        path = self.folder / "kubeconfig.json"
        path.write_text(json.dumps(config))
        return str(path)


def _credentials(folder: Path) -> Mapping[str, str]:
    """Return variables with which every client has something to present; none of it is worth anything."""
    names = ("ARIZE_API_KEY", "TOKEN", "VAULT_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_TENANT_ID")
    return {
        **dict.fromkeys((*names, "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"), "canary"),
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
        "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "google.json"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HOME": str(folder),
    }


def _route(cell: NetworkCell) -> Mapping[str, str]:
    proxies = {
        ProxyKind.NONE: "",
        ProxyKind.HTTP: f"http://127.0.0.1:{_OPEN}",
        ProxyKind.HTTPS: f"https://127.0.0.1:{_OPEN}",
        ProxyKind.CREDENTIALS: f"http://{USER}:{PASSWORD}@127.0.0.1:{_GUARDED}",
        ProxyKind.WRONG_CREDENTIALS: f"http://{USER}:{PASSWORD}x@127.0.0.1:{_GUARDED}",
        ProxyKind.REFUSING: f"http://127.0.0.1:{_DEAD}",
        ProxyKind.SOCKS: f"socks5h://127.0.0.1:{_SOCKS}",
    }
    exempt = {
        Exempt.NOTHING: "",
        Exempt.MATCHING: "10.0.0.0/8, fd01::/48 .keyplan.test",
        Exempt.OTHER: f"fd02::/48,keyplan.example,{NAME}:443,[{ADDRESS}]:80",
    }
    found = {"HTTPS_PROXY": proxies[cell.proxy], "NO_PROXY": exempt[cell.exempt]}
    return {name: value for name, value in found.items() if value}


@contextmanager
def open_stage(folder: Path, mitmdump: Path) -> Iterator[Stage]:
    """Set up the namespaces that this process is in, and give the block the stage; ends what it started."""
    subprocess.run(["sh", "-c", _SETUP], check=True)
    authority = trustme.CA()
    _write_files(folder, authority)
    _replace_system(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, ADDRESS).configure_cert(tls)
    with ExitStack() as stack:
        for address in (_ADDRESS_V4, ADDRESS):
            server = _Server(address, tls)
            stack.callback(server.server_close)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        for arguments in (
            [f"--mode=regular@{_OPEN}", f"--mode=socks5@{_SOCKS}"],
            [f"--mode=regular@{_GUARDED}", f"--proxyauth={USER}:{PASSWORD}"],
        ):
            stack.enter_context(_proxy(mitmdump, folder, arguments))
        _await_ports(_OPEN, _SOCKS, _GUARDED)
        yield Stage(folder=folder)


def _write_files(folder: Path, authority: trustme.CA) -> None:
    authority.cert_pem.write_to_path(str(folder / "good.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "wrong.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "proxy.pem"))
    (folder / "addon.py").write_text(_ADDON)
    (folder / "hosts").write_text(f"127.0.0.1 localhost\n::1 localhost\n{_ADDRESS_V4} {NAME}\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    account = {
        "type": "service_account",
        "client_email": "canary@acme.example",
        "token_uri": f"https://{NAME}:{_PORT}/token",
        "private_key": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    }
    (folder / "google.json").write_text(json.dumps(account))


def _replace_system(folder: Path) -> None:
    """Let this mount namespace have names and authorities of its own."""
    subprocess.run(["mount", "--bind", str(folder / "hosts"), "/etc/hosts"], check=True)
    store = Path(ssl.get_default_verify_paths().openssl_capath).resolve()
    subprocess.run(["mount", "-t", "tmpfs", "keyplan", str(store)], check=True)
    for name in ("ca-certificates.crt", "keyplan.pem"):
        (store / name).write_bytes((folder / "good.pem").read_bytes())
    subprocess.run(["openssl", "rehash", str(store)], check=True, stderr=subprocess.DEVNULL)


@contextmanager
def _proxy(mitmdump: Path, folder: Path, arguments: list[str]) -> Iterator[None]:
    argv = [
        *(mitmdump, "--quiet", "--listen-host=127.0.0.1", f"--set=confdir={folder / 'mitmproxy'}", *arguments),
        # Nothing is read: what passes is for the server alone.
        *("--ignore-hosts=.*", f"--certs=*={folder / 'proxy.pem'}", f"--scripts={folder / 'addon.py'}"),
        "--set=connection_strategy=eager",
    ]
    environment = {"PATH": os.environ["PATH"], "PROXY_LOG": str(folder / "proxy.log"), "HOME": str(folder)}
    with subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
        try:
            yield
        finally:
            process.terminate()


def _await_ports(*ports: int) -> None:
    deadline = time.monotonic() + 60
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"no proxy at port {port}"
                time.sleep(0.1)
