"""Identifiers, raw keys and redacted forms, in the shapes of the vendor's examples.

In: numbers and chance. Out: strings. Never: meaning that a client may rely on.
"""

from __future__ import annotations

import base64
import hashlib
import secrets

_RAW_LENGTH = 50
_RAW_BYTES = 32
_HEAD = len("ak-") + 3
_TAIL = 3
_SUFFIX_LENGTH = 4


def wire_id(kind: str, number: int, suffix: str | None = None) -> str:
    """Return the padded base64 of `Kind:number:suffix`; the suffix follows from the number where none is given.

    The official SDK takes a string for an id only if it is padded base64 with a colon inside (docs/arize-api.md, A34).
    """
    label = f"{kind}:{number}"
    tail = suffix or hashlib.sha256(label.encode()).hexdigest()[:_SUFFIX_LENGTH]
    return base64.b64encode(f"{label}:{tail}".encode()).decode()


def is_wire_id(text: str) -> bool:
    """Whether a string has the form of an id: padded base64 of text that holds a colon."""
    try:
        return ":" in base64.b64decode(text.encode(), validate=True).decode()
    except ValueError:
        return False


def mint_raw_key() -> str:
    """Return a fresh raw key: `ak-` and 50 lower-case letters and digits."""
    return "ak-" + base64.b32encode(secrets.token_bytes(_RAW_BYTES)).decode().lower()[:_RAW_LENGTH]


def redact(raw: str) -> str:
    """Return the form for display: the first six characters, three dots, the last three."""
    return f"{raw[:_HEAD]}...{raw[-_TAIL:]}"


def digest(raw: str) -> str:
    """Return what the store keeps in place of a raw key. Unsalted, since a raw key is random enough."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
