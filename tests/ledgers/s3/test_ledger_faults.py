"""A store that throttles, hangs up, and loses answers: nothing is lost, nothing is done twice, and errors say why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.errors import LedgerError, PlanSpentError
from keyplan.ledgers.s3.failures import S3UnavailableError
from keyplan.model.ledger import Memory, Spending
from keyplan.ports import Ledger, LedgerReader
from keyplan.testing.samples import NOW, make_history_entry, make_holder, make_intent, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)
SPENDING = Spending(digest="sha256:1", at=NOW, host="build-7")
SDK_ATTEMPTS = 4


def do_everything(ledger: Ledger) -> None:
    """Do each kind of write, with a lock around them."""
    with ledger.lock(make_holder(), patience=AT_ONCE):
        ledger.spend(SPENDING)
        ledger.open_intent(make_intent("first"))
        ledger.open_intent(make_intent("second"))
        ledger.record(make_receipt(), closes=[make_intent("first").id])
        ledger.close_intent(make_intent("second").id)
        ledger.record(make_receipt(generation=2))
        ledger.remember(make_history_entry())


def check_everything(reader: LedgerReader) -> None:
    assert reader.recall() == Memory(receipts=(make_receipt(generation=2),), serial=1)
    assert reader.spending(SPENDING.digest) == SPENDING
    assert list(reader.history()) == [make_history_entry()]
    assert reader.holder() is None


@pytest.mark.parametrize("kind", ["slow", "reset", "lost"])
def test_every_request_that_fails_once_is_made_up_for(bucket: Bucket, kind: str) -> None:
    bucket.open().forget(make_receipt().address)  # the proof of the store is tried in another test
    seen: set[tuple[str, str, int]] = set()

    def fits(method: str, path: str) -> bool:
        # Each request once, not its repetition.
        count = sum((one.method, one.path) == (method, path) for one in bucket.proxy.requests)
        is_new = (method, path, count) not in seen and (method, path, count - 1) not in seen
        seen.add((method, path, count)) if is_new else None
        return is_new

    bucket.proxy.requests.clear()
    bucket.proxy.fail(kind, times=10_000, fits=lambda one: fits(one.method, one.path))
    do_everything(bucket.open())
    assert len(seen) > 10
    bucket.proxy.faults.clear()
    check_everything(bucket.open_reader())


@pytest.mark.parametrize("kind", ["reset", "lost"])
@pytest.mark.parametrize(
    ("path", "write"),
    [
        pytest.param("/plans/", lambda ledger: ledger.spend(SPENDING), id="spend"),
        pytest.param("/addresses/", lambda ledger: ledger.record(make_receipt()), id="record"),
        pytest.param("/history/", lambda ledger: ledger.remember(make_history_entry()), id="remember"),
    ],
)
def test_a_write_that_never_got_an_answer_is_found_out_about(
    bucket: Bucket, kind: str, path: str, write: Callable[[Ledger], None]
) -> None:
    ledger = bucket.open()
    ledger.forget(make_receipt().address)
    bucket.proxy.fail(kind, times=SDK_ATTEMPTS, method="PUT", path=path)
    write(ledger)
    assert len([key for key in bucket.list_keys() if path in key]) == 1
    if path == "/plans/":
        with pytest.raises(PlanSpentError):
            write(ledger)


def test_a_lost_delete_is_found_out_about(bucket: Bucket) -> None:
    ledger = bucket.open()
    ledger.record(make_receipt())
    bucket.proxy.fail("lost", times=SDK_ATTEMPTS, method="DELETE")
    ledger.forget(make_receipt().address)
    assert not [key for key in bucket.list_keys() if "/addresses/" in key]


def test_a_store_that_stays_away_is_told_of_in_the_end(bucket: Bucket) -> None:
    ledger = bucket.open()
    ledger.record(make_receipt())
    bucket.proxy.fail("reset", times=10_000)
    with pytest.raises(S3UnavailableError, match=r"127\.0\.0\.1:[0-9]+: the connection") as caught:
        ledger.record(make_receipt(generation=2))
    assert "endpoint_url" in caught.value.advice


@pytest.mark.parametrize(
    ("method", "right", "do"),
    [
        pytest.param("PUT", "s3:PutObject", lambda ledger: ledger.record(make_receipt()), id="put"),
        pytest.param("GET", "s3:GetObject", lambda ledger: ledger.recall(), id="get"),
    ],
)
def test_a_denial_names_the_right_that_is_missing(
    bucket: Bucket, method: str, right: str, do: Callable[[Ledger], None]
) -> None:
    ledger = bucket.open()
    ledger.open_intent(make_intent())
    bucket.proxy.fail("denied", times=100, method=method)
    with pytest.raises(LedgerError, match=f"denies {right}") as caught:
        do(bucket.open())
    assert right in caught.value.advice
    assert "emulated" not in f"{caught.value} {caught.value.advice} {caught.value.__cause__}"


def test_listing_needs_a_right_of_its_own(bucket: Bucket) -> None:
    bucket.open().record(make_receipt())
    bucket.proxy.fail("denied", times=100, path="list-type")
    with pytest.raises(LedgerError, match="denies s3:ListBucket"):
        bucket.open_reader().recall()


def test_a_bucket_that_does_not_exist_is_told_of(bucket: Bucket) -> None:
    bucket.name = "there-is-no-such-bucket"
    with pytest.raises(LedgerError, match="NoSuchBucket") as caught:
        bucket.open_reader().recall()
    assert "create the bucket" in caught.value.advice
    with pytest.raises(LedgerError, match="NoSuchBucket"):
        bucket.open().record(make_receipt())


def test_two_that_write_one_address_both_have_their_say(bucket: Bucket) -> None:
    one, other = bucket.open(), bucket.open()
    one.open_intent(make_intent("one"))
    other.open_intent(make_intent("other"))
    one.open_intent(make_intent("third"))
    one.close_intent(make_intent("other").id)
    assert [intent.id for intent in bucket.open_reader().recall().intents] == ["one", "third"]
