"""The ledger of a world in a bucket, which is kept as a file for each object, with the object's key as its path.

A key tells the account by a digest of it, so keys change with the address of the provider, as contents do.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from ledgers.s3.store_proxy import StoreProxy
from sinks.aws_servers import ENVIRONMENT, REGION, Emulator
from upgrades.texts import fold, replace_all, unfold

_COVERED = ("/history/", "/plans/")
"""In the keys of objects that a digest covers."""
_SINCE_THEN = timedelta(days=1)


class S3WorldLedger:
    """Implements WorldLedger in a bucket of its own, behind a proxy that moves the store's clock."""

    name = "s3"
    environment: Mapping[str, str] = ENVIRONMENT

    def __init__(self, server: Emulator, proxy: StoreProxy) -> None:
        self._client = server.client("s3")
        self._proxy = proxy
        self._bucket = f"world-{uuid.uuid4().hex}"
        self._client.create_bucket(Bucket=self._bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        proxy.reset()

    @property
    def declared(self) -> str:
        """Return the bucket behind the proxy."""
        return f'{{type: s3, bucket: {self._bucket}, region: {REGION}, endpoint_url: "{self._proxy.url}"}}'

    @property
    def placeholders(self) -> dict[str, str]:
        """Return what stands in place of bucket and address."""
        return {self._bucket: "acme-keyplan", self._proxy.url: "http://s3.example.com"}

    def save(self, folder: Path, target: Path, changed: Mapping[str, str]) -> None:
        """Write each object into a file."""
        found = changed | _digests(changed)
        for key in self._list_keys():
            kept = replace_all(key, found)
            assert kept != key, f"{key} is named by another rule than the one that is known here"
            text = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode()
            path = target / "ledger" / kept
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(unfold(_change(kept, text, found)))

    def load(self, world: Path, folder: Path, changed: Mapping[str, str]) -> None:
        """Write each file into an object. By the store's clock that was long ago."""
        kept, found = world / "ledger", changed | _digests(changed)
        for path in sorted(path for path in kept.rglob("*") if path.is_file()):
            key = path.relative_to(kept).as_posix()
            self._client.put_object(
                Bucket=self._bucket,
                Key=replace_all(key, found),
                Body=_change(key, fold(path.read_text()), found).encode(),
                ContentType="application/json",
            )
        self._proxy.shift = _SINCE_THEN

    def lose(self, folder: Path) -> None:
        """Delete all objects."""
        for key in self._list_keys():
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def read_tables(self, folder: Path) -> str:
        """Return nothing: a bucket has no tables."""
        return ""

    def _list_keys(self) -> list[str]:
        found: Any = self._client.list_objects_v2(Bucket=self._bucket).get("Contents", ())
        return [item["Key"] for item in found]


def _digests(changed: Mapping[str, str]) -> dict[str, str]:
    """Return, for each address that changes, how its digest does: sixteen digits, by the rule of version 0.1.0.

    Written out here and not taken from keyplan: a version with another rule must find what this one named.
    """
    return {_digest(old): _digest(new) for old, new in changed.items()}


def _digest(account: str) -> str:
    identity = json.dumps(["upgrades", "k7f3a9c2", account])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _change(key: str, text: str, changed: Mapping[str, str]) -> str:
    return text if any(part in key for part in _COVERED) else replace_all(text, changed)
