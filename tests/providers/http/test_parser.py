"""What an object of a key becomes, by the places and forms of a definition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulated.clock import START, SimulatedClock

from keyplan.errors import ProviderUnavailableError
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Marker, Observation
from keyplan.providers.http.definition import Definition
from keyplan.providers.http.parser import AskedKey, ItemParser, read_raw_key
from keyplan.providers.http.pointers import Source
from keyplan.providers.http.times import EPOCH

Define = Callable[..., Definition]
MARKER = Marker("ml", "0123456789")


def read(definition: Definition, **item: Any) -> Observation:
    return ItemParser(definition, SimulatedClock()).read("k1", {"id": "k1", **item})


def test_a_key_with_everything(define: Define) -> None:
    shown = define(
        fields__last_used="/used", fields__rotated="/turned", fields__creator="/by/id", fields__disabled="/off"
    )
    key = read(
        shown,
        name="ci",
        note=MARKER.attach("Used for CI"),
        created="2026-01-01T00:00:00Z",
        expires="2027-01-01T00:00:00Z",
        used="2026-02-01T00:00:00Z",
        turned="2026-03-01T00:00:00Z",
        hint="ak-ab...yz",
        by={"id": "u1"},
        off=False,
    )
    assert (key.name, key.key_type, key.description, key.marker) == ("ci", KeyType.API, "Used for CI", MARKER)
    assert (key.redacted, key.created_by, key.active, key.scope_ids) == ("ak-ab...yz", "u1", True, None)
    assert (key.created_at, key.expires_at) == (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert (key.last_used_at, key.rotated_at) == (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


def test_a_key_with_nothing_but_an_id(define: Define) -> None:
    key = read(define())
    assert (key.id, key.name, key.description, key.marker, key.active) == ("k1", "", "", None, True)
    assert (key.created_at, key.expires_at, key.last_used_at, key.redacted) == (EPOCH, None, None, "")


def test_a_marker_in_the_name_leaves_the_bare_name(define: Define) -> None:
    key = read(define(marker="name"), name=MARKER.attach("ci"), note="as it is")
    assert (key.name, key.description, key.marker) == ("ci", "as it is", MARKER)


def test_without_a_place_for_it_no_text_is_a_marker(define: Define) -> None:
    key = read(define(marker="none"), name="ci", note=MARKER.attach("x"))
    assert (key.description, key.marker) == (MARKER.attach("x"), None)


def test_a_key_that_is_switched_off_is_not_active(define: Define) -> None:
    assert not read(define(fields__disabled="/off"), off=True).active


def test_forms_of_times_are_those_of_the_definition(define: Define) -> None:
    forms = define(times="unix", expiry={"read": "duration"})
    key = read(forms, created=1767225600, expires="30d")
    assert key.created_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert key.expires_at == key.created_at + timedelta(days=30)


@pytest.mark.parametrize("value", ["soon", 1767225600, ["2026"], False])
def test_an_expiry_that_is_not_understood_is_an_error_and_never_means_for_ever(define: Define, value: object) -> None:
    with pytest.raises(ProviderUnavailableError, match="key k1: the value at '/expires' has not the form 'rfc3339'"):
        read(define(), expires=value)


def test_what_an_answer_does_not_repeat_is_as_it_was_asked_for(define: Define) -> None:
    definition, expires_at = define(), START + timedelta(days=9)
    asked = AskedKey(name="ci", description="Used", marker=MARKER, expires_at=expires_at)
    parser = ItemParser(definition, SimulatedClock())
    key = parser.read_issued("k1", {"id": "k1"}, definition.create.fields, asked)
    assert (key.name, key.description, key.marker, key.expires_at) == ("ci", "Used", MARKER, expires_at)
    assert (key.created_at, key.key_type) == (START, KeyType.API)
    shown = parser.read_issued("k1", {"name": "ci 2", "note": "Other"}, definition.create.fields, asked)
    assert (shown.name, shown.description, shown.marker) == ("ci 2", "Other", None)


def test_a_raw_key_of_two_values_is_one_text() -> None:
    raw = read_raw_key({"pk": "pk-1", "sk": "sk-1"}, Source("${/pk}:${/sk}"))
    assert raw is not None
    assert raw.reveal() == "pk-1:sk-1"


@pytest.mark.parametrize("key", [None, "", 7, ["k"], "line\nbreak", "snow\u2603"])
def test_what_no_header_can_carry_is_no_raw_key(key: object) -> None:
    assert read_raw_key({"key": key}, Source("/key")) is None
