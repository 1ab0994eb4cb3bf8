"""Whose ledger a file is: of an owner, a manifest and an account, and who may take it over."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from samples import ACCOUNT, CREATOR, IDENTITY, OWNER, make_context, make_intent, make_ledger_settings, make_receipt

from keyplan.errors import LedgerForeignError
from keyplan.ledgers.sqlite import build, build_reader
from keyplan.model.identity import Address, Identity, Lineage, ManifestId
from keyplan.ports import LedgerReader, RebuildableLedger

RENAMED = Identity("ml-platform-eu", IDENTITY.id)
OTHER = Identity(OWNER, ManifestId("x9x9x9x9"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".keyplan" / "ledger.db"


def open_ledger(path: Path, identity: Identity = IDENTITY, *formerly: Identity) -> RebuildableLedger:
    context = make_context(lineage=Lineage(identity=identity, formerly=formerly))
    return build(make_ledger_settings({"path": str(path)}), context, account=ACCOUNT)


def open_reader(path: Path, identity: Identity = IDENTITY, *formerly: Identity) -> LedgerReader:
    context = make_context(lineage=Lineage(identity=identity, formerly=formerly))
    return build_reader(make_ledger_settings({"path": str(path)}), context, account=ACCOUNT)


def meta_of(path: Path) -> Mapping[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT name, value FROM meta WHERE name IN ('owner', 'manifest_id')"))


def drop_id(path: Path) -> None:
    """Leave the file as a keyplan wrote it that knew no ids."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'manifest_id'")


def test_a_new_ledger_bears_owner_and_id(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    assert meta_of(path) == {"owner": OWNER, "manifest_id": IDENTITY.id}


def test_a_manifest_without_an_id_leaves_none(path: Path) -> None:
    open_ledger(path, Identity(OWNER)).record(make_receipt())
    assert meta_of(path) == {"owner": OWNER}
    open_ledger(path, Identity(OWNER)).record(make_receipt())
    assert open_reader(path, Identity(OWNER)).recall().receipts == (make_receipt(),)


def test_a_ledger_without_an_id_is_read_and_takes_it_up_with_the_next_write(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    drop_id(path)
    assert open_reader(path).recall().receipts == (make_receipt(),)
    assert meta_of(path) == {"owner": OWNER}
    open_ledger(path).forget(Address("user/none"))
    assert meta_of(path) == {"owner": OWNER, "manifest_id": IDENTITY.id}


def test_creators_and_ids_come_back_from_the_file(path: Path) -> None:
    receipt, intent = make_receipt(creator=CREATOR), make_intent()
    assert (receipt.manifest_id, intent.manifest_id) == (IDENTITY.id, IDENTITY.id)
    open_ledger(path).record(receipt)
    open_ledger(path).open_intent(intent)
    memory = open_reader(path).recall()
    assert (memory.receipts, memory.intents) == ((receipt,), (intent,))


@pytest.mark.parametrize(
    ("identity", "line"),
    [
        pytest.param(OTHER, f"formerly: [{{owner: {OWNER}, id: {IDENTITY.id}}}]", id="another id"),
        pytest.param(Identity(OWNER), f"id: {IDENTITY.id}", id="no id"),
    ],
)
def test_another_manifest_of_one_owner_is_refused_with_the_line_to_add(
    path: Path, identity: Identity, line: str
) -> None:
    open_ledger(path).record(make_receipt())
    before = path.read_bytes()
    with pytest.raises(LedgerForeignError, match=f"another manifest of owner '{OWNER}'") as caught:
        open_reader(path, identity).recall()
    assert caught.value.advice.endswith(f"add the line: {line}")
    with pytest.raises(LedgerForeignError):
        open_ledger(path, identity).record(make_receipt(generation=2))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "formerly",
    [
        pytest.param(IDENTITY, id="named with its id"),
        pytest.param(Identity(OWNER), id="named without id, which stays"),
    ],
)
def test_a_renamed_manifest_takes_its_ledger_along(path: Path, formerly: Identity) -> None:
    open_ledger(path).record(make_receipt())
    assert open_reader(path, RENAMED, formerly).recall().receipts == (make_receipt(),)
    assert meta_of(path) == {"owner": OWNER, "manifest_id": IDENTITY.id}  # a plan writes nothing
    open_ledger(path, RENAMED, formerly).forget(Address("user/none"))
    assert meta_of(path) == {"owner": RENAMED.owner, "manifest_id": RENAMED.id}
    # From then on `formerly` is not needed, and the former owner is a stranger.
    assert open_reader(path, RENAMED).recall().receipts == (make_receipt(),)
    with pytest.raises(LedgerForeignError, match=f"belongs to owner '{RENAMED.owner}'"):
        open_ledger(path).record(make_receipt())


def test_an_old_ledger_of_a_former_owner_is_taken_over_whatever_its_id_is_now(path: Path) -> None:
    open_ledger(path, Identity("ml-team")).record(make_receipt())
    former = Identity("ml-team", ManifestId("b4b4b4b4"))
    assert open_reader(path, IDENTITY, former).recall().receipts == (make_receipt(),)
    open_ledger(path, IDENTITY, former).forget(Address("user/none"))
    assert meta_of(path) == {"owner": OWNER, "manifest_id": IDENTITY.id}


def test_another_manifest_of_a_former_owner_is_refused(path: Path) -> None:
    open_ledger(path, OTHER).record(make_receipt())
    for formerly in (Identity(OWNER), IDENTITY):
        with pytest.raises(LedgerForeignError, match="x9x9x9x9"):
            open_reader(path, RENAMED, formerly).recall()


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        pytest.param(IDENTITY, f"formerly: [{{owner: {OWNER}, id: {IDENTITY.id}}}]", id="with an id"),
        pytest.param(Identity(OWNER), f"formerly: [{OWNER}]", id="without"),
    ],
)
def test_a_renamed_manifest_is_shown_the_line_that_it_lacks(path: Path, owner: Identity, line: str) -> None:
    open_ledger(path, owner).record(make_receipt())
    with pytest.raises(LedgerForeignError, match=f"belongs to owner '{OWNER}'") as caught:
        open_reader(path, RENAMED).recall()
    assert caught.value.advice.endswith(f"if this manifest was renamed, add the line: {line}")


def test_a_write_that_fails_takes_nothing_over(path: Path) -> None:
    open_ledger(path).record(make_receipt())
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE intents")
    with pytest.raises(Exception, match="no such table"):
        open_ledger(path, RENAMED, IDENTITY).open_intent(make_intent())
    assert meta_of(path) == {"owner": OWNER, "manifest_id": IDENTITY.id}


def test_a_ledger_that_became_anothers_meanwhile_is_not_written(path: Path) -> None:
    """The owner is checked again in the transaction, when no other process can write any more."""
    ledger = open_ledger(path)
    ledger.record(make_receipt())
    renaming = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    with closing(renaming):
        renaming.execute("BEGIN IMMEDIATE")
        renaming.execute("UPDATE meta SET value = 'others' WHERE name = 'owner'")
        with ThreadPoolExecutor() as pool:
            write = pool.submit(ledger.record, replace(make_receipt(), generation=2))
            time.sleep(0.2)
            renaming.execute("COMMIT")
            with pytest.raises(LedgerForeignError, match="belongs to owner 'others'"):
                write.result()
