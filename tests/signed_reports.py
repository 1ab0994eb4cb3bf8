"""A secret scanner with a key of its own: writes the file of its public key, and signs what it reports."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

URL = "https://scanner.test/acme/app/blob/main/deploy.sh"


def report(token: str, **fields: Any) -> dict[str, Any]:
    """Return one report as GitHub sends it."""
    return {"token": token, "type": "arize_api_key", "url": URL, "source": "commit", **fields}


@dataclass
class Scanner:
    """A sender of reports."""

    identifier: str = "scanner-1"
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))

    def write_keys(self, path: Path, *others: Scanner) -> None:
        """Write the file of public keys in the form in which GitHub publishes its own."""
        entries = [
            {"key_identifier": one.identifier, "key": one.public_pem(), "is_current": True} for one in (self, *others)
        ]
        path.write_text(json.dumps({"public_keys": entries}))

    def public_pem(self) -> str:
        """Return the public key."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, body: bytes) -> Mapping[str, str]:
        """Return the headers for a message."""
        signature = b64encode(self.key.sign(body, ECDSA(SHA256()))).decode()
        return {
            "Content-Type": "application/json",
            "Github-Public-Key-Identifier": self.identifier,
            "Github-Public-Key-Signature": signature,
        }


def write_body(*reports: Any) -> bytes:
    """Return a message."""
    return json.dumps(list(reports)).encode()
