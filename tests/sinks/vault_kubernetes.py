"""What of a Kubernetes cluster a Vault server asks for when a pod logs in: signed JWTs, and TokenReview."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

jwt = pytest.importorskip("jwt", reason="needs PyJWT, of the extra 'sinks'")

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_KEY = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
NAMESPACE, ACCOUNT, UID = "ml", "keyplan", "6b2f7f7e-8a51-4b7e-9d0c-1f2a3b4c5d6e"
SUBJECT = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def sign_jwt() -> str:
    """Return the token of a service account, as a cluster projects it into a pod."""
    claims = {
        "iss": "https://kubernetes.default.svc",
        "sub": SUBJECT,
        "aud": ["vault"],
        "exp": 4_000_000_000,
        "nbf": 1_600_000_000,
        "kubernetes.io": {"namespace": NAMESPACE, "serviceaccount": {"name": ACCOUNT, "uid": UID}},
    }
    return jwt.encode(claims, _KEY, algorithm="RS256")


class _Reviewer(BaseHTTPRequestHandler):
    """Answers TokenReview (kubernetes authentication.k8s.io/v1) for tokens that carry our signature."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        user = {"username": SUBJECT, "uid": UID, "groups": ["system:serviceaccounts"]}
        good = {"authenticated": True, "user": user, "audiences": ["vault"]}
        is_good = review["spec"]["token"] == sign_jwt()
        body = json.dumps({**review, "status": good if is_good else {"authenticated": False}}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Cluster:
    """Where an API server is."""

    url: str
    ca_certificate: str


@contextmanager
def reviewing_tokens() -> Iterator[Cluster]:
    """Run an API server that can review tokens and nothing else."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with HTTPServer(("127.0.0.1", 0), _Reviewer) as reviewer:
        reviewer.socket = context.wrap_socket(reviewer.socket, server_side=True)
        thread = Thread(target=reviewer.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield Cluster(f"https://127.0.0.1:{reviewer.server_port}", authority.cert_pem.bytes().decode())
        finally:
            reviewer.shutdown()
            thread.join()
