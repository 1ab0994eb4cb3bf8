"""Each S3 server in turn, one for a whole run, and a bucket for each test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from ledgers.s3.buckets import Bucket
from ledgers.s3.store_proxy import StoreProxy, proxying
from sinks.aws_servers import REGION, Emulator, aws_environment, emulator

from keyplan.ledgers.s3 import proof

__all__ = ["aws_environment", "emulator"]


@pytest.fixture(scope="session")
def proxied(emulator: Emulator) -> Iterator[StoreProxy]:
    """Return a proxy in front of each server in turn."""
    with proxying(emulator.url) as proxy:
        yield proxy


@pytest.fixture
def bucket(emulator: Emulator, proxied: StoreProxy) -> Bucket:
    """Return an empty bucket that no other test has, behind a proxy that lets everything pass."""
    name = f"ledger-{uuid.uuid4().hex}"
    emulator.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    proof._PROVEN.clear()
    proxied.reset()
    return Bucket(name, emulator, proxied)
