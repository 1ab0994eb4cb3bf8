"""The lock between processes: who gets it, what a killed, paused or late holder can still do."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
from ledgers.postgres.openings import open_postgres, open_postgres_reader, running_script
from ledgers.postgres.servers import Storage

from keyplan.errors import LeaseLostError, LedgerLockedError
from keyplan.ledgers.documents import to_text
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction
from keyplan.ledgers.postgres.locks import PostgresLocks
from keyplan.ledgers.postgres.manifests import ManifestRows
from keyplan.ledgers.postgres.migrations import Migrations
from keyplan.model.identity import Address, Identity, Lineage, ManifestId
from keyplan.model.ledger import LockName, Memory
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import (
    ACCOUNT,
    LINEAGE,
    OWNER,
    SimulatedClock,
    make_context,
    make_history_entry,
    make_holder,
    make_receipt,
)

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

AT_ONCE = timedelta(0)
PATIENT = timedelta(minutes=2)
SHORT = timedelta(seconds=5)

_OPEN = """
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from keyplan.errors import LeaseLostError
from keyplan.testing.samples import make_holder, make_receipt
from ledgers.postgres.openings import open_postgres
ledger = open_postgres(sys.argv[1])
holder, lease = make_holder(sys.argv[2], host=sys.argv[2]), timedelta(seconds=5)
"""
_HOLD = (
    _OPEN
    + """
with ledger.lock(holder, patience=timedelta(0), lease=lease) as held:
    print("held", held.holder.number, flush=True)
    for line in sys.stdin:
        try:
            ledger.record(make_receipt(name=sys.argv[2]))
            print("recorded", flush=True)
        except LeaseLostError as error:
            print("refused", error, flush=True)
        try:
            held.check()
            print("checked", flush=True)
        except LeaseLostError as error:
            print("lost", error, flush=True)
"""
)
_HOLD_IN_TRANSACTION = (
    _OPEN
    + """
def work(transaction):
    ledger._locks.require_held(transaction)
    print("inside", flush=True)
    sys.stdin.readline()

with ledger.lock(holder, patience=timedelta(0), lease=lease):
    try:
        ledger._database.write(work)
        print("committed", flush=True)
    except LeaseLostError as error:
        print("refused", error, flush=True)
"""
)
_CONTEND = (
    _OPEN
    + """
place = Path(sys.argv[3])
for turn in range(10):
    with ledger.lock(holder, patience=timedelta(minutes=2)) as held:
        place.touch(exist_ok=False)
        ledger.record(make_receipt(name=f"{sys.argv[2]} {turn}"))
        place.unlink()
        print(held.holder.number, flush=True)
"""
)


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _poke(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _await(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 60
    while not condition():
        assert monotonic() < deadline
        Event().wait(0.05)


@pytest.mark.parametrize("way", ["direct", "pgbouncer"])
def test_of_processes_that_contend_one_at_a_time_is_in(
    storage: Storage, tmp_path: Path, way: str, request: pytest.FixtureRequest
) -> None:
    """Each number is given once, and each greater than all before it."""
    place = str(tmp_path / "inside")
    url = storage.url(request.getfixturevalue("bouncer") if way == "pgbouncer" else None)
    with (
        running_script(_CONTEND, url, "first", place) as first,
        running_script(_CONTEND, url, "second", place) as second,
    ):
        outputs = [process.communicate(timeout=120)[0] for process in (first, second)]
        assert (first.returncode, second.returncode) == (0, 0)
    numbers = [[int(line) for line in output.split()] for output in outputs]
    assert all(each == sorted(each) for each in numbers)
    assert sorted(numbers[0] + numbers[1]) == list(range(1, 21))
    assert open_postgres_reader(storage.url()).holder() is None


def test_the_lock_of_a_killed_process_is_free_once_its_lease_is_over(storage: Storage) -> None:
    """No user has to unlock anything, and no run gets in sooner."""
    ledger = open_postgres(storage.url())
    with running_script(_HOLD, storage.url(), "killed") as process:
        assert _read(process) == "held 1\n"
    begun = monotonic()
    with pytest.raises(LedgerLockedError, match="killed"), ledger.lock(make_holder(), patience=AT_ONCE):
        pytest.fail("two hold one lock")
    with ledger.lock(make_holder(), patience=PATIENT) as lease:
        assert 3 < monotonic() - begun < 12
        assert lease.holder.number == 2


def test_a_holder_that_was_paused_longer_than_its_lease_can_write_nothing(storage: Storage) -> None:
    """It wakes up while the next holder is at work, and still believes that it holds the lock."""
    other = open_postgres(storage.url())
    with running_script(_HOLD, storage.url(), "paused") as process:
        assert _read(process) == "held 1\n"
        _poke(process)
        assert [_read(process), _read(process)] == ["recorded\n", "checked\n"]
        os.kill(process.pid, signal.SIGSTOP)
        with other.lock(make_holder("other"), patience=PATIENT):
            other.record(make_receipt(name="other"))
            os.kill(process.pid, signal.SIGCONT)
            _poke(process)
            assert _read(process).startswith("refused this run no longer holds the lock of 127.0.0.1")
            assert _read(process).startswith("lost")
            assert process.communicate(timeout=60)[0] == ""
            # Its end did not free what is no longer its own.
            assert other.holder() == make_holder("other")
            other.record(make_receipt(name="other", generation=2))
    assert other.recall() == Memory(receipts=(make_receipt(name="other", generation=2),))


def test_a_holder_that_was_paused_in_mid_transaction_keeps_no_run_out_and_commits_nothing(storage: Storage) -> None:
    """Its transaction holds the row of the lock, and the server ends it."""
    other = open_postgres(storage.url())
    with running_script(_HOLD_IN_TRANSACTION, storage.url(), "paused") as process:
        assert _read(process) == "inside\n"
        os.kill(process.pid, signal.SIGSTOP)
        begun = monotonic()
        with other.lock(make_holder("other"), patience=PATIENT):
            assert monotonic() - begun < 20
            os.kill(process.pid, signal.SIGCONT)
            assert process.communicate("\n", timeout=60)[0].startswith("refused this run no longer holds")


def test_no_run_takes_the_lock_over_between_a_holder_s_check_and_its_commit(storage: Storage) -> None:
    """The write counts, and the next holder reads it."""
    context = make_context(environment={"KEYPLAN_LEDGER_DSN": storage.url()}, lineage=LINEAGE, clock=SystemClock())
    database, rows = LedgerDatabase({}, context), ManifestRows(lineage=LINEAGE, account=ACCOUNT)
    locks, other, inside = PostgresLocks(database, rows, Migrations(database)), open_postgres(storage.url()), Event()
    assert locks.seize(make_holder("late"), lease=SHORT, name=LockName.APPLY)
    storage.run("UPDATE {schema}.locks SET until = clock_timestamp()")

    def take_over() -> Memory:
        with other.lock(make_holder("other"), patience=PATIENT):
            inside.set()
            return other.recall()

    def work(transaction: Transaction) -> Future[Memory]:
        key = locks.require_held(transaction)
        taken = pool.submit(take_over)
        assert not inside.wait(1)
        transaction.run("INSERT INTO {schema}.receipts VALUES (%s, %s, %s)", key, "user/ci", document)
        return taken

    document = to_text(make_receipt().to_dict())
    with ThreadPoolExecutor(1) as pool:
        assert database.write(work).result() == Memory(receipts=(make_receipt(),))


def test_a_late_holder_may_not_write_even_after_the_next_one_has_released(storage: Storage) -> None:
    """The row of the lock is free again, and its number tells."""
    late, other = (open_postgres(storage.url(), clock=SimulatedClock()) for _ in range(2))
    with late.lock(make_holder("late"), patience=AT_ONCE):
        storage.run("UPDATE {schema}.locks SET until = clock_timestamp()")
        with other.lock(make_holder("other"), patience=AT_ONCE):
            pass
        for write in (lambda: late.record(make_receipt()), lambda: late.remember(make_history_entry())):
            with pytest.raises(LeaseLostError):
                write()
    # Also once its own block has ended.
    with pytest.raises(LeaseLostError):
        late.forget(Address("user/ci"))
    with late.lock(make_holder("late"), patience=AT_ONCE) as lease:
        assert lease.holder.number == 3
        late.record(make_receipt())


def test_the_database_s_clock_decides_and_ours_does_not(storage: Storage) -> None:
    """A machine whose clock is years ahead takes no lock over, and one years behind keeps none."""
    ahead, behind = SimulatedClock(datetime(2090, 1, 1, tzinfo=UTC)), SimulatedClock(datetime(2000, 1, 1, tzinfo=UTC))
    with open_postgres(storage.url(), clock=behind).lock(make_holder("behind"), patience=AT_ONCE) as lease:
        until = lease.holder.until
        ((now,),) = storage.run("SELECT clock_timestamp()")
        assert until is not None
        assert timedelta(seconds=40) < until - now < timedelta(seconds=61)
        other = open_postgres(storage.url(), clock=ahead)
        with pytest.raises(LedgerLockedError), other.lock(make_holder("ahead"), patience=timedelta(minutes=5)):
            pytest.fail("two hold one lock")


def test_who_waits_for_a_lock_writes_nothing(storage: Storage) -> None:
    """Replicas that stand by ask twice a second, for months."""
    with open_postgres(storage.url()).lock(make_holder(), patience=AT_ONCE):
        before = storage.run("SELECT xmin, xmax FROM {schema}.locks")
        other = open_postgres(storage.url(), clock=SimulatedClock())
        with pytest.raises(LedgerLockedError), other.lock(make_holder("b"), patience=timedelta(seconds=5)):
            pytest.fail("two hold one lock")
        assert storage.run("SELECT xmin, xmax FROM {schema}.locks") == before


def test_a_lock_that_is_kept_is_renewed(storage: Storage) -> None:
    """A provider can be slower than a lease."""
    with open_postgres(storage.url()).lock(make_holder(), patience=AT_ONCE, lease=SHORT) as lease:
        first = lease.holder.until
        assert first is not None
        _await(lambda: bool(lease.holder.until and lease.holder.until > first + SHORT))
        lease.check()
        with pytest.raises(LedgerLockedError), open_postgres(storage.url()).lock(make_holder("b"), patience=AT_ONCE):
            pytest.fail("two hold one lock")


def test_manifests_and_accounts_in_one_database_do_not_wait_for_each_other(storage: Storage) -> None:
    """A hundred manifests share one database."""
    others = (
        open_postgres(storage.url(), lineage=Lineage(identity=Identity("another-team", ManifestId("a1")))),
        open_postgres(storage.url(), lineage=Lineage(identity=Identity(OWNER, ManifestId("another")))),
        open_postgres(storage.url(), account="https://api.elsewhere.test"),
    )
    with open_postgres(storage.url(), lineage=LINEAGE).lock(make_holder("ours"), patience=AT_ONCE):
        for number, other in enumerate(others):
            with other.lock(make_holder(f"other-{number}"), patience=AT_ONCE):
                assert other.holder() == make_holder(f"other-{number}")


def test_unlocking_a_leader_leaves_the_apply_alone(storage: Storage) -> None:
    """Each lock has its own id."""
    ledger = open_postgres(storage.url())
    with (
        ledger.lock(make_holder("leader"), patience=AT_ONCE, name=LockName.WATCH),
        ledger.lock(make_holder("run"), patience=AT_ONCE),
    ):
        open_postgres(storage.url()).unlock("leader")
        assert (ledger.holder(LockName.WATCH), ledger.holder()) == (None, make_holder("run"))
        ledger.record(make_receipt())
