"""No store is relied on that ignores the conditions of writes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.errors import LedgerError
from keyplan.ledgers.s3.proof import Proof, prove
from keyplan.model.examination import ExaminableLedger, Health
from keyplan.testing.samples import make_holder, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

IGNORED = [
    pytest.param(("If-None-Match",), "If-None-Match: *", id="creating"),
    pytest.param(("If-Match",), "If-Match", id="replacing"),
    pytest.param(("If-None-Match", "If-Match"), "If-None-Match: * and If-Match", id="both"),
]


def test_a_store_that_honours_conditions_is_proven_and_left_as_it_was(bucket: Bucket) -> None:
    assert prove(bucket.client()) == Proof(creates=True, replaces=True, deletes=True)
    assert bucket.list_keys() == []


@pytest.mark.parametrize(("headers", "named"), IGNORED)
def test_a_store_that_ignores_them_is_never_written(bucket: Bucket, headers: tuple[str, ...], named: str) -> None:
    bucket.proxy.ignored = headers
    ledger = bucket.open()
    for write in (
        lambda: ledger.record(make_receipt()),
        lambda: ledger.lock(make_holder(), patience=timedelta(0)).__enter__(),
    ):
        with pytest.raises(LedgerError, match="ignores it") as caught:
            write()
        assert f"the store accepts {named} and ignores it" in caught.value.message
        assert caught.value.exit_status == 7
        assert "honours conditional writes" in caught.value.advice
    assert bucket.list_keys() == []


@pytest.mark.parametrize(("headers", "named"), IGNORED)
def test_doctor_says_so(bucket: Bucket, headers: tuple[str, ...], named: str) -> None:
    bucket.proxy.ignored = headers
    reader = bucket.open_reader()
    assert isinstance(reader, ExaminableLedger)
    (found,) = reader.examine()
    assert (found.health, named in found.detail, bucket.name in found.detail) == (Health.BROKEN, True, True)


def test_doctor_names_the_store_and_what_was_proven(bucket: Bucket) -> None:
    reader = bucket.open_reader()
    assert isinstance(reader, ExaminableLedger)
    (found,) = reader.examine()
    assert (found.health, found.detail) == (
        Health.FINE,
        f"s3://{bucket.name}/keyplan/ at {bucket.proxy.url} honours conditional writes",
    )


def test_a_credential_that_may_only_read_is_a_warning(bucket: Bucket) -> None:
    bucket.proxy.fail("denied", times=99, method="PUT")
    reader = bucket.open_reader()
    assert isinstance(reader, ExaminableLedger)
    (found,) = reader.examine()
    assert (found.health, "denies s3:PutObject" in found.detail) == (Health.WARNING, True)


def test_it_is_proven_once_for_a_process_and_bucket(bucket: Bucket) -> None:
    bucket.open().record(make_receipt())
    probes = sum("/probe-" in request.path for request in bucket.proxy.requests)
    bucket.open().record(make_receipt(generation=2))
    assert probes == sum("/probe-" in request.path for request in bucket.proxy.requests) > 0


def test_a_lost_answer_to_the_first_write_is_no_refusal(bucket: Bucket) -> None:
    bucket.proxy.fail("lost", times=1, method="PUT", path="/probe-")
    assert prove(bucket.client()) == Proof(creates=True, replaces=True, deletes=True)
    assert bucket.list_keys() == []
