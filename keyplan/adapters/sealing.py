"""Sealed boxes: a raw key that only the holder of a private key can read.

In: a raw key and a public key. Out: text. Never: the raw key in an error.
"""

from __future__ import annotations

import base64
import binascii

from keyplan.adapters.optional import require
from keyplan.errors import SinkUnavailableError
from keyplan.model.secret import RawKey

_KEY_BYTES = 32


class Sealer:
    """Seals with libsodium's `crypto_box_seal`: X25519 and XSalsa20-Poly1305, with an ephemeral sender."""

    def __init__(self, *, extra: str) -> None:
        """Load PyNaCl. Raises InputError, naming the extra, where it is not installed."""
        self._public = require("nacl.public", extra=extra)

    def seal(self, raw: RawKey, *, public_key: str, suffix: str = "") -> str:
        """Return a raw key, with a suffix after it, sealed for a public key; both are base64.

        Raises SinkUnavailableError where the public key is none.
        """
        try:
            key = base64.b64decode(public_key, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise SinkUnavailableError("the server's public key is not one of 32 bytes", advice="apply again later")
        box = self._public.SealedBox(self._public.PublicKey(key))
        return base64.b64encode(box.encrypt(f"{raw.reveal()}{suffix}".encode())).decode()
