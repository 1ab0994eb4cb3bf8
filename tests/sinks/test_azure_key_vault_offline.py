"""The sink `azure-key-vault` without a server and without Azure's SDK."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from jsonschema import Draft202012Validator
from samples import LOCAL, OWNER, make_declaration, make_intent, make_receipt, make_sink_settings

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.sinks.azure.notes import is_marked, is_void, leave, others, read_entry, write_tags
from keyplan.sinks.azure.sink import OPTIONS, build, fill_slot
from keyplan.sinks.notes import Entry

LEAST: dict[str, Json] = {"vault_url": "https://Acme.vault.azure.net", "name": "arize-{name}"}
ENTRY = Entry(owner=OWNER, receipt=make_receipt(), intent=make_intent())


def locate(declared: str = "ci", /, **options: Json) -> Slot:
    return fill_slot(LOCAL, OWNER, make_declaration(declared), {**LEAST, **options})


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        pytest.param(LEAST, True, id="the least"),
        pytest.param({**LEAST, "ca_file": None, "content_type": None}, True, id="nulls"),
        pytest.param({**LEAST, "content_type": "x" * 256}, False, id="a content type that Azure refuses"),
        pytest.param({"name": "x"}, False, id="no vault"),
        pytest.param({**LEAST, "field": "x"}, False, id="unknown option"),
    ],
)
def test_options(options: dict[str, Json], fits: bool) -> None:
    assert Draft202012Validator(OPTIONS).is_valid(options) is fits


@pytest.mark.parametrize(
    ("declared", "location"),
    [
        pytest.param("ci", "acme.vault.azure.net/arize-ci", id="plain"),
        pytest.param("CI", "acme.vault.azure.net/arize-ci-fe8ee15b", id="case doesn't count in Azure"),
        pytest.param("team_ci", "acme.vault.azure.net/arize-team-ci-1a74725e", id="others are replaced"),
        pytest.param("_", "acme.vault.azure.net/arize-d2e2adf7", id="nothing is left of it"),
    ],
)
def test_slots(declared: str, location: str) -> None:
    assert locate(declared).location == location


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("arize_{name}", "can't be a secret's name", id="an underscore"),
        pytest.param("x" * 128, "can't be a secret's name", id="too long"),
        pytest.param("{nmae}", "did you mean {name}", id="unknown field"),
    ],
)
def test_places_that_are_impossible(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        locate(name=name)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "https://v.vault.azure.net/secrets", "http://v.example"])
def test_addresses_that_are_no_vaults(url: str) -> None:
    with pytest.raises(InputError, match="vault_url"):
        build(make_sink_settings({**LEAST, "vault_url": url}), cast("PluginContext", Path()))


@pytest.mark.parametrize("void", [True, False])
def test_tags_carry_an_entry_there_and_back(void: bool) -> None:
    tags = write_tags(ENTRY, {"team": "ml"}, is_void=void, location="x")
    assert (read_entry(tags, "x"), is_void(tags), others(tags)) == (ENTRY, void, {"team": "ml"})
    assert all(len(value) <= 256 and value.isascii() for value in tags.values())


def test_a_shorter_note_leaves_nothing_of_a_longer_one() -> None:
    longer = write_tags(ENTRY, {}, is_void=False, location="x")
    shorter = write_tags(Entry(owner=OWNER), longer, is_void=False, location="x")
    assert len(shorter) < len(longer)
    assert read_entry(shorter, "x") == Entry(owner=OWNER)


def test_more_tags_than_azure_takes_are_refused() -> None:
    with pytest.raises(SinkDeniedError, match="no room"):
        write_tags(ENTRY, {f"t{number}": "" for number in range(14)}, is_void=False, location="x")


def test_what_keyplan_has_left_says_so() -> None:
    tags = leave(write_tags(ENTRY, {"team": "ml"}, is_void=False, location="x"))
    assert (is_marked(tags), read_entry(tags, "x"), others(tags)) == (True, None, {"team": "ml"})


@pytest.mark.parametrize("note", ["mine", "1-00000000-", "\N{KEY}"])
def test_a_damaged_note_keeps_its_owner(note: str) -> None:
    assert read_entry({"keyplan-owner": OWNER, "keyplan-note-00": note}, "x") == Entry(owner=OWNER)


def test_tags_without_a_mark_say_nothing() -> None:
    assert (is_marked({"team": "ml"}), read_entry({"team": "ml"}, "x")) == (False, None)
