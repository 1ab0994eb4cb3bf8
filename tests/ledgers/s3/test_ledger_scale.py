"""How many requests a ledger of a thousand addresses takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.model.identity import Address
from keyplan.testing.samples import make_holder, make_intent, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

MANY = 1_000


def test_requests_are_counted(bucket: Bucket) -> None:
    writer = bucket.open()
    writer.recall()
    addresses = [Address(f"user/{number:04}") for number in range(MANY)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda address: writer.record(make_receipt(address=address)), addresses))

    reader = bucket.open()
    assert count(bucket, lambda: len(reader.recall().receipts)) == {"GET": MANY + 3}
    assert count(bucket, reader.recall) == {"GET": 3}
    with reader.lock(make_holder(), patience=timedelta(0)):
        intent = make_intent(address=addresses[7])
        # Each: a look at the lock, and the write.
        assert count(bucket, lambda: reader.open_intent(intent)) == {"GET": 1, "PUT": 1}
        closing = make_receipt(address=addresses[7], generation=2)
        assert count(bucket, lambda: reader.record(closing, closes=[intent.id])) == {"GET": 1, "PUT": 1}
        assert count(bucket, lambda: reader.record(make_receipt(address=Address("user/new")))) == {"GET": 1, "PUT": 1}


def count(bucket: Bucket, act: object) -> dict[str, int]:
    """Return how many requests of each method an act takes."""
    bucket.proxy.requests.clear()
    assert callable(act)
    act()
    methods = [request.method for request in bucket.proxy.requests]
    return {method: methods.count(method) for method in sorted(set(methods))}
