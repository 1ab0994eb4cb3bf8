import json

import pytest
from samples import OWNER, RAW, make_intent, make_receipt

from keyplan.errors import SinkUnavailableError
from keyplan.sinks.notes import Entry, Sidecar, read_note, write_note

FULL = Entry(owner=OWNER, receipt=make_receipt(), intent=make_intent())


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(FULL, id="everything"),
        pytest.param(Entry(owner=OWNER), id="a mere mark"),
        pytest.param(Entry(owner=OWNER, intent=make_intent()), id="an intent before the first delivery"),
    ],
)
def test_a_sidecar_comes_back_as_it_was_written(entry: Entry) -> None:
    sidecar = Sidecar().having("A", entry).having("B", FULL)
    assert Sidecar.from_bytes(sidecar.to_bytes(), "x") == sidecar


def test_no_file_is_an_empty_sidecar() -> None:
    assert Sidecar.from_bytes(None, "x") == Sidecar()


def test_taking_an_entry_out_leaves_the_others() -> None:
    assert Sidecar({"A": FULL, "B": FULL}).having("A", None) == Sidecar({"B": FULL})


def test_fields_of_a_later_keyplan_are_skipped() -> None:
    document = json.loads(Sidecar({"A": FULL}).to_bytes())
    document["entries"]["A"]["colour"] = "red"
    assert Sidecar.from_bytes(json.dumps(document).encode(), "x") == Sidecar({"A": FULL})


def test_a_sidecar_never_holds_the_raw_key() -> None:
    assert RAW.encode() not in Sidecar({"A": FULL}).to_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", ".x.json is damaged", id="cut to nothing"),
        pytest.param(b'{"format_version": 1, "ent', ".x.json is damaged", id="cut short"),
        pytest.param(b"\xff\xfe", ".x.json is damaged", id="no text"),
        pytest.param(b"[]", ".x.json is damaged", id="another document"),
        pytest.param(b'{"entries": {}}', ".x.json is damaged", id="no version"),
        pytest.param(b'{"format_version": 1, "entries": []}', ".x.json is damaged", id="entries of another shape"),
        pytest.param(b'{"format_version": 1, "entries": {"": {}}}', ".x.json is damaged", id="an entry of nobody"),
        pytest.param(b'{"format_version": 2, "entries": {}}', "newer keyplan", id="a later format"),
        pytest.param(b'{"format_version": 2, "slots": {}}', "newer keyplan", id="a later format of another shape"),
    ],
)
def test_a_sidecar_that_is_not_understood_is_not_taken_for_empty(content: bytes, message: str) -> None:
    with pytest.raises(SinkUnavailableError) as caught:
        Sidecar.from_bytes(content, ".x.json")
    assert message in caught.value.message
    assert caught.value.advice


def test_a_note_is_one_line_and_comes_back_whole() -> None:
    entry = Entry(owner=OWNER, receipt=make_receipt(), intent=make_intent(), seal="abc")
    text = write_note(entry)
    assert "\n" not in text
    assert read_note(text, "note") == entry
    assert read_note(None, "note") is None


def test_a_note_fits_into_the_smallest_store() -> None:
    # Windows takes 2,560 bytes of UTF-16 in an entry of its keyring.
    names = {"address": "service/production/ingest-pipeline", "name": "ingest-pipeline"}
    receipt = make_receipt(**names, creator="VXNlcjoxMjM0NTY3OmFCY0Q=", key_id="QXBpS2V5OjEyMzQ1Njc4OmFCY0Q=")
    entry = Entry(owner=OWNER, receipt=receipt, intent=make_intent(address=names["address"]))
    assert len(write_note(entry).encode("utf-16-le")) < 2560


def test_a_damaged_note_is_not_taken_for_none() -> None:
    with pytest.raises(SinkUnavailableError, match="the note is damaged"):
        read_note("{", "the note")
