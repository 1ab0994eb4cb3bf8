"""The options of the ledger `s3`, in a manifest and as a URL. A URL must never hold a credential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from keyplan.errors import InputError
from keyplan.model.manifest import Json
from keyplan.model.quotes import list_words, quote, suggest
from keyplan.net.aws import REGION

SCHEMES: Final = ("s3",)
"""The schemes of the URLs that `read_url` reads."""
DEFAULT_PREFIX: Final = "keyplan/"
_BUCKET = "^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$"
OPTIONS: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Keeps the ledger as small objects in a bucket of S3, or of a store that is compatible with it.",
    "properties": {
        "bucket": {
            "type": "string",
            "pattern": _BUCKET,
            "errorMessage": "must be the name of a bucket",
            "description": "The bucket; many manifests may share it.",
            "examples": ["acme-keyplan"],
            "x-access": "place",
        },
        "prefix": {
            "type": "string",
            "pattern": "^[A-Za-z0-9!_.*'()/-]*$",
            "maxLength": 256,
            "default": DEFAULT_PREFIX,
            "errorMessage": "must be at most 256 of the characters A-Z a-z 0-9 ! _ . * ' ( ) / -",
            "description": "What the names of all objects begin with.",
            "x-access": "place",
        },
        "region": REGION,
        "endpoint_url": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Of a compatible store or a VPC endpoint; left out, AWS's own.",
            "examples": ["https://s3.example.com"],
            "x-access": "url",
        },
        "kms_key_id": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Id, ARN or alias of the KMS key that encrypts; left out, the bucket's default encryption.",
            "examples": ["alias/keyplan"],
            "x-access": "place",
        },
    },
    "required": ["bucket"],
    "additionalProperties": False,
}
_IN_QUERY = ("endpoint_url", "kms_key_id", "region")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """Where the objects are, and how they are kept."""

    bucket: str
    prefix: str
    """Empty, or with a slash at its end."""
    region: str | None
    endpoint_url: str | None
    kms_key_id: str | None

    @classmethod
    def read(cls, options: Mapping[str, Json]) -> S3Options:
        """Return the options of a manifest that its schema allows, or those of a URL."""
        prefix = str(options.get("prefix", DEFAULT_PREFIX)).strip("/")
        return cls(
            bucket=str(options["bucket"]),
            prefix=f"{prefix}/" if prefix else "",
            region=_text(options.get("region")),
            endpoint_url=_text(options.get("endpoint_url")),
            kms_key_id=_text(options.get("kms_key_id")),
        )

    @property
    def address(self) -> str:
        """The place of all objects, as users know it."""
        at = f" at {self.endpoint_url}" if self.endpoint_url else ""
        return f"s3://{self.bucket}/{self.prefix}{at}"


def read_url(url: str) -> Mapping[str, Json]:
    """Return the options that `s3://bucket/prefix?region=R&endpoint_url=U` means.

    Raises:
        InputError: It is no such URL. The message never quotes user name and password of it.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise InputError(
            "an s3:// URL holds no credentials", advice="leave them to the SDK: AWS_PROFILE, a role, AWS_ACCESS_KEY_ID"
        )
    if not parts.netloc or ":" in parts.netloc or parts.fragment:
        raise InputError("the URL of the ledger must be s3://BUCKET/PREFIX", advice="add ?region= and ?endpoint_url=")
    options: dict[str, Json] = {"bucket": parts.netloc}
    if prefix := unquote(parts.path).strip("/"):
        options["prefix"] = f"{prefix}/"
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _IN_QUERY:
            hint = suggest(name, _IN_QUERY) or f"; known are {list_words(_IN_QUERY)}"
            raise InputError(f"{quote(name)} is unknown in an s3:// URL{hint}")
        if name in options or not value:
            raise InputError(f"{quote(name)} must be given once in an s3:// URL, with a value")
        options[name] = value
    return options


def _text(value: Json) -> str | None:
    return str(value) if value else None
