"""Each write has one effect, whatever breaks on the way: proven at every message between keyplan and the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from time import process_time

import pytest
from ledgers.postgres.openings import open_postgres, open_postgres_reader
from ledgers.postgres.proxy import FaultyProxy, Loss, faulty_proxy
from ledgers.postgres.servers import PostgresServer, Storage

from keyplan.errors import LedgerDamagedError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.postgres.pool import close_pools
from keyplan.model.identity import Address
from keyplan.model.ledger import Memory, Spending
from keyplan.ports import Ledger
from keyplan.testing.samples import (
    NOW,
    SimulatedClock,
    make_history_entry,
    make_holder,
    make_intent,
    make_receipt,
)

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)
SPENDING = Spending(digest="sha256:1", at=NOW, host="build-7")


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[FaultyProxy]:
    with faulty_proxy(server.port) as running:
        yield running


def _lock(ledger: Ledger) -> None:
    with ledger.lock(make_holder(), patience=AT_ONCE) as lease:
        lease.check()
        assert ledger.holder() == make_holder()


def _record_once_more(ledger: Ledger) -> None:
    ledger.record(make_receipt(generation=2), closes=[make_intent().id])


WRITES: dict[str, tuple[Callable[[Ledger], None], Memory]] = {
    "open_intent": (
        lambda ledger: ledger.open_intent(make_intent("second")),
        Memory(receipts=(make_receipt(),), intents=(make_intent(), make_intent("second")), serial=1),
    ),
    "close_intent": (
        lambda ledger: ledger.close_intent(make_intent().id),
        Memory(receipts=(make_receipt(),), serial=1),
    ),
    "record": (_record_once_more, Memory(receipts=(make_receipt(generation=2),), serial=1)),
    "forget": (lambda ledger: ledger.forget(make_receipt().address), Memory(intents=(make_intent(),), serial=1)),
    "spend": (
        lambda ledger: ledger.spend(SPENDING),
        Memory(receipts=(make_receipt(),), intents=(make_intent(),), serial=1),
    ),
    "remember": (
        lambda ledger: ledger.remember(make_history_entry("sha256:2")),
        Memory(receipts=(make_receipt(),), intents=(make_intent(),), serial=2),
    ),
    "lock": (_lock, Memory(receipts=(make_receipt(),), intents=(make_intent(),), serial=1)),
}
BEFORE = Memory(receipts=(make_receipt(),), intents=(make_intent(),), serial=1)


def _fill(url: str) -> None:
    ledger = open_postgres(url)
    ledger.record(make_receipt())
    ledger.open_intent(make_intent())
    ledger.remember(make_history_entry())


@pytest.mark.parametrize("loss", [Loss.MESSAGE, Loss.ANSWER])
@pytest.mark.parametrize("name", WRITES)
def test_a_write_over_a_connection_that_breaks_once_has_its_effect_once(
    server: PostgresServer, proxy: FaultyProxy, name: str, loss: Loss
) -> None:
    """At each message in turn, those of the login among them."""
    write, expected = WRITES[name]
    number, was_hit = 0, True
    while was_hit:
        storage = Storage(server)
        _fill(storage.url())
        close_pools()
        ledger = open_postgres(storage.url(proxy.port), clock=SimulatedClock())
        proxy.break_at(number, loss=loss)
        write(ledger)
        was_hit = len(proxy.seen) > number
        reader = open_postgres_reader(storage.url())
        assert reader.recall() == expected, (number, proxy.seen)
        assert reader.spending(SPENDING.digest) == (SPENDING if name == "spend" else None)
        assert reader.holder() is None
        number += 1
    close_pools()
    assert number > 8  # the login and the transaction were both among them


@pytest.mark.parametrize("loss", [Loss.MESSAGE, Loss.ANSWER])
@pytest.mark.parametrize("name", sorted(WRITES.keys() - {"lock"}))
def test_a_write_over_connections_that_keep_breaking_fails_and_has_its_effect_at_most_once(
    server: PostgresServer, proxy: FaultyProxy, name: str, loss: Loss
) -> None:
    """From each message of the transaction on. The next run finds either state, and none between them."""
    write, expected = WRITES[name]
    for number in range(8):
        storage = Storage(server)
        _fill(storage.url())
        ledger = open_postgres(storage.url(proxy.port), clock=SimulatedClock())
        ledger.close_intent(make_intent("none").id)
        proxy.break_at(*range(number, 100), loss=loss)
        with suppress(LedgerError):
            write(ledger)
            assert len(proxy.seen) <= number
        proxy.break_at(loss=loss)
        assert open_postgres_reader(storage.url()).recall() in (BEFORE, expected)
        close_pools()


def test_a_plan_whose_first_mark_is_lost_on_the_way_back_is_still_spent_for_others(
    storage: Storage, proxy: FaultyProxy
) -> None:
    """The run that spent it goes on, and no other does."""
    ours = open_postgres(storage.url(proxy.port), clock=SimulatedClock())
    ours.forget(Address("user/none"))
    proxy.break_on(b"COMMIT", Loss.ANSWER)
    ours.spend(SPENDING)
    for other in (ours, open_postgres(storage.url())):
        with pytest.raises(PlanSpentError, match="2026-11-23T07:31:00"):
            other.spend(SPENDING)


def test_ten_thousand_receipts_take_less_than_half_a_second_of_the_processor(storage: Storage) -> None:
    """Each plan reads them all, in 0.13 s: as long as from a file. Waiting for the server is not counted."""
    ledger = open_postgres(storage.url())
    ledger.record(make_receipt())
    storage.run(
        "INSERT INTO {schema}.receipts SELECT manifest, 'user/' || number,"
        " replace(document, 'user/ci', 'user/' || number)"
        " FROM {schema}.receipts, generate_series(1, 9999) AS number"
    )
    reader = open_postgres_reader(storage.url())
    took = []
    for _ in range(5):
        begun = process_time()
        assert len(reader.recall().receipts) == 10_000
        took.append(process_time() - begun)
    assert min(took) < 0.5


def test_all_receipts_come_in_one_answer(storage: Storage, proxy: FaultyProxy) -> None:
    """A database across an ocean answers each question after a tenth of a second."""
    ledger = open_postgres(storage.url(proxy.port))
    for name in "abc":
        ledger.record(make_receipt(address=Address(f"user/{name}")))
    proxy.break_at(loss=Loss.MESSAGE)
    assert len(ledger.recall().receipts) == 3
    assert len(proxy.seen) == 9  # the head of the history is a question of its own


@pytest.mark.parametrize("document", ["", "{}", "[1]", '{"a": 1} x', "null"])
def test_a_row_that_is_no_document_is_damage(storage: Storage, document: str) -> None:
    """A user edited the table by hand."""
    ledger = open_postgres(storage.url())
    ledger.record(make_receipt())
    with ledger.lock(make_holder(), patience=AT_ONCE):
        storage.run("UPDATE {schema}.receipts SET document = %s", document)
        storage.run("UPDATE {schema}.locks SET document = %s", document)
        for read in (ledger.recall, ledger.holder):
            with pytest.raises(LedgerDamagedError, match=storage.schema):
                read()


def test_a_refusal_names_the_holder_until_when_and_how_to_break_its_lock(storage: Storage) -> None:
    """The user decides whether to wait."""
    with open_postgres(storage.url()).lock(make_holder("lock-9"), patience=AT_ONCE):
        with (
            pytest.raises(LedgerLockedError) as refused,
            open_postgres(storage.url()).lock(make_holder("other"), patience=AT_ONCE),
        ):
            pytest.fail("two hold one lock")
        assert "ml-platform on build-7 (pid 4711) since 2026-11-23T07:31:00+00:00, until 20" in refused.value.message
        assert refused.value.advice.endswith("keyplan ledger unlock lock-9")


def test_a_ledger_says_that_machines_share_it(storage: Storage) -> None:
    """What depends on one common ledger asks for that."""
    assert open_postgres(storage.url()).is_shared
