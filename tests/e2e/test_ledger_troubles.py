"""A ledger that is locked, read-only, corrupt, newer or another's, and full disks: one line, exit 7, nothing lost."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.terminal import HEAD, Terminal

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

ONE_KEY = "keys:\n  - {name: ci, key_type: user}\n"
TWO_KEYS = ONE_KEY + "  - {name: second, key_type: user}\n"
RENEWED = "keys:\n  - {name: ci, key_type: user, rotation: {generation: 2, strategy: refresh, overlap: 0s}}\n"
NO_CHANGES = "No changes. Your keys match the manifest."


def _ledger(terminal: Terminal) -> Path:
    return terminal.folder / ".keyplan" / "ledger.db"


def _complaint(terminal: Terminal, *arguments: str) -> tuple[str, str]:
    """Return the one line that says what is wrong, and the one that says what to do, of a run that exits with 7."""
    done = terminal.run(*arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (7, False), done.stderr
    error, hint = (line for line in done.stderr.splitlines() if line.startswith(("error: ", "  hint: ")))
    return error, hint


def _change(terminal: Terminal, statement: str) -> None:
    with closing(sqlite3.connect(_ledger(terminal), isolation_level=None)) as ledger:
        ledger.execute(statement)


# a small disk


@dataclass(frozen=True)
class Disk:
    """A file system of a quarter of a MiB."""

    folder: Path

    def fill(self) -> None:
        """Leave no room."""
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"x" * 512)
            except OSError:
                pass

    def make_room(self) -> None:
        """Leave room again."""
        (self.folder / "filler").unlink()

    def forbid_writing(self) -> None:
        """Have everything on it read-only."""
        subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True, capture_output=True)


def _mount(folder: Path) -> Iterator[Disk]:
    folder.mkdir(mode=0o700)
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "keyplan-test", folder]
    if mount is None or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: it takes root and mount(8)")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


@pytest.fixture
def ledger_disk(beta: Terminal) -> Iterator[Disk]:
    """Return a small disk under the ledger's folder."""
    yield from _mount(beta.folder / ".keyplan")


@pytest.fixture
def sink_disk(beta: Terminal) -> Iterator[Disk]:
    """Return a small disk under the folder of secrets."""
    yield from _mount(beta.folder / "secrets")


# troubles


@pytest.mark.parametrize("command", [("plan",), ("apply", "--auto-approve"), ("ledger", "show")], ids="-".join)
def test_a_corrupt_ledger_is_told_of_with_the_command_that_mends_it(beta: Terminal, command: tuple[str, ...]) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    _ledger(beta).write_bytes(b"\x00rot" * 5000)
    error, hint = _complaint(beta, *command)
    assert "is not a keyplan ledger, or is damaged" in error
    assert hint.endswith("keyplan ledger rebuild")


def test_a_ledger_of_a_newer_version_or_another_owner_is_left_alone(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    beta.write(ONE_KEY, head=HEAD.replace("owner: e2e", "owner: others"))
    error, hint = _complaint(beta, "plan")
    assert "belongs to owner 'e2e'" in error
    assert "name another ledger" in hint
    assert _complaint(beta, "ledger", "rebuild", "--force")[0] == error
    beta.write(ONE_KEY)
    _change(beta, "UPDATE meta SET value = '9' WHERE name = 'format_version'")
    for command in (("plan",), ("apply", "--auto-approve"), ("ledger", "rebuild", "--force")):
        assert _complaint(beta, *command)[1] == "  hint: upgrade keyplan"


@pytest.mark.soak  # it waits for twenty seconds
def test_a_ledger_that_another_program_keeps_locked_is_told_of(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    with closing(sqlite3.connect(_ledger(beta), isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        error, hint = _complaint(beta, "apply", "--auto-approve")
    assert "locked" in error
    assert "another program has it open" in hint


def test_a_ledger_that_cannot_be_written_is_told_of_and_plan_still_works(beta: Terminal, ledger_disk: Disk) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    beta.write(TWO_KEYS)
    ledger_disk.forbid_writing()
    before = beta.mutations()
    _complaint(beta, "apply", "--auto-approve")
    assert beta.mutations() == before
    assert "1 to add" in beta.run("plan").stdout


# rebuild


def test_a_corrupt_ledger_is_set_aside_and_built_anew_from_the_sinks(terminal: Terminal) -> None:
    terminal.write(TWO_KEYS)
    terminal.apply()
    rot = b"\x00rot" * 5000
    _ledger(terminal).write_bytes(rot)
    done = terminal.run("ledger", "rebuild")
    assert done.returncode == 0, done.stderr
    assert "The new ledger has 2 receipts from sinks; 0 keys of e2e without a receipt." in done.stdout
    (aside,) = _ledger(terminal).parent.glob("ledger.db.aside-*")
    assert (aside.read_bytes(), str(aside) in done.stdout) == (rot, True)
    assert "2 receipts, 0 open intents." in terminal.run("ledger", "show").stdout
    assert terminal.run("plan").stdout.endswith(f"{NO_CHANGES}\n")
    assert terminal.apply().returncode == 0


def test_a_key_that_no_sink_tells_of_is_named_by_a_rebuild(beta: Terminal) -> None:
    # Without an id, the keys could be those of another manifest of the owner, and would be left alone.
    beta.write("id: k4e2e7\n" + TWO_KEYS.replace("user}", "user, rotation: {overlap: 0s}}"))
    beta.apply()
    shutil.rmtree(beta.folder / "secrets")
    _ledger(beta).write_bytes(b"\x00rot" * 5000)
    done = beta.run("ledger", "rebuild")
    assert "0 receipts from sinks; 2 keys of e2e without a receipt." in done.stdout
    assert re.search(r"\?  ci  key \S+\n  \?  second  key \S+", done.stdout)
    assert beta.apply().returncode == 0
    assert beta.live_names() == ["ci", "second"]


def test_a_ledger_that_is_whole_is_only_set_aside_on_demand(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    refused = beta.run("ledger", "rebuild")
    assert (refused.returncode, "keyplan ledger rebuild --force" in refused.stderr) == (4, True)
    assert "1 receipt from sinks" in beta.run("ledger", "rebuild", "--force").stdout
    assert NO_CHANGES in beta.run("plan").stdout


def test_a_ledger_that_is_gone_is_built_anew_with_nothing_to_set_aside(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    shutil.rmtree(_ledger(beta).parent)
    assert beta.run("ledger", "rebuild").stdout.startswith("The new ledger has 1 receipt from sinks")


def test_a_rebuild_waits_for_an_apply(beta: Terminal) -> None:
    beta.write(ONE_KEY)
    beta.break_requests("POST", "/v2/api-keys$", action="delay", seconds=60, when="after")
    holder = beta.start_apply()
    beta.await_held()
    assert beta.run("ledger", "rebuild", "--force").returncode == 7
    holder.kill()
    holder.communicate()


# full disks


def test_a_full_disk_under_the_ledger_is_met_before_any_key_is_made(beta: Terminal, ledger_disk: Disk) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    beta.write(TWO_KEYS)
    before = beta.mutations()
    ledger_disk.fill()
    error, hint = _complaint(beta, "apply", "--auto-approve")
    assert ("full" in error, "make room" in hint, beta.mutations() == before) == (True, True, True)
    ledger_disk.make_room()
    assert (beta.apply().returncode, beta.live_names()) == (0, ["ci", "second"])


def test_a_disk_that_fills_up_before_the_receipt_is_recorded_loses_nothing(beta: Terminal, ledger_disk: Disk) -> None:
    status = _fill_meanwhile(beta, ledger_disk, ONE_KEY)
    assert (status, beta.is_valid(beta.delivered("ci"))) == (7, True)
    delivered = beta.delivered("ci")
    ledger_disk.make_room()
    assert (beta.apply().returncode, beta.live_names(), beta.delivered("ci") == delivered) == (0, ["ci"], True)


def test_a_disk_that_fills_up_before_a_delivery_leaves_no_key_that_nobody_holds(
    beta: Terminal, sink_disk: Disk
) -> None:
    status = _fill_meanwhile(beta, sink_disk, ONE_KEY)
    assert (status, beta.live_names()) == (6, [])
    sink_disk.make_room()
    assert (beta.apply().returncode, beta.is_valid(beta.delivered("ci"))) == (0, True)


def test_a_refresh_whose_delivery_meets_a_full_disk_is_finished_by_the_next(beta: Terminal, sink_disk: Disk) -> None:
    beta.write(ONE_KEY)
    beta.apply()
    assert _fill_meanwhile(beta, sink_disk, RENEWED) == 6
    sink_disk.make_room()
    assert (beta.apply().returncode, beta.live_names()) == (0, ["ci"])
    assert beta.is_valid(beta.delivered("ci"))


def _fill_meanwhile(terminal: Terminal, disk: Disk, keys: str) -> int:
    """Fill a disk while the provider makes a raw key; return the exit status of that apply."""
    terminal.write(keys)
    terminal.break_requests("POST", "/v2/api-keys", action="delay", seconds=2, when="after")
    process = terminal.start_apply()
    terminal.await_held()
    disk.fill()
    out, err = process.communicate()
    assert "Traceback" not in out + err
    return process.returncode
