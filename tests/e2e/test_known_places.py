"""Files that an apply noted are not read again until they change; every plan is the one that reads them all."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]
_SETTLED_SECONDS = 2.2
"""A file that changed less than two seconds ago is not noted."""


@dataclass(frozen=True, slots=True)
class Place:
    """The two files of a key."""

    value: Path
    notes: Path


def overwrite(place: Place) -> None:
    """Write another value of the same length into the file, and set its times back."""
    before = place.value.stat()
    place.value.write_text(place.value.read_text()[::-1])
    os.utime(place.value, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert place.value.stat().st_mtime_ns == before.st_mtime_ns


def replace(place: Place) -> None:
    """Rename a file of the same length and time over it."""
    before, other = place.value.stat(), place.value.with_name("other")
    other.write_text(place.value.read_text()[::-1])
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(place.value)


def link(place: Place) -> None:
    """Put a link in its place."""
    other = place.value.with_name("linked")
    place.value.rename(other)
    place.value.symlink_to(other)


def forge_notes(place: Place) -> None:
    """Say of the value that it is of another key."""
    document = json.loads(place.notes.read_text())
    document["entries"][""]["receipt"]["key_id"] = "QXBpS2V5Ojk5OTk6YUFh"
    before = place.notes.stat()
    place.notes.write_text(json.dumps(document))
    os.utime(place.notes, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Place], object]] = {
    "nothing": lambda _: None,
    "overwritten": overwrite,
    "replaced": replace,
    "removed": lambda place: place.value.unlink(),
    "emptied": lambda place: place.value.write_text(""),
    "moded": lambda place: place.value.chmod(0o640),
    "noteless": lambda place: place.notes.unlink(),
    "forged": forge_notes,
    "touched": lambda place: os.utime(place.value),
}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Return a folder whose keys were applied, and noted by a second apply."""
    with running(SandboxOptions(api="beta")) as sandbox:
        made = Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")
        made.write("id: k7f3a9c2\nkeys:\n" + "".join(f"  - {{name: {name}, key_type: user}}\n" for name in CHANGES))
        assert made.run("apply", "--auto-approve").returncode == 0
        time.sleep(_SETTLED_SECONDS)
        assert made.run("apply", "--auto-approve").returncode == 0
        yield made


def query(terminal: Terminal, statement: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(terminal.folder / ".keyplan" / "ledger.db", isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def plan(terminal: Terminal) -> dict[str, Any]:
    done = terminal.run("plan", "--format", "json")
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["resource_changes"], done.stderr
    return {name: value for name, value in document.items() if name not in {"created_at", "timestamp"}}


def test_whatever_changed_the_plan_is_the_one_that_reads_everything(terminal: Terminal) -> None:
    secrets = terminal.folder / "secrets"
    assert len(query(terminal, "SELECT * FROM places")) == len(CHANGES)
    for name, change in CHANGES.items():
        change(Place(secrets / f"{name}.key", secrets / f".{name}.key.keyplan.json"))
    noted = plan(terminal)
    query(terminal, "DELETE FROM places")
    assert plan(terminal) == noted
    verbs = {one["address"].removeprefix("user/"): one["verb"] for one in noted["resource_changes"]}
    assert {name for name, verb in verbs.items() if verb == "keep"} >= {"nothing", "moded", "touched"}
    assert "keep" not in {verbs[name] for name in ("overwritten", "replaced", "removed", "emptied", "noteless")}


@pytest.mark.parametrize("change", [link, lambda place: place.notes.write_text("{")], ids=["linked", "damaged"])
def test_what_can_t_be_read_is_refused_as_before(terminal: Terminal, change: Callable[[Place], object]) -> None:
    secrets = terminal.folder / "secrets"
    change(Place(secrets / "nothing.key", secrets / ".nothing.key.keyplan.json"))
    noted = terminal.run("plan")
    query(terminal, "DELETE FROM places")
    read = terminal.run("plan")
    assert (noted.returncode, noted.stdout, noted.stderr) == (read.returncode, read.stdout, read.stderr)
    assert noted.returncode == 6


def test_a_receipt_that_was_stored_again_makes_a_note_count_no_longer(terminal: Terminal) -> None:
    document = query(terminal, "SELECT document FROM receipts WHERE address = 'user/nothing'")[0][0]
    changed = document.replace('"generation": 1', '"generation": 2')
    assert changed != document
    query(terminal, "UPDATE receipts SET document = ? WHERE address = 'user/nothing'", changed)
    noted = plan(terminal)
    query(terminal, "DELETE FROM places")
    assert plan(terminal) == noted


def test_a_plan_notes_nothing_and_an_apply_notes_what_is_new(terminal: Terminal) -> None:
    query(terminal, "DELETE FROM places WHERE location = 'secrets/nothing.key'")
    terminal.run("plan")
    assert len(query(terminal, "SELECT * FROM places")) == len(CHANGES) - 1
    terminal.run("apply", "--auto-approve")
    assert len(query(terminal, "SELECT * FROM places")) == len(CHANGES)


def test_no_note_holds_a_raw_key(terminal: Terminal) -> None:
    noted = str(query(terminal, "SELECT * FROM places"))
    for path in (terminal.folder / "secrets").glob("*.key"):
        assert path.read_text().strip() not in noted
