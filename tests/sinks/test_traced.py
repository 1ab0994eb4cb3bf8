"""A trace differs after any change of a value or its note, and there is none of what may still change unseen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from file_sinks import DOTENV, NEW_RAW, RAW_FILE, locate, make_sink
from samples import LINEAGE, make_receipt

from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.secret import RawKey
from keyplan.sinks.traced import TracedSink

_SETTLED_SECONDS = 2.2
Change = Callable[[Path, Path], object]


def keep_times(path: Path, text: str) -> None:
    """Write a file and set its times back."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Change] = {
    "overwritten": lambda value, _: keep_times(value, value.read_text()[::-1]),
    "written-again": lambda value, _: keep_times(value, value.read_text()),
    "removed": lambda value, _: value.unlink(),
    "linked": lambda value, _: (value.rename(f"{value}.old"), value.symlink_to(f"{value}.old")),
    "moded": lambda value, _: value.chmod(0o644),
    "noted": lambda _, notes: keep_times(notes, notes.read_text()),
    "noteless": lambda _, notes: notes.unlink(),
    "hard-linked": lambda value, _: os.link(value, f"{value}.other"),
}


def open_sink(folder: Path, options: dict[str, Json] = RAW_FILE) -> TracedSink:
    sink = make_sink(folder, options, lineage=LINEAGE)
    assert isinstance(sink, TracedSink)
    return sink


def fill(sink: TracedSink, *names: str) -> dict[str, Slot]:
    """Put a value into the places of some keys, and wait until they have a trace."""
    slots = {name: locate(sink, name) for name in names}
    for slot in slots.values():
        sink.put(slot, RawKey(NEW_RAW), make_receipt())
    assert sink.trace(list(slots.values())) == {}, "it was written just now"
    time.sleep(_SETTLED_SECONDS)
    return slots


def test_every_change_of_a_place_changes_its_trace_and_no_other(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    slots = fill(sink, "kept", *CHANGES)
    before = sink.trace(list(slots.values()))
    assert before.keys() == set(slots.values())
    for name, change in CHANGES.items():
        change(tmp_path / "secrets" / f"{name}.key", tmp_path / "secrets" / f".{name}.key.keyplan.json")
    after = sink.trace(list(slots.values()))
    assert {name for name, slot in slots.items() if after.get(slot) == before[slot]} == {"kept"}


def test_values_of_one_file_share_its_changes_but_not_its_trace(tmp_path: Path) -> None:
    sink = open_sink(tmp_path, DOTENV)
    slots = fill(sink, "one", "two")
    before = sink.trace(list(slots.values()))
    assert len(set(before.values())) == len(before) == len(slots)
    sink.put(slots["one"], RawKey(NEW_RAW), make_receipt())
    assert sink.trace(list(slots.values())) == {}


def test_a_place_that_is_read_another_way_has_another_trace(tmp_path: Path) -> None:
    slot = fill(open_sink(tmp_path), "ci")["ci"]
    as_json = open_sink(tmp_path, {**RAW_FILE, "format": "json"})
    other = locate(as_json)
    assert as_json.trace([other])[other] != open_sink(tmp_path).trace([slot])[slot]


def test_a_folder_that_is_missing_has_no_trace(tmp_path: Path) -> None:
    sink = open_sink(tmp_path)
    assert sink.trace([locate(sink)]) == {}


def test_what_is_in_the_way_is_found_without_reading(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    sink = open_sink(tmp_path)
    found = sink.find_obstacles([locate(sink)])
    assert [one.location for one in found] == ["secrets/ci.key"]
    assert sink.find_obstacles([]) == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root opens every folder")
def test_a_folder_that_may_not_be_opened_is_refused(tmp_path: Path) -> None:
    from keyplan.errors import SinkDeniedError  # noqa: PLC0415 - for this test alone

    sink = open_sink(tmp_path)
    (tmp_path / "secrets").mkdir(mode=0)
    with pytest.raises(SinkDeniedError):
        sink.trace([locate(sink)])
