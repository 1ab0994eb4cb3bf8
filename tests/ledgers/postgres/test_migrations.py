"""The tables are made once, by one process, and only by one that writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta

import pytest
from ledgers.postgres.openings import open_postgres, open_postgres_reader, running_script
from ledgers.postgres.proxy import Loss, faulty_proxy
from ledgers.postgres.servers import PASSWORD, ROLE, PostgresServer, Storage

from keyplan.errors import LedgerError, LedgerUntrustedError
from keyplan.ledgers.postgres.migrations import STEPS
from keyplan.ledgers.postgres.pool import close_pools
from keyplan.model.ledger import LockName, Memory, Spending
from keyplan.testing.samples import NOW, SimulatedClock, make_history_entry, make_holder, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

_RECORD = """
from keyplan.model.identity import Address
from keyplan.testing.samples import make_receipt
from ledgers.postgres.openings import open_postgres
ledger = open_postgres(sys.argv[1])
sys.stdin.readline()
ledger.record(make_receipt(address=Address(f"user/{sys.argv[2]}")))
"""


def test_of_eight_processes_that_start_together_one_makes_the_tables(storage: Storage) -> None:
    """A deployment starts all of its replicas at once."""
    with ExitStack() as stack:
        processes = [stack.enter_context(running_script(_RECORD, storage.url(), str(number))) for number in range(8)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.wait(120) for process in processes] == [0] * 8
    assert len(open_postgres_reader(storage.url()).recall().receipts) == 8
    assert storage.run("SELECT step FROM {schema}.migrations") == [(len(STEPS),)]
    assert storage.run("SELECT count(*) FROM {schema}.manifests") == [(1,)]


def test_a_reader_makes_nothing(storage: Storage) -> None:
    """Before the first apply there is no schema, and a plan needs no right to make one."""
    reader = open_postgres_reader(storage.url())
    assert reader.recall() == Memory()
    assert reader.holder(LockName.WATCH) is None
    assert storage.run("SELECT to_regnamespace(%s)", storage.schema) == [(None,)]


def test_tables_of_a_newer_keyplan_are_refused(storage: Storage) -> None:
    """An older runner must neither misread nor write them."""
    ledger = open_postgres(storage.url())
    ledger.record(make_receipt())
    storage.run("INSERT INTO {schema}.migrations (step) VALUES (%s)", len(STEPS) + 1)
    late = open_postgres(storage.url())
    for call in (late.recall, late.holder, lambda: late.record(make_receipt(generation=2))):
        with pytest.raises(LedgerError, match="newer keyplan") as refused:
            call()
        assert refused.value.advice == "upgrade keyplan"
    assert storage.run("SELECT count(*) FROM {schema}.receipts") == [(1,)]


@pytest.mark.parametrize("right", ["INSERT", "UPDATE", "DELETE", "TRUNCATE", "TRIGGER"])
def test_tables_that_every_role_may_write_are_refused(storage: Storage, right: str) -> None:
    """As a file that others may write: what it says would let them end any key."""
    open_postgres(storage.url()).record(make_receipt())
    storage.run("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO PUBLIC")
    assert open_postgres_reader(storage.url()).recall() == Memory(receipts=(make_receipt(),))
    storage.run(f"GRANT {right} ON {{schema}}.receipts TO PUBLIC")
    for call in (
        open_postgres_reader(storage.url()).recall,
        lambda: open_postgres(storage.url()).record(make_receipt()),
    ):
        with pytest.raises(LedgerUntrustedError, match="cannot be trusted") as refused:
            call()
        assert refused.value.advice.startswith(f"REVOKE ALL ON ALL TABLES IN SCHEMA {storage.schema} FROM PUBLIC;")
        storage.run(refused.value.advice.partition(";")[0])
        call()
        storage.run(f"GRANT {right} ON {{schema}}.receipts TO PUBLIC")


@pytest.mark.parametrize("loss", [Loss.MESSAGE, Loss.ANSWER])
def test_a_migration_that_breaks_off_leaves_all_of_a_step_or_nothing(server: PostgresServer, loss: Loss) -> None:
    """At each message in turn; the next process goes on from there."""
    with faulty_proxy(server.port) as proxy:
        number, was_hit = 0, True
        while was_hit:
            storage = Storage(server)
            ledger = open_postgres(storage.url(proxy.port), clock=SimulatedClock())
            proxy.break_at(*range(number, 200), loss=loss)
            with suppress(LedgerError):
                ledger.record(make_receipt())
            was_hit = len(proxy.seen) > number
            proxy.break_at(loss=loss)
            close_pools()
            open_postgres(storage.url()).record(make_receipt())
            assert open_postgres_reader(storage.url()).recall() == Memory(receipts=(make_receipt(),))
            close_pools()
            number += 1
        assert number > 20


@pytest.fixture
def limited(server: PostgresServer) -> Iterator[str]:
    """Return a role that may log in, and nothing else."""
    server.run(f"CREATE ROLE limited LOGIN PASSWORD '{PASSWORD}'")
    yield "limited"
    close_pools()
    server.run("DROP OWNED BY limited; DROP ROLE limited")


def test_a_role_that_may_only_write_rows_writes_once_the_tables_are_there(storage: Storage, limited: str) -> None:
    """The rights that docs/ledgers.md lists, and no more."""
    open_postgres(storage.url()).record(make_receipt())
    url = storage.url().replace(f"//{ROLE}:", f"//{limited}:")
    storage.run(f"GRANT USAGE ON SCHEMA {{schema}} TO {limited}")
    storage.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA {{schema}} TO {limited}")
    assert open_postgres_reader(url).recall() == Memory(receipts=(make_receipt(),))
    with pytest.raises(LedgerError, match="permission denied"):
        open_postgres(url).record(make_receipt(generation=2))
    storage.run(f"GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {{schema}} TO {limited}")
    ledger = open_postgres(url)
    with ledger.lock(make_holder(), patience=timedelta(0)):
        ledger.record(make_receipt(generation=2))
        ledger.spend(Spending(digest="sha256:1", at=NOW, host="build-7"))
        ledger.remember(make_history_entry())
    assert ledger.recall().receipts == (make_receipt(generation=2),)


def test_a_schema_that_an_administrator_made_needs_no_right_to_make_schemas(storage: Storage, limited: str) -> None:
    """Many databases give that right to no role."""
    storage.run(f"CREATE SCHEMA {{schema}} AUTHORIZATION {limited}")
    ledger = open_postgres(storage.url().replace(f"//{ROLE}:", f"//{limited}:"))
    ledger.record(make_receipt())
    assert ledger.recall() == Memory(receipts=(make_receipt(),))
