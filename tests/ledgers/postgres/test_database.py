"""What becomes of a transaction when the server stops, restarts, falls silent or refuses."""

from __future__ import annotations

import logging
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Timer
from time import monotonic

import psycopg
import pytest
from ledgers.postgres.openings import open_postgres, open_postgres_reader
from ledgers.postgres.proxy import Loss, faulty_proxy
from ledgers.postgres.servers import PASSWORD, ROLE, PostgresServer, Storage, running_postgres

from keyplan.errors import InputError, LedgerError
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction
from keyplan.ledgers.postgres.pool import close_pools, find_pool
from keyplan.ledgers.postgres.target import find_target
from keyplan.model.ledger import Memory
from keyplan.model.manifest import SecretSource
from keyplan.model.secret import Credential
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import SimulatedClock, make_context, make_holder, make_intent, make_receipt

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """Return a server that tests may stop."""
    with running_postgres() as running:
        yield running


@pytest.fixture
def own_storage(own_server: PostgresServer) -> Iterator[Storage]:
    yield Storage(own_server)
    close_pools()


def _open_database(url: str) -> LedgerDatabase:
    return LedgerDatabase({}, make_context(environment={"KEYPLAN_LEDGER_DSN": url}, clock=SystemClock()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["shutdown", "crash"])
def test_a_server_that_restarts_between_two_calls_is_not_noticed(own_storage: Storage, how: int) -> None:
    """A database gets its updates, and an apply goes on."""
    ledger = open_postgres(own_storage.url())
    with ledger.lock(make_holder(), patience=AT_ONCE) as lease:
        ledger.open_intent(make_intent())
        own_storage.server.stop(how)
        own_storage.server.start()
        ledger.record(make_receipt(), closes=[make_intent().id])
        lease.check()
        assert ledger.recall() == Memory(receipts=(make_receipt(),))
    assert ledger.holder() is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["shutdown", "crash"])
def test_a_server_that_restarts_in_mid_transaction_has_its_work_done_once(own_storage: Storage, how: int) -> None:
    """Nothing of the first attempt is left."""
    database = _open_database(own_storage.url())
    own_storage.run(
        f"CREATE SCHEMA {{schema}} CREATE TABLE counted (number int); ALTER SCHEMA {{schema}} OWNER TO {ROLE}"
    )
    own_storage.run(f"ALTER TABLE {{schema}}.counted OWNER TO {ROLE}")
    calls = []

    def work(transaction: Transaction) -> None:
        calls.append(1)
        transaction.run("INSERT INTO {schema}.counted VALUES (1)")
        if len(calls) == 1:
            own_storage.server.stop(how)
            own_storage.server.start()
        transaction.run("INSERT INTO {schema}.counted VALUES (2)")

    database.write(work)
    assert len(calls) == 2
    assert own_storage.run("SELECT number FROM {schema}.counted ORDER BY 1") == [(1,), (2,)]


def test_a_server_that_is_away_for_two_seconds_is_waited_for(own_storage: Storage) -> None:
    """As long as a restart takes."""
    ledger = open_postgres(own_storage.url())
    ledger.open_intent(make_intent())
    own_storage.server.stop()
    later = Timer(2, own_storage.server.start)
    later.start()
    ledger.record(make_receipt())
    later.join()
    assert ledger.recall() == Memory(receipts=(make_receipt(),), intents=(make_intent(),))


def test_a_server_that_stays_away_is_a_ledger_error_and_a_later_call_finds_it_again(own_storage: Storage) -> None:
    """In mid-apply the run ends; it does not hang."""
    ledger = open_postgres(own_storage.url())
    ledger.open_intent(make_intent())
    own_storage.server.stop()
    try:
        begun = monotonic()
        with pytest.raises(LedgerError, match=f"127.0.0.1:{own_storage.server.port}/{ROLE}") as failed:
            ledger.record(make_receipt())
        assert "check the address" in failed.value.advice
        assert monotonic() - begun < 20
    finally:
        own_storage.server.start()
    ledger.record(make_receipt())
    assert ledger.recall() == Memory(receipts=(make_receipt(),), intents=(make_intent(),))


def test_sessions_that_an_administrator_ends_are_replaced(storage: Storage) -> None:
    """Also all of them at once, between calls."""
    ledger = open_postgres(storage.url())
    for generation in range(1, 4):
        ledger.record(make_receipt(generation=generation))
        storage.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", ROLE)
    assert ledger.recall().receipts == (make_receipt(generation=3),)


def test_a_session_that_is_ended_in_mid_transaction_is_replaced(storage: Storage) -> None:
    """The work is done again from its beginning."""
    database, pids = _open_database(storage.url()), []

    def work(transaction: Transaction) -> str:
        (pid,) = transaction.find("SELECT pg_backend_pid()") or (0,)
        pids.append(pid)
        if len(pids) == 1:
            storage.run("SELECT pg_terminate_backend(%s, 5000)", pid)
        found = transaction.find("SELECT 'done'")
        return found[0] if found else ""

    assert database.write(work) == "done"
    assert len(set(pids)) == 2


def test_a_server_that_falls_silent_ends_a_call_within_a_minute(storage: Storage) -> None:
    """A load balancer can keep a connection whose server is gone."""
    with faulty_proxy(storage.server.port) as proxy:
        ledger = open_postgres(storage.url(proxy.port))
        ledger.record(make_receipt())
        proxy.break_at(*range(100), loss=Loss.SILENCE)
        begun = monotonic()
        with pytest.raises(LedgerError, match="the server has not answered for 15 s"):
            ledger.record(make_receipt(generation=2))
        assert monotonic() - begun < 30


def test_a_statement_that_waits_for_a_table_ends_by_itself(storage: Storage) -> None:
    """A user has the table open in an editor."""
    ledger = open_postgres(storage.url())
    ledger.record(make_receipt())
    with psycopg.connect(storage.server.url(user="postgres")) as editor:
        editor.execute(f"LOCK TABLE {storage.schema}.receipts".encode())
        with pytest.raises(LedgerError, match="lock timeout") as failed:
            ledger.record(make_receipt(generation=2))
    assert "pg_stat_activity" in failed.value.advice


def test_a_session_keeps_nothing_of_a_transaction(storage: Storage) -> None:
    """Behind PgBouncer the next transaction has another user's session."""
    ledger = open_postgres(storage.url())
    with ledger.lock(make_holder(), patience=AT_ONCE):
        ledger.record(make_receipt())
        for _ in range(10):
            ledger.recall()
    target = find_target({}, make_context(environment={"KEYPLAN_LEDGER_DSN": storage.url()}))
    with find_pool(target.parameters).lend() as connection:
        assert connection.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
        changed = "SELECT name FROM pg_settings WHERE source = 'session'"
        assert connection.execute(changed).fetchall() == []
        assert connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchall() == []


def test_a_commit_waits_for_the_disk_even_where_the_role_s_default_is_not_to(storage: Storage) -> None:
    """An intent that a crash forgets leaves a key that no record knows."""
    storage.run(f"ALTER ROLE {ROLE} SET synchronous_commit = off")
    try:
        found = _open_database(storage.url()).write(lambda transaction: transaction.find("SHOW synchronous_commit"))
    finally:
        storage.run(f"ALTER ROLE {ROLE} RESET synchronous_commit")
    assert found == ("on",)


def test_a_reader_cannot_write(storage: Storage) -> None:
    """Whatever a reader is asked, the database refuses a change."""
    database = _open_database(storage.url())
    with pytest.raises(LedgerError, match="read-only transaction"):
        database.read(lambda transaction: transaction.run("CREATE SCHEMA {schema}"))


def test_a_wrong_password_is_tried_twice_and_no_more(storage: Storage) -> None:
    """Servers and their guards lock a role out that fails often."""
    before = storage.server.read_log().count("password authentication failed")
    with pytest.raises(LedgerError, match="password authentication failed"):
        open_postgres_reader(storage.url().replace(PASSWORD, "wrong")).recall()
    assert storage.server.read_log().count("password authentication failed") - before == 2


def test_a_secret_that_was_replaced_is_fetched_again(storage: Storage) -> None:
    """A token of a cloud's database lives for minutes, a `keyplan watch` for months."""
    tokens = iter([storage.url().replace(PASSWORD, "expired-token"), storage.url()])
    context = replace(make_context(clock=SimulatedClock()), resolve=lambda _source: Credential(next(tokens)))
    database = LedgerDatabase({}, context)
    assert database.read(lambda transaction: transaction.find("SELECT 1")) == (1,)


def _read(url: str) -> None:
    open_postgres_reader(url).recall()


def _quote(storage: Storage) -> None:
    database = _open_database(storage.url())
    database.read(lambda transaction: transaction.find("SELECT %s::int", PASSWORD))


def test_a_secret_that_cannot_be_fetched_again_is_used_on(storage: Storage) -> None:
    """The program that prints it asks a user, who has gone home."""
    urls = iter([storage.url()])

    def resolve(_source: SecretSource) -> Credential:
        try:
            return Credential(next(urls))
        except StopIteration:
            raise InputError("no answer") from None

    database = LedgerDatabase({}, replace(make_context(clock=SimulatedClock()), resolve=resolve))
    assert database.read(lambda transaction: transaction.find("SELECT 1")) == (1,)
    storage.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", ROLE)
    assert database.read(lambda transaction: transaction.find("SELECT 2")) == (2,)
    with pytest.raises(InputError, match="no answer"):
        LedgerDatabase({}, replace(make_context(), resolve=resolve)).read(lambda _: None)


FAILURES: dict[str, Callable[[Storage], None]] = {
    "wrong password": lambda storage: _read(storage.url().replace(PASSWORD, f"{PASSWORD}-wrong")),
    "no such database": lambda storage: _read(storage.url().replace(f"/{ROLE}?", "/elsewhere?")),
    "no such server": lambda storage: _read(storage.url(1)),
    "no URL": lambda storage: _read(f"host=127.0.0.1,password={PASSWORD}"),
    "an unknown parameter": lambda storage: _read(f"{storage.url()}&unheard=1"),
    "a password that is not encoded": lambda storage: _read(f"postgresql://u:{PASSWORD}/x@127.0.0.1/db"),
    "an impossible schema": lambda storage: _read(f"postgresql://u:{PASSWORD}@127.0.0.1/db?schema=A-B"),
    "a statement that quotes it": _quote,
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_failure_shows_the_password(storage: Storage, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the message, nor the whole chain of causes, nor a log at its most talkative."""
    with caplog.at_level(logging.DEBUG), pytest.raises((InputError, LedgerError)) as failed:
        FAILURES[name](storage)
    shown = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + failed.value.advice
    assert PASSWORD not in shown
    assert PASSWORD not in caplog.text
    assert failed.value.__suppress_context__ or failed.value.__context__ is None


def test_no_object_shows_the_password(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    """Also while all goes well."""
    with caplog.at_level(logging.DEBUG):
        ledger = open_postgres(storage.url())
        ledger.record(make_receipt())
        target = find_target({}, make_context(environment={"KEYPLAN_LEDGER_DSN": storage.url()}))
        with find_pool(target.parameters).lend() as connection:
            shown = [repr(one) for one in (ledger, target, find_pool(target.parameters), connection, vars(ledger))]
    assert PASSWORD not in " ".join(shown)
    assert PASSWORD not in caplog.text


def test_a_role_without_rights_is_told_which_it_needs(storage: Storage) -> None:
    """The administrator reads the page that the message names."""
    storage.run(f"CREATE SCHEMA {{schema}}; REVOKE ALL ON SCHEMA {{schema}} FROM {ROLE}")
    with pytest.raises(LedgerError, match="permission denied") as failed:
        open_postgres(storage.url()).record(make_receipt())
    assert "docs/ledgers.md" in failed.value.advice
