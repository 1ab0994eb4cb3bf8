"""Buckets on two independent S3 servers, each behind a proxy that can fail; and ledgers in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from ledgers.s3.store_proxy import StoreProxy
from sinks.aws_servers import REGION, Emulator

from keyplan.ledgers.s3.client import S3Client, connect
from keyplan.ledgers.s3.ledger import S3Ledger, S3LedgerReader
from keyplan.ledgers.s3.options import S3Options
from keyplan.model.identity import Lineage
from keyplan.model.manifest import Json
from keyplan.ports import Clock, Ledger, LedgerReader
from keyplan.testing.samples import ACCOUNT, OWNER, make_context


@cache
def _connect(url: str) -> S3Client:
    return connect(S3Options.read({"bucket": "any", "region": REGION, "endpoint_url": url}))


@dataclass
class Bucket:
    """A bucket of one test."""

    name: str
    server: Emulator
    proxy: StoreProxy

    def options(self, **options: Json) -> dict[str, Json]:
        return {"bucket": self.name, "region": REGION, "endpoint_url": self.proxy.url, **options}

    def client(self, **options: Json) -> S3Client:
        """Return a client of its own, around a client of the SDK that all tests share: making one takes 0.3 s."""
        shared = _connect(self.proxy.url)
        return S3Client(shared._client, shared._errors, S3Options.read(self.options(**options)))

    def open(
        self,
        *,
        owner: str = OWNER,
        account: str = ACCOUNT,
        clock: Clock | None = None,
        lineage: Lineage | None = None,
    ) -> Ledger:
        return S3Ledger(self.client(), make_context(owner=owner, lineage=lineage, clock=clock), account)

    def open_reader(self, *, owner: str = OWNER, account: str = ACCOUNT) -> LedgerReader:
        return S3LedgerReader(self.client(), make_context(owner=owner), account)

    def list_keys(self) -> list[str]:
        """Return the names of all objects, read beside the proxy."""
        found = self.server.client("s3").list_objects_v2(Bucket=self.name).get("Contents", ())
        return [item["Key"] for item in found]

    def put(self, key: str, body: bytes) -> None:
        """Write an object beside keyplan."""
        self.server.client("s3").put_object(Bucket=self.name, Key=key, Body=body)

    def body(self, key: str) -> bytes:
        content: Any = self.server.client("s3").get_object(Bucket=self.name, Key=key)["Body"].read()
        return bytes(content)

    def pass_time(self, duration: timedelta) -> None:
        """Move the store's clock."""
        self.proxy.shift += duration
