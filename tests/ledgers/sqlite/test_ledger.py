import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from samples import (
    LINEAGE,
    NOW,
    OWNER,
    RAW,
    make_context,
    make_history_entry,
    make_holder,
    make_intent,
    make_ledger_settings,
    make_receipt,
    names_in,
)

from keyplan.app.registry import load
from keyplan.errors import LedgerError, LedgerForeignError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.sqlite import build, build_reader
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.place import LedgerPlace
from keyplan.model.history import Author, check_chain
from keyplan.model.identity import Address
from keyplan.model.ledger import Memory, Spending
from keyplan.ports import LedgerReader, RebuildableLedger

ACCOUNT = "https://api.simulated.test"
AT_ONCE = timedelta(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".keyplan" / "ledger.db"


def open_ledger(path: Path, *, owner: str = OWNER, account: str = ACCOUNT) -> RebuildableLedger:
    return build(make_ledger_settings({"path": str(path)}), make_context(owner=owner), account=account)


def open_reader(path: Path, *, owner: str = OWNER, account: str = ACCOUNT) -> LedgerReader:
    return build_reader(make_ledger_settings({"path": str(path)}), make_context(owner=owner), account=account)


def run_sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_registered() -> None:
    module = load("keyplan.ledgers", "sqlite")
    assert (module.build, module.build_reader) == (build, build_reader)


# the file


def test_reading_makes_nothing(path: Path, tmp_path: Path) -> None:
    reader = open_reader(path)
    assert reader.recall() == Memory()
    assert (reader.holder(), reader.spending("x"), reader.history()) == (None, None, ())
    assert names_in(tmp_path) == []


def test_building_makes_nothing(path: Path, tmp_path: Path) -> None:
    open_ledger(path).recall()
    assert names_in(tmp_path) == []


def test_the_first_write_makes_a_private_file_in_a_private_folder_that_git_ignores(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    assert (mode_of(path), mode_of(path.parent)) == (0o600, 0o700)
    assert (path.parent / ".gitignore").read_text() == "*\n"
    assert names_in(path.parent) == [".gitignore", "ledger.db"]


def test_an_existing_folder_gets_no_gitignore(tmp_path: Path) -> None:
    open_ledger(tmp_path / "ledger.db").record(make_receipt())
    assert names_in(tmp_path) == ["ledger.db"]


def test_the_file_holds_no_raw_key(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.open_intent(make_intent())
    ledger.record(make_receipt())
    assert b"user/ci" in path.read_bytes()
    assert RAW.encode() not in path.read_bytes()


def test_an_empty_file_from_a_crash_is_no_ledger_yet(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert open_reader(path).recall() == Memory()
    open_ledger(path).record(make_receipt())
    assert open_reader(path).recall().receipts == (make_receipt(),)


def test_a_reader_needs_no_right_to_write(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    path.chmod(0o400)
    path.parent.chmod(0o500)
    assert open_reader(path).recall().receipts == (make_receipt(),)
    path.parent.chmod(0o700)


def test_a_reader_sees_the_last_whole_write_while_another_is_under_way(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM receipts")
        assert open_reader(path).recall().receipts == (make_receipt(),)


def test_a_commit_torn_by_a_crash_is_rolled_back_by_the_next_process(path: Path, tmp_path: Path) -> None:
    ledger = open_ledger(path)
    receipts = tuple(make_receipt(address=Address(f"user/{number:03}"), name="n" * 250) for number in range(60))
    for receipt in receipts:
        ledger.record(receipt)
    crashed = tmp_path / "crashed" / "ledger.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        # A cache this small makes SQLite write into the file before the commit, as in the middle of one.
        writer.execute("PRAGMA cache_size = 2")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE receipts SET document = document || '     '")
        shutil.copytree(path.parent, crashed.parent)
    assert (crashed.parent / "ledger.db-journal").stat().st_size
    assert open_reader(crashed).recall().receipts == receipts


# whose it is


@pytest.mark.parametrize(
    ("owner", "account"),
    [
        pytest.param("another-team", ACCOUNT, id="another owner"),
        pytest.param(OWNER, "https://api.eu.simulated.test", id="another account"),
    ],
)
def test_another_ones_ledger_is_neither_read_nor_written(path: Path, owner: str, account: str) -> None:
    open_ledger(path).record(make_receipt())
    with pytest.raises(LedgerForeignError, match=f"'{OWNER}' at {ACCOUNT}, not to owner '{owner}' at {account}"):
        open_reader(path, owner=owner, account=account).recall()
    with pytest.raises(LedgerForeignError):
        open_ledger(path, owner=owner, account=account).forget(Address("user/ci"))
    assert open_reader(path).recall().receipts == (make_receipt(),)


def test_a_ledger_of_a_newer_keyplan_is_left_alone(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    run_sql(path, "UPDATE meta SET value = '2' WHERE name = 'format_version'")
    with pytest.raises(LedgerError, match="newer") as caught:
        open_reader(path).recall()
    assert caught.value.advice == "upgrade keyplan"


# what is no ledger


@pytest.mark.parametrize(
    "content",
    [b"not a database, but long enough to look at" * 30, b"SQLite format 3\x00" + b"\xff" * 4096],
    ids=["text", "rot"],
)
def test_a_file_that_is_no_ledger_is_said_to_be_none_and_kept(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for attempt in (open_reader(path).recall, lambda: open_ledger(path).record(make_receipt())):
        with pytest.raises(LedgerError, match="not a keyplan ledger, or is damaged") as caught:
            attempt()
        assert "keyplan ledger rebuild" in caught.value.advice
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "statements",
    [
        pytest.param(["CREATE TABLE songs (name)"], id="somebody's database"),
        pytest.param(["CREATE TABLE meta (name, value)"], id="without a format version"),
        pytest.param(
            ["CREATE TABLE meta (name, value)", "INSERT INTO meta VALUES ('format_version', 'x')"],
            id="with a format version that is none",
        ),
    ],
)
def test_a_database_of_something_else_is_not_written_to(path: Path, statements: list[str]) -> None:
    path.parent.mkdir()
    run_sql(path, *statements)
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="not a keyplan ledger"):
        open_ledger(path).record(make_receipt())
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="another shape"),
        pytest.param("{}", id="nothing in it"),
    ],
)
@pytest.mark.parametrize("table", ["receipts", "intents"])
def test_a_damaged_document_is_a_damaged_ledger(path: Path, table: str, document: str) -> None:
    ledger = open_ledger(path)
    ledger.record(make_receipt())
    ledger.open_intent(make_intent())
    run_sql(path, f"UPDATE {table} SET document = '{document}'")  # noqa: S608 - both are ours
    with pytest.raises(LedgerError, match="damaged"):
        ledger.recall()


def test_a_document_with_something_behind_it_is_a_damaged_ledger(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.record(make_receipt())
    run_sql(path, "UPDATE receipts SET document = document || '{}'")
    with pytest.raises(LedgerError, match="damaged: unexpected text after"):
        ledger.recall()


def test_a_folder_or_link_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(LedgerError, match="is a folder"):
        open_reader(path).recall()
    link = path.parent / "link.db"
    link.symlink_to("nowhere")
    with pytest.raises(LedgerError, match="is a link"):
        open_ledger(link).record(make_receipt())


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError) as caught:
        open_ledger(tmp_path / "file" / "ledger.db").record(make_receipt())
    assert "can be read and written" in caught.value.advice


def test_a_missing_table_is_an_error_without_traceback(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    run_sql(path, "DROP TABLE receipts")
    with pytest.raises(LedgerError, match="no such table"):
        open_reader(path).recall()


def test_a_folder_that_cannot_be_written_is_a_ledger_error(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    if os.access(path.parent, os.W_OK):
        pytest.skip("modes do not bind this user")
    with pytest.raises(LedgerError):
        open_ledger(path).record(make_receipt())


# writing


def test_a_write_that_fails_leaves_nothing_of_itself(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.open_intent(make_intent())
    run_sql(path, "DROP TABLE intents")
    with pytest.raises(LedgerError):
        ledger.record(make_receipt(), closes=[make_intent().id])
    run_sql(path, "CREATE TABLE intents (id, document)")
    assert ledger.recall() == Memory()


def test_many_threads_write_into_one_ledger(path: Path) -> None:
    ledger = open_ledger(path)
    receipts = [make_receipt(address=Address(f"user/{number:02}")) for number in range(20)]
    threads = [threading.Thread(target=ledger.record, args=(receipt,)) for receipt in receipts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(ledger.recall().receipts) == receipts


def test_a_spent_plan_says_when_and_where(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.spend(Spending(digest="sha256:1", at=NOW, host="build-7"))
    with pytest.raises(PlanSpentError, match=r"2026-11-23T07:31:00\+00:00 on build-7"):
        ledger.spend(Spending(digest="sha256:1", at=NOW, host="here"))


def test_other_values_cannot_be_stored(path: Path) -> None:
    with pytest.raises(LedgerError, match="object"):
        open_ledger(path).remember(replace(make_history_entry(), digest=object()))  # type: ignore[arg-type]  # what no document can hold


# the lock

HOLD = """
import sys
sys.path.insert(0, sys.argv[1])
from datetime import timedelta
from samples import *
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite import build
ledger = build(make_ledger_settings({"path": sys.argv[2]}), make_context(), account=sys.argv[3])
with ledger.lock(make_holder("elsewhere"), patience=timedelta(0)):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(path: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", HOLD, str(Path(__file__).parents[2]), str(path), ACCOUNT]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def test_another_process_keeps_us_out_until_it_is_killed(path: Path) -> None:
    with start_holder(path) as process:
        ledger = open_ledger(path)
        with pytest.raises(LedgerLockedError), ledger.lock(make_holder("ours"), patience=AT_ONCE):
            pytest.fail("two hold one lock")
        process.kill()
    assert ledger.holder() == make_holder("elsewhere")
    with ledger.lock(make_holder("ours"), patience=AT_ONCE):
        assert ledger.holder() == make_holder("ours")


def test_a_refused_lock_names_its_holder_and_what_to_do(path: Path) -> None:
    ledger = open_ledger(path)
    with (
        ledger.lock(make_holder(), patience=AT_ONCE),
        pytest.raises(LedgerLockedError) as caught,
        open_ledger(path).lock(make_holder("second"), patience=AT_ONCE),
    ):
        pytest.fail("two hold one lock")
    assert caught.value.message == (
        "the ledger is locked by ml-platform on build-7 (pid 4711) since 2026-11-23T07:31:00+00:00: keyplan apply"
    )
    assert "keyplan ledger unlock lock-1" in caught.value.advice


def test_a_holder_on_another_host_is_not_taken_for_dead(path: Path) -> None:
    with start_holder(path) as process:
        process.kill()
    ledger = open_ledger(path)
    with (
        pytest.raises(LedgerLockedError),
        ledger.lock(make_holder("ours", host="another"), patience=AT_ONCE),
    ):
        pytest.fail("two hold one lock")
    ledger.unlock("elsewhere")
    with ledger.lock(make_holder("ours", host="another"), patience=AT_ONCE):
        pass


def test_breaking_the_lock_of_a_running_process_admits_no_other_yet(path: Path) -> None:
    ledger = open_ledger(path)
    with ledger.lock(make_holder("first"), patience=AT_ONCE):
        ledger.unlock("first")
        with (
            pytest.raises(LedgerLockedError, match="starting or ending"),
            ledger.lock(make_holder("second"), patience=AT_ONCE),
        ):
            pytest.fail("two hold one lock")


def test_a_lock_that_cannot_be_noted_is_not_kept(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.record(make_receipt())
    run_sql(path, "ALTER TABLE lock RENAME TO hidden")
    with pytest.raises(LedgerError), ledger.lock(make_holder(), patience=AT_ONCE):
        pytest.fail("it was held")
    run_sql(path, "ALTER TABLE hidden RENAME TO lock")
    with ledger.lock(make_holder(), patience=AT_ONCE):
        pass


def test_a_ledger_that_breaks_under_its_lock_does_not_hide_how_the_run_ended(path: Path) -> None:
    def run() -> None:
        with open_ledger(path).lock(make_holder(), patience=AT_ONCE):
            path.write_text("rot" * 1000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()


def test_a_link_in_the_locks_place_is_refused(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    path.with_suffix(".lock").symlink_to("target")
    with pytest.raises(LedgerError, match="symbolic"), open_ledger(path).lock(make_holder(), patience=AT_ONCE):
        pytest.fail("it was followed")


# what is set aside


def set_aside(path: Path, patience: timedelta = AT_ONCE) -> Path:
    return Path(open_ledger(path).set_aside(at=NOW, patience=patience))


def test_a_ledger_that_is_set_aside_is_renamed_with_the_time_and_nothing_is_lost(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    aside = set_aside(path)
    assert aside.name == f"ledger.db.aside-{NOW:%Y%m%dT%H%M%SZ}"
    assert open_reader(path).recall() == Memory()
    assert open_reader(aside).recall().receipts == (make_receipt(),)


def test_one_that_was_set_aside_before_is_not_overwritten(path: Path) -> None:
    asides = []
    for _ in range(3):
        open_ledger(path).record(make_receipt())
        asides.append(set_aside(path).name.rpartition("Z")[2])
    assert asides == ["", "-2", "-3"]


def test_what_a_crash_left_beside_it_goes_with_it(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    path.with_name("ledger.db-journal").write_bytes(b"torn")
    file = LedgerFile(place=LedgerPlace(path, {}), lineage=LINEAGE, account=ACCOUNT)
    aside = file.set_aside(NOW)
    assert aside.with_name(f"{aside.name}-journal").read_bytes() == b"torn"
    assert open_reader(path).recall() == Memory()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(None, False, id="not there"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"not a database, but long enough to look at" * 30, True, id="text"),
    ],
)
def test_damage_is_found_before_anything_is_moved(path: Path, content: bytes | None, *, expected: bool) -> None:
    path.parent.mkdir()
    if content is not None:
        path.write_bytes(content)
    assert open_ledger(path).is_damaged() is expected


def test_a_damaged_page_is_damage_even_if_nothing_reads_it(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.spend(Spending(digest="sha256:1", at=NOW, host="build-7"))
    with closing(sqlite3.connect(path)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'spent'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    assert open_reader(path).recall() == Memory()
    assert ledger.is_damaged()


def test_a_whole_ledger_is_not_damaged_and_anothers_is_not_judged(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    assert not open_ledger(path).is_damaged()
    with pytest.raises(LedgerForeignError):
        open_ledger(path, owner="another-team").is_damaged()


def test_nothing_is_set_aside_while_an_apply_runs(path: Path) -> None:
    ledger = open_ledger(path)
    with (
        ledger.lock(make_holder("first"), patience=AT_ONCE),
        pytest.raises(LedgerLockedError, match="is locked by"),
    ):
        set_aside(path, timedelta(seconds=2))
    assert open_reader(path).holder() is None


def test_a_lock_that_another_host_noted_is_no_ones_to_set_aside(path: Path) -> None:
    ledger = open_ledger(path)
    with ledger.lock(make_holder("first"), patience=AT_ONCE):
        shutil.copy(path, path.with_name("held.db"))
    shutil.move(path.with_name("held.db"), path)
    with pytest.raises(LedgerLockedError, match="is locked by"):
        set_aside(path)


def test_a_damaged_ledger_in_use_is_not_set_aside(path: Path) -> None:
    ledger = open_ledger(path)
    with ledger.lock(make_holder("first"), patience=AT_ONCE):
        path.write_bytes(b"rot" * 1000)
        with pytest.raises(LedgerLockedError, match="in use by a process"):
            set_aside(path)


def test_its_options_load_without_sqlite() -> None:
    script = "import sys, keyplan.ledgers.sqlite; print('sqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


# the history

OLD_ENTRY = (
    '{"added": 1, "changed": 0, "destroyed": 0, "digest": "old", "failed": 0, '
    '"finished_at": "2026-11-23T07:31:03+00:00", "started_at": "2026-11-23T07:31:00+00:00"}'
)
"""As a keyplan without a chain wrote it."""


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE history SET document = replace(document, '\"added\": 1', '\"added\": 2') WHERE number = 2",
        "UPDATE history SET document = replace(document, 'ada', 'eve') WHERE number = 1",
        "DELETE FROM history WHERE number = 1",
        "DELETE FROM history WHERE number = 3",
        "DELETE FROM history",
        "UPDATE history SET number = -number",
        "INSERT INTO history (number, document) SELECT 0, document FROM history WHERE number = 3",
    ],
)
def test_what_is_changed_in_the_file_is_noticed_with_a_head(path: Path, change: str) -> None:
    ledger = open_ledger(path)
    for number in range(3):
        ledger.remember(make_history_entry(f"digest-{number}", author=Author(name="ada", source="git")))
    head = ledger.recall().head
    assert check_chain(ledger.history(), head).is_whole
    with sqlite3.connect(path) as connection:
        connection.execute(change)
    assert not check_chain(open_ledger(path).history(), head).is_whole


def test_a_ledger_of_an_older_keyplan_is_chained_on_from_its_next_entry(path: Path) -> None:
    ledger = open_ledger(path)
    ledger.record(make_receipt())
    with sqlite3.connect(path) as connection:
        connection.executemany("INSERT INTO history (document) VALUES (?)", [(OLD_ENTRY,)] * 2)
    assert (ledger.recall().head, ledger.recall().serial) == ("", 2)
    ledger.remember(make_history_entry("new", author=Author(name="ada", source="git")))
    found = check_chain(ledger.history(), ledger.recall().head)
    assert (found.is_whole, found.entries, found.unprotected) == (True, 3, 2)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE history SET document = replace(document, 'old', 'else') WHERE number = 1")
    assert check_chain(ledger.history()).faults
