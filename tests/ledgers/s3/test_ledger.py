"""What the contract of ledgers leaves open: intents of several addresses, and objects that others spoiled."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import timedelta

import pytest
from ledgers.s3.buckets import Bucket

from keyplan.errors import InputError, LedgerDamagedError, LedgerError
from keyplan.model.history import Author, check_chain
from keyplan.model.identity import Address
from keyplan.model.ledger import Memory, Spending
from keyplan.testing.samples import NOW, make_history_entry, make_holder, make_intent, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)
SPENDING = Spending(digest="sha256:1", at=NOW, host="build-7")


def test_a_receipt_closes_intents_of_a_former_address_first(bucket: Bucket) -> None:
    ledger = bucket.open()
    ledger.open_intent(make_intent("former", address=Address("user/old")))
    ledger.open_intent(make_intent("own"))
    bucket.proxy.fail("denied", times=1, method="PUT", path="user-ci")
    closes = [make_intent("own").id, make_intent("former").id]
    with pytest.raises(LedgerError):
        ledger.record(make_receipt(), closes=closes)
    # As long as the receipt is not there, the address's own intent says that something is unfinished.
    assert bucket.open_reader().recall() == Memory(intents=(make_intent("own"),))
    ledger.record(make_receipt(), closes=closes)
    assert bucket.open_reader().recall() == Memory(receipts=(make_receipt(),))


def test_another_machine_closes_an_intent_that_it_never_read(bucket: Bucket) -> None:
    bucket.open().open_intent(make_intent())
    with (ledger := bucket.open()).lock(make_holder(), patience=AT_ONCE):
        ledger.close_intent(make_intent().id)
        bucket.proxy.requests.clear()
        ledger.close_intent(make_intent().id)
        # What is known is trusted while no other run may write.
        assert bucket.proxy.count("PUT") == 0
        assert bucket.proxy.count("GET") == 1
    assert bucket.open_reader().recall() == Memory()


def test_a_run_that_the_store_let_lapse_renews_before_it_writes(bucket: Bucket) -> None:
    with (ledger := bucket.open()).lock(make_holder(), patience=AT_ONCE):
        bucket.pass_time(timedelta(minutes=2))
        ledger.record(make_receipt())
        found = bucket.open_reader().holder()
        assert found
        assert found.until
        assert found.until > bucket.proxy.now


def test_a_lock_that_ends_while_it_is_broken_is_no_longer_there(bucket: Bucket) -> None:
    with ExitStack() as stack:
        stack.enter_context(bucket.open().lock(make_holder("lock-1"), patience=AT_ONCE))
        ended: list[bool] = []

        def end(request: object) -> None:
            if getattr(request, "method", "") == "PUT" and not ended:
                ended.append(True)
                stack.close()

        bucket.proxy.before = end
        with pytest.raises(InputError, match="is not locked under the id 'lock-1'"):
            bucket.open().unlock("lock-1")


@pytest.mark.parametrize("part", ["/plans/", "/history/", "/locks/"])
def test_a_spoiled_object_is_told_of_by_its_name(bucket: Bucket, part: str) -> None:
    ledger = bucket.open()
    with ledger.lock(make_holder(), patience=AT_ONCE):
        ledger.spend(SPENDING)
        ledger.remember(make_history_entry())
    (key,) = [key for key in bucket.list_keys() if part in key]
    bucket.put(key, b'{"token": "x", "digest": 3}')
    reads = {"/plans/": lambda one: one.spending(SPENDING.digest), "/history/": lambda one: one.history()}
    with pytest.raises(LedgerDamagedError) as caught:
        reads.get(part, lambda one: one.holder())(bucket.open_reader())
    assert key in caught.value.message


def test_a_stranger_s_object_among_the_applies_is_told_of(bucket: Bucket) -> None:
    bucket.open().remember(make_history_entry())
    (key,) = [key for key in bucket.list_keys() if "/history/" in key]
    bucket.put(f"{key.rpartition('/')[0]}/!readme.json", b"{}")
    with pytest.raises(LedgerDamagedError, match="readme"):
        bucket.open_reader().recall()


def test_applies_that_end_at_the_same_time_are_all_remembered(bucket: Bucket) -> None:
    one, other = bucket.open(), bucket.open()
    done: list[bool] = []

    def come_before(request: object) -> None:
        if getattr(request, "method", "") == "PUT" and "/history/" in getattr(request, "path", "") and not done:
            done.append(True)
            other.remember(make_history_entry("sha256:2"))

    bucket.proxy.before = come_before
    one.remember(make_history_entry("sha256:1"))
    assert [entry.digest for entry in bucket.open_reader().history()] == ["sha256:1", "sha256:2"]
    assert bucket.open_reader().recall().serial == 2


def test_a_history_of_an_older_keyplan_is_chained_on_from_its_next_entry(bucket: Bucket) -> None:
    ledger = bucket.open()
    ledger.remember(make_history_entry("sha256:1"))
    (key,) = [key for key in bucket.list_keys() if "/history/" in key]
    old = {name: value for name, value in json.loads(bucket.body(key)).items() if name != "link"}
    bucket.put(key, json.dumps(old).encode())
    assert bucket.open_reader().recall().head == ""
    ledger.remember(make_history_entry("sha256:2", author=Author(name="ada", source="git")))
    reader = bucket.open_reader()
    found = check_chain(reader.history(), reader.recall().head)
    assert (found.is_whole, found.entries, found.unprotected) == (True, 2, 1)
    bucket.put(key, json.dumps({**old, "added": 7}).encode())
    assert not check_chain(reader.history(), reader.recall().head).is_whole
