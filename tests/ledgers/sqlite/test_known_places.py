"""Places count only as long as their receipts are stored as they were, and for the manifest as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from samples import LINEAGE, make_context, make_holder, make_ledger_settings, make_receipt

from keyplan.ledgers.sqlite import build
from keyplan.ledgers.sqlite.ledger import SqliteLedger
from keyplan.model.identity import Address, Identity, Lineage, SinkName
from keyplan.model.ledger import KnownPlace, Memory
from keyplan.model.observation import Revision

RECEIPT = make_receipt()
AT = SinkName("local"), "secrets/ci.key"


def open_ledger(path: Path) -> SqliteLedger:
    ledger = build(make_ledger_settings({"path": str(path)}), make_context(), account="https://api.simulated.test")
    assert isinstance(ledger, SqliteLedger)
    return ledger


def make_place(memory: Memory) -> KnownPlace:
    edition = memory.editions[RECEIPT.address]
    sink, location = AT
    return KnownPlace(
        sink=sink, location=location, address=RECEIPT.address, edition=edition, trace="1 2 3", revision=Revision("r1")
    )


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Return a locked ledger with one receipt, whose place is noted."""
    ledger = open_ledger(tmp_path / ".keyplan" / "ledger.db")
    with ledger.lock(make_holder(), patience=timedelta(0)):
        ledger.record(RECEIPT)
        ledger.note_places([make_place(ledger.recall())])
        yield ledger


def test_a_noted_place_is_recalled(ledger: SqliteLedger) -> None:
    memory = ledger.recall()
    assert memory.places == {AT: make_place(memory)}


def test_a_receipt_that_is_stored_anew_makes_its_place_count_no_longer(ledger: SqliteLedger) -> None:
    ledger.record(replace(RECEIPT, protect=not RECEIPT.protect))
    assert ledger.recall().places == {}
    ledger.record(RECEIPT)
    assert ledger.recall().places != {}


def test_a_forgotten_receipt_makes_its_place_count_no_longer(ledger: SqliteLedger) -> None:
    ledger.forget(RECEIPT.address)
    assert ledger.recall().places == {}


def test_another_receipt_changes_nothing(ledger: SqliteLedger) -> None:
    ledger.record(replace(RECEIPT, address=Address("user/other")))
    assert set(ledger.recall().places) == {AT}


def test_notes_take_the_place_of_all_earlier_ones(ledger: SqliteLedger) -> None:
    ledger.note_places([])
    assert ledger.recall().places == {}


def test_another_lineage_reads_every_place_again(ledger: SqliteLedger) -> None:
    lineage = Lineage(identity=LINEAGE.identity, formerly=(Identity("former"),))
    other = SqliteLedger(replace(ledger._file, lineage=lineage), ledger._clock)
    assert other.recall().receipts == ledger.recall().receipts
    assert other.recall().places == {}


def test_a_ledger_without_the_table_has_no_places(ledger: SqliteLedger) -> None:
    with closing(sqlite3.connect(ledger._file.path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE places")
    memory = ledger.recall()
    assert (memory.places, memory.receipts) == ({}, (RECEIPT,))


def test_a_table_of_another_form_is_read_as_none(ledger: SqliteLedger) -> None:
    with closing(sqlite3.connect(ledger._file.path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE places")
        connection.execute("CREATE TABLE places (other TEXT)")
    assert ledger.recall().places == {}


def test_a_ledger_that_was_made_without_the_table_gets_it_with_the_first_places(ledger: SqliteLedger) -> None:
    with closing(sqlite3.connect(ledger._file.path, isolation_level=None)) as connection:
        before = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'places'").fetchall()
        connection.execute("DROP TABLE places")
        ledger.note_places([make_place(ledger.recall())])
        assert connection.execute("SELECT sql FROM sqlite_master WHERE name = 'places'").fetchall() == before
    assert set(ledger.recall().places) == {AT}
