"""`keyplan ledger`: what it shows, as text and JSON; its lock; copying it; and which ledger it looks into."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli.shell import Outcome, Shell, SimulatedWiring
from jsonschema import Draft202012Validator
from samples import make_history_entry, make_holder, make_intent, make_receipt
from simulator import World

from keyplan.documents.schemas import load
from keyplan.model.identity import Address, Lineage
from keyplan.model.ledger import LockName
from keyplan.model.manifest import LedgerSettings
from keyplan.ports import Ledger

AT_ONCE = timedelta(0)
PASSWORD_URL = "postgresql://ada:s3cret@db.test/keyplan"


def read(done: Outcome, schema: str) -> Any:
    """Return the document that was printed; it fits its published schema."""
    assert (done.status, done.err) == (0, "")
    document = json.loads(done.out)
    Draft202012Validator(load(f"{schema}.v1"), format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    return document


@pytest.fixture
def applied(shell: Shell, manifest: Path) -> Shell:
    """Return a shell in which two keys were delivered."""
    assert shell("apply", "--auto-approve").status == 0
    return shell


def test_the_ledger_is_shown_as_a_document_without_fingerprints(applied: Shell) -> None:
    applied.world.ledger.open_intent(make_intent())
    done = applied("ledger", "show", "--format", "json")
    document = read(done, "ledger")
    assert [receipt["address"] for receipt in document["receipts"]] == ["service/production/ingest", "user/ci"]
    assert (document["applies"], document["lock"], document["intents"][0]["address"]) == (1, None, "user/ci")
    assert "fingerprint" not in done.out


def test_the_history_is_shown_as_a_document(applied: Shell) -> None:
    (entry,) = read(applied("ledger", "history", "--format", "json"), "history")["applies"]
    assert (entry["added"], entry["failed"]) == (2, 0)


def test_a_free_lock_is_no_failure(applied: Shell) -> None:
    assert applied("ledger", "lock").out == "not locked\n"
    assert read(applied("ledger", "lock", "--format", "json"), "lock") == {
        "format_version": "1.0",
        "lock": None,
        "leader": None,
    }


def test_the_lock_shows_its_holder_until_when_and_its_number(applied: Shell) -> None:
    ledger = applied.world.ledger
    with (
        ledger.lock(make_holder("5f3a"), patience=AT_ONCE),
        ledger.lock(make_holder("77aa"), patience=AT_ONCE, name=LockName.WATCH),
    ):
        text = applied("ledger", "lock").out
        document = read(applied("ledger", "lock", "--format", "json"), "lock")
    holder = make_holder()
    assert document["lock"] == {
        "id": "5f3a",
        "owner": holder.owner,
        "host": holder.host,
        "pid": holder.pid,
        "command": holder.command,
        "since": "2026-11-23T07:31:00+00:00",
        "until": document["lock"]["until"],
        "number": 2,
    }
    assert document["lock"]["until"] > document["lock"]["since"]
    assert document["leader"]["id"] == "77aa"
    assert "5f3a is held by ml-platform on build-7, process 4711" in text
    assert "number 2\n" in text
    assert "leader of keyplan watch: 77aa" in text


@pytest.mark.parametrize("arguments", [("plan",), ("ledger", "show"), ("doctor",), ("apply", "--auto-approve")])
@pytest.mark.usefixtures("manifest")
def test_a_password_in_an_argument_is_refused_and_not_shown(shell: Shell, arguments: tuple[str, ...]) -> None:
    done = shell(*arguments, "--ledger", PASSWORD_URL)
    assert done.status == 64
    assert "KEYPLAN_LEDGER" in done.err
    assert "s3cret" not in f"{done.out} {done.err}"


@pytest.mark.usefixtures("manifest")
def test_the_environment_may_hold_one_and_it_is_not_shown(shell: Shell) -> None:
    shell.environment["KEYPLAN_LEDGER"] = PASSWORD_URL.replace("postgresql", "unknown")
    for arguments in (("plan",), ("plan", "--help"), ("ledger", "show")):
        done = shell(*arguments)
        assert done.status == (0 if "--help" in arguments else 3)
        assert "s3cret" not in f"{done.out} {done.err}"


@pytest.mark.parametrize("value", ["4s", "soon", "0s"])
@pytest.mark.usefixtures("manifest")
def test_a_lease_is_at_least_five_seconds(shell: Shell, value: str) -> None:
    assert shell("apply", "--auto-approve", "--lease", value).status == 64


class LeaseWiring(SimulatedWiring):
    """The simulated wiring, which notes how long locks are held."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.leases: list[timedelta] = []

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Any:
        ledger = super().ledger(settings, lineage=lineage, folder=folder, account=account)
        return NotingLedger(ledger, self.leases)


@dataclass
class NotingLedger:
    ledger: Any
    leases: list[timedelta]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.ledger, name)

    def lock(self, *arguments: Any, lease: timedelta, **others: Any) -> Any:
        self.leases.append(lease)
        return self.ledger.lock(*arguments, lease=lease, **others)


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--auto-approve"),
        ("rotate", "user/ci", "--auto-approve"),
        ("import", "user/ci", "key-1"),
        ("ledger", "copy", "manifest", "new.db"),
    ],
    ids=["apply", "rotate", "import", "copy"],
)
def test_every_command_that_locks_takes_a_lease(shell: Shell, manifest: Path, arguments: tuple[str, ...]) -> None:
    shell.wiring = wiring = LeaseWiring(shell.world)
    # A ledger that holds nothing is not copied.
    shell.world.ledger.remember(make_history_entry())
    shell(*arguments)
    manifest.write_text(manifest.read_text() + "ledger: {lease: 5m}\n")
    shell(*arguments)
    shell.environment["KEYPLAN_LEASE"] = "7s"
    shell(*arguments)
    shell(*arguments, "--lease", "9s")
    assert [*dict.fromkeys(lease.total_seconds() for lease in wiring.leases)] == [60, 300, 7, 9]


class CopyWiring(SimulatedWiring):
    """The simulated wiring, with a ledger for each path."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.ledgers: dict[str, Ledger] = {}

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        name = Path(str(settings.options["path"])).name
        return self.ledgers.setdefault(name, World().ledger if name != "ledger.db" else self.world.ledger)


@pytest.fixture
def copying(applied: Shell) -> Shell:
    """Return a shell with a ledger that has two receipts, an open intent and one apply, and with empty ones."""
    applied.wiring = CopyWiring(applied.world)
    applied.world.ledger.open_intent(make_intent())
    return applied


def test_a_copy_knows_the_same_and_can_be_repeated(copying: Shell) -> None:
    done = copying("ledger", "copy", "manifest", "new.db")
    assert (done.status, done.out) == (0, "Copied 2 receipts, 1 open intent and 1 line of the history.\n")
    source, target = copying.world.ledger, copying.wiring.ledger(LedgerSettings(options={"path": "new.db"}), **ANY)
    assert target.recall() == source.recall()
    assert list(target.history()) == list(source.history())
    assert target.recall().head == source.recall().head != ""
    assert [entry.link for entry in target.history()] == [entry.link for entry in source.history()]
    assert (
        copying("ledger", "copy", "manifest", "new.db").out
        == "Copied 0 receipts, 0 open intents and 0 lines of the history.\n"
    )
    assert (source.holder(), target.holder()) == (None, None)


ANY: dict[str, Any] = {"lineage": None, "folder": Path(), "account": ""}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ledger: ledger.record(make_receipt(address=Address("user/else"))), id="receipt"),
        pytest.param(lambda ledger: ledger.open_intent(make_intent("else")), id="intent"),
        pytest.param(lambda ledger: ledger.remember(make_history_entry("sha256:else")), id="apply"),
    ],
)
def test_a_ledger_in_use_is_never_written_over(copying: Shell, change: Any) -> None:
    target = copying.wiring.ledger(LedgerSettings(options={"path": "new.db"}), **ANY)
    change(target)
    before = target.recall()
    done = copying("ledger", "copy", "manifest", "new.db")
    assert (done.status, target.recall()) == (4, before)
    assert "is in use for this manifest" in done.err


def test_a_ledger_that_holds_nothing_is_not_copied_and_not_made(copying: Shell) -> None:
    done = copying("ledger", "copy", "old.bd", "new.db")
    assert done.status == 3
    assert "the ledger " in done.err
    assert "old.bd holds nothing of this manifest: there is nothing to copy" in done.err


def test_a_locked_ledger_is_not_copied(copying: Shell) -> None:
    with copying.world.ledger.lock(make_holder(), patience=AT_ONCE):
        assert copying("ledger", "copy", "manifest", "new.db").status == 7


@pytest.mark.parametrize(
    ("named", "status"), [("manifest", 3), ("zzz://x", 3), (PASSWORD_URL, 64)], ids=["itself", "scheme", "password"]
)
def test_what_can_t_be_copied_to_is_refused(copying: Shell, named: str, status: int) -> None:
    done = copying("ledger", "copy", "manifest", named)
    assert (done.status, "s3cret" in done.err) == (status, False)
