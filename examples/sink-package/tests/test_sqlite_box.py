"""The sink passes keyplan's contract, and a few things of its own."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import jsonschema
import pytest
from keyplan_sqlite_box import OPTIONS, TABLE, build

from keyplan.plugin import Holding, InputError, Json, RawKey, Sink, SinkUnavailableError, Slot
from keyplan.testing.samples import (
    OWNER,
    RAW,
    make_context,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from keyplan.testing.sink_races import CompareContract
from keyplan.testing.sinks import SinkContract


def make_box(folder: Path, **options: Json) -> Sink:
    return build(make_sink_settings({"file": "box.db", **options}, sink_type="sqlite-box"), make_context(folder))


def locate(box: Sink, name: str = "ci") -> Slot:
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
        if not (self.folder / "box.db").exists():
            return None
        with looking_into(self.folder) as connection:
            found = connection.execute("SELECT value FROM box WHERE entry = ?", (slot.options["entry"],)).fetchone()
        return found[0] if found else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        insert = "INSERT INTO box (entry, value) VALUES (?, ?) ON CONFLICT (entry) DO UPDATE SET value = excluded.value"
        with looking_into(self.folder) as connection:
            connection.execute(TABLE)
            connection.execute(insert, (slot.options["entry"], raw_text))


class TestSeveralMachines(CompareContract):
    @pytest.fixture
    def rivals(self, tmp_path: Path) -> Sequence[Sink]:
        self.folder = tmp_path
        return [make_box(tmp_path) for _ in range(4)]

    def value_at(self, slot: Slot) -> str | None:
        with looking_into(self.folder) as connection:
            found = connection.execute("SELECT value FROM box WHERE entry = ?", (slot.options["entry"],)).fetchone()
        return found[0] if found else None


def test_keyplan_finds_it_by_its_type() -> None:
    (found,) = entry_points(group="keyplan.sinks", name="sqlite-box")
    assert found.load().OPTIONS is OPTIONS


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param({"file": "box.db"}, True, id="a file is enough"),
        pytest.param({"file": "box.db", "overwrite": True}, True, id="an option of all sinks"),
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


def test_no_other_user_may_read_the_file(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    box.put(locate(box), RawKey(RAW), make_receipt())
    assert stat.S_IMODE((tmp_path / "box.db").stat().st_mode) == 0o600


def test_nothing_of_a_withdrawn_key_is_left_in_the_file(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    box.put(locate(box), RawKey(RAW), make_receipt())
    box.withdraw(locate(box), OWNER)
    assert RAW.encode() not in (tmp_path / "box.db").read_bytes()


def test_one_file_serves_all_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'file' can't differ for one key"):
        make_box(tmp_path).locate(OWNER, make_declaration(), make_delivery({"file": "other.db"}))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    box = make_box(tmp_path / "nowhere")
    with pytest.raises(SinkUnavailableError, match="No such file"):
        box.intend(locate(box), make_intent())


def test_a_file_that_is_no_database_is_named_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "box.db").write_text(f"{RAW}\n" * 100)
    box = make_box(tmp_path)
    with pytest.raises(SinkUnavailableError) as caught:
        box.inspect([locate(box)])
    assert RAW not in f"{caught.value!r}{caught.value.__cause__!r}"
