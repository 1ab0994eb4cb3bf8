"""Receipts survive JSON, an older reader and a newer writer."""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from datetime import timedelta

import pytest
from samples import LOCAL, NOW, RAW, make_receipt

from keyplan.model.identity import KeyId, ScopeId, SinkName
from keyplan.model.manifest import OnRemove
from keyplan.model.receipt import (
    Delivered,
    LeftPlace,
    Receipt,
    Superseded,
    read_time,
    write_time,
)

FULL = make_receipt(
    scope_ids=(ScopeId("s"),),
    access="0123456789abcdef",
    expires_at=NOW + timedelta(days=90),
    declared_expires_at=NOW + timedelta(days=90, microseconds=7),
    declared_expires_in=timedelta(days=90, microseconds=7),
    asked="0123456789" * 2,
    answered="9876543210" * 2,
    answered_access="fedcba9876543210",
    delivered=(Delivered(LOCAL, "a"), Delivered(SinkName("other"), "b")),
    left=(LeftPlace(place=Delivered(LOCAL, "c", {"path": "c"}, NOW), empty_after=NOW + timedelta(days=1)),),
    protect=True,
    on_remove=OnRemove.FORGET,
    generation=3,
    superseded=(Superseded(key_id=KeyId("key-0"), switched_at=NOW, delete_after=NOW + timedelta(hours=1)),),
    forgotten=True,
    placed_as="production",
    renewed=True,
    account="https://zen.example.com",
)
IMPORTED = make_receipt(None, redacted="", delivered=())


def test_every_field_of_a_full_receipt_says_something() -> None:
    unset = {
        one.name for one in fields(Receipt) if one.default is not MISSING and getattr(FULL, one.name) == one.default
    }
    assert not unset - {"manifest_id", "creator"}, "these are not tried below"


@pytest.mark.parametrize("receipt", [pytest.param(FULL, id="every field"), pytest.param(IMPORTED, id="imported")])
def test_a_receipt_survives_json(receipt: Receipt) -> None:
    assert Receipt.from_dict(json.loads(json.dumps(receipt.to_dict()))) == receipt


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(Delivered(LOCAL, "a"), id="the place alone"),
        pytest.param(Delivered(LOCAL, "a", {"path": "a"}), id="with its options"),
        pytest.param(Delivered(LOCAL, "a", {}, NOW), id="with the time of a copy"),
    ],
)
def test_a_place_survives_json_with_what_does_not_count_in_comparing(place: Delivered) -> None:
    again = Delivered.from_list(json.loads(json.dumps(place.to_list())))
    assert (again, again.options, again.at) == (place, place.options, place.at)


def test_a_place_without_options_and_of_a_newer_keyplan_can_be_read() -> None:
    assert Delivered.from_list(["local", "a"]).options == {}
    assert Delivered.from_list(["local", "a", {}, write_time(NOW), "from the future"]).at == NOW


def test_a_receipt_finds_a_place_whatever_its_options() -> None:
    known = Delivered(LOCAL, "a", {}, NOW)
    receipt = make_receipt(delivered=(known,))
    assert receipt.entry_of(Delivered(LOCAL, "a", {"path": "a"})) is known
    assert receipt.entry_of(Delivered(LOCAL, "b")) is None


def test_a_receipt_never_holds_the_raw_key() -> None:
    assert RAW not in json.dumps(FULL.to_dict())
    assert RAW not in repr(FULL)


def test_a_receipt_leaves_out_what_is_not_set() -> None:
    unset = {"space_ids", "access", "expires_at", "declared_expires_at", "redacted", "fingerprint", "delivered"}
    assert not (unset | {"protect", "superseded", "forgotten"}) & set(IMPORTED.to_dict())


def test_a_receipt_of_a_newer_keyplan_can_be_read() -> None:
    assert Receipt.from_dict({**FULL.to_dict(), "from_the_future": 1}) == FULL


@pytest.mark.parametrize("missing", ["owner", "address", "key_id", "delivered_at", "generation"])
def test_a_receipt_without_a_needed_field_is_a_key_error(missing: str) -> None:
    values = FULL.to_dict()
    del values[missing]
    with pytest.raises(KeyError):
        Receipt.from_dict(values)


def test_a_field_that_may_be_unset_may_be_null() -> None:
    unset = dict.fromkeys(("space_ids", "access", "expires_at", "redacted", "fingerprint", "delivered", "superseded"))
    assert Receipt.from_dict(IMPORTED.to_dict() | unset) == IMPORTED


def test_a_receipt_with_a_number_for_a_name_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Receipt.from_dict(FULL.to_dict() | {"name": 5})


def test_a_time_survives_writing_to_the_microsecond() -> None:
    instant = NOW + timedelta(microseconds=123456)
    assert read_time(write_time(instant)) == instant
    assert write_time(instant) == "2026-11-23T07:31:00.123456+00:00"
