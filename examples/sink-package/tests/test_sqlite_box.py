"""The sink passes keyplan's own contract, and a few things of its own."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import jsonschema
import pytest
from contracts.sink_contract import SinkContract
from keyplan.app.registry import load
from keyplan.errors import InputError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from samples import OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings

from keyplan_sqlite_box import OPTIONS, TABLE, SqliteBox


def make_box(folder: Path, **options: Json) -> SqliteBox:
    return SqliteBox(make_sink_settings({"file": "box.db", **options}), folder=str(folder), owner=OWNER)


def locate(box: SqliteBox, name: str = "ci") -> Slot:
    return box.locate(OWNER, make_declaration(name), make_delivery())


@contextmanager
def looking_into(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / "box.db", isolation_level=None)) as connection:
        yield connection


class TestSqliteBox(SinkContract):
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = tmp_path
        return make_box(tmp_path)

    def value_at(self, slot: Slot) -> str | None:
        with looking_into(self.folder) as connection:
            found = connection.execute("SELECT value FROM box WHERE entry = ?", (slot.options["entry"],)).fetchone()
        return found[0] if found else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        insert = "INSERT INTO box (entry, value) VALUES (?, ?) ON CONFLICT (entry) DO UPDATE SET value = excluded.value"
        with looking_into(self.folder) as connection:
            connection.execute(TABLE)
            connection.execute(insert, (slot.options["entry"], raw_text))


def test_keyplan_finds_it_by_its_type() -> None:
    assert load("keyplan.sinks", "sqlite-box").OPTIONS is OPTIONS


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"file": "box.db"}, True, id="a file is enough"),
        pytest.param({}, False, id="no file"),
        pytest.param({"file": "box.db", "path": "x"}, False, id="an unknown option"),
    ],
)
def test_options_are_checked_before_anything_runs(options: dict[str, Json], fits: bool) -> None:
    assert jsonschema.Draft202012Validator(OPTIONS).is_valid(options) is fits


def test_looking_makes_no_file(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    slot = locate(box)
    assert box.inspect([slot]) == {slot: Holding(present=False)}
    assert box.read(slot) is None
    box.withdraw(slot, OWNER)
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    box.put(locate(box), RawKey(RAW), make_receipt())
    assert stat.S_IMODE((tmp_path / "box.db").stat().st_mode) == 0o600


def test_nothing_of_a_withdrawn_key_is_left_in_the_file(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    box.put(locate(box), RawKey(RAW), make_receipt())
    box.withdraw(locate(box), OWNER)
    assert RAW.encode() not in (tmp_path / "box.db").read_bytes()


def test_a_value_may_stay_when_its_declaration_goes(tmp_path: Path) -> None:
    box = make_box(tmp_path, on_remove="keep")
    box.put(locate(box), RawKey(RAW), make_receipt())
    box.withdraw(locate(box), OWNER)
    assert box.read(locate(box)) is not None


@pytest.mark.parametrize("may_copy", [True, False])
def test_other_sinks_may_be_filled_from_it_where_the_manifest_says_so(tmp_path: Path, may_copy: bool) -> None:
    assert make_box(tmp_path, copy_from=may_copy).abilities.may_copy is may_copy


def test_one_file_serves_all_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'file' can't differ for one key"):
        make_box(tmp_path).locate(OWNER, make_declaration(), make_delivery({"file": "other.db"}))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    box = make_box(tmp_path / "nowhere")
    with pytest.raises(SinkUnavailableError, match="No such file"):
        box.intend(locate(box), make_intent())


def test_a_file_that_is_no_database_is_told_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_text(f"{RAW}\n" * 100)
    box = make_box(tmp_path)
    with pytest.raises(SinkUnavailableError) as caught:
        box.inspect([locate(box)])
    assert RAW not in f"{caught.value!r}{caught.value.__cause__!r}"
