"""Ids, raw keys, redacted forms and times, in the shapes of the vendor's examples. None of them is a contract."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import UTC, datetime

_RAW_LENGTH = 50
_RAW_BYTES = 32
_HEAD = len("ak-") + 3
_TAIL = 3
_SUFFIX_LENGTH = 4


def make_id(kind: str, number: int, suffix: str | None = None) -> str:
    """Return the padded base64 of `Kind:number:suffix`; without a suffix, it is derived from the number."""
    # The SDK looks any other text up as a name (docs/arize-api.md, A34).
    label = f"{kind}:{number}"
    tail = suffix or hashlib.sha256(label.encode()).hexdigest()[:_SUFFIX_LENGTH]
    return base64.b64encode(f"{label}:{tail}".encode()).decode()


def is_id(text: str) -> bool:
    """Whether a string has the form of an id: padded base64 of text that holds a colon."""
    try:
        return ":" in base64.b64decode(text.encode(), validate=True).decode()
    except ValueError:
        return False


def new_raw_key() -> str:
    """Return a fresh raw key: `ak-` and 50 lower-case letters and digits."""
    # 32 random bytes are 52 characters in base32, of which 50 are used: 250 bits.
    return "ak-" + base64.b32encode(secrets.token_bytes(_RAW_BYTES)).decode().lower()[:_RAW_LENGTH]


def redact(raw: str) -> str:
    """Return the form for display: the first six characters, three dots, the last three (docs/arize-api.md, A34)."""
    return f"{raw[:_HEAD]}...{raw[-_TAIL:]}"


def digest(raw: str) -> str:
    """Return the SHA-256 digest that the store keeps in place of a raw key."""
    # Unsalted: a raw key is random and long, and the store has to find a key by its digest.
    # Whatever a client sends as a credential must have a digest, even half of a surrogate pair.
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def parse_instant(text: str) -> datetime:
    """Return the instant of an RFC 3339 date-time in UTC; a time without offset is read as UTC.

    Raises:
        ValueError: The text is not an RFC 3339 date-time, or is outside the calendar.
    """
    # The SDK sends naive datetimes without an offset (docs/arize-api.md, A6), which RFC 3339 would not allow.
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 date-time")
    parsed = datetime.fromisoformat(text.upper())
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the calendar") from None


def format_instant(instant: datetime) -> str:
    """Return RFC 3339 text in whole seconds with `Z`, as in the vendor's examples; fractions are cut off."""
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
