"""Whose rows a manifest reads and writes in a database that many share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from time import monotonic

import psycopg
import pytest
from ledgers.postgres.openings import open_postgres
from ledgers.postgres.servers import Storage

from keyplan.errors import LedgerForeignError, LedgerLockedError
from keyplan.model.identity import Address, Identity, Lineage, ManifestId
from keyplan.model.ledger import Memory
from keyplan.testing.samples import ACCOUNT, IDENTITY, LINEAGE, OWNER, make_holder, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)
WITHOUT_ID = Lineage(identity=Identity(OWNER))
RENAMED = Lineage(identity=Identity("renamed", IDENTITY.id), formerly=(IDENTITY,))


def _list_manifests(storage: Storage) -> list[tuple[str, str, str]]:
    rows = storage.run("SELECT account, owner, manifest_id FROM {schema}.manifests ORDER BY key")
    return [(account, owner, manifest_id) for account, owner, manifest_id in rows]


def test_every_manifest_and_account_has_rows_of_its_own(storage: Storage) -> None:
    """Also two manifests that chose one owner."""
    ledgers = [
        open_postgres(storage.url(), lineage=LINEAGE),
        open_postgres(storage.url(), lineage=Lineage(identity=Identity(OWNER, ManifestId("another")))),
        open_postgres(storage.url(), lineage=Lineage(identity=Identity("another-team", IDENTITY.id))),
        open_postgres(storage.url(), lineage=LINEAGE, account="https://api.elsewhere.test"),
    ]
    for number, ledger in enumerate(ledgers, start=1):
        assert ledger.recall() == Memory()
        ledger.record(make_receipt(generation=number))
    assert [ledger.recall().receipts[0].generation for ledger in ledgers] == [1, 2, 3, 4]
    assert len(_list_manifests(storage)) == 4


def test_a_manifest_that_lost_its_id_is_refused(storage: Storage) -> None:
    """An old checkout, or a deleted line: without the id it cannot tell which rows are its own."""
    open_postgres(storage.url()).record(make_receipt())
    late = open_postgres(storage.url(), lineage=WITHOUT_ID)
    for call in (late.recall, lambda: late.record(make_receipt(generation=2))):
        with pytest.raises(LedgerForeignError, match="'id: k7f3a9c2'") as refused:
            call()
        assert refused.value.advice.endswith("add the line: id: k7f3a9c2")
    assert _list_manifests(storage) == [(ACCOUNT, OWNER, IDENTITY.id)]


def test_rows_without_an_id_become_those_of_the_manifest_with_its_first_write(storage: Storage) -> None:
    """Reading alone changes nothing."""
    open_postgres(storage.url(), lineage=WITHOUT_ID).record(make_receipt())
    ledger = open_postgres(storage.url())
    assert ledger.recall() == Memory(receipts=(make_receipt(),))
    assert _list_manifests(storage) == [(ACCOUNT, OWNER, "")]
    ledger.forget(make_receipt().address)
    assert _list_manifests(storage) == [(ACCOUNT, OWNER, IDENTITY.id)]
    assert ledger.recall() == Memory()


def test_a_manifest_is_not_renamed_under_a_run_that_is_at_work(storage: Storage) -> None:
    """The lock goes along with the rows, and who waits for it takes nothing over yet."""
    former, renamed = open_postgres(storage.url()), open_postgres(storage.url(), lineage=RENAMED)
    with former.lock(make_holder("former"), patience=AT_ONCE):
        with pytest.raises(LedgerLockedError), renamed.lock(make_holder("renamed"), patience=AT_ONCE):
            pytest.fail("two hold one lock")
        former.record(make_receipt())
        assert _list_manifests(storage) == [(ACCOUNT, OWNER, IDENTITY.id)]
    with renamed.lock(make_holder("renamed"), patience=AT_ONCE) as lease:
        assert lease.holder.number == 2
    assert _list_manifests(storage) == [(ACCOUNT, "renamed", IDENTITY.id)]
    assert renamed.recall() == Memory(receipts=(make_receipt(),))


def test_rows_of_the_present_name_count_above_those_of_a_former_one(storage: Storage) -> None:
    """The line `formerly` was written after the first apply under the new name."""
    open_postgres(storage.url()).record(make_receipt(generation=1))
    open_postgres(storage.url(), lineage=Lineage(identity=RENAMED.identity)).record(make_receipt(generation=2))
    ledger = open_postgres(storage.url(), lineage=RENAMED)
    ledger.record(make_receipt(generation=3))
    assert ledger.recall() == Memory(receipts=(make_receipt(generation=3),))
    assert open_postgres(storage.url()).recall() == Memory(receipts=(make_receipt(generation=1),))


def _await_waiting(storage: Storage, number: int) -> None:
    deadline = monotonic() + 8
    while storage.run("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") != [(number,)]:
        assert monotonic() < deadline
        Event().wait(0.05)


def test_of_manifests_that_take_the_same_rows_over_at_once_one_gets_them(storage: Storage) -> None:
    """Two branches renamed the manifest differently."""
    open_postgres(storage.url()).record(make_receipt())
    heirs = [
        open_postgres(storage.url(), lineage=Lineage(identity=Identity(name), formerly=(IDENTITY,)))
        for name in ("a", "b", "c", "d")
    ]
    with ThreadPoolExecutor(len(heirs)) as pool, psycopg.connect(storage.server.url(user="postgres")) as keeper:
        keeper.execute(f"TABLE {storage.schema}.manifests FOR UPDATE".encode())
        writes = [pool.submit(heir.forget, Address("user/none")) for heir in heirs]
        # All have found the rows by now, and wait to rename them.
        _await_waiting(storage, len(heirs))
    for write in writes:
        write.result()
    assert sorted(len(heir.recall().receipts) for heir in heirs) == [0, 0, 0, 1]
    assert sorted(owner for _, owner, _ in _list_manifests(storage)) == ["a", "b", "c", "d"]
