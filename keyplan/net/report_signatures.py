"""The public keys of those who may report leaked secrets, and whether one of them signed a message.

Keys come from a file of the operator, in the form in which GitHub publishes its own; nothing is fetched here.

Source: docs.github.com, "Secret scanning partner program": ECDSA-NIST-P256V1-SHA256 over the raw body, as base64 of
DER; keys are published at https://api.github.com/meta/public_keys/secret_scanning.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from keyplan.errors import InputError

_LONGEST_SIGNATURE = 200
"""Two numbers of 32 bytes, with their tags, in base64: 96 characters."""


class ReportKeys:
    """Public keys by their identifiers."""

    def __init__(self, keys: Mapping[str, EllipticCurvePublicKey]) -> None:
        self._keys = dict(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, identifier: str) -> bool:
        return identifier in self._keys

    @classmethod
    def read(cls, content: bytes, name: str) -> ReportKeys:
        """Return the keys in a file. Raises InputError if it has another form, no key, or one of another curve."""
        try:
            document = json.loads(content)
            keys = dict(_read_keys(document["public_keys"], name))
        except (ValueError, TypeError, KeyError, RecursionError):
            raise InputError(
                f"{name} is not a file of public keys",
                advice="it has the form of https://api.github.com/meta/public_keys/secret_scanning",
            ) from None
        if not keys:
            raise InputError(f"{name} holds no public key")
        return cls(keys)

    def is_signed(self, body: bytes, *, identifier: str, signature: str) -> bool:
        """Whether the key with that identifier signed exactly these bytes."""
        key = self._keys.get(identifier)
        if key is None or len(signature) > _LONGEST_SIGNATURE:
            return False
        try:
            key.verify(b64decode(signature, validate=True), body, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True


def _read_keys(entries: list[Any], name: str) -> Iterator[tuple[str, EllipticCurvePublicKey]]:
    """Yield each key. Raises InputError for one of another kind, and what a document of another form raises."""
    for entry in entries:
        identifier, text = entry["key_identifier"], entry["key"]
        if not (isinstance(identifier, str) and identifier and isinstance(text, str)):
            raise ValueError("an identifier or a key is not a text")
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
            raise InputError(
                f"a public key in {name} is not a PEM of the curve P-256", advice="GitHub signs with no other"
            )
        yield identifier, key
