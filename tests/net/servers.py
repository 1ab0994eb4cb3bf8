"""Real servers on this machine: one with TLS, proxies that speak HTTP, HTTPS or SOCKS, and authorities to trust."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BODY = b'{"ok": true}'


@dataclass(kw_only=True)
class Proxy:
    """A proxy that leads every name to this machine, and keeps what it was asked."""

    address: str = ""
    ports: dict[str, int] = field(default_factory=dict)
    """Where each host really is; what is not listed is refused."""
    asked: list[str] = field(default_factory=list)
    """Host and port of each request."""
    logins: list[str] = field(default_factory=list)
    requires: str = ""
    """The only Proxy-Authorization that is accepted; empty for any."""


@contextmanager
def running(server: Any) -> Iterator[int]:
    """Run a server while the block runs, and yield its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that refuse a certificate are what is tested."""


class _Quiet6(_Quiet):
    address_family = socket.AF_INET6


class _Answering(BaseHTTPRequestHandler):
    seen: list[str]
    body: bytes
    challenge: dict[str, str]

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Answer every method, LIST of Vault included."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        self.seen.append(f"{self.command} {self.path} {self.headers.get('Host')}")
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        is_challenged = (
            bool(self.challenge) and self.path.startswith("/secrets") and not self.headers.get("Authorization")
        )
        self.send_response(401 if is_challenged else 200)
        for name, value in self.challenge.items() if is_challenged else ():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@contextmanager
def serving(
    tls: Callable[[ssl.SSLContext], None] | None = None,
    *,
    host: str = "127.0.0.1",
    body: bytes = BODY,
    challenge: Mapping[str, str] | None = None,
    handler: Any = _Answering,
) -> Iterator[tuple[int, list[str]]]:
    """Serve over TLS (plain without `tls`, which configures the context); yield the port and what was asked."""
    seen: list[str] = []
    kind = type("Handler", (handler,), {"seen": seen, "body": body, "challenge": dict(challenge or {})})
    server = (_Quiet6 if ":" in host else _Quiet)((host, 0), kind)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls(context)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with running(server) as port:
        yield port, seen


def _splice(one: socket.socket, other: socket.socket) -> None:
    def copy(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while part := source.recv(65536):
                target.sendall(part)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=copy, args=(one, other), daemon=True)
    thread.start()
    copy(other, one)
    thread.join(timeout=5)


class _HttpProxy(StreamRequestHandler):
    proxy: Proxy

    def handle(self) -> None:
        """Answer one CONNECT, or pass one plain request on."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        login = next((line.partition(": ")[2] for line in lines if line.lower().startswith("proxy-auth")), "")
        place = target if method == "CONNECT" else target.partition("://")[2].partition("/")[0]
        self.proxy.asked.append(place)
        self.proxy.logins.append(login)
        if self.proxy.requires and login != self.proxy.requires:
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n")
            self.wfile.write(b"Content-Length: 0\r\n\r\n")
            return
        port = self.proxy.ports.get(place.rpartition(":")[0] if ":" in place else place)
        if port is None:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as server:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                server.sendall(head.replace(b"http://" + place.encode(), b"", 1))
            _splice(self.connection, server)


class _SocksProxy(StreamRequestHandler):
    """RFC 1928 with names, and RFC 1929 if the client offers a password."""

    proxy: Proxy

    def handle(self) -> None:
        """Lead one connection on."""
        _, count = self.rfile.read(2)
        methods = self.rfile.read(count)
        if 2 in methods:
            self.wfile.write(b"\x05\x02")
            self.rfile.read(1)
            user = self.rfile.read(self.rfile.read(1)[0]).decode()
            password = self.rfile.read(self.rfile.read(1)[0]).decode()
            self.proxy.logins.append(f"{user}:{password}")
            self.wfile.write(b"\x01\x00")
        else:
            self.wfile.write(b"\x05\x00")
        kind = self.rfile.read(4)[3]
        host = self.rfile.read(self.rfile.read(1)[0]).decode() if kind == 3 else socket.inet_ntoa(self.rfile.read(4))
        (port,) = struct.unpack("!H", self.rfile.read(2))
        self.proxy.asked.append(f"{host}:{port}")
        with socket.create_connection(("127.0.0.1", self.proxy.ports[host])) as server:
            self.wfile.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
            _splice(self.connection, server)


class _ProxyServer(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[Any, Any]:
        """Wrap a connection if the proxy itself has TLS."""
        connection, address = super().get_request()
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing."""


@contextmanager
def proxying(
    ports: dict[str, int],
    *,
    kind: str = "http",
    tls: Callable[[ssl.SSLContext], None] | None = None,
    requires: str = "",
) -> Iterator[Proxy]:
    """Run a proxy: ``http`` (with `tls` over TLS) or ``socks``."""
    proxy = Proxy(ports=ports, requires=requires)
    handler = type("Handler", (_HttpProxy if kind == "http" else _SocksProxy,), {"proxy": proxy})
    server = _ProxyServer(("127.0.0.1", 0), handler)
    if tls is not None:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls(server.tls)
    with running(server) as port:
        proxy.address = f"127.0.0.1:{port}"
        yield proxy


@dataclass(frozen=True, kw_only=True)
class OldCertificates:
    """An authority as many private ones are: no certificate has a key identifier (RFC 5280, 4.2.1.1)."""

    authority: bytes
    """PEM."""
    server: bytes
    """PEM of the server's certificate and its key."""


def make_old_certificates(host: str) -> OldCertificates:
    """Return certificates for a host, without authority or subject key identifier."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("Old Authority", host)]

    def sign(subject: int, *extensions: tuple[x509.ExtensionType, bool]) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(names[subject])
            .issuer_name(names[0])
            .public_key(keys[subject].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(keys[0], hashes.SHA256())

    pem = serialization.Encoding.PEM
    leaf = sign(1, (x509.SubjectAlternativeName([x509.DNSName(host)]), False))
    key = keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return OldCertificates(
        authority=sign(0, (x509.BasicConstraints(ca=True, path_length=None), True)).public_bytes(pem),
        server=leaf.public_bytes(pem) + key,
    )
